"""Who may do what: one table from operation to roles and scope, read by the edge and printed into the documentation."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from models.errors import Forbidden, InterlockError, Unauthenticated


class Role(StrEnum):
    """What an account is in a business; `PLATFORM_ADMIN` is so in every one."""

    PLATFORM_ADMIN = "platform_admin"
    OWNER = "owner"
    MANAGER = "manager"
    STAFF = "staff"
    CLIENT = "client"


MEMBER_ROLES = (Role.OWNER, Role.MANAGER, Role.STAFF, Role.CLIENT)
"""What a membership may say."""
ACCOUNT = "account"
"""The scope of what only a signed-in person does; no key carries it."""
PLATFORM = "platform"
"""The scope of what is about whole businesses; no key carries it."""
_ADMIN = frozenset({Role.PLATFORM_ADMIN})
_OWNERS = _ADMIN | {Role.OWNER}
_MANAGERS = _OWNERS | {Role.MANAGER}
_WORKERS = _MANAGERS | {Role.STAFF}


@dataclass(frozen=True, slots=True)
class Permission:
    """Who may call one operation.

    Attributes
    ----------
    scope : str
        What a key or a token of narrower scope must carry.
    roles : frozenset of Role
        Who may, whatever the row.
    own : frozenset of Role
        Who may for rows of their own: a client's bookings and entries, a staff member's days.
    public : bool
        Anybody may, without an account.
    by_hold : bool
        Who has a hold's token may, without an account.
    """

    scope: str
    roles: frozenset[Role]
    own: frozenset[Role] = frozenset()
    public: bool = False
    by_hold: bool = False


def anyone(scope: str) -> Permission:
    """Return a permission for everybody, with an account or without."""
    return Permission(scope, frozenset(Role), public=True)


def signed_in() -> Permission:
    """Return a permission for every account, about itself."""
    return Permission(ACCOUNT, frozenset(Role))


def workers(scope: str, *, clients: bool = False, by_hold: bool = False) -> Permission:
    """Return a permission for all who work there, and for clients about themselves where it says so."""
    return Permission(scope, _WORKERS, frozenset({Role.CLIENT}) if clients else frozenset(), by_hold=by_hold)


def managers(scope: str, *, staff: bool = False, clients: bool = False) -> Permission:
    """Return a permission for managers and owners, and for staff or clients about themselves where it says so."""
    own = {role for role, may in ((Role.STAFF, staff), (Role.CLIENT, clients)) if may}
    return Permission(scope, _MANAGERS, frozenset(own))


def owners(scope: str) -> Permission:
    """Return a permission for owners."""
    return Permission(scope, _OWNERS)


def platform(scope: str) -> Permission:
    """Return a permission for the installation's administrators."""
    return Permission(scope, _ADMIN)


