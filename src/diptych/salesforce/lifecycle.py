"""Converting, merging, deleting and undeleting records, by SOAP: REST has no convert, merge or undelete.

The session is that of all other calls. A fault says that nothing happened, unless its code leaves that open; an answer that
never came leaves the outcome unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from diptych.domain.outcome import ErrorClass, OrgOutcomeUnknown, Outcome, Problem
from diptych.domain.values import Value, full_id, to_text
from diptych.salesforce.client import Client
from diptych.salesforce.errors import ApiFault, Effect, call_failed, row_outcome
from diptych.salesforce.query import rows_of
from diptych.salesforce.soql import name
from diptych.salesforce.transport import Answer, Cut, NotSent, not_the_api
from diptych.sync.lifecycle import Conversion, Converted, RecordMerge

MOST_CONVERSIONS = 100
MOST = 200
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_PARTNER = "urn:partner.soap.sforce.com"
_RECORDS = "urn:sobject.partner.soap.sforce.com"
_ALLOWED = "\t\n\r"


def convert(client: Client, conversions: Sequence[Conversion], attempt_id: str) -> list[Converted]:
    """See `Lifecycle.convert`."""
    _at_most(conversions, MOST_CONVERSIONS)
    rows = _call(client, "convertLead", "".join(map(_conversion, conversions)), attempt_id, len(conversions))
    return [_converted(order, row) for order, row in zip(conversions, rows, strict=True)]


def merge(client: Client, merges: Sequence[RecordMerge], attempt_id: str) -> list[Outcome]:
    """See `Lifecycle.merge`."""
    _at_most(merges, MOST)
    rows = _call(client, "merge", "".join(map(_merge, merges)), attempt_id, len(merges))
    return [row_outcome(order.winner, _row(row)) for order, row in zip(merges, rows, strict=True)]


def delete(client: Client, ids: Sequence[str], attempt_id: str) -> list[Outcome]:
    """See `Lifecycle.delete`."""
    return _by_id(client, "delete", ids, attempt_id)


def undelete(client: Client, ids: Sequence[str], attempt_id: str) -> list[Outcome]:
    """See `Lifecycle.undelete`."""
    return _by_id(client, "undelete", ids, attempt_id)


def converted_statuses(client: Client) -> list[str]:
    """See `Lifecycle.converted_statuses`."""
    statement = "SELECT MasterLabel, ApiName FROM LeadStatus WHERE IsConverted = true ORDER BY SortOrder"
    return [str(row.get("ApiName") or row["MasterLabel"]) for row in rows_of(client, statement)]


# ---------------------------------------------------------------- orders


def _at_most(orders: Sequence[object], most: int) -> None:
    if len(orders) > most:
        raise ValueError(f"at most {most} records in one call")


def _by_id(client: Client, call: str, ids: Sequence[str], attempt_id: str) -> list[Outcome]:
    _at_most(ids, MOST)
    body = "".join(_element("ids", one) for one in ids)
    return [
        row_outcome(sf_id, _row(row))
        for sf_id, row in zip(ids, _call(client, call, body, attempt_id, len(ids)), strict=True)
    ]


def _conversion(order: Conversion) -> str:
    # in the order of the service description: elements of a sequence
    parts = [
        _element("accountId", order.account_id),
        _element("contactId", order.contact_id),
        _element("convertedStatus", order.status),
        _element("doNotCreateOpportunity", _flag(not order.opportunity)),
        _element("leadId", order.lead_id),
        _element("opportunityName", order.opportunity_name if order.opportunity else None),
        _element("overwriteLeadSource", _flag(order.overwrite_lead_source)),
        _element("ownerId", order.owner_id),
        _element("sendNotificationEmail", _flag(order.notify_owner)),
    ]
    return f"<leadConverts>{''.join(parts)}</leadConverts>"


def _merge(order: RecordMerge) -> str:
    blank = [field for field, value in order.values.items() if value is None]
    fields = "".join(
        f"<s:{name(field)}>{_text(_wire(value))}</s:{name(field)}>"
        for field, value in order.values.items()
        if value is not None
    )
    nulls = "".join(f"<s:fieldsToNull>{name(field)}</s:fieldsToNull>" for field in blank)
    master = (
        f"<masterRecord><s:type>{name(order.object_name)}</s:type>{nulls}"
        f"<s:Id>{_text(order.winner)}</s:Id>{fields}</masterRecord>"
    )
    losers = "".join(_element("recordToMergeIds", one) for one in order.losers)
    return f"<request>{master}{losers}</request>"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _wire(value: Value) -> str:
    return to_text(value) or ""


def _element(tag: str, value: str | None) -> str:
    return "" if value is None else f"<{tag}>{_text(value)}</{tag}>"


def _text(text: str) -> str:
    """Escaped; characters that XML does not know are left out (the outbox refuses such values before)."""
    return escape("".join(c for c in text if c in _ALLOWED or (c >= " " and not "\ud800" <= c <= "\udfff")))


# ---------------------------------------------------------------- the call


def _call(client: Client, call: str, body: str, attempt_id: str, expected: int) -> list[ElementTree.Element]:
    """The results of one call, one an order. Raises OrgError."""
    if not expected:
        return []
    root = _exchange(client, lambda token: _envelope(token, call, body), call, attempt_id)
    results = root.findall(f".//{{{_PARTNER}}}result")
    if len(results) != expected:
        raise OrgOutcomeUnknown(
            Problem(
                "INCOMPLETE_ANSWER",
                "Salesforce did not answer for each record that was sent.",
                ErrorClass.NETWORK,
                remedy="Diptych reads the records back to find out.",
            )
        )
    return results


def _envelope(token: str, call: str, body: str) -> bytes:
    headers = (
        f"<SessionHeader><sessionId>{escape(token)}</sessionId></SessionHeader>"
        "<CallOptions><client>diptych</client></CallOptions>"
        "<AllOrNoneHeader><allOrNone>false</allOrNone></AllOrNoneHeader>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<se:Envelope xmlns:se="{_ENVELOPE}" xmlns={quoteattr(_PARTNER)} xmlns:s="{_RECORDS}">'
        f"<se:Header>{headers}</se:Header><se:Body><{call}>{body}</{call}></se:Body></se:Envelope>"
    ).encode()


def _exchange(
    client: Client, envelope: Callable[[str], bytes], call: str, attempt_id: str
) -> ElementTree.Element:
    grant = client.session.grant(client.transport)
    renewed = False
    while True:
        try:
            answer = client.transport.send(
                "POST",
                f"{grant.instance_url}/services/Soap/u/{client.api_version}",
                effect=Effect.WRITE,
                headers={
                    "Content-Type": "text/xml; charset=UTF-8",
                    "SOAPAction": f'"{call}"',
                    **client.labels(attempt_id),
                },
                content=envelope(grant.access_token),
            )
        except (NotSent, Cut) as failure:
            raise failure.error from failure
        root = _read(answer)
        fault = root.find(f".//{{{_ENVELOPE}}}Fault")
        if fault is None:
            return root
        told = ApiFault(
            (fault.findtext("faultcode") or "").rpartition(":")[2],
            _without_code(fault.findtext("faultstring") or ""),
        )
        if told.session_expired and not renewed:
            renewed = True
            grant = client.session.renew(client.transport, grant)
            continue
        # every fault has status 500; the code alone says whether the org broke down
        raise call_failed([told], 400 if told.code != "UNKNOWN_EXCEPTION" else 500, Effect.WRITE)


def _without_code(text: str) -> str:
    """A fault's words repeat its code in front."""
    code, colon, rest = text.partition(": ")
    return rest if colon and code.isupper() and " " not in code else text


