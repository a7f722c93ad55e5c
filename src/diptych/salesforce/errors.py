"""Salesforce's error codes: what each means for us and what a person can do. The only module that reads them.

A code decides, never the HTTP status: a row lock comes as 400 or as 500, and 403 is a missing permission or a used-up
limit (salesforce-api.md, lessons). A code that is not listed here is refused when the org understood the call (4xx), and
of unknown outcome when it broke down (5xx).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from diptych.domain.outcome import (
    Done,
    ErrorClass,
    LimitExceeded,
    LoginFailed,
    Moved,
    OrgError,
    OrgOutcomeUnknown,
    OrgRefused,
    OrgUnavailable,
    Outcome,
    Problem,
    Refused,
    Retryable,
    Unknown,
)
from diptych.salesforce.error_table import BROKEN_DOWN, CODES, OAUTH, UNLISTED, Meaning, Next

_NO_COLUMN = re.compile(r"No such column '([\w.]+)'")
_MISSING = re.compile(r"Required fields are missing: \[([^\]]*)\]")
_NOT_WRITEABLE = re.compile(r"Unable to create/update fields: ([\w, .]+?)\. ")


class Effect(StrEnum):
    """What a request does to the org, and so what a lost answer means."""

    READ = "read"  # may be repeated
    HARMLESS = (
        "harmless"  # may leave something behind that nobody sees (a query job); not repeated by the client
    )
    WRITE = "write"  # a lost answer leaves the outcome unknown


@dataclass(frozen=True)
class ApiFault:
    """One error as the org gave it, whatever the format it came in."""

    code: str
    message: str
    fields: tuple[str, ...] = ()

    @property
    def meaning(self) -> Meaning:
        return _meaning(self)

    @property
    def session_expired(self) -> bool:
        return self.meaning.next is Next.SESSION

    @property
    def too_long(self) -> bool:
        """The query has to be split: too long, too complicated or too large an answer."""
        return self.meaning.next is Next.SPLIT

    @property
    def concurrency(self) -> bool:
        """A limit that passes by itself within seconds, unlike the daily one."""
        return self.meaning.next is Next.LIMIT and "concurrent" in self.message.lower()


def read_faults(document: object) -> list[ApiFault]:
    """The errors in a JSON body: a list of errors, one error, a Bulk 1 exception, or an OAuth answer; [] if it is none."""
    if isinstance(document, list):
        return [fault for item in document for fault in read_faults(item)]
    if not isinstance(document, Mapping):
        return []
    code = document.get("errorCode") or document.get("statusCode") or document.get("exceptionCode")
    if isinstance(code, str):
        text = str(document.get("message") or document.get("exceptionMessage") or "")
        return [ApiFault(code, text, _fields(document, text))]
    if isinstance(document.get("error"), str):
        return [ApiFault(str(document["error"]), str(document.get("error_description") or ""))]
    return []


def _fields(document: Mapping[str, Any], text: str) -> tuple[str, ...]:
    named = tuple(str(name) for name in document.get("fields") or ())
    if named:
        return named
    for pattern in (_NO_COLUMN, _MISSING, _NOT_WRITEABLE):
        found = pattern.search(text)
        if found:
            return tuple(part.strip() for part in found.group(1).split(",") if part.strip())
    return ()


def _meaning(fault: ApiFault, status: int = 400) -> Meaning:
    meaning = CODES.get(fault.code.upper())
    if meaning is None:
        return UNLISTED if status < 500 else BROKEN_DOWN
    if isinstance(meaning, Meaning):
        return meaning
    return next(m for pattern, m in meaning if re.search(pattern, _subject(fault), re.IGNORECASE))


def _subject(fault: ApiFault) -> str:
    """What the patterns of a code with several meanings look at: the text, then the fields after a bar."""
    return f"{' '.join(fault.message.split())}|{','.join(fault.fields)}"


def problem_of(fault: ApiFault, status: int = 400) -> Problem:
    """The fault in words for a person."""
    meaning = _meaning(fault, status)
    said = " ".join(fault.message.split()) or fault.code
    text = said if fault.code.upper() in said.upper() else f"{fault.code}: {said}"
    return Problem(fault.code, text, meaning.error_class, meaning.cause, meaning.remedy, fault.fields)


def row_outcome(sf_id: str, answer: Mapping[str, Any]) -> Outcome:
    """How one row of a collection or bulk write ended. The worst of its errors decides."""
    if answer.get("success") is True:
        return Done(str(answer.get("id") or sf_id))
    return _failed_row(read_faults(list(answer.get("errors") or ())))


def part_outcome(sf_id: str, answer: Mapping[str, Any]) -> Outcome:
    """How one PATCH inside a composite call ended. 412 is told by its status: what its body looks like is not recorded."""
    status = answer.get("httpStatusCode")
    if not isinstance(status, int):
        return _failed_row([])
    if 200 <= status < 300:
        return Done(sf_id)
    faults = read_faults(answer.get("body"))
    if status == 412:
        said = faults[0].message if faults else "The record is not as it was."
        return Moved(problem_of(ApiFault("PRECONDITION_FAILED", said)))
    if status >= 500 and not any(fault.code.upper() in CODES for fault in faults):
        return Unknown(problem_of(faults[0], status) if faults else _NO_ERROR)
    return _failed_row(faults)


_NO_ERROR = Problem(
    "NO_ERROR_GIVEN",
    "Salesforce answered neither success nor an error for this record.",
    ErrorClass.OTHER,
    remedy="Diptych reads the record back to find out.",
)


def _failed_row(faults: Sequence[ApiFault]) -> Outcome:
    """The worst of a record's errors decides."""
    if not faults:
        return Unknown(_NO_ERROR)
    ranks = {Next.UNKNOWN: 0, Next.RETRY: 2, Next.LIMIT: 2, Next.SESSION: 2}
    worst = min(faults, key=lambda fault: ranks.get(fault.meaning.next, 1))
    problem = problem_of(worst)
    match ranks.get(worst.meaning.next, 1):
        case 0:
            return Unknown(problem)
        case 1:
            return Refused(problem)
        case _:
            return Retryable(problem)


