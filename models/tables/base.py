"""What all tables share: naming convention, tenant column, composite keys."""

from collections.abc import Sequence

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP, UUID
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

TIME = TIMESTAMP(timezone=True)


def tenant_table(name: str, *items: SchemaItem, key: Sequence[str] = ("id",), written_often: bool = False) -> Table:
    """Return a table owned by a business: primary key (business_id, *key), row-level security forced.

    A table that is `written_often` refers to the business by what else it refers to, or as history only: each check of
    that reference locks the business's row, and every booking of a business would write to that row.
    """
    of_business = ForeignKeyConstraint(["business_id"], ["business.id"])
    return Table(
        name,
        metadata,
        Column("business_id", UUID, nullable=False),
        *items,
        PrimaryKeyConstraint("business_id", *key),
        *(() if written_often else (of_business,)),
        info={"tenant_column": "business_id"},
    )


def belongs_to(table: str, column: str, target: str = "id", *, deferred: bool = False) -> ForeignKeyConstraint:
    """Return the composite foreign key that keeps a reference inside its business; `deferred`: checked at COMMIT."""
    columns = [f"{table}.business_id", f"{table}.{target}"]
    initially = "DEFERRED" if deferred else None
    return ForeignKeyConstraint(["business_id", column], columns, deferrable=deferred or None, initially=initially)


def identifier() -> Column[object]:
    """Return the id column; ids are UUID version 7 (RFC 9562) made by the application."""
    return Column("id", UUID, nullable=False)


def name_column() -> Column[str]:
    """Return a required name of 1 to 200 characters (see the table's check)."""
    return Column("name", Text, nullable=False)


def created_at() -> Column[object]:
    """Return the creation time by the database's clock."""
    return Column("created_at", TIME, nullable=False, server_default=text("clock_timestamp()"))


def version() -> Column[object]:
    """Return the compare-and-set version, 1 at birth."""
    return Column("version", Integer, nullable=False, server_default=text("1"))
