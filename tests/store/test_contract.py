"""The store on both databases does what every store must do."""

from __future__ import annotations

from tests.contract.store_contract import StoreContract


class TestSqlStore(StoreContract):
    """On SQLite and on PostgreSQL."""