PERMISSIONS = {
    # the installation
    "listBusinesses": platform(PLATFORM),
    "createBusiness": platform(PLATFORM),
    "deleteBusiness": owners(PLATFORM),
    "restoreBusiness": platform(PLATFORM),
    # the business and what it sells
    "readBusiness": anyone("catalogue:read"),
    "listServices": anyone("catalogue:read"),
    "listStaff": anyone("catalogue:read"),
    "listResources": workers("catalogue:read"),
    "readNoShowRules": managers("catalogue:read"),
    "setNoShowRules": managers("catalogue:write"),
    "listHolidays": anyone("catalogue:read"),
    "readService": anyone("catalogue:read"),
    "readStaff": workers("catalogue:read"),
    "changeBusiness": managers("catalogue:write"),
    "listOrigins": managers("catalogue:write"),
    "setOrigins": managers("catalogue:write"),
    "listLocations": anyone("catalogue:read"),
    "readLocation": anyone("catalogue:read"),
    "addLocation": managers("catalogue:write"),
    "changeLocation": managers("catalogue:write"),
    "deleteLocation": managers("catalogue:write"),
    "restoreLocation": managers("catalogue:write"),
    "addService": managers("catalogue:write"),
    "changeService": managers("catalogue:write"),
    "deleteService": managers("catalogue:write"),
    "restoreService": managers("catalogue:write"),
    "addStaff": managers("catalogue:write"),
    "changeStaff": managers("catalogue:write"),
    "deleteStaff": managers("catalogue:write"),
    "restoreStaff": managers("catalogue:write"),
    "addResource": managers("catalogue:write"),
    "changeResource": managers("catalogue:write"),
    "deleteResource": managers("catalogue:write"),
    "restoreResource": managers("catalogue:write"),
    "allocate": managers("catalogue:write"),
    "withdrawAllocation": managers("catalogue:write"),
    "addHolidays": managers("catalogue:write"),
    "removeHoliday": managers("catalogue:write"),
    # free time
    "findSlots": anyone("catalogue:read"),
    "countSlotsByDay": anyone("catalogue:read"),
    "findVisits": anyone("catalogue:read"),
    "findSeries": anyone("catalogue:read"),
    "suggestSlots": anyone("catalogue:read"),
    "explainSlots": workers("catalogue:read"),
    "setDay": managers("availability:write", staff=True),
    "setWeeklyHours": managers("availability:write", staff=True),
    "takeTimeOff": managers("availability:write", staff=True),
    "endTimeOff": managers("availability:write"),
    # bookings
    "holdSlot": anyone("bookings:write"),
    "extendHold": anyone("bookings:write"),
    "releaseHold": anyone("bookings:write"),
    "book": workers("bookings:write", clients=True, by_hold=True),
    "listBookings": workers("bookings:read"),
    "bookSeries": workers("bookings:write", clients=True),
    "readSeries": workers("bookings:read", clients=True),
    "rescheduleSeries": workers("bookings:write"),
    "cancelSeries": workers("bookings:write"),
    "readSchedule": workers("bookings:read"),
    "listClientBookings": workers("bookings:read", clients=True),
    "readBooking": workers("bookings:read", clients=True),
    "cancelBooking": workers("bookings:write", clients=True),
    "rescheduleBooking": workers("bookings:write", clients=True),
    "swapBookings": workers("bookings:write"),
    "approveBooking": workers("bookings:write"),
    "payDeposit": workers("bookings:write"),
    "waiveDeposit": workers("bookings:write"),
    "declineBooking": workers("bookings:write"),
    "checkInBooking": workers("bookings:write"),
    "completeBooking": workers("bookings:write"),
    "markNoShow": workers("bookings:write"),
    "linkBooking": workers("bookings:write"),
    "askForBooking": workers("bookings:write", clients=True),
    "readBookingRequest": workers("bookings:write", clients=True),
    "readAllowance": workers("bookings:read", clients=True),
    "setAllowance": workers("bookings:write", clients=True),
    # clients and the waitlist
    "registerClient": workers("clients:write"),
    "listClients": workers("clients:read"),
    "changeClient": workers("clients:write"),
    "readClient": workers("clients:read", clients=True),
    "exportClient": managers("clients:read", clients=True),
    "deleteClient": managers("clients:write"),
    "restoreClient": managers("clients:write"),
    "eraseClient": managers("clients:erase"),
    "joinWaitlist": workers("waitlist:write", clients=True),
    "listWaitlist": workers("waitlist:read", clients=True),
    "leaveWaitlist": workers("waitlist:write", clients=True),
    "listOffers": workers("waitlist:read", clients=True),
    "acceptOffer": workers("waitlist:write", clients=True),
    "declineOffer": workers("waitlist:write", clients=True),
    # the optimiser
    "startRun": managers("optimisation:write"),
    "listRuns": managers("optimisation:read"),
    "readLatestRun": managers("optimisation:read"),
    "readRun": managers("optimisation:read"),
    "listAlternatives": managers("optimisation:read"),
    "stopRun": managers("optimisation:write"),
    "applyRun": managers("optimisation:write"),
    "discardRun": managers("optimisation:write"),
    "readRules": managers("optimisation:read"),
    "setRules": managers("optimisation:write"),
    # people and keys of a business
    "listMembers": managers("people:read"),
    "setRole": owners("people:write"),
    "removeMember": owners("people:write"),
    "listInvitations": managers("people:read"),
    "invite": owners("people:write"),
    "revokeInvitation": owners("people:write"),
    "listKeys": owners("people:read"),
    "createKey": owners("people:write"),
    "revokeKey": owners("people:write"),
    # tables in and out
    "importTable": managers("exchange:write"),
    "importCalendar": managers("exchange:write"),
    "exportTable": managers("exchange:read"),
    "exportCalendar": managers("exchange:read"),
    # what happens and what has been done
    "streamEvents": workers("events:read"),
    "listAudit": owners("audit:read"),
    "verifyAudit": owners("audit:read"),
    "listJobs": managers("jobs:read"),
    "requeueJob": managers("jobs:write"),
    # one's own account
    "issueToken": anyone(ACCOUNT),
    "revokeToken": anyone(ACCOUNT),
    "acceptInvitation": anyone(ACCOUNT),
    "readAccount": signed_in(),
    "changePassword": signed_in(),
    "listSessions": signed_in(),
    "revokeSession": signed_in(),
}
"""Every operation of the API by its OpenAPI operation id. An operation that is not here cannot be served."""

