"""What is sealed at rest (AES-256-GCM): personal data, and the answers that retries are given again.

A client's data is sealed with a key of their own, which destroying erases them; it is kept wrapped by the
installation's. What it seals names the client, so that it can be opened wherever it turns up. See
docs/decisions/0008-sealed-clients.md.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.security.keyring import Keyring

MARK, ANSWER = "sealed:1:", "answer:1:"
ERASED = "(erased)"
"""What is read where a client's key is gone."""
NONCE = 12
MOST_KEYS = 10_000
SEALED = re.compile(r"sealed:1:([0-9a-f]{32}):([A-Za-z0-9_-]+)")


@dataclass(slots=True)
class Vault:
    """Seals, opens and finds personal data with one installation's keys; remembers the clients' keys it has opened."""

    keyring: Keyring = field(repr=False)
    _keys: dict[tuple[UUID, UUID], bytes] = field(default_factory=dict, repr=False)

    def new_key(self, business_id: UUID, client_id: UUID) -> bytes:
        """Draw a client's key and return it wrapped, to be kept."""
        key, nonce = AESGCM.generate_key(256), os.urandom(NONCE)
        self._remember(business_id, client_id, key)
        return nonce + AESGCM(self.keyring.wrapping).encrypt(nonce, key, business_id.bytes + client_id.bytes)

    def learn(self, business_id: UUID, client_id: UUID, wrapped: bytes) -> bool:
        """Unwrap a client's key and remember it; False where another installation has wrapped it."""
        about = business_id.bytes + client_id.bytes
        try:
            key = AESGCM(self.keyring.wrapping).decrypt(wrapped[:NONCE], wrapped[NONCE:], about)
        except InvalidTag:
            return False
        self._remember(business_id, client_id, key)
        return True

    def forget(self, business_id: UUID, client_id: UUID) -> None:
        """Forget a client's key."""
        self._keys.pop((business_id, client_id), None)

    def knows(self, business_id: UUID, client_id: UUID) -> bool:
        """Return whether a client's key is remembered."""
        return (business_id, client_id) in self._keys

    def _remember(self, business_id: UUID, client_id: UUID, key: bytes) -> None:
        if len(self._keys) >= MOST_KEYS:
            self._keys.clear()
        self._keys[(business_id, client_id)] = key

    def seal(self, business_id: UUID, client_id: UUID, text: str) -> str:
        """Return a text sealed with a client's key, which must be remembered."""
        nonce = os.urandom(NONCE)
        key = self._keys[(business_id, client_id)]
        sealed = nonce + AESGCM(key).encrypt(nonce, text.encode(), business_id.bytes + client_id.bytes)
        return f"{MARK}{client_id.hex}:{_letters(sealed)}"

    def open(self, business_id: UUID, text: str) -> str:
        """Return what is sealed in a text, the text itself where nothing is, `ERASED` where the key is gone."""
        found = SEALED.fullmatch(text)
        if found is None:
            return text
        client_id = UUID(hex=found[1])
        key = self._keys.get((business_id, client_id))
        if key is None:
            return ERASED
        try:
            sealed = _bytes(found[2])
            opened = AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], business_id.bytes + client_id.bytes)
        except (InvalidTag, binascii.Error, ValueError):
            return ERASED
        return opened.decode()

    def seal_answer(self, about: bytes, answer: bytes) -> str:
        """Return an answer sealed with the installation's key; it opens beside the same `about` alone."""
        nonce = os.urandom(NONCE)
        return ANSWER + _letters(nonce + AESGCM(self.keyring.answers).encrypt(nonce, answer, about))

    def open_answer(self, about: bytes, text: str) -> bytes | None:
        """Return a sealed answer, None where another installation sealed it, or for something else."""
        try:
            sealed = _bytes(text.removeprefix(ANSWER))
            return AESGCM(self.keyring.answers).decrypt(sealed[:NONCE], sealed[NONCE:], about)
        except (InvalidTag, binascii.Error, ValueError):
            return None

    def hash(self, business_id: UUID, kind: str, value: str | None) -> bytes | None:
        """Return the keyed hash by which an e-mail or phone (`kind`) is found, another one in each business."""
        if value is None:
            return None
        plain = re.sub(r"[^0-9+]", "", value) if kind == "phone" else value.strip().lower()
        return hmac.digest(self.keyring.search, business_id.bytes + f"{kind}:{plain}".encode(), hashlib.sha256)


def _letters(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _bytes(letters: str) -> bytes:
    return base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4))


def client_of(text: str) -> UUID | None:
    """Return whose sealed text it is, None for any other."""
    found = SEALED.fullmatch(text)
    return None if found is None else UUID(hex=found[1])
