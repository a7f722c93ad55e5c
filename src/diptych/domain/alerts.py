"""Alerts: which states of the sync somebody is told about, when, and when it is over. Values in, decisions out.

A *rule* looks at the *facts* and makes *findings*, each about a *subject* (an object, a cause of errors). A finding that is
new raises an alert; as long as it is found it is the same alert; when it has not been found for a while the alert ends and a
recovery is told. Notices (a new picklist value) are findings that cannot end by themselves: they stay until acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is: nothing to do, look at it today, look at it now."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class Kind(StrEnum):
    """What a rule looks at."""

    LOGIN_FAILED = "login_failed"
    SYNC_STOPPED = "sync_stopped"
    PAUSED = "paused"
    MASS_DELETE = "mass_delete"
    ERRORS_NEW = "errors_new"
    ERRORS_MANY = "errors_many"
    BACKLOG_AGE = "backlog_age"
    API_SHARE = "api_share"
    FIELDS_HELD = "fields_held"
    SCHEMA = "schema"
    PICKLIST = "picklist"
    VERIFY = "verify"


NOTICES = frozenset({Kind.SCHEMA, Kind.PICKLIST})


@dataclass(frozen=True)
class Rule:
    """One rule as it is set. `threshold` in the unit of its kind (`UNITS`); 0 where the kind has none."""

    kind: Kind
    severity: Severity
    threshold: float = 0
    enabled: bool = True


UNITS: Mapping[Kind, str] = {
    Kind.SYNC_STOPPED: "minutes",
    Kind.PAUSED: "minutes",
    Kind.ERRORS_NEW: "records",
    Kind.ERRORS_MANY: "records",
    Kind.BACKLOG_AGE: "minutes",
    Kind.API_SHARE: "percent",
    Kind.VERIFY: "records",
}

DEFAULTS = (
    Rule(Kind.LOGIN_FAILED, Severity.CRITICAL),
    Rule(Kind.SYNC_STOPPED, Severity.CRITICAL, 30),
    Rule(Kind.PAUSED, Severity.WARNING, 24 * 60),
    Rule(Kind.MASS_DELETE, Severity.CRITICAL),
    Rule(Kind.ERRORS_NEW, Severity.WARNING, 1),
    Rule(Kind.ERRORS_MANY, Severity.CRITICAL, 100),
    Rule(Kind.BACKLOG_AGE, Severity.WARNING, 120),
    Rule(Kind.API_SHARE, Severity.WARNING, 80),
    Rule(Kind.FIELDS_HELD, Severity.WARNING),
    Rule(Kind.SCHEMA, Severity.INFO),
    Rule(Kind.PICKLIST, Severity.INFO),
    Rule(Kind.VERIFY, Severity.WARNING, 1),
)


# ---------------------------------------------------------------- facts


@dataclass(frozen=True)
class ErrorCause:
    """Open errors of one cause."""

    key: str
    about: str
    error_class: str
    count: int
    first_at: datetime
    said: str
    remedy: str = ""


@dataclass(frozen=True)
class Waiting:
    """Changes of one object that Salesforce does not have yet; `oldest_at`: when the oldest of them was made."""

    object_name: str
    count: int
    oldest_at: datetime | None


@dataclass(frozen=True)
class SchemaChange:
    """Something an administrator changed in the org's fields."""

    at: str
    object_name: str
    field: str
    change: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Verified:
    """The last whole comparison of an object. `differing` records were found, `repaired` of them brought up to date."""

    object_name: str
    differing: int
    repaired: int
    at: str


