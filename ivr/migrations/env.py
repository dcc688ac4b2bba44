"""Alembic's entry: migrate over the connection that `ivr.migrations` hands in."""

from alembic import context

from ivr.model import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite can't alter a table in place: Alembic copies it
    compare_type=True,
)
context.run_migrations()
