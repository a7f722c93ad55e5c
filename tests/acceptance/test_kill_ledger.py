"""The ledger of the kill soak tells an edit that is nowhere from one that is kept."""

from __future__ import annotations

import sqlite3
from typing import Any, cast

from tests.acceptance.installation import Installation
from tests.acceptance.kill_ledger import READ, Ledger


class Side:
    """As much of an installation as a ledger asks."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:")
        for table in READ:
            self.sql(f"CREATE TABLE {table} (value)")
        self.sql("CREATE TABLE person_redirect (former_id, now_id)")

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self._database.execute(statement, values).fetchall()


def test_an_edit_that_is_nowhere_is_lost() -> None:
    side = Side()
    ledger = Ledger(cast(Installation, side))
    first, second, third, fourth = (ledger.text() for _ in range(4))
    ledger.edited(first, 1, "title", None)
    ledger.edited(second, 1, "title", first)  # had seen the first
    ledger.edited(third, 2, "city", "Ulm")
    ledger.edited(fourth, 3, "city", "Ulm")
    assert ledger.lost([]) == [f"{second} (title)", f"{third} (city)", f"{fourth} (city)"]
    side.sql("INSERT INTO v_conflicts VALUES (?)", second)
    assert ledger.lost([]) == [f"{third} (city)", f"{fourth} (city)"]
    side.sql("INSERT INTO change_log VALUES (?)", third)
    assert f"{third} (city)" in ledger.lost([fourth]), "history alone does not keep it"
    ledger.ordered([2, 3])
    assert ledger.lost([]) == [f"{fourth} (city)"], "after an order it does"
    assert ledger.lost([fourth]) == []
