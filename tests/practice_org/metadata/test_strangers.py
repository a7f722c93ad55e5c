"""Whatever strangers send to the Metadata and Tooling APIs is answered in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practice_org.metadata import soap as endpoint
from practice_org.metadata.soap import OPERATIONS
from practice_org.metadata.value_types import shapes
from practice_org.xmltree import parse
from tests.practice_org.calls import Caller, new_org
from tests.practice_org.metadata.soap_calls import NS, Soap, xml

ROUGH = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXTS = st.text(
    st.characters(min_codepoint=9, max_codepoint=0xD7FF, exclude_categories=["Cc", "Cs"]), max_size=12
)
NAMES = st.sampled_from(
    ["Lead.X__c", "Lead", "X__c", "", "Lead.", ".", "Nope.X__c", "Lead-Lead Layout", "LeadSource", "Admin"]
)
ELEMENTS = st.sampled_from(
    sorted(
        {e.name for name in ("CustomField", "Layout", "PermissionSet") for e in shapes().types[name].elements}
    )
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ELEMENTS, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    org, caller = new_org(tmp_path_factory.mktemp("org"))
    yield caller
    org.close()


@pytest.fixture(scope="module")
def soap(admin: Caller) -> Soap:
    return Soap(admin.org, admin.user_id)


def answered(soap: Soap, body: bytes) -> None:
    """A result, or a fault with a code and a text."""
    answer = endpoint.answer(soap.door, soap.version, body)
    inner = parse(bytes(answer.body)).child("Body")
    assert inner is not None
    node = inner.children[0]
    assert (answer.status_code, node.name == "Fault") in ((200, False), (500, True))
    assert node.name != "Fault" or node.told("faultstring")


@given(st.binary(max_size=200) | TEXTS.map(lambda t: f"<Envelope><Body>{t}</Body></Envelope>".encode()))
@ROUGH
def test_bytes(soap: Soap, body: bytes) -> None:
    answered(soap, body)


@given(
    st.sampled_from(sorted(OPERATIONS)),
    st.sampled_from([*sorted(endpoint.registry.KINDS), "Nope"]),
    NAMES,
    VALUES,
)
@ROUGH
def test_calls(soap: Soap, call: str, kind: str, name: str, value: Any) -> None:
    inner = xml(
        "metadata", {"fullName": name, **(value if isinstance(value, dict) else {})}, f' xsi:type="{kind}"'
    )
    text = (
        f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns="{NS}" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Header><SessionHeader><sessionId>{soap.session}'
        f"</sessionId></SessionHeader></e:Header><e:Body><{call}>{inner}{xml('type', kind)}{xml('fullNames', name)}"
        f"{xml('queries', {'type': kind})}{xml('asyncProcessId', name)}{xml('ZipFile', name)}</{call}></e:Body></e:Envelope>"
    )
    answered(soap, text.encode())


@given(
    st.sampled_from(["CustomField", "Layout", "ValidationRule", "CustomObject", "RecordType", "ApexClass"]),
    NAMES,
    VALUES,
)
@ROUGH
def test_tooling_bodies(admin: Caller, kind: str, name: str, value: Any) -> None:
    answer = admin("POST", f"/tooling/sobjects/{kind}", {"FullName": name, "Metadata": value})
    assert answer.status in (201, 400)
    assert answer.status == 201 or answer.json[0]["errorCode"]
    for made in ("Lead.X__c",):
        if admin.org.schema["Lead"].get("X__c"):
            assert Soap(admin.org, admin.user_id).delete("CustomField", made)[0]["success"]
