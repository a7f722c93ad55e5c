"""What the API needs of the workspace: what the pages need, and what so far only commands do."""

from __future__ import annotations

from typing import Any, Protocol

from diptych.admin.services import Workspace as PageWorkspace
from diptych.sync import drift
from diptych.sync.outbound.wishes import Linking
from diptych.sync.repair.undo import Undone


class Workspace(PageWorkspace, Protocol):
    """See `diptych.wiring.Workspace`."""

    def undo(
        self,
        run_id: int,
        person_id: int | None = None,
        column: str | None = None,
        *,
        carry_out: bool = False,
        wait_seconds: float = 60,
    ) -> Undone: ...
    def schema(self) -> tuple[list[drift.Notice], dict[str, str]]: ...
    def link_reviewed(self, person_id: int, target: str, wait_seconds: float = 20) -> Linking: ...
    def duplicates(self, sample: int) -> dict[str, Any]: ...
