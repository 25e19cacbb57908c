"""Accounts, sessions, memberships, invitations, keys: who asks."""

from alembic import op

revision = "20261121_08_people"
down_revision = "20261121_07_failures"
branch_labels = None
depends_on = None

TENANT = "nullif(current_setting('app.business', true), '')::uuid"
ACCOUNT = "nullif(current_setting('app.account', true), '')::uuid"
TABLES = """
CREATE TABLE account (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    password_hash text,
    platform_admin boolean DEFAULT false NOT NULL,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    disabled_at timestamptz,
    CONSTRAINT pk_account PRIMARY KEY (id),
    CONSTRAINT uq_account_email UNIQUE (email),
    CONSTRAINT ck_account_email_form CHECK (email = lower(email) AND char_length(email) BETWEEN 3 AND 254),
    CONSTRAINT ck_account_name_length CHECK (char_length(name) BETWEEN 1 AND 200)
);
CREATE TABLE api_key (
    business_id uuid NOT NULL,
    id uuid NOT NULL,
    prefix text NOT NULL,
    secret_hash bytea NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT pk_api_key PRIMARY KEY (business_id, id),
    CONSTRAINT uq_api_key_prefix UNIQUE (prefix),
    CONSTRAINT ck_api_key_prefix_form CHECK (prefix ~ '^[a-z0-9]{12}$'),
    CONSTRAINT ck_api_key_scopes CHECK (cardinality(scopes) BETWEEN 1 AND 100),
    CONSTRAINT ck_api_key_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT fk_api_key_business_business_id FOREIGN KEY(business_id) REFERENCES business (id)
);
CREATE TABLE session (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    kind text NOT NULL,
    agent text,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_because text,
    CONSTRAINT pk_session PRIMARY KEY (id),
    CONSTRAINT fk_session_account_account_id FOREIGN KEY(account_id) REFERENCES account (id),
    CONSTRAINT ck_session_kind CHECK (kind IN ('api', 'web')),
    CONSTRAINT ck_session_revoked_because CHECK ((revoked_at IS NULL) = (revoked_because IS NULL))
);
CREATE INDEX ix_session_account_id ON session (account_id);
CREATE TABLE refresh_token (
    hash bytea NOT NULL,
    account_id uuid NOT NULL,
    session_id uuid NOT NULL,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT pk_refresh_token PRIMARY KEY (hash),
    CONSTRAINT fk_refresh_token_account_account_id FOREIGN KEY(account_id) REFERENCES account (id),
    CONSTRAINT fk_refresh_token_session_session_id FOREIGN KEY(session_id) REFERENCES session (id)
);
CREATE INDEX ix_refresh_token_session_id ON refresh_token (session_id);
CREATE TABLE invitation (
    business_id uuid NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    role text NOT NULL,
    staff_id uuid,
    client_id uuid,
    token_hash bytea NOT NULL,
    invited_by text NOT NULL,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT pk_invitation PRIMARY KEY (business_id, id),
    CONSTRAINT fk_invitation_staff_business_id_staff_id
        FOREIGN KEY(business_id, staff_id) REFERENCES staff (business_id, id),
    CONSTRAINT fk_invitation_client_business_id_client_id
        FOREIGN KEY(business_id, client_id) REFERENCES client (business_id, id),
    CONSTRAINT ck_invitation_role CHECK (role IN ('owner', 'manager', 'staff', 'client')),
    CONSTRAINT ck_invitation_client_is_one CHECK ((role = 'client') = (client_id IS NOT NULL)),
    CONSTRAINT ck_invitation_one_end CHECK (accepted_at IS NULL OR revoked_at IS NULL),
    CONSTRAINT fk_invitation_business_business_id FOREIGN KEY(business_id) REFERENCES business (id)
);
CREATE TABLE membership (
    business_id uuid NOT NULL,
    account_id uuid NOT NULL,
    role text NOT NULL,
    staff_id uuid,
    client_id uuid,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_membership PRIMARY KEY (business_id, account_id),
    CONSTRAINT fk_membership_account_account_id FOREIGN KEY(account_id) REFERENCES account (id),
    CONSTRAINT fk_membership_staff_business_id_staff_id
        FOREIGN KEY(business_id, staff_id) REFERENCES staff (business_id, id),
    CONSTRAINT fk_membership_client_business_id_client_id
        FOREIGN KEY(business_id, client_id) REFERENCES client (business_id, id),
    CONSTRAINT ck_membership_role CHECK (role IN ('owner', 'manager', 'staff', 'client')),
    CONSTRAINT ck_membership_clients_do_not_work CHECK (role <> 'client' OR staff_id IS NULL),
    CONSTRAINT ck_membership_client_is_one CHECK ((role = 'client') = (client_id IS NOT NULL)),
    CONSTRAINT fk_membership_business_business_id FOREIGN KEY(business_id) REFERENCES business (id)
);
CREATE INDEX ix_membership_account_id ON membership (account_id);
"""
# table, policy, column, who sets it
OWNED = (
    ("account", "own", "id", ACCOUNT),
    ("session", "own", "account_id", ACCOUNT),
    ("refresh_token", "own", "account_id", ACCOUNT),
    ("membership", "tenant", "business_id", TENANT),
    ("invitation", "tenant", "business_id", TENANT),
    ("api_key", "tenant", "business_id", TENANT),
)
COLLEAGUE = f"EXISTS (SELECT FROM membership m WHERE m.account_id = account.id AND m.business_id = {TENANT})"
POLICIES = (
    "CREATE POLICY by_email ON account FOR SELECT USING (email = current_setting('app.email', true))",
    f"CREATE POLICY colleague ON account FOR SELECT USING ({COLLEAGUE})",
    "CREATE POLICY platform ON account FOR SELECT USING (current_setting('app.platform', true) = 'on')",
    "CREATE POLICY platform ON business FOR SELECT USING (current_setting('app.platform', true) = 'on')",
    f"CREATE POLICY own ON membership FOR SELECT USING (account_id = {ACCOUNT})",
    "CREATE POLICY by_prefix ON api_key FOR SELECT USING (prefix = current_setting('app.key', true))",
)


def upgrade() -> None:
    """Add the tables, force row-level security on them, and grant them to the app."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(TABLES)
    for table, policy, column, setting in OWNED:
        own = f"{column} = {setting}"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {policy} ON {table} USING ({own}) WITH CHECK ({own})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO interlock_app")
    for policy in POLICIES:
        op.execute(policy)
