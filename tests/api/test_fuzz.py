"""Every operation of the OpenAPI description, called with what the description allows and with what it does not: never a 5xx,
and every error a problem document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from diptych.admin.app import create_app
from diptych.api.problems import MEDIA_TYPE
from diptych.domain.roles import Scope
from diptych.setup.ports import Credentials
from diptych.wiring import Workspace
from tests.admin.conftest import ORIGIN
from tests.api.conftest import loaded_in, token
from tests.practice_org.server import RunningOrg

EXAMPLES = 4
"""Calls of an operation, the same in each run; set it to 200 after changing the API (and `derandomize` to False)."""
_TEXT = st.text(max_size=12) | st.sampled_from(
    [
        "",
        "\x00",
        "'",
        '"; --',
        "%",
        "Lead.City",
        "city",
        "\ud800"[:0],
        "é" * 40,
        "9" * 40,
        "-1",
        "dpt_x",
        "../..",
        "1",
    ]
)
_NUMBERS = st.integers(-2, 5) | st.integers(-(2**70), 2**70)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)


class Described:
    """Values that a schema of the description allows (patterns aside)."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def values(self, schema: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
        if "$ref" in schema:
            return self.values(self._schemas[schema["$ref"].rsplit("/", 1)[-1]], depth)
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if "anyOf" in schema:
            return st.one_of([self.values(one, depth) for one in schema["anyOf"]])
        kind = schema.get("type")
        if kind == "integer":
            low = schema.get("minimum", -5)
            return st.integers(low, min(low + 60, schema.get("maximum", low + 60))) | _NUMBERS
        if kind == "number":
            return st.floats(-10, 1e6) | _NUMBERS
        if kind == "boolean":
            return st.booleans()
        if kind == "null":
            return st.none()
        if kind == "array":
            return st.lists(self.values(schema.get("items", {}), depth + 1), max_size=3)
        if kind == "object":
            return self._objects(schema, depth)
        if kind == "string":
            moments = [
                "2026-11-24",
                "2026-11-24T08:15:00Z",
                "0001-01-01T00:00:00+14:00",
                "9999-12-31T23:59:59-14:00",
            ]
            return _TEXT | st.sampled_from(moments)
        return _JSON

    def _objects(self, schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
        more = schema.get("additionalProperties")
        names = schema.get("properties", {})
        if not names and isinstance(more, dict) and depth < 4:
            keys = st.sampled_from(["city", "email", "last_name", "unsubscribed", "annual_revenue"]) | _TEXT
            return st.dictionaries(keys, self.values(more, depth + 1), max_size=3)
        needed = set(schema.get("required", ()))
        return st.fixed_dictionaries(
            {name: self.values(names[name], depth + 1) for name in names if name in needed},
            optional={name: self.values(names[name], depth + 1) for name in names if name not in needed},
        )


# these log in somewhere, or ask the practice org so much that a few examples do
_NEVER_OUT = {"connect", "test_channel"}
_DEAR = {
    "preview_action",
    "order_action",
    "reset_mapping",
    "change_fields",
    "preview_change",
    "preview_mapping_undo",
    "undo_mapping",
    "preview_promotion",
    "promote_mapping",
    "pair_fields",
    "break_pair",
    "change_field",
    "save_channel",
    "get_plan",
    "get_preflight",
    "sync_fields",
    "start",
    "undo",
    "preview_undo",
    "put_mapping",
    "use_preset",
    "get_why",
    "preview_preparation",
    "carry_out_preparation",
    "undo_preparation",
    "preview_joining",
    "rename_field",
    "select_fields",
    "deselect_fields",
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, practice_org: RunningOrg) -> Iterator[Workspace]:
    """One of its own: what is called at random revokes tokens, orders runs and changes the mapping."""
    with loaded_in(tmp_path_factory.mktemp("fuzzed"), practice_org) as workspace:
        yield workspace


@pytest.fixture(scope="module")
def client(loaded: Workspace) -> TestClient:
    return TestClient(create_app(loaded), base_url=ORIGIN, raise_server_exceptions=False)


def test_no_operation_breaks(client: TestClient, loaded: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    described = client.get("/api/v1/openapi.json").json()
    make = Described(described["components"]["schemas"])

    def nobody(_self: object, _credentials: Credentials) -> None:
        raise AssertionError("no login is tried from here")

    monkeypatch.setattr(type(loaded.setup), "check", nobody)
    called = 0
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            name = operation["operationId"]
            if name in _NEVER_OUT:
                continue
            secret = token(loaded, Scope.ADMIN)  # a new one for each: the one before may have been revoked
            _hammer(client, secret, method.upper(), path, operation, make, 1 if name in _DEAR else EXAMPLES)
            called += 1
    assert called > 45


def _hammer(
    client: TestClient,
    secret: str,
    method: str,
    path: str,
    operation: dict[str, Any],
    make: Described,
    examples: int,
) -> None:
    parameters = operation.get("parameters", [])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.fixed_dictionaries(
            {
                p["name"]: make.values(p["schema"]) | make.values(p["schema"]) | _TEXT
                for p in parameters
                if p["in"] == "path"
            }
        ),
        st.fixed_dictionaries(
            {}, optional={p["name"]: make.values(p["schema"]) for p in parameters if p["in"] == "query"}
        ),
        st.none() if body is None else make.values(body) | make.values(body) | _JSON,
    )
    def call(places: dict[str, Any], query: dict[str, Any], sent: Any) -> None:
        address = path
        for name, value in places.items():
            address = address.replace(f"{{{name}}}", quote(str(value), safe="") or "%20")
        answer = client.request(
            method,
            f"/api/v1{address}",
            params={name: str(value) for name, value in query.items() if value is not None},
            content=json.dumps(sent) if body is not None else None,
            headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
        )
        assert answer.status_code < 500, (method, address, query, sent, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == MEDIA_TYPE, (address, answer.text)
            assert answer.json()["status"] == answer.status_code
        elif answer.content:
            answer.json()

    call()
