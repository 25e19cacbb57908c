"""Every table of the schema, declared with SQLAlchemy; `metadata` holds the law that migrations must match."""

from models.tables import book, business, ledger, optimisation, waitlist
from models.tables.base import metadata
from models.tables.security import APP_ROLE

__all__ = ["APP_ROLE", "book", "business", "ledger", "metadata", "optimisation", "waitlist"]
