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

    An empty variable counts as none. `python -m service.settings` prints them as a table (docs/settings.md).
    """

    model_config = SettingsConfigDict(
        env_prefix="INTERLOCK_", env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: DatabaseUrl | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="the database, as the role that the service runs as; without it the embedded server is used",
    )
    database_owner_url: DatabaseUrl | None = Field(
        None,
        validation_alias="DATABASE_OWNER_URL",
        description="the same database as the role that owns the schema: for migrations, backups and restores; "
        "`DATABASE_URL`, if left out",
    )
    home: Annotated[Path, AfterValidator(_expanded)] = Field(
        default_factory=_user_data_folder,
        validate_default=True,
        description="the folder of the embedded server and of the secret drawn in development",
    )
    port: int = Field(8000, ge=0, le=65535, description="where `interlock serve` listens, on 127.0.0.1")
    pool_size: int = Field(10, ge=1, le=100, description="connections of a process at the most; a worker has 4 more")
    environment: Literal["development", "production"] = Field(
        "development", description="`production` starts with a secret of its own only, and logs each request"
    )
    secret: SecretStr | None = Field(
        None,
        description="32 random characters or more, from which every key is derived; in development one is drawn and "
        "kept in the home folder. Who loses it loses the names and addresses of all clients",
    )
    metrics_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="the bearer token that `/metrics` asks for; without it, it answers this machine alone",
    )
    worker_metrics_port: int | None = Field(
        None, ge=1, le=65535, description="where a worker serves its metrics, on 127.0.0.1; nowhere, if left out"
    )
    rate_limits: bool = Field(default=True, description="whether addresses, keys and businesses have their limits")
    hosts: str = Field(
        "127.0.0.1,localhost,[::1]",
        description="the names, with commas, under which the service is asked for; all others are refused",
    )


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


def table() -> str:
    """Return every setting as a page in Markdown."""
    lines = [
        "# Settings",
        "",
        "Read once from the environment; printed from the code by `python -m service.settings`.",
        "",
        "| variable | default | what it is |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias or f"INTERLOCK_{name.upper()}")
        default = "`~/.local/share/interlock`" if name == "home" else _shown(field.default)
        lines.append(f"| `{variable}` | {default} | {field.description} |")
    return "\n".join(lines)


def _shown(default: object) -> str:
    return "" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    print(table())  # noqa: T201 - that is what it is for
