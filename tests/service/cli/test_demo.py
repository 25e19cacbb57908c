"""`interlock demo`: a clinic with a plan to look at, set up once."""

import os
import subprocess
import sys

import psycopg


def test_the_demo_leaves_a_book_and_a_plan_and_is_set_up_once(app_url, owner_url):
    environment = {**os.environ, "DATABASE_URL": app_url, "DATABASE_OWNER_URL": owner_url}
    command = [sys.executable, "-m", "service.cli", "demo", "--no-serve"]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, env=environment, check=True) for _ in range(2)
    )
    assert "640 requests went through the real commands" in first.stdout
    assert "640 requests" not in second.stdout
    assert "/board/demo-clinic" in second.stdout
    with psycopg.connect(owner_url) as connection:
        booked, planned, runs = connection.execute(
            "SELECT (SELECT count(*) FROM appointment WHERE status = 'confirmed'), "
            "(SELECT count(*) FROM planned_move WHERE status = 'planned'), (SELECT count(*) FROM optimisation_run)"
        ).fetchone()
    assert booked > 500
    assert planned > 5
    assert runs == 1