@dataclass(frozen=True)
class Facts:
    """The state of the sync at one moment. `trouble`: code and text with which the last run failed; `in_load`: the initial
    load is under way and alive; `api_used` of `api_limit`: our calls of 24 hours; `org_used` of `org_allowed`: everybody's."""

    now: datetime
    running: bool
    since: datetime | None = None
    paused_at: datetime | None = None
    last_success_at: datetime | None = None
    trouble_code: str = ""
    trouble_class: str = ""
    trouble: str = ""
    in_load: bool = False
    mass_deletes: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    causes: Sequence[ErrorCause] = ()
    waiting: Sequence[Waiting] = ()
    api_used: int = 0
    api_limit: int | None = None
    org_used: int | None = None
    org_allowed: int | None = None
    held: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    changes: Sequence[SchemaChange] = ()
    verified: Sequence[Verified] = ()


# ---------------------------------------------------------------- findings


@dataclass(frozen=True)
class Finding:
    """What a rule found. `link`: the page to look at."""

    kind: Kind
    subject: str
    severity: Severity
    title: str
    text: str
    remedy: str = ""
    link: str = "/"


def findings(facts: Facts, rules: Sequence[Rule]) -> list[Finding]:
    """What the enabled rules find, the worst first."""
    found = [one for rule in rules if rule.enabled for one in _LOOKS[rule.kind](facts, rule)]
    return sorted(found, key=lambda one: -one.severity.rank)


def _login(facts: Facts, rule: Rule) -> list[Finding]:
    if not facts.running or facts.trouble_class != "login":
        return []
    title = "Salesforce does not let the sync user in"
    remedy = "Mend the credentials or the user; the sync goes on where it was."
    return [Finding(rule.kind, "login", rule.severity, title, facts.trouble, remedy, "/setup/credentials")]


def _stopped(facts: Facts, rule: Rule) -> list[Finding]:
    since = facts.last_success_at or facts.since
    if not facts.running or since is None or facts.in_load:
        return []
    age = facts.now - since
    if age < timedelta(minutes=rule.threshold):
        return []
    title = f"No sync has succeeded for {in_words(age)}"
    why = facts.trouble or "No run has failed either: is the worker running?"
    return [Finding(rule.kind, "sync", rule.severity, title, why, "", "/salesforce")]


def _paused(facts: Facts, rule: Rule) -> list[Finding]:
    """A pause is easily forgotten (S-71)."""
    if facts.paused_at is None or facts.now - facts.paused_at < timedelta(minutes=rule.threshold):
        return []
    title = f"The sync has been paused for {in_words(facts.now - facts.paused_at)}"
    text = "Nothing flows in either direction; edits made meanwhile are kept and go out afterwards."
    return [
        Finding(
            rule.kind, "sync", rule.severity, title, text, "Resume it, if that was forgotten.", "/salesforce"
        )
    ]


def _mass_delete(facts: Facts, rule: Rule) -> list[Finding]:
    return [
        Finding(
            rule.kind,
            name,
            rule.severity,
            f"Many deletes of {name} are held",
            text,
            "Undelete them in Salesforce, or allow them once under Settings.",
            "/settings",
        )
        for name, text in facts.mass_deletes.items()
    ] + [
        Finding(
            rule.kind,
            f"{name}, not shown",
            rule.severity,
            f"Many records of {name} are not shown to the sync user any more",
            text,
            "Give the sync user its access back, or allow it once under Salesforce.",
            "/salesforce",
        )
        for name, text in facts.missing.items()
    ]


def _errors_new(facts: Facts, rule: Rule) -> list[Finding]:
    return [
        _of_cause(rule, cause, f"New error: {cause.about}, {_records(cause.count)}")
        for cause in facts.causes
        if cause.count >= rule.threshold
    ]


def _errors_many(facts: Facts, rule: Rule) -> list[Finding]:
    return [
        _of_cause(rule, cause, f"{_records(cause.count)} with one error: {cause.about}")
        for cause in facts.causes
        if cause.count >= rule.threshold
    ]


def _of_cause(rule: Rule, cause: ErrorCause, title: str) -> Finding:
    return Finding(
        rule.kind, cause.key, rule.severity, title, cause.said, cause.remedy, f"/errors/{cause.key}"
    )


