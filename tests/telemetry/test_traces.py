"""A cycle, a page and an API call over the practice org, as a collector hears of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from diptych.access.tokens import Tokens
from diptych.domain.roles import Scope
from diptych.services.metrics import exposition, families
from diptych.store.queries import RunRow
from diptych.telemetry.figures import Figures, translated
from diptych.telemetry.sending import FigureSender, resource_of
from diptych.wiring import open_workspace
from tests.admin.conftest import admit, browser_of, connect, settings_of
from tests.practice_org.server import RunningOrg, serve_in_thread
from tests.telemetry.collector import Collector, Span, collecting

PLANTED = "planted.person@somewhere.example"
CITY = "Plantedstadt"
SERVER, CLIENT = 2, 3


@dataclass
class Heard:
    collector: Collector
    org: RunningOrg
    run: RunRow
    failed_run: RunRow
    addresses: list[str]
    token: str
    run_json: str
    run_page: str
    exposed: bytes

    def one(self, name: str, trace_id: str | None) -> Span:
        (found,) = [s for s in self.collector.named(name) if trace_id in (None, s.trace_id)]
        return found

    def within(self, span: Span) -> dict[str, Span]:
        return {one.name: one for one in self.collector.below(span)}


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heard]:
    with (
        collecting() as collector,
        pytest.MonkeyPatch.context() as patch,
        serve_in_thread(tmp_path_factory.mktemp("org"), records=20) as org,
    ):
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        with open_workspace(settings_of(tmp_path_factory.mktemp("traced"))) as space:
            connect(space, org)
            space.setup.start()
            assert space.run_cycle().status == "Succeeded"
            number = space.queries.people_before(None, 1, salesforce_type="lead")[0]["id"]
            space.store.edit_person("admin", number, {"email": PLANTED, "city": CITY})
            assert space.run_cycle().status == "Succeeded"
            (run,) = space.queries.runs(1)
            browser = admit(browser_of(space))
            browser.get(f"/people?q={PLANTED}")
            assert PLANTED in browser.get(f"/people/{number}")
            browser.get(f"/people/{PLANTED}", code=404)
            token, _ = Tokens(space.store).create("traces", Scope.READ, None)
            headers = {"Authorization": f"Bearer {token}"}
            assert browser.client.get(f"/api/v1/people/{number}", headers=headers).status_code == 200
            run_json = browser.client.get(f"/api/v1/runs/{run.id}", headers=headers).text
            run_page = browser.get(f"/runs/{run.id}")
            assert f"<code>{collector.endpoint}/v1/traces</code>" in browser.get("/settings")
            org.control(
                "faults", {"trigger": "any", "status": 400, "error_code": "INVALID_FIELD", "times": 50}
            )
            space.run_cycle()
            (failed,) = space.queries.runs(1)
            now = space.clock.now()
            told = translated(families(space.status(), space.queries, now), resource_of({}), 1)
            sender = FigureSender(f"{collector.endpoint}/v1/metrics")
            assert sender.send(told)
            sender.close()
            exposed = exposition(space.status(), space.queries, now)
            addresses = [p["email"] for p in space.queries.people_before(None, 100) if p["email"]]
        yield Heard(collector, org, run, failed, addresses, token, run_json, run_page, exposed)


def test_a_cycle_is_a_tree_of_its_phases(heard: Heard) -> None:
    cycle = heard.one("cycle", heard.run.trace_id)
    sync = heard.one("sync", heard.run.trace_id)
    assert cycle.parent == sync.id and not sync.parent and not cycle.failed
    assert cycle.facts["diptych.run.id"] == heard.run.id
    assert cycle.facts["diptych.run.status"] == "Succeeded"
    phases = heard.within(cycle)
    expected = {"watermark", "discover", "provision", "actions", "snapshot", "feed", "release"}
    assert expected | {"push Lead", "push Contact", "create", "passes"} <= set(phases)
    assert {"feed Lead", "feed Contact", "feed Account", "feed User"} <= set(heard.within(phases["feed"]))
    pushed = phases["push Lead"]
    assert pushed.facts == {"diptych.object": "Lead"}
    assert ("Push updates", {"object": "Lead", "status": "Succeeded", "updated": 1}) in [
        (name, {key: value for key, value in facts.items() if key != "api_calls"})
        for name, facts in pushed.events
    ]
    below = heard.within(pushed)
    assert below["db save"].facts["db.system.name"] == "sqlite"
    assert below["db save"].facts["db.operation.batch.size"] == 1


def test_a_request_to_salesforce_is_told_without_what_was_asked(heard: Heard) -> None:
    pushed = heard.one("push Lead", heard.run.trace_id)
    requests = [span for span in heard.collector.below(pushed) if span.kind == CLIENT]
    assert requests
    for span in requests:
        facts = span.facts
        assert span.name == f"{facts['http.request.method']} {facts['url.template']}"
        assert facts["http.response.status_code"] == 200 and not span.failed
        assert 0 < facts["salesforce.api.used"] < facts["salesforce.api.allowed"]
        assert facts["server.address"] == "127.0.0.1"
        assert not {"url.full", "url.query", "url.path"} & set(facts)
    assert "POST /services/Soap/u/{}" not in [span.name for span in requests]


def test_what_is_fetched_ahead_belongs_to_the_load(heard: Heard) -> None:
    load = heard.one("initial load", None)
    parts = [s for s in heard.collector.spans if s.name.endswith("/jobs/query/{}/results")]
    assert parts and {span.trace_id for span in parts} == {load.trace_id}
    pages = heard.collector.named("db load page")
    assert sum(span.facts["db.operation.batch.size"] for span in pages) >= 20


def test_a_failure_is_told_by_class_and_code(heard: Heard) -> None:
    assert heard.failed_run.status == "Failed" and "INVALID_FIELD" not in (heard.run.error or "")
    cycle = heard.one("cycle", heard.failed_run.trace_id)
    failed = [s for s in heard.collector.spans if s.failed and s.trace_id == cycle.trace_id]
    assert any(s.kind == CLIENT and s.facts["error.type"] == "400" for s in failed)
    assert {s.facts.get("diptych.error.code") for s in failed} == {"INVALID_FIELD"}
    assert cycle.failed and cycle.facts["error.type"] == "schema"
    for span in heard.collector.spans:
        assert not {"exception.message", "exception.stacktrace"} & set(span.facts)
        assert "exception" not in [name for name, _ in span.events]


def test_pages_and_api_are_told_by_route(heard: Heard) -> None:
    served = [span for span in heard.collector.spans if span.kind == SERVER]
    told = {(span.name, span.facts["http.route"], span.facts["http.response.status_code"]) for span in served}
    assert {
        ("GET /people", "/people", 200),
        ("GET /people/{person_id}", "/people/{person_id}", 200),
        ("GET /people/{person_id}", "/people/{person_id}", 404),
        ("GET /api/v1/people/{person_id}", "/api/v1/people/{person_id}", 200),
    } <= told
    for span in served:
        assert not {"url.full", "url.query", "url.path"} & set(span.facts)


def test_nobody_and_no_secret_is_in_what_was_sent(heard: Heard) -> None:
    everything = b"".join(heard.collector.bodies)
    held = heard.org
    assert len(heard.addresses) > 10
    for secret in (PLANTED, CITY, held.password, held.security_token, heard.token, *heard.addresses):
        assert secret.encode() not in everything, secret
    assert b"planted.person%40" not in everything


def test_who_sends_is_said(heard: Heard) -> None:
    (first, *_) = heard.collector.resources
    assert first["service.name"] == "diptych" and first["diptych.process"] == "command"
    assert first["deployment.environment.name"] == "test" and first["service.version"]


def test_a_run_leads_to_its_trace(heard: Heard) -> None:
    assert heard.run.trace_id is not None and heard.run.trace_id != heard.failed_run.trace_id
    assert f'"trace_id":"{heard.run.trace_id}"' in heard.run_json
    assert heard.run.trace_id in heard.run_page


def test_figures_are_those_of_metrics(heard: Heard) -> None:
    exposed = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(heard.exposed.decode())
        for sample in family.samples
    }
    assert heard.collector.figures == exposed
    assert exposed["diptych_records", (("object", "Lead"),)] > 5


def test_figures_are_sent_again_and_again() -> None:
    rounds = iter(range(3))
    with collecting() as collector:
        sender = FigureSender(f"{collector.endpoint}/v1/metrics")

        def read() -> list[object]:
            if next(rounds) == 0:
                raise OSError("the database is away")  # which ends nothing
            return []

        figures = Figures(sender, resource_of({}), read, 0.01)  # type: ignore[arg-type]
        assert collector.arrived.wait(10)
        figures.close(5)
