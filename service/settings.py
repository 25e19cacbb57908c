"""Settings: read once from the environment, frozen."""

import os
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import NotConfigured


def _user_data_folder() -> Path:
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    # The XDG specification: a relative path is to be ignored.
    return (base if base.is_absolute() else Path("~/.local/share")) / "interlock"


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("there is no home folder; set INTERLOCK_HOME") from error


def _postgresql(url: str) -> str:
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("must begin with postgresql://")
    return url


DatabaseUrl = Annotated[str, AfterValidator(_postgresql)]


class Settings(BaseSettings):
    """What an installation may set. Names carry the prefix INTERLOCK_, but for the two database URLs.

    Without DATABASE_URL the embedded server below `home` is used. DATABASE_OWNER_URL, for migrations, is the same
    unless it is set. An empty variable counts as none. In production `secret` must be set; in development one is
    drawn and kept in `home`. Metrics are for this machine, or for who has the `metrics_token`; a worker's are served on
    127.0.0.1 where it has a port. `hosts` are the names, with commas, under which the service is asked for.
    """

    model_config = SettingsConfigDict(
        env_prefix="INTERLOCK_", env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: DatabaseUrl | None = Field(None, validation_alias="DATABASE_URL")
    database_owner_url: DatabaseUrl | None = Field(None, validation_alias="DATABASE_OWNER_URL")
    home: Annotated[Path, AfterValidator(_expanded)] = Field(default_factory=_user_data_folder, validate_default=True)
    port: int = Field(8000, ge=0, le=65535)
    pool_size: int = Field(10, ge=1, le=100)
    environment: Literal["development", "production"] = "development"
    secret: SecretStr | None = None
    metrics_token: SecretStr | None = Field(None, min_length=16)
    worker_metrics_port: int | None = Field(None, ge=1, le=65535)
    rate_limits: bool = True
    hosts: str = "127.0.0.1,localhost,[::1]"


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
        name = str(first["loc"][0]).upper()
        if not name.startswith("DATABASE_"):
            name = f"INTERLOCK_{name}"
        raise NotConfigured(f"{name}: {first['msg'].removeprefix('Value error, ')}.") from error