def call_failed(faults: Iterable[ApiFault], status: int, effect: Effect) -> OrgError:
    """The exception for a whole call that the org answered with these errors (at least one)."""
    fault = next(iter(faults))
    problem = problem_of(fault, status)
    match _meaning(fault, status).next:
        case Next.LOGIN | Next.SESSION:
            return LoginFailed(problem)
        case Next.LIMIT:
            return LimitExceeded(problem)
        case Next.RETRY:
            return OrgUnavailable(problem)
        case Next.UNKNOWN:
            return OrgOutcomeUnknown(problem) if effect is Effect.WRITE else OrgUnavailable(problem)
        case _:
            return OrgRefused(problem)


def passes_by_itself(fault: ApiFault, status: int) -> bool:
    """Whether a read that failed so is worth repeating at once, with back-off."""
    return _meaning(fault, status).next in (Next.RETRY, Next.UNKNOWN) or fault.concurrency


def oauth_failed(fault: ApiFault, login_url: str) -> OrgError:
    """The exception for a refused token request: LoginFailed, or OrgUnavailable when it may work later."""
    for code, pattern, meaning in OAUTH:
        if code in (fault.code, "*") and re.search(pattern, fault.message, re.IGNORECASE):
            said = fault.message.strip() or "no description"
            problem = Problem(
                fault.code,
                f"{login_url} refused the login: {fault.code} ({said}).",
                meaning.error_class,
                meaning.cause,
                meaning.remedy,
            )
            return OrgUnavailable(problem) if meaning.next is Next.RETRY else LoginFailed(problem)
    raise AssertionError("the last entry of the table matches everything")


def soap_failed(code: str, message: str, login_url: str) -> OrgError:
    """The exception for a SOAP fault of login(); `code` with or without its namespace prefix."""
    fault = ApiFault(code.rpartition(":")[2], message.strip())
    meaning = _meaning(fault) if fault.code.upper() in CODES else OAUTH[-1][2]
    said = problem_of(fault).message
    problem = Problem(
        fault.code,
        f"{login_url} refused the login: {said}",
        ErrorClass.LIMIT if meaning.next is Next.LIMIT else ErrorClass.LOGIN,
        meaning.cause,
        meaning.remedy,
    )
    if meaning.next in (Next.RETRY, Next.UNKNOWN):
        return OrgUnavailable(problem)
    return LimitExceeded(problem) if meaning.next is Next.LIMIT else LoginFailed(problem)
