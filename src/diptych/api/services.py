"""What the API needs of the workspace: what the pages need, and what only commands do besides."""

from __future__ import annotations

from typing import Any, Protocol

from diptych.admin.services import Workspace as PageWorkspace
from diptych.sync import drift


class Workspace(PageWorkspace, Protocol):
    """See `diptych.wiring.Workspace`."""

    def schema(self) -> tuple[list[drift.Notice], dict[str, str]]: ...
    def duplicates(self, sample: int) -> dict[str, Any]: ...
