"""What the operating pages and the alerts ask of the database, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from diptych.alerts.facts import read_facts
from diptych.domain.alerts import Finding, Kind, Severity, Waiting
from diptych.domain.pair import PairState
from diptych.services.throughput import read_throughput
from diptych.setup.state import SetupState, Step
from diptych.store import SqlStore
from diptych.store import alerts as kept
from diptych.store.queries.backlog import keep_sample, read_backlog
from diptych.store.queries.throughput import makers, noisy_fields, queues, trend
from diptych.store.system_tables import creation, pair
from diptych.sync.ports import DeadLetter, PairChange
from diptych.sync.ports import Step as LedgerStep
from tests.contract.store_contract import LEAD, MAPPING, T0, problem, seen, sf_id

HOUR = timedelta(hours=1)
RUNNING = SetupState(step=Step.RUNNING, connected=True, locked=True, started_at=T0)


@pytest.fixture
def waiting(store: SqlStore) -> SqlStore:
    """Three leads with edits that wait, one of them held back by an error."""
    with store.transaction() as tx:
        tx.provision(MAPPING)
        tx.save_mapping(MAPPING, T0, "set-up")
        tx.add_people(LEAD, [seen(n, city="Bonn", first_name="Ada") for n in (1, 2, 3)], None)
    for person, values in (
        (1, {"city": "Rom", "first_name": "Eva"}),
        (2, {"city": "Rom"}),
        (3, {"city": "Rom"}),
    ):
        store.edit_person("admin:alice" if person == 1 else "loader", person, values)
    with store.transaction() as tx:
        held = tx.linked(LEAD, [sf_id(3)])[sf_id(3)].pair
        letter = DeadLetter("Push updates", problem("RULE"), "city", {"city": "Rom"})
        tx.save([PairChange(held.id, held.person_id, dead_letters=(letter,))], None)
    return store


def test_what_an_error_holds_back_does_not_wait(waiting: SqlStore) -> None:
    with waiting.reading() as connection:
        backlog = read_backlog(connection)
        fields, actors = makers(connection, backlog)
    (lead,) = backlog.waiting
    assert (lead.object_name, lead.count) == ("Lead", 2) and lead.oldest_at is not None
    assert [(s.name, s.count, s.of) for s in fields] == [("Lead.City", 2, 3), ("Lead.FirstName", 1, 3)]
    assert [(s.name, s.count) for s in actors] == [("admin:alice", 2), ("loader", 1)]


def test_other_work_is_counted_by_kind(waiting: SqlStore) -> None:
    with waiting.transaction() as tx:
        for number, wish in ((7, "waiting"), (8, "review"), (9, "dismissed")):
            tx.connection.execute(
                creation.insert().values(person_id=number, wish=wish, by_hand=False, recreate=False, at=T0)
            )
        tx.connection.execute(pair.update().where(pair.c.id == 1).values(state=PairState.NEW.value))
        found = [(q.kind, q.count, q.oldest_at) for q in queues(tx.connection)]
    assert found == [("create: review", 1, T0), ("create: waiting", 1, T0), ("create: under way", 1, None)]


def test_the_whole_of_it_is_read_and_put_together(waiting: SqlStore) -> None:
    now = waiting.now().replace(microsecond=0)
    with waiting.transaction() as tx:
        run_id = tx.open_run("cycle", now)
        sent = LedgerStep("Lead", "Push updates", "Succeeded", now - HOUR / 60, now, updated=120)
        tx.add_step(run_id, sent)
        tx.add_step(run_id, LedgerStep("Lead", "Pull updates", "Succeeded", now, now, skipped=9, updated=1))
        for hours in (9, 2):
            keep_sample(tx.connection, [Waiting("Lead", hours, None)], now - hours * HOUR)
        keep_sample(tx.connection, [], now - 2 * HOUR + HOUR / 12)
    found = read_throughput(waiting, now)
    lead = next(one for one in found.objects if one.object_name == "Lead")
    assert (lead.waiting, lead.left, lead.outbound.total) == (2, timedelta(seconds=1), 120)
    assert (found.earlier, found.growing, [p.waiting for p in found.trend]) == (9, False, [9, 2])
    assert [(s.count, s.of) for s in found.skipped] == [(9, 10)]
    with waiting.reading() as connection:
        assert trend(connection, now) == [] and noisy_fields(connection, now - HOUR) == []


def test_the_facts_of_alerts_are_read(waiting: SqlStore) -> None:
    now = waiting.now()
    with waiting.transaction() as tx:
        done = tx.open_run("cycle", now - HOUR)
        tx.close_run(done, "Succeeded", now - HOUR, None)
        failed = tx.open_run("cycle", now)
        tx.add_step(failed, LedgerStep("Lead", "Pull deletes", "Failed", now, now, detail="200 of 300"))
        tx.close_run(failed, "Failed", now, "no")
        tx.causes.blame(failed, problem("MASS_DELETE"))
    facts = read_facts(waiting, RUNNING, now)
    assert facts.running and facts.last_success_at is not None and facts.last_success_at < now - HOUR / 2
    assert (facts.trouble_code, facts.trouble, dict(facts.mass_deletes)) == (
        "MASS_DELETE",
        "no",
        {"Lead": "200 of 300"},
    )
    assert [(c.about, c.count) for c in facts.causes] == [("Lead.City", 1)]
    assert [(w.object_name, w.count) for w in facts.waiting] == [("Lead", 2)]


def test_an_alert_fires_once_and_its_messages_are_claimed_once(store: SqlStore) -> None:
    finding = Finding(Kind.BACKLOG_AGE, "Lead", Severity.WARNING, "t", "x")
    channel = kept.Channel(0, "ops", "webhook", {"url": "http://x"}, None, Severity.INFO, False, True)
    with store.transaction() as tx:
        kept.lock(tx.connection)
        alert = kept.raise_alert(tx.connection, finding, T0)
        kept.save_channel(tx.connection, channel, T0)
        kept.save_channel(tx.connection, channel, T0)
        (made,) = kept.channels(tx.connection)
        kept.enqueue(tx.connection, made.id, "alert", {"title": "x"}, T0, alert.id)
    with pytest.raises(sa.exc.IntegrityError), store.transaction() as tx:
        kept.raise_alert(tx.connection, finding, T0)

    def claim(at: datetime) -> list[kept.Delivery]:
        with store.transaction() as tx:
            return kept.claim_due(tx.connection, at)

    (message,) = claim(T0)
    assert claim(T0 + HOUR / 60) == [] and len(claim(T0 + HOUR)) == 1, (
        "what a process left is taken by another"
    )
    with store.transaction() as tx:
        assert kept.not_delivered(tx.connection, message, "no", T0 + HOUR) == "pending"
        assert kept.acknowledge(tx.connection, None, "alice", T0) == 1
        kept.end(tx.connection, alert.id, T0)
        again = kept.raise_alert(tx.connection, finding, T0 + HOUR)
        assert [a.id for a in kept.firing(tx.connection)] == [again.id]
        assert kept.history(tx.connection, 10)[0][0].acked_by == "alice"
        assert kept.drop_channel(tx.connection, "ops")
        assert kept.deliveries(tx.connection, 5)[0].state == "given up"
