"""Expected trouble in one line."""

from __future__ import annotations

from diptych.access.passwords import UnfitPassword
from diptych.access.tokens import TokenRefused
from diptych.access.users import UserRefused
from diptych.config import BadSettings
from diptych.domain.actions import CannotAct
from diptych.domain.outcome import OrgError
from diptych.setup.state import SetupRefused
from diptych.store.backup import BackupRefused
from diptych.store.engines import StoreUnusable
from diptych.store.secrets import SecretUnreadable
from diptych.sync.ports import LeaseLost, StoreBusy


class Refused(Exception):
    """A command cannot do what was asked; the text is one line with the way out."""


def one_line(problem: BaseException) -> str | None:
    """What happened, why and what to do, for trouble that is not a defect of ours; None for a defect."""
    if isinstance(problem, LeaseLost):
        return "Another engine has taken over the sync of this database. Stop it, or let it do the work."
    if isinstance(problem, StoreBusy):
        return f"{_flat(problem)} Nothing was changed. Is another program writing for a long time, or the disk full?"
    if isinstance(
        problem,
        BadSettings
        | CannotAct
        | OrgError
        | SetupRefused
        | StoreUnusable
        | SecretUnreadable
        | Refused
        | UserRefused
        | UnfitPassword
        | TokenRefused
        | BackupRefused,
    ):
        return _flat(problem)
    if isinstance(problem, OSError):
        where = f"{problem.filename}: " if problem.filename else ""
        return f"{where}{problem.strerror or problem}"
    return None


def _flat(problem: BaseException) -> str:
    return " ".join(str(problem).split())
