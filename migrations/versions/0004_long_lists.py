"""Long lists: what is stale is found without a walk through everything that is red.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_obligation_state", "obligation", ["office_id", "light", "state", "due", "id"])


def downgrade() -> None:
    op.drop_index("ix_obligation_state", "obligation")
