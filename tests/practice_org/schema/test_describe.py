"""Rendered describes against the facts of recorded ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from practice_org.schema.catalogue import VALUE_PREFIX, standard_objects
from tests.practice_org.calls import Caller, new_org

NOT_IN_THE_RECORDED_ORGS = ("HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall")
"""Standard fields of Lead and Contact that the recorded orgs did not show their users."""

FACTS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "facts" / "describes.json").read_text())


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    yield caller
    org.close()


def condensed(field: dict[str, Any]) -> list[Any]:
    """A described field in the form of the facts."""
    on = " ".join(key for key, value in field.items() if value is True)
    rest = {
        key: value
        for key, value in field.items()
        if value not in (None, False, 0, [], "")
        and value is not True
        and key not in ("name", "picklistValues")
    }
    entries = [[p["value"], p["label"], p["defaultValue"], p["active"]] for p in field["picklistValues"]]
    if entries:
        digest = hashlib.sha256(json.dumps(entries).encode()).hexdigest()[:12]
        rest["picklist"] = [len(entries), digest]
    return [on, rest, field["defaultValue"] is False]


@pytest.mark.parametrize("name", ["Lead", "Contact", "Account"])
def test_each_field_has_the_57_recorded_keys_and_values(admin: Caller, name: str) -> None:
    every = admin("GET", f"/sobjects/{name}/describe").json["fields"]
    facts = FACTS[name]
    assert len(facts["field_keys"]) == 57
    assert [list(f) for f in every] == [facts["field_keys"]] * len(every)
    described = [f for f in every if f["name"] not in NOT_IN_THE_RECORDED_ORGS]
    assert {f["name"]: condensed(f) for f in described} == facts["fields"]
    assert [f["name"] for f in described] == list(facts["fields"])


@pytest.mark.parametrize("name", ["Lead", "Contact"])
def test_the_object_has_the_45_recorded_keys_and_values(admin: Caller, name: str) -> None:
    described = admin("GET", f"/sobjects/{name}/describe").json
    facts = FACTS[name]
    assert len(facts["keys"]) == 45
    assert list(described) == facts["keys"]
    assert sorted(k for k, v in described.items() if v is True) == facts["true"]
    assert described["keyPrefix"] == facts["prefix"]
    assert [described["label"], described["labelPlural"]] == facts["labels"]
    assert [[s["name"], s["label"]] for s in described["supportedScopes"]] == facts["scopes"]
    assert list(described["urls"]) == facts["urls"]
    assert len(described["childRelationships"]) == facts["children"]
    assert described["recordTypeInfos"][0]["recordTypeId"] == "012000000000000AAA"


def test_the_global_list_has_28_keys_an_object_and_the_recorded_rights(admin: Caller) -> None:
    answer = admin("GET", "/sobjects").json
    assert list(answer) == ["encoding", "maxBatchSize", "sobjects"]
    assert len(FACTS["global"]["keys"]) == 28
    assert all(list(s) == FACTS["global"]["keys"] for s in answer["sobjects"])
    mine = {s["name"]: s for s in answer["sobjects"]}
    for name, (on, urls) in FACTS["global"]["objects"].items():
        assert " ".join(k for k, v in mine[name].items() if v is True) == on, name
        assert list(mine[name]["urls"]) == urls, name


@pytest.mark.parametrize("name", ["User", "Organization", "Group", "RecordType"])
def test_nullability_of_set_up_objects_is_as_recorded(admin: Caller, name: str) -> None:
    described = {f["name"]: f for f in admin("GET", f"/sobjects/{name}/describe").json["fields"]}
    facts = FACTS["nullability"][name]
    assert [n for n in facts["nullable"] if not described[n]["nillable"]] == []
    assert [n for n in facts["required"] if described[n]["nillable"]] == []


def test_describe_answers_304_until_something_changes(admin: Caller) -> None:
    first = admin("GET", "/sobjects/Lead/describe")
    etag, modified = first.headers["etag"], first.headers["last-modified"]
    assert admin("GET", "/sobjects/Lead/describe", if_none_match=etag).status == 304
    assert admin("GET", "/sobjects/Lead/describe", if_modified_since=modified).status == 304
    admin.org.clock.advance(60)
    from practice_org.schema.custom import create_field

    create_field(admin.org, "Lead", "Shoe_Size", "number", length=3)
    assert admin("GET", "/sobjects/Lead/describe", if_none_match=etag).status == 200
    assert admin("GET", "/sobjects/Lead/describe", if_modified_since=modified).status == 200


def test_names_are_case_insensitive_and_unknown_objects_404(admin: Caller) -> None:
    assert admin("GET", "/sobjects/lEAD/describe").json["name"] == "Lead"
    answer = admin("GET", "/sobjects/Nonesuch/describe")
    assert answer.status == 404
    assert answer.json == [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]


def test_every_object_of_the_catalogue_has_a_prefix_of_its_own() -> None:
    prefixes = [o.prefix for o in standard_objects() if o.prefix != VALUE_PREFIX]
    assert len(set(prefixes)) == len(prefixes)
    assert all(len(p) == 3 for p in prefixes)
