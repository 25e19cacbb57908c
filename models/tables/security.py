"""Row-level security, grants and change-log triggers: created with the tables, compared with the migrations."""

from collections.abc import Iterator

from sqlalchemy import DDL, Table, event

from models.roles import APP_ROLE
from models.tables import book, business, duties, guarding, ledger, optimisation, people, reading, requests, waitlist
from models.tables.base import metadata

RIGHTS = {"audit_entry": "SELECT, INSERT", "audit_head": "SELECT, INSERT, UPDATE"}
"""What the app's role may do where it may not do everything."""
TENANT = "nullif(current_setting('app.business', true), '')::uuid"
ACCOUNT = "nullif(current_setting('app.account', true), '')::uuid"

CLAIM_CHANGED = """
CREATE FUNCTION claim_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO change_log (business_id, lane_no, day)
    SELECT DISTINCT business_id, lane_no, (starts_at AT TIME ZONE 'UTC')::date FROM changed;
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO change_log (business_id, lane_no, day)
        SELECT DISTINCT w.business_id, w.lane_no, (w.starts_at AT TIME ZONE 'UTC')::date
        FROM was w JOIN changed c USING (business_id, id)
        WHERE (w.lane_no, (w.starts_at AT TIME ZONE 'UTC')::date)
           <> (c.lane_no, (c.starts_at AT TIME ZONE 'UTC')::date);
    END IF;
    RETURN NULL;
END $$
"""

LANE_CHANGED = """
CREATE FUNCTION lane_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO change_log (business_id, lane_no) SELECT DISTINCT business_id, lane_no FROM changed;
    RETURN NULL;
END $$
"""

HOURS_CHANGED = """
CREATE FUNCTION hours_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lane SET availability_version = availability_version + 1
    WHERE (business_id, lane_no) IN (SELECT business_id, lane_no FROM changed);
    RETURN NULL;
END $$
"""

CATALOGUE_CHANGED = """
CREATE FUNCTION catalogue_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO change_log (business_id) SELECT DISTINCT business_id FROM changed;
    RETURN NULL;
END $$
"""

ZONE_CHANGED = """
CREATE FUNCTION zone_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lane SET availability_version = availability_version + 1
    WHERE business_id IN (SELECT c.id FROM was w JOIN changed c USING (id) WHERE c.zone <> w.zone);
    INSERT INTO change_log (business_id) SELECT id FROM changed;
    RETURN NULL;
END $$
"""

STAFF_CHANGED = """
CREATE FUNCTION staff_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lane SET availability_version = availability_version + 1
    WHERE (business_id, lane_no) IN (
        SELECT c.business_id, c.lane_no FROM was w JOIN changed c USING (business_id, id)
        WHERE (c.zone, c.active) IS DISTINCT FROM (w.zone, w.active));
    RETURN NULL;
END $$
"""

HOLIDAYS_CHANGED = """
CREATE FUNCTION holidays_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lane SET availability_version = availability_version + 1
    WHERE business_id IN (SELECT business_id FROM changed);
    INSERT INTO change_log (business_id) SELECT DISTINCT business_id FROM changed;
    RETURN NULL;
END $$
"""


# Seats that are left show in the snapshot's tile of the group's claim.
SEATS_CHANGED = """
CREATE FUNCTION seats_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO change_log (business_id, lane_no, day)
    SELECT DISTINCT c.business_id, c.lane_no, (c.starts_at AT TIME ZONE 'UTC')::date
    FROM changed s JOIN claim c ON c.business_id = s.business_id AND c.session_id = s.id;
    RETURN NULL;
END $$
"""


def _trigger(table: str, operation: str, function: str) -> str:
    rows = {
        "INSERT": "NEW TABLE AS changed",
        "UPDATE": "OLD TABLE AS was NEW TABLE AS changed",
        "DELETE": "OLD TABLE AS changed",
    }
    return (
        f"CREATE TRIGGER {function}_{operation.lower()} AFTER {operation} ON {table} "
        f"REFERENCING {rows[operation]} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
    )


