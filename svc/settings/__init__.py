"""The settings of Cabinet."""

from svc.settings.database import SERVICE_ROLE
from svc.settings.loading import Settings, environment_name, load_settings
from svc.settings.model import LOCAL_DIMENSIONS, LOCAL_MODEL

__all__ = [
    "LOCAL_DIMENSIONS",
    "LOCAL_MODEL",
    "SERVICE_ROLE",
    "Settings",
    "environment_name",
    "load_settings",
]
