"""What may be known across businesses: which of them have work waiting or have changed, and nothing else of them.

The functions belong to the owner of the schema, whose policies let it read; the app's role may call them and gets
identifiers. All the rest of what is done happens inside one business at a time, as everybody's does.
"""

from collections.abc import Iterator

from models.roles import APP_ROLE

READ_BY_OWNER = (
    "business", "outbox_event", "audit_entry", "appointment", "appointment_item", "booking_request", "waitlist_entry",
    "change_log",
)  # fmt: skip

# Asked business by business, each an index's first row: a backlog of one does not slow the look for the others. What
# lapses does so by the clock that bookings go by, `moment`; what expires, by the database's.
DUE_BUSINESSES = """
CREATE FUNCTION due_businesses(moment timestamptz DEFAULT clock_timestamp()) RETURNS TABLE (work text, business_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.work, b.id FROM business b CROSS JOIN LATERAL (VALUES
        ('publish', EXISTS (SELECT FROM outbox_event e WHERE e.business_id = b.id AND e.published_at IS NULL)),
        ('seal', EXISTS (SELECT FROM audit_entry a WHERE a.business_id = b.id AND a.position IS NULL)),
        ('answer', EXISTS (SELECT FROM booking_request r WHERE r.business_id = b.id AND r.status = 'queued')),
        ('expire', EXISTS (SELECT FROM appointment h WHERE h.business_id = b.id AND h.expires_at <= clock_timestamp())),
        ('lapse', EXISTS (
            SELECT FROM appointment p JOIN appointment_item i ON i.business_id = b.id AND i.appointment_id = p.id
            WHERE p.business_id = b.id AND p.status = 'pending' AND i.starts_at <= moment) OR EXISTS (
            SELECT FROM waitlist_entry e
            WHERE e.business_id = b.id AND e.status = 'waiting' AND upper(e.windows) <= moment))
    ) AS w(work, waits) WHERE w.waits
$$
"""
# Without its settings a deleted business has no nights.
EVERY_BUSINESS = """
CREATE FUNCTION every_business() RETURNS TABLE (business_id uuid, slug text, zone text, settings jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id, slug, zone, CASE WHEN deleted_at IS NULL THEN settings ELSE '{}' END FROM business ORDER BY slug
$$
"""
# A transaction's rows come once: with the first look that can see it. The element of `transactions` beside a business's
# in `changed` says which: a view that was read since may hold it.
CHANGES_SINCE = """
CREATE FUNCTION changes_since(known pg_snapshot)
RETURNS TABLE (horizon pg_snapshot, looked_at timestamptz, changed uuid[], transactions bigint[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT pg_current_snapshot(), clock_timestamp(), coalesce(array_agg(c.business_id), '{}'),
           coalesce(array_agg(c.xid::text::bigint), '{}')
    FROM (
        SELECT DISTINCT l.business_id, l.xid FROM change_log l
        WHERE l.xid >= pg_snapshot_xmin(known) AND NOT pg_visible_in_snapshot(l.xid, known)
    ) AS c
$$
"""
# What processes of the version before ask, while they are replaced.
CHANGED_SINCE = """
CREATE FUNCTION changed_since(known pg_snapshot)
RETURNS TABLE (horizon pg_snapshot, looked_at timestamptz, changed uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT pg_current_snapshot(), clock_timestamp(), ARRAY(
        SELECT DISTINCT c.business_id FROM change_log c
        WHERE c.xid >= pg_snapshot_xmin(known) AND NOT pg_visible_in_snapshot(c.xid, known))
$$
"""
SEALED_ONCE = """
CREATE FUNCTION sealed_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entry % is sealed', OLD.id USING ERRCODE = 'integrity_constraint_violation';
END $$
"""
SEALED_ONCE_TRIGGER = """
CREATE TRIGGER sealed_once BEFORE UPDATE ON audit_entry FOR EACH ROW WHEN (OLD.position IS NOT NULL)
EXECUTE FUNCTION sealed_once()
"""


def of_app(function: str, name: str) -> Iterator[str]:
    """Yield a function, and who may call it: the app's role alone."""
    yield function
    yield f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION {name} TO {APP_ROLE}"


def statements() -> Iterator[str]:
    """Yield the policies, functions and grants in order."""
    for table in READ_BY_OWNER:
        yield f"CREATE POLICY owner_reads ON {table} FOR SELECT TO CURRENT_USER USING (true)"
    yield from of_app(DUE_BUSINESSES, "due_businesses(timestamptz)")
    yield from of_app(EVERY_BUSINESS, "every_business()")
    yield from of_app(CHANGED_SINCE, "changed_since(pg_snapshot)")
    yield from of_app(CHANGES_SINCE, "changes_since(pg_snapshot)")
    yield SEALED_ONCE
    yield SEALED_ONCE_TRIGGER
    yield f"GRANT UPDATE (position, hash) ON audit_entry TO {APP_ROLE}"
