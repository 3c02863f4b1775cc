"""Every setting of Cabinet, in one frozen object.

A setting comes from, in order of precedence: a command line flag, an environment variable, the file `.env` in the
current folder, the default. The variable is `CABINET_` and the field's name in capitals, except for the three that
have a well-known name: `DATABASE_URL`, `OPENAI_API_KEY` and `OPENAI_BASE_URL`. A secret can also be in a file that the
variable with `_FILE` at its end names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import AliasChoices, ValidationError

from svc.errors import StartupError
from svc.settings.deadlines import DeadlineSettings
from svc.settings.faults import SettingFaults
from svc.settings.group import PREFIX
from svc.settings.groups import SearchSettings, ServerSettings, WorkerSettings
from svc.settings.secret_files import read_file_secrets


class Settings(SearchSettings, WorkerSettings, ServerSettings, DeadlineSettings):
    """The settings of one Cabinet process. Immutable: they are read once, at the start."""


def environment_name(field: str) -> str:
    """The environment variable of a setting, such as `CABINET_POOL_SIZE` for `pool_size`."""
    alias = Settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[-1])
    return PREFIX + field.upper()


def load_settings(**flags: Any) -> Settings:
    """Read the settings. `flags` are the values given on the command line, None for settings without a flag.

    Raises:
        StartupError: a value is wrong, or a `CABINET_…` variable is not a setting; the detail names all of them.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    named = Settings.model_config.get("env_file")
    file = Path(named) if isinstance(named, str) else None
    faults = SettingFaults(Settings.model_fields, environment_name, file, given.keys())
    sentences = faults.unknown(PREFIX)
    secrets = read_file_secrets(Settings.model_fields, environment_name, file, given.keys())
    sentences += secrets.faults
    faults.from_files = secrets.values.keys()
    values: dict[str, Any] = {**secrets.values, **given}
    try:
        settings = Settings(**values)
    except ValidationError as error:
        sentences += [faults.sentence(dict(fault)) for fault in error.errors()]
    if sentences:
        raise StartupError("\n".join(sentences))
    return settings
