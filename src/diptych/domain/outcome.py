"""How a remote call, or one record of it, can end; typed by what to do next, never a boolean."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ErrorClass(StrEnum):
    """What kind of trouble a Salesforce error is, for grouping and remedies (S-66)."""

    PERMISSION = "permission"
    VALIDATION = "validation_rule"
    REQUIRED = "required_field"
    DUPLICATE = "duplicate_rule"
    LOCK = "lock"
    LENGTH = "length"
    PICKLIST = "picklist"
    LIMIT = "limit"
    LOGIN = "login"
    AUTOMATION = "automation"
    GONE = "gone"
    SCHEMA = "schema"
    NETWORK = "network"
    OTHER = "other"


@dataclass(frozen=True)
class Problem:
    """What Salesforce (or the way to it) said, and what a person can do about it. `fields` are API names.

    `matches`: the records that a duplicate rule found (Salesforce ids)."""

    code: str
    message: str
    error_class: ErrorClass
    cause: str = ""
    remedy: str = ""
    fields: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """It happened."""

    sf_id: str


@dataclass(frozen=True)
class Refused:
    """It will not work as it is."""

    problem: Problem


@dataclass(frozen=True)
class Retryable:
    """It did not happen; the same again may work."""

    problem: Problem


@dataclass(frozen=True)
class Unknown:
    """It may have happened: only reading back can tell."""

    problem: Problem


@dataclass(frozen=True)
class Moved:
    """It did not happen: the record was saved by someone since we read it. Read it again and decide anew (R-7)."""

    problem: Problem


Outcome = Done | Refused | Retryable | Moved | Unknown


class OrgError(Exception):
    """A whole call to the org failed; the text is one line a person can act on."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(" ".join(part for part in (problem.message, problem.cause, problem.remedy) if part))
        self.problem = problem


class OrgRefused(OrgError):
    """The org refuses this call as it is (malformed, not permitted, gone)."""


class OrgUnavailable(OrgError):
    """The call did not happen, or was a read: try again later."""


class OrgOutcomeUnknown(OrgError):
    """A write whose answer never came: it may have happened."""


class LoginFailed(OrgError):
    """The org does not let the sync user in; nothing will work until the credentials are mended."""


class LimitExceeded(OrgUnavailable):
    """The org's API limit, or our share of it, is used up."""


class WrongOrg(OrgError):
    """The address answers, but as another org than the one this database is connected to (N-26)."""
