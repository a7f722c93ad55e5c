"""Creating, changing and deleting components one by one: each with an outcome of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from practice_org.errors import ApiError
from practice_org.metadata import all_kinds, registry
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import Kind, Work, no_such

if TYPE_CHECKING:
    from practice_org.org import Org

MOST = 10
"""Components of one synchronous call."""
KINDS = all_kinds.KINDS


@dataclass(frozen=True)
class Result:
    """What became of one component."""

    full_name: str
    error: ApiError | None = None
    created: bool = False

    @property
    def success(self) -> bool:
        return self.error is None


@contextmanager
def whole(org: Org) -> Iterator[None]:
    """All of what is inside, or nothing of it: also schema and settings, which are held in memory."""
    try:
        with org.transaction():
            yield
    except BaseException:
        org.reload()
        raise


def create(work: Work, items: Sequence[tuple[str, Value]], *, all_or_none: bool = False) -> list[Result]:
    """createMetadata: (type, value) each."""

    def one(kind: Kind, name: str, value: Value) -> bool:
        _not_standard(kind, work.org, name)
        kind.create(work, name, value)
        return True

    return _each(work, items, one, all_or_none)


def update(work: Work, items: Sequence[tuple[str, Value]], *, all_or_none: bool = False) -> list[Result]:
    """updateMetadata."""

    def one(kind: Kind, name: str, value: Value) -> bool:
        if kind.exact_name(work.org, name) is None and kind.read(work.org, name) is None:
            raise no_such(kind.name, name)
        kind.update(work, name, value)
        return False

    return _each(work, items, one, all_or_none)


def upsert(work: Work, items: Sequence[tuple[str, Value]], *, all_or_none: bool = False) -> list[Result]:
    """upsertMetadata."""
    return _each(work, items, lambda kind, name, value: registry.upsert(kind, work, name, value), all_or_none)


def delete(work: Work, type_name: str, names: Sequence[str], *, all_or_none: bool = False) -> list[Result]:
    """deleteMetadata."""

    def one(kind: Kind, name: str, value: Value) -> bool:
        kind.delete(work, name)
        return False

    return _each(work, [(type_name, {"fullName": name}) for name in names], one, all_or_none)


def rename(work: Work, type_name: str, old: str, new: str) -> Result:
    """renameMetadata; the result bears the old name, as a client's own tests of the real service have it."""
    kind = registry.kind_named(type_name)
    try:
        with whole(work.org):
            kind.rename(work, old, new)
    except ApiError as error:
        return Result(old, error)
    return Result(old)


def read(org: Org, type_name: str, names: Sequence[str]) -> list[Value | None]:
    """readMetadata: None for what is not there."""
    kind = registry.kind_named(type_name)
    return [kind.read(org, name) for name in names]


def _not_standard(kind: Kind, org: Org, name: str) -> None:
    """What the org was born with cannot be created once more."""
    if kind.name in ("CustomField", "CustomObject") and not name.endswith("__c") and kind.read(org, name):
        raise ApiError(
            400,
            "DUPLICATE_DEVELOPER_NAME",
            f"{name} is a standard {kind.name}: use updateMetadata",
            ("fullName",),
        )


def _each(
    work: Work,
    items: Sequence[tuple[str, Value]],
    act: Callable[[Kind, str, Value], bool],
    all_or_none: bool,
) -> list[Result]:
    results = []
    try:
        with whole(work.org) if all_or_none else _apart():
            for type_name, value in items:
                results.append(_one(work, type_name, value, act))
            if all_or_none and not all(result.success for result in results):
                raise _RolledBack
    except _RolledBack:
        undone = ApiError(
            400,
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
            (),
        )
        results = [r if r.error else Result(r.full_name, undone) for r in results]
    return results


class _RolledBack(Exception):
    pass


@contextmanager
def _apart() -> Iterator[None]:
    yield


def _one(work: Work, type_name: str, value: Value, act: Callable[[Kind, str, Value], bool]) -> Result:
    name = str(value.get("fullName") or "")
    kind = registry.kind_named(type_name)
    if not name:
        return Result(
            "", ApiError(400, "REQUIRED_FIELD_MISSING", "Required field is missing: fullName", ("fullName",))
        )
    try:
        with point(work.org):
            created = act(kind, name, value)
    except ApiError as error:
        return Result(name, error)
    return Result(kind.exact_name(work.org, name) or name, created=created)


@contextmanager
def point(org: Org) -> Iterator[None]:
    """Like `whole`, also inside another transaction: only what is inside is undone."""
    with org.transaction() as tx:
        tx.connection.execute("SAVEPOINT component")
        try:
            yield
        except BaseException:
            try:
                tx.connection.execute("ROLLBACK TO component")
                tx.connection.execute("RELEASE component")
            except sqlite3.OperationalError:
                pass  # the whole transaction is gone already
            org.reload()
            raise
        tx.connection.execute("RELEASE component")
