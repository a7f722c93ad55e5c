"""People who are not to come back, in the table `suppression`: `sync.action_log.Suppressions`.

An entry a record, and one for the address (object `person`, a hash in place of the address). Whatever record of such a person
is met again gets a detached pair: the state in which it is known and never comes back.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from diptych.domain.mapping import ObjectMapping
from diptych.domain.pair import Observation, PairState
from diptych.domain.suppression import PERSON, SuppressedFor, Suppression, address_hash
from diptych.domain.values import Value, to_text
from diptych.store.catalogue import Catalogue, part_table, quote
from diptych.store.chunks import chunks
from diptych.store.engines import is_postgres
from diptych.store.sync_state import read_setting, save_setting
from diptych.store.system_tables import (
    action,
    base,
    change_log,
    conflict,
    creation,
    dead_letter,
    pair,
    person_join,
    person_redirect,
    sent,
    suppression,
)

SALT = "suppression.salt"


class SqlSuppressions:
    """Of one transaction; `now` stamps new entries."""

    def __init__(self, connection: Connection, now: Callable[[], datetime]) -> None:
        self._connection, self._now = connection, now

    def add(
        self, person_id: int, records: Sequence[tuple[str, str]], address: Value, reason: SuppressedFor
    ) -> int:
        rows: list[tuple[str, str, str | None]] = [(name, sf_id, None) for name, sf_id in records]
        hashed = address_hash(self._salt(make=True), address)
        if hashed is not None:
            rows.append((PERSON, str(person_id), hashed))
        elif not rows:
            rows.append((PERSON, str(person_id), None))
        added = 0
        for name, sf_id, digest in rows:
            c = suppression.c
            there = sa.select(c.id).where(c.object_name == name, c.sf_id == sf_id)
            if self._connection.execute(there).first() is None:
                self._insert(name, sf_id, digest, person_id, reason)
                added += 1
        return added

    def _insert(
        self, name: str, sf_id: str, digest: str | None, former_id: int, reason: SuppressedFor
    ) -> None:
        self._connection.execute(
            suppression.insert().values(
                object_name=name,
                sf_id=sf_id,
                address_hash=digest,
                former_id=former_id,
                reason=reason.value,
                at=self._now(),
            )
        )

    def listed(self, limit: int) -> list[Suppression]:
        wanted = sa.select(suppression).order_by(suppression.c.id.desc()).limit(limit)
        return [_entry(row) for row in self._connection.execute(wanted)]

    def blocked(self, addresses: Collection[str]) -> frozenset[str]:
        return frozenset(self.owners(addresses))

    def owners(self, addresses: Collection[str]) -> dict[str, int]:
        """The former ids of suppressed people with one of these addresses, by address."""
        salt = self._salt()
        if not salt or not addresses:
            return {}
        hashed = {address_hash(salt, one): one for one in addresses}
        found: dict[str, int] = {}
        c = suppression.c
        for some in chunks([h for h in hashed if h is not None]):
            wanted = sa.select(c.address_hash, c.former_id).where(c.address_hash.in_(some)).order_by(c.id)
            known = {row.address_hash: row.former_id for row in self._connection.execute(wanted)}
            found |= {
                one: known[digest]
                for one in addresses
                if (digest := address_hash(salt, one)) is not None and digest in known
            }
        return found

    def lists_addresses(self) -> bool:
        """Whether any address is on the list."""
        some = sa.select(suppression.c.id).where(suppression.c.address_hash.is_not(None)).limit(1)
        return self._connection.execute(some).first() is not None

    def note_record(self, name: str, sf_id: str, former_id: int) -> None:
        """A further record of somebody suppressed."""
        self._insert(name, sf_id, None, former_id, SuppressedFor.DELETED)

    def _salt(self, make: bool = False) -> str:
        salt = read_setting(self._connection, SALT)
        if salt is None and make:
            salt = secrets.token_hex(16)
            save_setting(self._connection, SALT, salt)
        return salt or ""

    def withhold(
        self, object_mapping: ObjectMapping, seen: Sequence[Observation], run_id: int | None
    ) -> list[str]:
        if not seen or not self._salt():
            return []
        name = object_mapping.object_name
        owners: dict[str, int] = {}
        c = suppression.c
        for some in chunks([o.record.sf_id for o in seen]):
            wanted = sa.select(c.sf_id, c.former_id).where(c.object_name == name, c.sf_id.in_(some))
            owners |= {row.sf_id: row.former_id for row in self._connection.execute(wanted)}
        addresses = {o.record.sf_id: to_text(o.values.get("email")) for o in seen}
        same = self.owners({a for a in addresses.values() if a})
        for sf_id, address in addresses.items():
            if address in same and sf_id not in owners:
                owners[sf_id] = same[address]
                self.note_record(name, sf_id, same[address])
        held = [o for o in seen if o.record.sf_id in owners]
        if held:
            self._connection.execute(
                pair.insert(),
                [
                    {
                        "person_id": owners[o.record.sf_id],
                        "object_name": name,
                        "sf_id": o.record.sf_id,
                        "state": PairState.DETACHED.value,
                        "seen_modstamp": o.record.modstamp,
                        "seen_at": o.record.read_at,
                        "mapping_version": object_mapping.version,
                        "attempts": 0,
                    }
                    for o in held
                ],
            )
        return [o.record.sf_id for o in held]

    def release(self, former_id: int) -> list[Suppression]:
        c = suppression.c
        wanted = sa.select(suppression).where(c.former_id == former_id).order_by(c.id)
        found = [_entry(row) for row in self._connection.execute(wanted)]
        self._connection.execute(suppression.delete().where(c.former_id == former_id))
        here = sa.text("SELECT 1 FROM person WHERE id = :number")
        if found and self._connection.execute(here, {"number": former_id}).first() is None:
            self._connection.execute(
                pair.delete().where(pair.c.person_id == former_id, pair.c.state == PairState.DETACHED.value)
            )
        return found

    def erase(self, person_id: int) -> int:
        connection, erased = self._connection, 0
        if not is_postgres(connection):
            connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what goes is overwritten in the file
        numbers = list(
            connection.execute(sa.select(pair.c.id).where(pair.c.person_id == person_id)).scalars()
        )
        for some in chunks(numbers):
            erased += connection.execute(base.delete().where(base.c.pair_id.in_(some))).rowcount
            gone = {"inflight": None, "attempt_id": None, "ext_key": None}
            connection.execute(
                pair.update().where(pair.c.id.in_(some), pair.c.sf_id.is_not(None)).values(**gone)
            )
        for table in (change_log, conflict, dead_letter, sent, creation):
            erased += connection.execute(table.delete().where(table.c.person_id == person_id)).rowcount
        former = list(
            connection.execute(
                sa.select(person_redirect.c.former_id).where(person_redirect.c.now_id == person_id)
            ).scalars()
        )
        everyone = [person_id, *former]
        c = person_join.c
        erased += connection.execute(
            person_join.delete().where(sa.or_(c.winner_id.in_(everyone), c.loser_id.in_(everyone)))
        ).rowcount
        connection.execute(person_redirect.delete().where(person_redirect.c.now_id == person_id))
        for row in connection.execute(sa.select(action.c.id, action.c.detail)).all():
            erased += self._erase_picks(row.id, row.detail, set(everyone))
        return erased

    def _erase_picks(self, number: int, detail: str, people: set[int]) -> int:
        """Values that were picked by hand in a merge of this person."""
        kept = json.loads(detail)
        if not kept["picks"] or not people & {kept["person"], *kept["others"]}:
            return 0
        text = json.dumps({**kept, "picks": {}}, ensure_ascii=False)
        self._connection.execute(action.update().where(action.c.id == number).values(detail=text))
        return 1


def withdraw(
    connection: Connection,
    catalogue: Catalogue,
    object_mapping: ObjectMapping,
    after_person: int,
    now: Callable[[], datetime],
) -> int:
    """Take back the people just loaded in bulk whose address is that of somebody suppressed; how many. Their records keep
    detached pairs, as those that `withhold` makes."""
    held = SqlSuppressions(connection, now)
    if "email" not in catalogue.columns("person") or not held.lists_addresses():
        return 0
    source, email = catalogue.source("person", ["email"]), catalogue.expression("person", "email")
    rows = connection.execute(
        sa.text(f"SELECT t1.id, {email} FROM {source} WHERE t1.id > :after AND {email} IS NOT NULL"),
        {"after": after_person},
    ).all()
    owners = held.owners({str(address) for _, address in rows})
    going = {int(number): owners[str(address)] for number, address in rows if str(address) in owners}
    for number, former in going.items():
        newest = connection.execute(sa.select(sa.func.max(change_log.c.id))).scalar() or 0
        for part in sorted(catalogue.parts("person")):
            connection.execute(
                sa.text(f"DELETE FROM {quote(part_table('person', part))} WHERE id = :number"),
                {"number": number},
            )
        # SQLite's trigger tells of every row that goes; this one never was here
        c = change_log.c
        connection.execute(change_log.delete().where(c.id > newest, c.person_id == number))
        detached = {"state": PairState.DETACHED.value, "former_state": None, "person_id": former}
        for row in connection.execute(sa.select(pair.c.sf_id).where(pair.c.person_id == number)).all():
            held.note_record(object_mapping.object_name, str(row.sf_id), former)
        connection.execute(pair.update().where(pair.c.person_id == number).values(**detached))
    return len(going)


def _entry(row: Row[Any]) -> Suppression:
    return Suppression(
        row.id,
        row.object_name,
        row.sf_id,
        row.former_id,
        SuppressedFor(row.reason),
        row.at,
        row.address_hash is not None,
    )
