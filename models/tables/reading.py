"""Read models as SQL views: never stale, and row-level security holds in them as in the tables (security_invoker)."""

from collections.abc import Iterator

from models.roles import APP_ROLE

_LIVE = "c.released_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())"
_BOOKED = """
    SELECT c.business_id, t.id AS staff_id, t.name AS staff, c.kind, i.starts_at, i.ends_at,
           c.starts_at AS claim_starts_at, c.ends_at AS claim_ends_at, a.id AS appointment_id, a.status, a.version,
           v.name AS service, a.client_id, n.name AS client, i.seats, coalesce(t.zone, b.zone) AS zone
    FROM claim c
    JOIN staff t ON t.business_id = c.business_id AND t.lane_no = c.lane_no
    JOIN business b ON b.id = c.business_id
    JOIN appointment_item i ON i.business_id = c.business_id AND {of_claim}
    JOIN appointment a ON a.business_id = i.business_id AND a.id = i.appointment_id
    JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
    LEFT JOIN client n ON n.business_id = a.business_id AND n.id = a.client_id
    WHERE """

VIEWS = {
    "staff_daily_schedule": f"""
        SELECT x.business_id, x.staff_id, x.staff, (x.starts_at AT TIME ZONE x.zone)::date AS day, x.kind, x.starts_at,
               x.ends_at, x.claim_starts_at, x.claim_ends_at, x.appointment_id, x.status, x.version, x.service,
               x.client_id, x.client, x.seats
        FROM ({_BOOKED.format(of_claim="i.id = c.item_id") + _LIVE}
            UNION ALL {_BOOKED.format(of_claim="i.session_id = c.session_id") + _LIVE}
              AND a.status IN ('hold', 'pending', 'confirmed', 'checked_in', 'completed')
              AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp())
            UNION ALL
            SELECT c.business_id, t.id, t.name, c.kind, c.starts_at, c.ends_at, c.starts_at, c.ends_at,
                   NULL, NULL, NULL, NULL, NULL, NULL, NULL, coalesce(t.zone, b.zone)
            FROM claim c
            JOIN staff t ON t.business_id = c.business_id AND t.lane_no = c.lane_no
            JOIN business b ON b.id = c.business_id
            WHERE {_LIVE} AND c.kind NOT IN ('item', 'session')) x
    """,
    "client_appointment_view": """
        SELECT a.business_id, a.client_id, a.id AS appointment_id, a.status, a.version, a.fee_cents, a.series_id,
               a.occurrence, a.created_at, i.position, i.service_id, v.name AS service, i.staff_id, t.name AS staff,
               i.starts_at, i.ends_at, i.seats
        FROM appointment a
        JOIN appointment_item i ON i.business_id = a.business_id AND i.appointment_id = a.id
        JOIN service v ON v.business_id = i.business_id AND v.id = i.service_id
        JOIN staff t ON t.business_id = i.business_id AND t.id = i.staff_id
        WHERE a.client_id IS NOT NULL
    """,
}
"""What claims a staff member's time on a local day, item by item; what a client has booked."""


def statements() -> Iterator[str]:
    """Yield the statements that create the views and let the app read them."""
    for name, select in VIEWS.items():
        yield f"CREATE VIEW {name} WITH (security_invoker = true) AS {select}"
        yield f"GRANT SELECT ON {name} TO {APP_ROLE}"
