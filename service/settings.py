"""Settings: read once from the environment, frozen."""

import os
from functools import cache
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import NotConfigured


def _user_data_folder() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "interlock"


class Settings(BaseSettings):
    """What an installation may set. Names carry the prefix INTERLOCK_, but for the two database URLs.

    Without DATABASE_URL the embedded server below `home` is used.
    """

    model_config = SettingsConfigDict(env_prefix="INTERLOCK_", frozen=True, extra="ignore")

    database_url: str | None = Field(None, validation_alias="DATABASE_URL")
    database_owner_url: str | None = Field(None, validation_alias="DATABASE_OWNER_URL")
    home: Path = Field(default_factory=_user_data_folder)
    port: int = Field(8000, ge=0, le=65535)
    pool_size: int = Field(10, ge=1, le=100)


@cache
def settings() -> Settings:
    """Return the settings of this process.

    Raises
    ------
    NotConfigured
        A variable has a value that cannot be; the message names it.
    """
    try:
        return Settings.model_validate({})
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise NotConfigured(f"{name}: {first['msg']}") from error
