"""A planned place names the rooms and devices that it takes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261121_16_planned_rooms"
down_revision = "20261121_15_deposits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    rooms = sa.Column("rooms", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)
    op.add_column("planned_move", rooms)