def _backlog(facts: Facts, rule: Rule) -> list[Finding]:
    found = []
    for one in facts.waiting:
        age = facts.now - one.oldest_at if one.oldest_at else timedelta()
        if facts.running and one.count and age >= timedelta(minutes=rule.threshold):
            title = f"Changes of {one.object_name} have waited {in_words(age)}"
            text = f"{_records(one.count)} wait to be sent to Salesforce."
            found.append(Finding(rule.kind, one.object_name, rule.severity, title, text, "", "/throughput"))
    return found


def _api(facts: Facts, rule: Rule) -> list[Finding]:
    found = []
    for subject, used, allowed, whose in (
        ("share", facts.api_used, facts.api_limit, "the API calls that the sync may use"),
        ("org", facts.org_used or 0, facts.org_allowed, "the org's API calls, by all its users together"),
    ):
        if allowed and used >= allowed * rule.threshold / 100:
            title = f"{used / allowed:.0%} of {whose} are used"
            text = f"{used:,} of {allowed:,} in 24 hours. Bulk loads stop first, reading changes last."
            remedy = "It goes on by itself as calls become free; DIPTYCH_API_SHARE sets the share."
            found.append(Finding(rule.kind, subject, rule.severity, title, text, remedy, "/throughput"))
    return found


def _held(facts: Facts, rule: Rule) -> list[Finding]:
    return [
        Finding(
            rule.kind,
            name,
            rule.severity,
            f"{len(why)} field{'s' if len(why) != 1 else ''} of {name} cannot be synced now",
            "; ".join(why.values()),
            "Give the fields back, accept them as they are now, or deselect them: diptych schema.",
            "/salesforce",
        )
        for name, why in facts.held.items()
        if why
    ]


def _schema(facts: Facts, rule: Rule) -> list[Finding]:
    return _notices(
        facts, rule, lambda change: change != "picklist", "Fields of {} were changed in Salesforce"
    )


def _picklist(facts: Facts, rule: Rule) -> list[Finding]:
    return _notices(
        facts, rule, lambda change: change == "picklist", "Picklists of {} were changed in Salesforce"
    )


def _notices(facts: Facts, rule: Rule, wanted: Callable[[str], bool], title: str) -> list[Finding]:
    """One finding for all that one look at an object showed."""
    looks: dict[tuple[str, str], list[SchemaChange]] = {}
    for change in facts.changes:
        if wanted(change.change):
            looks.setdefault((change.object_name, change.at), []).append(change)
    found = []
    for (name, at), changes in looks.items():
        text = "; ".join(change.text for change in changes)
        remedies = "; ".join(dict.fromkeys(change.remedy for change in changes if change.remedy))
        remedy = remedies[:1].upper() + remedies[1:]
        found.append(
            Finding(rule.kind, f"{name} {at}", rule.severity, title.format(name), text, remedy, "/mapping")
        )
    return found


def _verify(facts: Facts, rule: Rule) -> list[Finding]:
    found = []
    for one in facts.verified:
        if one.differing < max(rule.threshold, 1):
            continue
        title = f"{_records(one.differing)} of {one.object_name} differed from Salesforce"
        text = f"The comparison of {one.at} found them; {one.repaired:,} of them were brought up to date."
        remedy = "" if one.repaired >= one.differing else "Take Salesforce's values: diptych verify --repair."
        found.append(Finding(rule.kind, one.object_name, rule.severity, title, text, remedy, "/salesforce"))
    return found


_LOOKS: Mapping[Kind, Callable[[Facts, Rule], list[Finding]]] = {
    Kind.LOGIN_FAILED: _login,
    Kind.SYNC_STOPPED: _stopped,
    Kind.PAUSED: _paused,
    Kind.MASS_DELETE: _mass_delete,
    Kind.ERRORS_NEW: _errors_new,
    Kind.ERRORS_MANY: _errors_many,
    Kind.BACKLOG_AGE: _backlog,
    Kind.API_SHARE: _api,
    Kind.FIELDS_HELD: _held,
    Kind.SCHEMA: _schema,
    Kind.PICKLIST: _picklist,
    Kind.VERIFY: _verify,
}


