"""`interlock demo`: a clinic with a plan to look at, set up once."""

import os
import subprocess
import sys

import psycopg

PLANS = """
SELECT b.slug, r.kind, r.policy, count(*) FILTER (WHERE m.kind = 'place'), count(*) FILTER (WHERE m.kind = 'move')
FROM optimisation_run r JOIN business b ON b.id = r.business_id JOIN planned_move m ON m.run_id = r.id
GROUP BY b.slug, r.kind, r.policy
"""


def test_the_demo_leaves_a_book_and_a_plan_and_is_set_up_once(app_url, owner_url):
    environment = {**os.environ, "DATABASE_URL": app_url, "DATABASE_OWNER_URL": owner_url}
    command = [sys.executable, "-m", "service.cli", "demo", "--no-serve"]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, env=environment, check=True) for _ in range(2)
    )
    assert "640 requests went through the real commands" in first.stdout
    assert "640 requests" not in second.stdout
    assert "/board/demo-clinic" in second.stdout
    assert "--kind rebalance" in first.stdout
    with psycopg.connect(owner_url) as connection:
        (booked,) = connection.execute("SELECT count(*) FROM appointment WHERE status = 'confirmed'").fetchone()
        plans = connection.execute(PLANS).fetchall()
    assert booked > 500
    placed = {(slug, kind, policy): (places, moves) for slug, kind, policy, places, moves in plans}
    assert placed["demo-clinic", "waitlist", "balanced"][0] > 5
    salon = {policy: counts for (slug, _, policy), counts in placed.items() if slug == "demo-salon"}
    assert salon["balanced"][0] == 9, "everybody who waits has a place, for which others move"
    assert 0 < salon["gentle"][0] < salon["balanced"][0]
    assert salon["gentle"][1] <= 5 < salon["balanced"][1]
