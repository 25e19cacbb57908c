"""Faults run as races do: sized, seeded, each in a database of its own."""

from tests.races.conftest import conflicts, crowd, database_name, rng
from tests.service.api.conftest import api, app, client_id, scope

__all__ = ["api", "app", "client_id", "conflicts", "crowd", "database_name", "rng", "scope"]
