"""Row-level security, grants and change-log triggers: created with the tables, compared with the migrations."""

from collections.abc import Iterator

from sqlalchemy import DDL, Table, event

from models.roles import APP_ROLE
from models.tables import book, business, ledger, optimisation, waitlist
from models.tables.base import metadata

APPEND_ONLY = frozenset({"audit_entry"})
TENANT = "nullif(current_setting('app.business', true), '')::uuid"

CLAIM_CHANGED = """
CREATE FUNCTION claim_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO change_log (business_id, lane_no, day)
    SELECT DISTINCT business_id, lane_no, (starts_at AT TIME ZONE 'UTC')::date FROM changed;
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


def _trigger(table: str, operation: str, function: str) -> str:
    rows = "OLD" if operation == "DELETE" else "NEW"
    return (
        f"CREATE TRIGGER {function}_{operation.lower()} AFTER {operation} ON {table} "
        f"REFERENCING {rows} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
    )


def triggers() -> Iterator[str]:
    """Yield the statements that keep the change log.

    A moved claim is one released and one inserted, so the old place of an UPDATE needs no row of its own.
    """
    yield from (CLAIM_CHANGED, LANE_CHANGED, HOURS_CHANGED, CATALOGUE_CHANGED)
    yield _trigger("lane", "UPDATE", "lane_changed")
    for operation in ("INSERT", "UPDATE", "DELETE"):
        yield _trigger("claim", operation, "claim_changed")
        for table in ("working_hours", "staff_day"):
            yield _trigger(table, operation, "hours_changed")
        for table in ("staff", "service", "allocation"):
            yield _trigger(table, operation, "catalogue_changed")


def row_level_security(table: Table) -> Iterator[str]:
    """Yield the statements that force a table's rows to its business."""
    own = f"{table.info['tenant_column']} = {TENANT}"
    yield f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY tenant ON {table.name} USING ({own}) WITH CHECK ({own})"


BY_SLUG = "CREATE POLICY by_slug ON business FOR SELECT USING (slug = current_setting('app.slug', true))"
"""Who knows a business's public name may read its row, before any tenant is set."""


def grants(table: Table) -> Iterator[str]:
    """Yield what the app's role may do; what is append-only may not be rewritten by it."""
    rights = "SELECT, INSERT" if table.name in APPEND_ONLY else "SELECT, INSERT, UPDATE, DELETE"
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
    yield from triggers()


for _statement in statements():
    event.listen(metadata, "after_create", DDL(_statement.replace("%", "%%")))  # type: ignore[no-untyped-call]

__all__ = ["book", "business", "ledger", "optimisation", "statements", "waitlist"]
