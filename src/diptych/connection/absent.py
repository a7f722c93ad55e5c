"""An org that is not there: for what is done in our database alone, while Salesforce cannot be reached or is not connected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class AbsentOrg:
    """Whatever it is asked for, it says why it is not there. Stands for `sync.ports.Org`."""

    def __init__(self, problem: Exception) -> None:
        self._problem = problem

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def absent(*_: object, **__: object) -> Any:
            raise self._problem

        return absent


class NoCalls:
    """The budget of an org that is not there. Stands for `sync.ports.Budget`."""

    def reserve(self, lane: str, calls: int = 1) -> None:
        pass
