"""Objects and fields of the org, out of its describe answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from diptych.domain.outcome import ErrorClass, OrgRefused, Problem
from diptych.domain.schema import FieldDescription, ObjectDescription
from diptych.salesforce.client import Client


def describe(client: Client, object_name: str) -> tuple[ObjectDescription, frozenset[str]]:
    """The object as the sync user sees it, and the names of the fields that Salesforce can count.

    Raises OrgRefused when the object does not exist for this user.
    """
    try:
        document = client.get(f"sobjects/{quote(object_name, safe='')}/describe")
    except OrgRefused as refused:
        if refused.problem.error_class is not ErrorClass.GONE:
            raise
        raise OrgRefused(
            Problem(
                refused.problem.code,
                f"The sync user does not see the object {object_name}.",
                ErrorClass.PERMISSION,
                "It does not exist in this org, or the user has no Read permission on it.",
                f"Give the sync user Read on {object_name} (profile or permission set), then retry.",
            )
        ) from refused
    countable = frozenset(f["name"] for f in document["fields"] if f.get("aggregatable"))
    return read_object(document), countable


def visible_objects(client: Client) -> dict[str, str]:
    """API name and label of every object that the sync user can query, in the org's order."""
    document = client.get("sobjects")
    return {o["name"]: o["label"] for o in document["sobjects"] if o.get("queryable")}


def read_object(document: Mapping[str, Any]) -> ObjectDescription:
    """One describe answer in our terms."""
    return ObjectDescription(
        name=document["name"],
        label=document["label"],
        label_plural=document.get("labelPlural") or document["label"],
        key_prefix=document.get("keyPrefix") or "",
        fields={f["name"]: _field(f) for f in document["fields"] if not f.get("deprecatedAndHidden")},
        queryable=bool(document.get("queryable")),
        createable=bool(document.get("createable")),
        updateable=bool(document.get("updateable")),
        deletable=bool(document.get("deletable")),
        custom=bool(document.get("custom")),
    )


def _field(facts: Mapping[str, Any]) -> FieldDescription:
    return FieldDescription(
        name=facts["name"],
        label=facts["label"],
        type=facts["type"],
        length=facts.get("length") or 0,
        precision=facts.get("precision") or facts.get("digits") or 0,
        scale=facts.get("scale") or 0,
        nillable=bool(facts.get("nillable")),
        createable=bool(facts.get("createable")),
        updateable=bool(facts.get("updateable")),
        calculated=bool(facts.get("calculated")),
        custom=bool(facts.get("custom")),
        unique=bool(facts.get("unique")),
        external_id=bool(facts.get("externalId")),
        defaulted_on_create=bool(facts.get("defaultedOnCreate")),
        restricted_picklist=bool(facts.get("restrictedPicklist")),
        picklist=tuple(
            str(entry["value"]) for entry in facts.get("picklistValues") or () if entry.get("active")
        ),
        reference_to=tuple(facts.get("referenceTo") or ()),
        relationship_name=facts.get("relationshipName"),
        compound_field=facts.get("compoundFieldName"),
        formula=facts.get("calculatedFormula"),
    )
