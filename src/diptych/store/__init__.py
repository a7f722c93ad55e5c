"""Our database, SQLite or PostgreSQL, behind `sync.ports.Store`; `queries` is what the admin and the terminal read."""

from diptych.store.engines import StoreUnusable
from diptych.store.sql_store import SqlStore, open_store

__all__ = ["SqlStore", "StoreUnusable", "open_store"]
