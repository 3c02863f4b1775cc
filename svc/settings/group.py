"""The base class of the groups of settings."""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "CABINET_"


class Group(BaseSettings):
    """Reads the environment and the file `.env`. Its values cannot be changed, and its errors do not show them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )
