"""Where jobs are kept: a SQLite file of their own, or the people's database on PostgreSQL."""

from __future__ import annotations

from pathlib import Path


def jobs_place(data_dir: Path, database_url: str, name: str = "jobs") -> str:
    """The URL of the jobs that belong to the people database at `database_url`."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{data_dir / f'{name}.sqlite'}"
    return database_url
