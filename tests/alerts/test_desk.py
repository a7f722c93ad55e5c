"""The desk over a real store and real servers on the loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_string, policy
from pathlib import Path

import pytest

from diptych.alerts.channels import BadChannel, Wanted
from diptych.alerts.desk import AlertDesk, NoSuchChannel
from diptych.alerts.rules import AlertSettings, BadRule
from diptych.alerts.sending import NotSent, signature
from diptych.connection.vault import StoreVault
from diptych.domain.alerts import Kind, Rule, Severity
from diptych.domain.outcome import ErrorClass, Problem
from diptych.setup.state import SetupState, Step
from diptych.store import SqlStore, open_store
from diptych.store.secrets import open_secrets
from diptych.sync.ports import DeadLetter, PairChange
from tests.alerts.sinks import MailSink, WebSink, mail_sink, web_sink
from tests.contract.store_contract import LEAD, MAPPING, problem, seen, sf_id

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Office:
    """A store with one lead, a desk, and what a sync would do."""

    def __init__(self, folder: Path) -> None:
        self.clock = Hand()
        self.store: SqlStore = open_store(f"sqlite:///{folder / 'app.db'}", self.clock.now)
        vault = StoreVault(self.store, lambda: open_secrets(folder, "a key for tests"))
        running = SetupState(step=Step.RUNNING, connected=True, locked=True, started_at=NOON)
        self.desk = AlertDesk(self.store, vault, self.clock, lambda: running, lambda: "Acme")
        with self.store.transaction() as tx:
            tx.provision(MAPPING)
            tx.save_mapping(MAPPING, NOON, "set-up")
            tx.add_people(LEAD, [seen(1, city="Bonn")], None)
        self.run()

    def run(self, status: str = "Succeeded", why: Problem | None = None) -> None:
        with self.store.transaction() as tx:
            run_id = tx.open_run("cycle", self.clock.now())
            tx.close_run(run_id, status, self.clock.now(), why.message if why else None)
            if why:
                tx.causes.blame(run_id, why)

    def park(self, *letters: DeadLetter, clear: bool = False) -> None:
        with self.store.transaction() as tx:
            pair = tx.linked(LEAD, [sf_id(1)])[sf_id(1)].pair
            change = PairChange(pair.id, pair.person_id, dead_letters=letters, clear_dead_letters=clear)
            tx.save([change], None)

    def later(self, minutes: float) -> None:
        self.clock.sleep(60 * minutes)
        self.desk.tick()

    def titles(self) -> list[str]:
        return [alert.title for alert in self.desk.firing()]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def web() -> Iterator[WebSink]:
    with web_sink() as sink:
        yield sink


@pytest.fixture
def mail() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


LOGIN = Problem("INVALID_LOGIN", "INVALID_LOGIN: no", ErrorClass.LOGIN)


def test_a_failed_login_is_told_once_signed_and_its_recovery_too(office: Office, web: WebSink) -> None:
    secret = office.desk.save_channel(Wanted("pager", "webhook", {"url": web.url}))
    assert secret
    office.desk.tick()
    assert not web.posted and office.titles() == []
    office.run("Failed", LOGIN)
    office.later(1)
    office.later(1)
    (posted,) = web.posted
    told = json.loads(posted.body)
    assert (told["event"], told["org"], told["alerts"][0]["severity"]) == ("alerts", "Acme", "critical")
    moment = posted.headers["X-Diptych-Timestamp"]
    assert posted.headers["X-Diptych-Signature"] == signature(secret, moment, posted.body)
    office.run()
    office.later(1)
    office.later(2)
    assert office.titles() == []
    assert json.loads(web.posted[1].body)["alerts"][0]["event"] == "recovered"
    (past,), total = office.desk.history()
    assert (past.kind, total) == (Kind.LOGIN_FAILED, 1)


def test_what_happens_together_is_one_message_of_what_a_channel_takes(
    office: Office, web: WebSink, mail: MailSink
) -> None:
    office.desk.save_channel(Wanted("all", "webhook", {"url": web.url}, least=Severity.INFO))
    smtp = {"host": "127.0.0.1", "port": mail.port, "security": "none", "username": "robot"}
    address = {"sender": "Diptych <sync@acme.example>", "to": "ops@acme.example; boss@acme.example"}
    office.desk.save_channel(Wanted("ops", "mail", {**smtp, **address}, "s3cret", Severity.CRITICAL))
    office.run("Failed", LOGIN)
    office.park(DeadLetter("Push updates", problem("RULE"), "city", {"city": "Rom"}))
    office.later(1)
    assert len(json.loads(web.posted[0].body)["alerts"]) == 2
    (text,) = mail.mails
    told = message_from_string(text, policy=policy.default)
    assert told["Subject"] == "[Diptych] CRITICAL: Salesforce does not let the sync user in (Acme)"
    assert told["To"] == "ops@acme.example, boss@acme.example" and told["Auto-Submitted"] == "auto-generated"
    assert "Mend the credentials" in told.get_content() and len(mail.logins) == 1


def test_messages_come_in_the_language_that_was_chosen(office: Office, web: WebSink, mail: MailSink) -> None:
    with pytest.raises(BadRule, match="language of messages"):
        office.desk.save_rules([], AlertSettings(language="tlh"))
    office.desk.save_rules([], AlertSettings(language="es"))
    office.desk.save_channel(Wanted("all", "webhook", {"url": web.url}, least=Severity.INFO, digest=True))
    smtp = {
        "host": "127.0.0.1",
        "port": mail.port,
        "security": "none",
        "sender": "a@b.example",
        "to": "c@d.example",
    }
    office.desk.save_channel(Wanted("ops", "mail", smtp))
    office.run("Failed", LOGIN)
    office.park(DeadLetter("Push updates", problem("RULE"), "city", {"city": "Rom"}))
    office.later(1)
    told = message_from_string(mail.mails[0], policy=policy.default)
    assert told["Subject"] == "[Diptych] CRÍTICA: 2 alertas (Acme)"
    content = told.get_content()
    assert "Nueva · crítica · desde el 26 nov 2026, 12:01:00 UTC" in content
    assert "Salesforce no deja entrar al usuario de sincronización" in content
    assert "INVALID_LOGIN: no" in content, "what Salesforce said"
    assert "Qué hacer: Arregle las credenciales o el usuario" in content
    body = json.loads(web.posted[0].body)
    assert (body["language"], body["title"], body["alerts"][0]["event"]) == ("es", "2 alertas", "fired")
    office.desk.digest_now()
    office.desk.deliver()
    digest = json.loads(web.posted[-1].body)
    assert digest["title"] == "Sincronización del último día: 2 alertas abiertas"
    assert digest["lines"][0].startswith("Último éxito: 26 nov 2026")
    office.run()
    office.later(1)
    office.later(2)
    assert (
        "Recuperada: Salesforce no deja entrar"
        in message_from_string(mail.mails[-1], policy=policy.default)["Subject"]
    )


def test_a_message_is_delivered_when_its_receiver_is_there_again(office: Office, web: WebSink) -> None:
    office.desk.save_channel(Wanted("chat", "slack", secret=web.url))
    web.status = 500
    office.run("Failed", LOGIN)
    office.later(1)
    (message,) = office.desk.deliveries()
    assert (message.state, message.attempts, message.error) == ("pending", 1, "It answered 500.")
    office.later(0.3)
    assert len(web.posted) == 1, "not before its time"
    web.status = 200
    office.later(1)
    assert office.desk.deliveries()[0].state == "sent"
    blocks = json.loads(web.posted[-1].body)["blocks"]
    assert "does not let the sync user in" in blocks[1]["text"]["text"]


def test_after_a_day_a_message_is_given_up(office: Office, web: WebSink) -> None:
    office.desk.save_channel(Wanted("chat", "slack", secret=web.url))
    web.status = 404
    office.run("Failed", LOGIN)
    office.later(1)
    office.desk.acknowledge(None, "alice")
    office.later(60 * 25)
    assert [m.state for m in office.desk.deliveries() if m.event == "alert"][-1] == "given up"


def test_an_acknowledged_alert_is_not_told_again(office: Office, web: WebSink) -> None:
    office.desk.save_channel(Wanted("pager", "webhook", {"url": web.url}))
    office.run("Failed", LOGIN)
    office.later(1)
    office.later(60 * 25)
    reminder = json.loads(web.posted[-1].body)["alerts"]
    assert {one["event"] for one in reminder} >= {"reminder"}
    count = len(office.desk.firing())
    assert office.desk.acknowledge(None, "alice") == count and office.desk.acknowledge(None, "bob") == 0
    before = len(web.posted)
    office.later(60 * 25)
    assert len(web.posted) == before
    assert {alert.acked_by for alert in office.desk.firing()} == {"alice"}


def test_two_processes_tell_once(office: Office, web: WebSink) -> None:
    office.desk.save_channel(Wanted("pager", "webhook", {"url": web.url}))
    office.run("Failed", LOGIN)
    office.clock.sleep(60)
    office.desk.look()
    office.desk.look(force=True)
    assert office.desk.deliver() == 1 and office.desk.deliver() == 0
    assert len(web.posted) == 1


def test_an_error_that_is_set_aside_or_gone_is_no_alert(office: Office) -> None:
    office.park(DeadLetter("Push updates", problem("RULE"), "city", {"city": "Rom"}))
    office.later(1)
    assert office.titles() == ["New error: Lead.City, 1 record"]
    office.park(clear=True)
    office.later(3)
    assert office.titles() == []


def test_rules_are_set_checked_and_obeyed(office: Office) -> None:
    with pytest.raises(BadRule, match="between 1 and 100"):
        office.desk.save_rules([Rule(Kind.API_SHARE, Severity.INFO, 120)])
    with pytest.raises(BadRule, match="hour of the digest"):
        office.desk.save_rules([], AlertSettings(digest_hour=25))
    office.desk.save_rules([Rule(Kind.SYNC_STOPPED, Severity.INFO, 5)], AlertSettings(repeat_hours=0))
    rule = next(one for one in office.desk.all_rules()[0] if one.kind is Kind.SYNC_STOPPED)
    assert (rule.severity, rule.threshold) == (Severity.INFO, 5)
    office.later(6)
    (alert,) = office.desk.firing()
    assert (alert.severity, alert.title) == (Severity.INFO, "No sync has succeeded for 6 minutes")


def test_the_digest_comes_once_a_day_to_those_who_want_it(office: Office, web: WebSink) -> None:
    office.desk.save_channel(Wanted("quiet", "webhook", {"url": web.url + "/quiet"}))
    office.desk.save_channel(Wanted("daily", "webhook", {"url": web.url}, digest=True))
    office.desk.save_rules([], AlertSettings(digest_hour=9))
    office.run()
    office.desk.tick()
    assert not web.posted, "begun at noon: the first one comes tomorrow"
    for hours in (20, 1, 1):
        office.clock.sleep(3600 * hours)
        office.run()
        office.desk.tick()
    (posted,) = web.posted
    told = json.loads(posted.body)
    assert told["event"] == "digest" and any("Last success" in line for line in told["lines"])
    assert office.desk.digest_now() == 1


def test_channels_are_checked_kept_sealed_tested_and_removed(office: Office, web: WebSink) -> None:
    for wanted, said in (
        (Wanted("", "mail"), "needs a name"),
        (Wanted("x", "pigeon"), "one of"),
        (Wanted("x", "webhook", {"url": "ftp://x"}), "https://"),
        (Wanted("x", "webhook", {"url": "https://me:pw@x.example"}), "https://"),
        (Wanted("x", "slack"), "incoming webhook"),
        (Wanted("x", "mail", {"host": "mail", "sender": "a@b.example"}), "at least one"),
        (Wanted("x", "mail", {"host": "mail", "sender": "a\nBcc: c@d.example", "to": "a@b.example"}), "no"),
        (
            Wanted("x", "mail", {"host": "mail", "sender": "a@b.example", "to": "c@d.example", "port": "x"}),
            "port",
        ),
    ):
        with pytest.raises(BadChannel, match=said):
            office.desk.save_channel(wanted)
    office.desk.save_channel(Wanted("hook", "webhook", {"url": web.url}, "known"))
    (channel,) = office.desk.channels()
    assert channel.sealed and "known" not in channel.sealed and "known" not in repr(channel)
    assert office.desk.save_channel(Wanted("hook", "webhook", {"url": web.url}, digest=True)) is None
    office.desk.test("hook")
    posted = web.posted[0]
    moment = posted.headers["X-Diptych-Timestamp"]
    assert posted.headers["X-Diptych-Signature"] == signature("known", moment, posted.body), (
        "the secret is kept"
    )
    web.status = 403
    with pytest.raises(NotSent, match="403"):
        office.desk.test("hook")
    assert [m.state for m in office.desk.deliveries()] == ["given up", "sent"]
    office.desk.drop_channel("hook")
    for act in (office.desk.drop_channel, office.desk.test):
        with pytest.raises(NoSuchChannel):
            act("hook")


def test_a_mail_server_that_says_not_now_is_tried_again(office: Office, mail: MailSink) -> None:
    smtp = {
        "host": "127.0.0.1",
        "port": mail.port,
        "security": "none",
        "sender": "a@b.example",
        "to": "c@d.example",
    }
    office.desk.save_channel(Wanted("ops", "mail", smtp))
    mail.refuse = True
    office.run("Failed", LOGIN)
    office.later(1)
    assert "451" in (office.desk.deliveries()[0].error or "")
    mail.refuse = False
    office.later(2)
    assert len(mail.mails) == 1 and not mail.logins