def triggers() -> Iterator[str]:
    """Yield the statements that keep the change log, and the lanes' versions where the hours' zone changes."""
    yield from (CLAIM_CHANGED, LANE_CHANGED, HOURS_CHANGED, CATALOGUE_CHANGED, ZONE_CHANGED)
    yield from (STAFF_CHANGED, HOLIDAYS_CHANGED, SEATS_CHANGED)
    yield _trigger("group_session", "UPDATE", "seats_changed")
    yield _trigger("staff", "UPDATE", "staff_changed")
    yield _trigger("lane", "UPDATE", "lane_changed")
    yield _trigger("business", "UPDATE", "zone_changed")
    for operation in ("INSERT", "UPDATE", "DELETE"):
        yield _trigger("claim", operation, "claim_changed")
        for table in ("working_hours", "staff_day"):
            yield _trigger(table, operation, "hours_changed")
        yield _trigger("holiday", operation, "holidays_changed")
        for table in ("staff", "service", "allocation", "resource", "service_window", "requirement"):
            yield _trigger(table, operation, "catalogue_changed")


def row_level_security(table: Table) -> Iterator[str]:
    """Yield the statements that force a table's rows to its business, or to its account."""
    yield f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY"
    if "tenant_column" in table.info:
        own = f"{table.info['tenant_column']} = {TENANT}"
        yield f"CREATE POLICY tenant ON {table.name} USING ({own}) WITH CHECK ({own})"
    else:
        own = f"{table.info['account_column']} = {ACCOUNT}"
        yield f"CREATE POLICY own ON {table.name} USING ({own}) WITH CHECK ({own})"


BY_SLUG = "CREATE POLICY by_slug ON business FOR SELECT USING (slug = current_setting('app.slug', true))"
"""Who knows a business's public name may read its row, before any tenant is set."""

COLLEAGUE = f"EXISTS (SELECT FROM membership m WHERE m.account_id = account.id AND m.business_id = {TENANT})"
PEOPLE = (
    "CREATE POLICY by_email ON account FOR SELECT USING (email = current_setting('app.email', true))",
    f"CREATE POLICY colleague ON account FOR SELECT USING ({COLLEAGUE})",
    "CREATE POLICY platform ON account FOR SELECT USING (current_setting('app.platform', true) = 'on')",
    "CREATE POLICY platform ON business FOR SELECT USING (current_setting('app.platform', true) = 'on')",
    f"CREATE POLICY own ON membership FOR SELECT USING (account_id = {ACCOUNT})",
    "CREATE POLICY by_prefix ON api_key FOR SELECT USING (prefix = current_setting('app.key', true))",
)
"""Who signs in is found by address, a key by its prefix; a business sees its members, an account its memberships."""


def grants(table: Table) -> Iterator[str]:
    """Yield what the app's role may do; what is append-only may not be rewritten by it."""
    rights = RIGHTS.get(table.name, "SELECT, INSERT, UPDATE, DELETE")
    yield f"GRANT {rights} ON {table.name} TO {APP_ROLE}"


ROLE = f"""
DO $$ BEGIN
    CREATE ROLE {APP_ROLE} NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$
"""


def statements() -> Iterator[str]:
    """Yield all of it in order, for a schema whose tables have just been created."""
    yield ROLE
    for table in metadata.sorted_tables:
        yield from row_level_security(table)
        yield from grants(table)
    yield BY_SLUG
    yield from PEOPLE
    yield from triggers()
    yield from guarding.statements()
    yield from duties.statements()
    yield from reading.statements()


for _statement in statements():
    event.listen(metadata, "after_create", DDL(_statement.replace("%", "%%")))  # type: ignore[no-untyped-call]

__all__ = ["book", "business", "ledger", "optimisation", "people", "requests", "statements", "waitlist"]
