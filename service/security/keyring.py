"""The installation's keys: all derived from one secret, each for one purpose."""

import contextlib
import os
import secrets
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.errors import NotConfigured
from service.settings import Settings, settings

SHORTEST = 32
"""Characters of a secret."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys of 32 bytes, by HKDF-SHA256 (RFC 5869) from the installation's secret; none of them leads back to it.

    Attributes
    ----------
    signing : bytes
        Of tokens and signed links.
    wrapping : bytes
        Of the clients' data keys.
    search : bytes
        Of the keyed hashes that addresses are found by.
    answers : bytes
        Of the answers kept under idempotency keys.
    """

    signing: bytes = field(repr=False)
    wrapping: bytes = field(repr=False)
    search: bytes = field(repr=False)
    answers: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: str) -> Self:
        """Derive the keys.

        Raises
        ------
        NotConfigured
            The secret has fewer than 32 characters, or so few different ones that it cannot be random.
        """
        if len(secret) < SHORTEST or len(set(secret)) < SHORTEST // 4:
            raise NotConfigured(
                f"INTERLOCK_SECRET is too weak: give {SHORTEST} random characters or more, as `openssl rand -hex 32`."
            )
        return cls(
            *(_derived(secret.encode(), purpose) for purpose in (b"signing", b"wrapping", b"search", b"answers"))
        )


def keyring_of(chosen: Settings) -> Keyring:
    """Return the installation's keys; raises `NotConfigured` where production has no secret of its own."""
    if chosen.secret is not None:
        return Keyring.of(chosen.secret.get_secret_value())
    if chosen.environment == "production":
        raise NotConfigured("INTERLOCK_SECRET is not set; in production give one, as `openssl rand -hex 32` draws it.")
    return Keyring.of(development_secret(chosen.home))


@cache
def installed() -> Keyring:
    """Return the keys of this process's installation."""
    return keyring_of(settings())


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, b"interlock:" + purpose).derive(secret)


def development_secret(home: Path) -> str:
    """Return the secret of a development installation, drawn once and kept in its folder, for its user alone."""
    path = home / "secret"
    try:
        if not path.exists():
            _draw(path)
        return path.read_text()
    except OSError as error:
        raise NotConfigured(f"{path} cannot be used; set INTERLOCK_SECRET or INTERLOCK_HOME.") from error


def _draw(path: Path) -> None:
    # Whoever links first has drawn it; nobody reads half of one.
    drawn = path.with_name(f"{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(drawn, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(drawn)
    drawn.unlink()