# ---------------------------------------------------------------- what becomes of alerts


@dataclass(frozen=True)
class Alert:
    """An alert as it is kept. `state`: firing or ended; `told_at`: when somebody was told of it last."""

    id: int
    kind: Kind
    subject: str
    severity: Severity
    title: str
    text: str
    remedy: str
    link: str
    state: str
    first_at: datetime
    last_at: datetime
    told_at: datetime | None = None
    acked_at: datetime | None = None
    acked_by: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Decision:
    """What to do about the alerts now. `worse`: alerts whose severity has risen; `again`: those to be told once more, because
    nobody has acknowledged them."""

    raised: tuple[Finding, ...] = ()
    kept: tuple[tuple[Alert, Finding], ...] = ()
    worse: tuple[tuple[Alert, Finding], ...] = ()
    again: tuple[Alert, ...] = ()
    ended: tuple[Alert, ...] = ()


@dataclass(frozen=True)
class Patience:
    """`settle`: how long a finding must be gone before its alert ends; `repeat`: after how long an alert that nobody has
    acknowledged is told again (None: never)."""

    settle: timedelta = timedelta(minutes=2)
    repeat: timedelta | None = timedelta(hours=24)


def decide(
    found: Sequence[Finding],
    firing: Sequence[Alert],
    known: Collection[tuple[Kind, str]],
    now: datetime,
    patience: Patience | None = None,
) -> Decision:
    """What becomes of the alerts. `known`: notices that were raised before, ended or not: they come once."""
    patience = patience or Patience()
    by_subject = {(one.kind, one.subject): one for one in firing}
    current = {(one.kind, one.subject): one for one in found}
    raised, kept, worse, again, ended = [], [], [], [], []
    for key, finding in current.items():
        alert = by_subject.get(key)
        if alert is None:
            if key not in known:
                raised.append(finding)
        elif finding.severity.rank > alert.severity.rank:
            worse.append((alert, finding))
        else:
            kept.append((alert, finding))
            if _to_repeat(alert, now, patience):
                again.append(alert)
    for key, alert in by_subject.items():
        gone = key not in current and alert.kind not in NOTICES and now - alert.last_at >= patience.settle
        if gone or (alert.kind in NOTICES and alert.acked_at is not None):
            ended.append(alert)
    return Decision(tuple(raised), tuple(kept), tuple(worse), tuple(again), tuple(ended))


def _to_repeat(alert: Alert, now: datetime, patience: Patience) -> bool:
    return (
        patience.repeat is not None
        and alert.kind not in NOTICES
        and alert.acked_at is None
        and alert.severity is not Severity.INFO
        and alert.told_at is not None
        and now - alert.told_at >= patience.repeat
    )


def reaches(severity: Severity, least: Severity) -> bool:
    """Whether a channel that takes `least` and worse is told of it."""
    return severity.rank >= least.rank


def next_try(attempts: int, now: datetime) -> datetime:
    """When a message that could not be delivered so many times is tried again: half a minute, doubling, up to an hour."""
    return now + min(timedelta(seconds=30) * 2 ** min(max(attempts - 1, 0), 10), timedelta(hours=1))


GIVE_UP_AFTER = timedelta(hours=24)
"""A message that could not be delivered for so long is given up, and shown as such."""


def _records(n: int) -> str:
    return f"{n:,} record{'s' if n != 1 else ''}"


def in_words(age: timedelta) -> str:
    """About how long: '45 minutes', '3 hours', '2 days'."""
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minute{'s' if minutes != 1 else ''}"
    if minutes < 48 * 60:
        return f"{minutes // 60} hours"
    return f"{minutes // 1440} days"
