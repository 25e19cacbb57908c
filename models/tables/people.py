"""Who asks: accounts and their sessions over the whole installation; memberships, invitations and keys of a business.

An account may belong to several businesses. Its own rows are seen by transactions that act as it (`app.account`),
what ties it to a business by that business's. See docs/decisions/0006-accounts-beside-tenants.md.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from models.permissions import MEMBER_ROLES
from models.tables.base import TIME, belongs_to, created_at, identifier, metadata, name_column, tenant_table

ROLE_CHECK = f"role IN ({', '.join(repr(role.value) for role in MEMBER_ROLES)})"


def _account() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["account_id"], ["account.id"])


account = Table(
    "account",
    metadata,
    identifier(),
    Column("email", Text, nullable=False),
    name_column(),
    Column("password_hash", Text),
    Column("platform_admin", Boolean, nullable=False, server_default=text("false")),
    created_at(),
    Column("disabled_at", TIME),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("email"),
    CheckConstraint("email = lower(email) AND char_length(email) BETWEEN 3 AND 254", name="email_form"),
    CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
    info={"account_column": "id"},
)
"""A person who signs in. Without a `password_hash` only links and invitations let them in."""

session = Table(
    "session",
    metadata,
    identifier(),
    Column("account_id", UUID, nullable=False),
    Column("kind", Text, nullable=False),
    Column("agent", Text),
    created_at(),
    Column("expires_at", TIME, nullable=False),
    Column("revoked_at", TIME),
    Column("revoked_because", Text),
    Column("scope", Text, nullable=False, server_default=text("''")),
    PrimaryKeyConstraint("id"),
    _account(),
    CheckConstraint("kind IN ('api', 'web')", name="kind"),
    CheckConstraint("(revoked_at IS NULL) = (revoked_because IS NULL)", name="revoked_because"),
    info={"account_column": "account_id"},
)
"""One sign-in: a browser's, or the family of refresh tokens that began with one password.

`scope` is what its tokens were granted, and never more; empty is all that the account may.
"""
Index(None, session.c.account_id)

refresh_token = Table(
    "refresh_token",
    metadata,
    Column("hash", LargeBinary, nullable=False),
    Column("account_id", UUID, nullable=False),
    Column("session_id", UUID, nullable=False),
    created_at(),
    Column("expires_at", TIME, nullable=False),
    Column("used_at", TIME),
    PrimaryKeyConstraint("hash"),
    _account(),
    ForeignKeyConstraint(["session_id"], ["session.id"]),
    info={"account_column": "account_id"},
)
"""Good once; coming back a second time it ends its session. `hash` is its SHA-256."""
Index(None, refresh_token.c.session_id)

membership = tenant_table(
    "membership",
    Column("account_id", UUID, nullable=False),
    Column("role", Text, nullable=False),
    Column("staff_id", UUID),
    Column("client_id", UUID),
    created_at(),
    _account(),
    belongs_to("staff", "staff_id"),
    belongs_to("client", "client_id"),
    CheckConstraint(ROLE_CHECK, name="role"),
    CheckConstraint("role <> 'client' OR staff_id IS NULL", name="clients_do_not_work"),
    CheckConstraint("(role = 'client') = (client_id IS NOT NULL)", name="client_is_one"),
    key=("account_id",),
)
"""What an account is in a business, and which staff member or client of it."""
Index(None, membership.c.account_id)

invitation = tenant_table(
    "invitation",
    identifier(),
    Column("email", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("staff_id", UUID),
    Column("client_id", UUID),
    Column("token_hash", LargeBinary, nullable=False),
    Column("invited_by", Text, nullable=False),
    created_at(),
    Column("expires_at", TIME, nullable=False),
    Column("accepted_at", TIME),
    Column("revoked_at", TIME),
    belongs_to("staff", "staff_id"),
    belongs_to("client", "client_id"),
    CheckConstraint(ROLE_CHECK, name="role"),
    CheckConstraint("(role = 'client') = (client_id IS NOT NULL)", name="client_is_one"),
    CheckConstraint("accepted_at IS NULL OR revoked_at IS NULL", name="one_end"),
)
"""A role that waits for somebody to come for it with the token."""

api_key = tenant_table(
    "api_key",
    identifier(),
    Column("prefix", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    name_column(),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_by", Text, nullable=False),
    created_at(),
    Column("expires_at", TIME),
    Column("last_used_at", TIME),
    Column("revoked_at", TIME),
    UniqueConstraint("prefix"),
    CheckConstraint("prefix ~ '^[a-z0-9]{12}$'", name="prefix_form"),
    CheckConstraint("cardinality(scopes) BETWEEN 1 AND 100", name="scopes"),
    CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
)
"""A program's credential in one business; of its 256 random bits only the SHA-256 is kept."""

client_key = tenant_table(
    "client_key",
    Column("client_id", UUID, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    created_at(),
    belongs_to("client", "client_id"),
    key=("client_id",),
)
"""The key that seals a client's personal data, itself sealed by the installation's. Deleting it erases the client."""
