"""The only room that builds adapters and hands them to set-up and engine."""

from diptych.wiring.clocks import SystemClock
from diptych.wiring.place import sqlite_file
from diptych.wiring.workspace import Workspace, open_workspace

__all__ = ["SystemClock", "Workspace", "open_workspace", "sqlite_file"]
