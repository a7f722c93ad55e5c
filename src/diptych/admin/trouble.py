"""What went wrong, as a page says it: what happened, why, and the way out. Expected errors only; others are defects."""

from __future__ import annotations

from dataclasses import dataclass

from diptych.admin.words import _
from diptych.domain.outcome import OrgError
from diptych.domain.proposal import MappingRefused
from diptych.setup.state import SetupRefused
from diptych.sync.ports import StoreBusy


@dataclass(frozen=True)
class Trouble:
    """One expected error. `code` is what Salesforce calls it."""

    message: str
    cause: str = ""
    remedy: str = ""
    code: str = ""


EXPECTED: tuple[type[Exception], ...] = (OrgError, SetupRefused, MappingRefused, StoreBusy)


def trouble_of(problem: Exception) -> Trouble:
    """The words for an expected error."""
    if isinstance(problem, OrgError):
        said = problem.problem
        return Trouble(said.message, said.cause, said.remedy, said.code)
    if isinstance(problem, SetupRefused):
        return Trouble(problem.reason, remedy=problem.remedy)
    if isinstance(problem, StoreBusy):
        return Trouble(
            _("The people database could not be written just now; nothing was changed."),
            str(problem),
            _(
                "Try again in a moment. If it stays so: is the disk full, or another program holding the database?"
            ),
        )
    return Trouble(str(problem))
