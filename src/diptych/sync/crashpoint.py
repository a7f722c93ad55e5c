"""Named points at which a test may end the process (correctness.md section 6). A no-op unless a hook is set.

The names are stable: outside checks set DIPTYCH_CRASHPOINT=C-12, or C-12:3 for the third passage (see diptych.wiring.process).
"""

from __future__ import annotations

from collections.abc import Callable

hook: Callable[[str], None] | None = None


def crashpoint(name: str) -> None:
    """Pass the point `name`; whatever the hook raises goes through."""
    if hook is not None:
        hook(name)
