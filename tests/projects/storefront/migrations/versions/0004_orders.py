"""orders"""
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("customer_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("status", sa.String(16), nullable=False, server_default="pending"),
    )
    op.add_column("users", sa.Column("stripe_customer_id", sa.Text))


def downgrade() -> None:
    op.drop_column("users", "stripe_customer_id")
    op.drop_table("orders")
