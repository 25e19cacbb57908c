"""The one dependency that every route under /api/v1 has: who asks, and may they?"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Request, Security
from fastapi.routing import iter_route_contexts
from fastapi.security import APIKeyCookie, APIKeyHeader, OAuth2

from models.errors import Forbidden, NotConfigured, NotFound, Unauthenticated
from models.permissions import ACCOUNT, PERMISSIONS, SCOPES, Permission, Principal, Role, only_own, refusal
from service.api import ownership
from service.api.tenants import Tenants
from service.db import limits
from service.queries import businesses, principals
from service.security import tokens

TOKEN_URL = "/api/v1/token"  # noqa: S105 - an address
_scopes = dict.fromkeys(sorted(SCOPES), "")
_oauth2 = OAuth2(
    flows={
        "password": {"tokenUrl": TOKEN_URL, "refreshUrl": TOKEN_URL, "scopes": _scopes},
        "clientCredentials": {"tokenUrl": TOKEN_URL, "scopes": _scopes},
    },
    description="An access token, an API key or a signed link as bearer token.",
    auto_error=False,
)
_key_header = APIKeyHeader(name="X-API-Key", description="An API key of a business.", auto_error=False)
_cookie = APIKeyCookie(name=tokens.COOKIE, description="A browser's session.", auto_error=False)


async def business_of(request: Request, slug: str) -> businesses.Business:
    """Return the business of a public name, deleted or not; raises `NotFound`."""
    tenants: Tenants = request.app.state.tenants
    return await tenants.of(slug)


async def permitted(
    request: Request,
    authorization: Annotated[str | None, Security(_oauth2)],
    key: Annotated[str | None, Security(_key_header)],
    cookie: Annotated[str | None, Security(_cookie)],
) -> Principal:
    """Return who asks, if the permission table lets them do what the route does.

    Raises
    ------
    Unauthenticated
        401: the credential is not good, or there is none where one is needed.
    Forbidden, NotFound
        403, 404: not for them, or not their own.
    """
    permission = PERMISSIONS[request.scope["route"].operation_id]
    if permission.public and permission.scope == ACCOUNT:
        # Who signs in here may send an old credential with it, or a client's id and secret in the same header.
        return Principal()
    slug = request.path_params.get("business")
    business = None if slug is None else await business_of(request, slug)
    business_id = None if business is None else business.id
    principal = await _principal(request, authorization, key, cookie, business_id)
    if business is not None and business.deleted and not _restores(principal, request):
        raise NotFound(f"There is no business {slug!r}.")
    if (refused := refusal(principal, permission, business_id)) is not None:
        raise refused
    await _counted(request, principal, business_id)
    await _narrowed(request, principal, permission, business_id)
    return principal


Who = Annotated[Principal, Depends(permitted)]


def _restores(principal: Principal, request: Request) -> bool:
    operation = request.scope["route"].operation_id
    return principal.role is Role.PLATFORM_ADMIN and operation in ("readBusiness", "restoreBusiness")


async def _counted(request: Request, principal: Principal, business_id: UUID | None) -> None:
    limiter: limits.Limiter = request.app.state.limiter
    if not principal.is_anonymous:
        await limiter.take(limits.KEY, principal.actor)
    if business_id is not None:
        await limiter.take(limits.BUSINESS, str(business_id))


async def _principal(
    request: Request, authorization: str | None, key: str | None, cookie: str | None, business_id: UUID | None
) -> Principal:
    interlock = request.app.state.interlock
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("Send a bearer token.")
        return await principals.of_bearer(interlock.db, interlock.keyring, token.strip(), business_id)
    if key is not None:
        return await principals.of_key(interlock.db, key)
    if cookie is not None:
        return await principals.of_cookie(interlock.db, interlock.keyring, cookie, business_id)
    return Principal()


async def _narrowed(request: Request, principal: Principal, permission: Permission, business_id: UUID | None) -> None:
    if principal.is_anonymous and permission.by_hold:
        await ownership.check_hold(request)
    elif only_own(principal, permission):
        if business_id is None:
            raise Forbidden("That is about no business.")
        await ownership.check(request, principal, business_id)


def check(app: FastAPI) -> None:
    """See that every route has its permission.

    Raises
    ------
    NotConfigured
        An operation of /api/v1 is not in `models.permissions`.
    """
    unlisted = sorted(operation for operation in operations(app) if operation not in PERMISSIONS)
    if unlisted:
        raise NotConfigured(f"Say in models/permissions.py who may do {', '.join(unlisted)}.")


def operations(app: FastAPI) -> list[str]:
    """Return the operation ids of everything under /api/v1."""
    # The document would name them, too; drawing it takes half of what a server needs to be ready.
    routes = [route for route in iter_route_contexts(app.routes) if (route.path or "").startswith("/api/v1/")]
    return [route.operation_id or route.unique_id for route in routes]


def describe(operation: dict[str, Any], permission: Permission) -> None:
    """Say in an operation's description who may call it."""
    operation["security"] = [
        *([{}] if permission.public or permission.by_hold else []),
        {"OAuth2": [permission.scope]},
        {"APIKeyHeader": []},
        {"APIKeyCookie": []},
    ]
    operation["x-roles"] = sorted(permission.roles | permission.own)
