"""The data folder: which database in it is in use, and how far this machine has seen each database go."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from sqlalchemy.engine import make_url

from diptych.config import Settings
from diptych.store.engines import StoreUnusable

_log = logging.getLogger(__name__)
_POINTER = "current-database"
_EPOCHS = "epochs.json"
FIRST = "app"
"""The name of the first database in a folder; a demo that starts over makes further ones."""


def make_folder(folder: Path) -> None:
    """Make the data folder, for us alone. Raises StoreUnusable when it cannot be made or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as problem:
        raise StoreUnusable(
            f"The folder {folder} cannot be made ({problem.strerror}). "
            "Choose another one with DIPTYCH_DATA_DIR, or mend its rights."
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreUnusable(
            f"The folder {folder} cannot be written. Choose another one with DIPTYCH_DATA_DIR, or mend its rights."
        )


def current(folder: Path) -> str:
    """The name of the database that is in use."""
    try:
        name = (folder / _POINTER).read_text().strip()
    except OSError:
        return FIRST
    return name if name.startswith(FIRST) and "/" not in name else FIRST


def unused(folder: Path) -> str:
    """A name for a further database."""
    number = 2
    while (folder / f"{FIRST}-{number}.db").exists():
        number += 1
    return f"{FIRST}-{number}"


def use(folder: Path, name: str) -> None:
    """From now on that database is the one in use, for every process."""
    _replace(folder / _POINTER, name)


def sqlite_url(folder: Path, name: str) -> str:
    """Where a database of the folder is, for SQLAlchemy."""
    return f"sqlite:///{folder / f'{name}.db'}"


def sqlite_file(settings: Settings) -> Path | None:
    """The SQLite file that a workspace of these settings opens; None for PostgreSQL. Opens nothing."""
    folder = settings.data_dir
    return file_of(settings.database_url or sqlite_url(folder, current(folder)))


def file_of(url: str) -> Path | None:
    """The file of a SQLite address; None for PostgreSQL."""
    parts = make_url(url)
    return Path(parts.database) if parts.get_backend_name() == "sqlite" and parts.database else None


def seen_epoch(folder: Path, database: str) -> int:
    """The highest epoch that this machine had of a database (0: none). One that is behind it was put back from a copy."""
    return _epochs(folder).get(database, 0)


def keep_epoch(folder: Path, database: str, epoch: int) -> None:
    """Note the epoch that a database has now."""
    try:
        _replace(folder / _EPOCHS, json.dumps({**_epochs(folder), database: epoch}))
    except OSError as problem:  # a help, not a need
        _log.warning("%s cannot be written: %s", folder / _EPOCHS, problem)


def _epochs(folder: Path) -> dict[str, int]:
    try:
        held = json.loads((folder / _EPOCHS).read_text())
        return {str(name): int(epoch) for name, epoch in held.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _replace(file: Path, text: str) -> None:
    draft = file.with_name(f"{file.name}.{os.getpid()}.new")
    draft.write_text(text)
    draft.replace(file)
