"""Times to race for."""

from datetime import UTC, datetime, timedelta

from tests.service.worlds import ANA, BEN

TIMES = [
    (staff, datetime(2026, 3, 2, hour, tzinfo=UTC) + timedelta(days=7 * week + day))
    for week in range(8)
    for day in range(5)
    for hour in (9, 10, 14, 15)
    for staff in (ANA, BEN)
]
"""Times an hour or more apart, all open."""
