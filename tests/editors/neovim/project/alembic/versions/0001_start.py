import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table("crates", sa.Column("id", sa.Integer(), primary_key=True))
    op.create_table("lids", sa.Column("id", sa.Integer(), primary_key=True))
