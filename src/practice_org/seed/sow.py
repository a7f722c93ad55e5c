"""Putting made-up people into an org: straight into the tables, chunk by chunk, memory flat.

About three in ten people are contacts, the others leads; one company comes with eight people; what they take
part in is in `engagement`. Each chunk holds its own companies, so that what refers to each other is made
together. Deterministic in the seed and the org's present.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from practice_org import ids
from practice_org.data import tables
from practice_org.org import Org, Transaction
from practice_org.schema import birth
from practice_org.schema.access import SETUP_OBJECTS
from practice_org.seed.engagement import Engagement, campaigns_for
from practice_org.seed.fields import prepare_fields
from practice_org.seed.people import Generator, Owners, Row

CHUNK = 4000
LARGE = 20_000
CONTACT_SHARE = 0.3
PEOPLE_PER_ACCOUNT = 8
CONVERTED_SHARE = 0.05
SOWN = (
    "Account",
    "Contact",
    "Lead",
    "Campaign",
    "CampaignMemberStatus",
    "CampaignMember",
    "Opportunity",
    "OpportunityContactRole",
    "OpportunityHistory",
    "Task",
    "Event",
)

__all__ = ["Sown", "clear", "prepare_fields", "sow"]


@dataclass(frozen=True)
class Sown:
    """How many rows came in; deleted ones and converted leads are counted among them."""

    accounts: int
    contacts: int
    leads: int
    campaigns: int = 0
    members: int = 0
    opportunities: int = 0
    activities: int = 0


def sow(org: Org, *, people: int, seed: int = 1, progress: Callable[[int, int], None] | None = None) -> Sown:
    """Add so many people. Needs the custom fields (`prepare_fields`). A chunk is one transaction."""
    owners = _owners(org)
    generator = Generator(seed, org.clock.now(), owners)
    engagement = Engagement(seed, org.clock.now(), owners)
    accounts = contacts = leads = 0
    counts: Counter[str] = Counter()
    with _without_indexes(org, people >= LARGE):
        with org.transaction() as tx:
            _campaigns(tx.connection, org, engagement, campaigns_for(people))
        for start in range(0, people, CHUNK):
            size = min(CHUNK, people - start)
            contact_count = round((start + size) * CONTACT_SHARE) - round(start * CONTACT_SHARE)
            account_count = max(1, size // PEOPLE_PER_ACCOUNT)
            with org.transaction() as tx:
                made = _chunk(
                    tx.connection, org, generator, account_count, contact_count, size - contact_count
                )
                counts.update(_engage(tx.connection, org, engagement, *made))
                _tell(org, tx)
            accounts += account_count
            contacts += contact_count
            leads += size - contact_count
            if progress is not None:
                progress(start + size, people)
    return Sown(
        accounts,
        contacts,
        leads,
        len(engagement.campaigns),
        counts["CampaignMember"],
        counts["Opportunity"],
        counts["Task"] + counts["Event"],
    )


def _campaigns(connection: sqlite3.Connection, org: Org, engagement: Engagement, count: int) -> None:
    made = [{"Id": one, **engagement.campaign()} for one in _mint(connection, org, "Campaign", count)]
    engagement.campaigns = [str(row["Id"]) for row in made]
    _insert(connection, org, "Campaign", made)
    statuses = [status for row in made for status in engagement.statuses(str(row["Id"]), row)]
    _insert(
        connection,
        org,
        "CampaignMemberStatus",
        _identified(connection, org, "CampaignMemberStatus", statuses),
    )


def _engage(
    connection: sqlite3.Connection, org: Org, engagement: Engagement, contacts: list[Row], leads: list[Row]
) -> dict[str, int]:
    """Store what the people of a chunk take part in; how many rows of each object."""
    rows: dict[str, list[Row]] = {name: [] for name in ("CampaignMember", "Task", "Event")}
    deals: list[tuple[Row, Row, Row]] = []
    for person in contacts:
        if not person["IsDeleted"]:
            account = person["AccountId"]
            _add(rows["CampaignMember"], engagement.member(person, contact_id=person["Id"], lead_id=None))
            _add(rows["Task"], engagement.task(person, account))
            _add(rows["Event"], engagement.event(person, account))
            deal = engagement.deal(person)
            if deal is not None:
                deals.append(deal)
    for person in leads:
        if not person["IsDeleted"] and not person["IsConverted"]:
            _add(rows["CampaignMember"], engagement.member(person, contact_id=None, lead_id=person["Id"]))
            _add(rows["Task"], engagement.task(person, None))
            _add(rows["Event"], engagement.event(person, None))
    for deal_id, deal in zip(_mint(connection, org, "Opportunity", len(deals)), deals, strict=True):
        opportunity, role, history = deal
        opportunity["Id"] = role["OpportunityId"] = history["OpportunityId"] = deal_id
    rows["Opportunity"] = [deal[0] for deal in deals]
    rows["OpportunityContactRole"] = [deal[1] for deal in deals]
    rows["OpportunityHistory"] = [deal[2] for deal in deals]
    for name, made in rows.items():
        _insert(connection, org, name, _identified(connection, org, name, made))
    return {name: len(made) for name, made in rows.items()}


def _add(rows: list[Row], row: Row | None) -> None:
    if row is not None:
        rows.append(row)


def _mint(connection: sqlite3.Connection, org: Org, object_name: str, count: int) -> list[str]:
    return ids.mint(connection, org.schema[object_name].prefix, count) if count else []


def _identified(connection: sqlite3.Connection, org: Org, object_name: str, rows: list[Row]) -> list[Row]:
    """The rows with ids, those that have none getting fresh ones."""
    bare = [row for row in rows if "Id" not in row]
    for row, fresh in zip(bare, _mint(connection, org, object_name, len(bare)), strict=True):
        row["Id"] = fresh
    return rows


def _chunk(
    connection: sqlite3.Connection, org: Org, generator: Generator, accounts: int, contacts: int, leads: int
) -> tuple[list[Row], list[Row]]:
    """Store companies and people; returns contacts and leads."""
    account_ids = ids.mint(connection, org.schema["Account"].prefix, accounts)
    contact_ids = ids.mint(connection, org.schema["Contact"].prefix, contacts) if contacts else []
    lead_ids = ids.mint(connection, org.schema["Lead"].prefix, leads) if leads else []
    _insert(connection, org, "Account", [{"Id": one, **generator.account()} for one in account_ids])
    pick = generator._rng.random
    people: list[Row] = []
    for one in contact_ids:
        # Squared: a few companies have many contacts, most have one or none.
        account = None if pick() < 0.08 else account_ids[int(pick() ** 2 * accounts)]
        people.append({"Id": one, **generator.contact(account)})
    _insert(connection, org, "Contact", people)
    alive = [(str(row["Id"]), row["AccountId"]) for row in people if not row["IsDeleted"]]
    rows: list[Row] = []
    for one in lead_ids:
        became = alive[int(pick() * len(alive))] if alive and pick() < CONVERTED_SHARE else None
        rows.append({"Id": one, **generator.lead(became)})
    _insert(connection, org, "Lead", rows)
    return people, rows


def _insert(connection: sqlite3.Connection, org: Org, object_name: str, rows: list[Row]) -> None:
    if not rows:
        return
    obj = org.schema[object_name]
    defaults = {f.name: f.default_value for f in obj.stored_fields if f.type == "boolean"}
    stored = [f.name for f in obj.stored_fields]
    filled = set().union(*rows, defaults)
    columns = [name for name in stored if name in filled]
    listed = ", ".join(tables.quoted(name) for name in columns)
    marks = ", ".join("?" * len(columns))
    blank = {name: int(bool(defaults.get(name))) if name in defaults else None for name in columns}
    connection.executemany(
        f"INSERT INTO {tables.quoted(object_name)} ({listed}) VALUES ({marks})",
        [tuple((blank | row)[name] for name in columns) for row in rows],
    )
    deleted = [(object_name, row["Id"], row["SystemModstamp"], row["Id"]) for row in rows if row["IsDeleted"]]
    connection.executemany("INSERT INTO _deleted (object, id, deleted_at, root) VALUES (?, ?, ?, ?)", deleted)


def _owners(org: Org) -> Owners:
    """People of the sales profile: what a tool's account changed would look like the tool's own work."""
    reader = org.reader()
    users = reader.execute(
        'SELECT u."Id", u."IsActive" FROM "User" u JOIN "Profile" p ON p."Id" = u."ProfileId"'
        ' WHERE p."Name" = ? ORDER BY u."Id"',
        (birth.STANDARD_PROFILE,),
    ).fetchall()
    queues = reader.execute('SELECT "Id" FROM "Group" WHERE "Type" = \'Queue\' ORDER BY "Id"').fetchall()
    return Owners(
        tuple(row[0] for row in users if row[1]),
        tuple(row[0] for row in users if not row[1]),
        tuple(row[0] for row in queues),
    )


@contextmanager
def _without_indexes(org: Org, wanted: bool) -> Iterator[None]:
    """Drop the indexes of the sown tables and build them once at the end: several times faster."""
    if not wanted:
        yield
        return
    statements = [pair for name in SOWN for pair in tables.index_sql(org.schema[name])]
    with org.transaction() as tx:
        for index, _ in statements:
            tx.connection.execute(f"DROP INDEX IF EXISTS {tables.quoted(index)}")
    try:
        yield
    finally:
        # A connection of its own: the org's sorts in memory, which a million rows would fill.
        connection = sqlite3.connect(org.path, isolation_level=None, timeout=300)
        try:
            for _, statement in statements:
                connection.execute(statement)
        finally:
            connection.close()


def clear(org: Org) -> None:
    """Empty every object but those of set-up, and the recycle bin; ids are not used again."""
    with org.transaction() as tx:
        for obj in org.schema.objects:
            if obj.name not in SETUP_OBJECTS:
                tx.connection.execute(f"DELETE FROM {tables.quoted(obj.name)}")
        tx.connection.execute("DELETE FROM _deleted")
        _tell(org, tx)


def _tell(org: Org, tx: Transaction) -> None:
    """Change events cannot name each of so many records: subscribers learn that they must read again."""
    for name in SOWN:
        tx.changes.overflow(tx, org.schema[name])
