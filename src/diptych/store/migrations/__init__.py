"""Schema versions of the people database, run by the program itself at start (alembic)."""
