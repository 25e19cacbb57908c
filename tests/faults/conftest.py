"""Faults run as races do: sized, seeded, each in a database of its own."""

from tests.races.conftest import conflicts, crowd, database_name, rng

__all__ = ["conflicts", "crowd", "database_name", "rng"]