SCOPES = frozenset(permission.scope for permission in PERMISSIONS.values())
KEY_SCOPES = SCOPES - {ACCOUNT, PLATFORM, "people:write"}
"""What a key may carry: none makes keys or roles, so that a stolen one cannot stay by making another, and none opens or
deletes a business."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as far as one business is concerned.

    Attributes
    ----------
    actor : str
        What the audit says: ``account:<id>``, ``key:<prefix>``, ``link:<client>`` or ``anonymous``.
    role : Role or None
        In the business that is asked for.
    scopes : frozenset of str or None
        What the credential is narrowed to; None is all that the role may.
    business_id : UUID or None
        The only business that the credential is good for.
    client_id, staff_id, booking_id : UUID or None
        Whose rows are their own; `booking_id` narrows a signed link to one booking.
    """

    actor: str = "anonymous"
    role: Role | None = None
    scopes: frozenset[str] | None = None
    business_id: UUID | None = None
    account_id: UUID | None = None
    session_id: UUID | None = None
    client_id: UUID | None = None
    staff_id: UUID | None = None
    booking_id: UUID | None = None

    @property
    def is_anonymous(self) -> bool:
        """Return whether nobody has said who they are."""
        return self.account_id is None and self.business_id is None

    @property
    def is_key(self) -> bool:
        """Return whether a key asks, which has scopes and no role."""
        return self.business_id is not None and self.role is None


def refusal(principal: Principal, permission: Permission, business_id: UUID | None) -> InterlockError | None:
    """Return why a principal may not do something in a business, None where they may (if need be, on their own rows).

    A credential of another business is refused even for what is public: it has no business here.
    """
    if principal.business_id is not None and principal.business_id != business_id:
        return Forbidden("This credential belongs to another business.")
    if principal.scopes is not None and permission.scope not in principal.scopes and not permission.public:
        return Forbidden(f"This needs the scope {permission.scope}.", scope=permission.scope)
    if permission.public or principal.is_key:
        return None
    if principal.is_anonymous:
        return None if permission.by_hold else Unauthenticated("Sign in, or send a key.")
    if permission.scope == ACCOUNT:
        return None if principal.account_id else Forbidden("Only a person's account may do this.")
    if principal.role in permission.roles | permission.own:
        return None
    return Forbidden("Your role in this business does not allow this.")


def only_own(principal: Principal, permission: Permission) -> bool:
    """Return whether a principal who may do something may do it to their own rows alone."""
    return principal.role in permission.own and principal.role not in permission.roles and not permission.public


def table() -> str:
    """Return the permissions as a Markdown table."""
    roles = (Role.PLATFORM_ADMIN, *MEMBER_ROLES)
    head = f"| operation | scope | {' | '.join(r.value.replace('_', ' ') for r in roles)} | without an account |"
    rows = [head, "|---" * (len(roles) + 3) + "|"]
    for operation, permission in PERMISSIONS.items():
        marks = ["yes" if r in permission.roles else "own" if r in permission.own else "" for r in roles]
        without = "yes" if permission.public else "with a hold's token" if permission.by_hold else ""
        rows.append(" | ".join([f"| `{operation}`", f"`{permission.scope}`", *marks, f"{without} |"]))
    return "\n".join(rows) + "\n"


DOCUMENT = """# Who may do what

Printed from `models/permissions.py` by `python -m models.permissions > docs/permissions.md`.

A person's account has one role in each business that it belongs to; a platform admin has theirs in all. *own*: for
their own rows alone, a client's bookings and waitlist entries, a staff member's days. An API key has no role: it may
what its scopes say, in its own business. No key may carry {closed}.

"""

if __name__ == "__main__":
    closed = " or ".join(f"`{scope}`" for scope in sorted(SCOPES - KEY_SCOPES))
    print(DOCUMENT.format(closed=closed) + table(), end="")  # noqa: T201 - this prints the page
