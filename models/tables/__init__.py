"""Every table of the schema, declared with SQLAlchemy; `metadata` holds the law that migrations must match."""

from models.tables import book, business, ledger, optimisation, people, requests, security, waitlist
from models.tables.base import metadata

__all__ = ["book", "business", "ledger", "metadata", "optimisation", "people", "requests", "security", "waitlist"]
