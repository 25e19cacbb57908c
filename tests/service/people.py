"""People, keys and cookies for tests."""

from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from models.permissions import KEY_SCOPES, Role
from service.commands import accounts, sessions
from service.db.command import Scope
from service.security import tokens
from service.security.keyring import keyring_of
from service.settings import settings


def caller(app: FastAPI, token: str | None = None) -> httpx.AsyncClient:
    """Return a client of the application that carries a bearer token."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers)


async def everything(scope: Scope) -> str:
    """Return a key of the scope's business with every scope that a key may have; no audit tells of it."""
    prefix, key = tokens.drawn_key()
    async with scope.db.transaction(scope.business_id) as tx:
        await tx.execute(
            "INSERT INTO api_key (business_id, id, prefix, secret_hash, name, scopes, created_by) "
            "VALUES (%s, %s, %s, %s, 'tests', %s, 'tests')",
            [scope.business_id, uuid4(), prefix, tokens.digest(key), sorted(KEY_SCOPES)],
        )
    return key


async def account(scope: Scope, role: Role | None, **who: UUID) -> UUID:
    """Return a new account with a role in the scope's business; None: with none. No audit tells of it."""
    new = accounts.NewAccount(f"{uuid4().hex}@example.com", "Somebody", platform_admin=role is Role.PLATFORM_ADMIN)
    account_id = await accounts.add(scope.db, new)
    if role not in (None, Role.PLATFORM_ADMIN):
        async with scope.db.transaction(scope.business_id) as tx:
            await tx.execute(
                "INSERT INTO membership (business_id, account_id, role, staff_id, client_id) "
                "VALUES (%s, %s, %s, %s, %s)",
                [scope.business_id, account_id, role.value, who.get("staff_id"), who.get("client_id")],
            )
    return account_id


async def somebody(scope: Scope, role: Role | None, **who: UUID) -> str:
    """Return an access token of a new account with a role in the scope's business."""
    account_id = await account(scope, role, **who)
    return (await sessions.grant(scope.db, keyring_of(settings()), account_id)).access_token


async def cookie(scope: Scope, role: Role | None = Role.OWNER, **who: UUID) -> dict[str, str]:
    """Return the session cookie of a new account with a role in the scope's business."""
    account_id = await account(scope, role, **who)
    session_id = await sessions.open_session(scope.db, account_id, "web")
    value = tokens.signed(keyring_of(settings()), tokens.WEB, 3600, sub=str(account_id), sid=str(session_id))
    return {tokens.COOKIE: value}