def _read(answer: Answer) -> ElementTree.Element:
    head = answer.content[:2000]
    if b"<!DOCTYPE" not in head and b"<!ENTITY" not in head:
        try:
            root = ElementTree.fromstring(answer.content)
        except ElementTree.ParseError:
            root = ElementTree.Element("none")
        if root.tag == f"{{{_ENVELOPE}}}Envelope":
            return root
    raise not_the_api(answer, Effect.WRITE)


# ---------------------------------------------------------------- results


def _row(result: ElementTree.Element) -> Mapping[str, Any]:
    """A result as `row_outcome` reads it."""
    return {
        "success": _child(result, "success") == "true",
        "id": _child(result, "id"),
        "errors": [
            {
                "statusCode": _child(one, "statusCode"),
                "message": _child(one, "message") or "",
                "fields": [field.text for field in _children(one, "fields") if field.text],
            }
            for one in _children(result, "errors")
        ],
    }


def _converted(order: Conversion, result: ElementTree.Element) -> Converted:
    row = {**_row(result), "id": order.lead_id}
    ids = [_child(result, tag) for tag in ("accountId", "contactId", "opportunityId")]
    return Converted(row_outcome(order.lead_id, row), *(full_id(one) if one else None for one in ids))


def _child(result: ElementTree.Element, tag: str) -> str | None:
    found = result.find(f"{{{_PARTNER}}}{tag}")
    return None if found is None else found.text


def _children(result: ElementTree.Element, tag: str) -> Iterable[ElementTree.Element]:
    return result.findall(f"{{{_PARTNER}}}{tag}")
