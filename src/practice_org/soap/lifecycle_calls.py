"""convertLead and merge."""

from __future__ import annotations

from practice_org.data.lifecycle.convert import MOST_LEADS, Conversion, Converted, convert
from practice_org.data.lifecycle.merge import MOST_REQUESTS, Merge, Merged, merge
from practice_org.soap import sobject
from practice_org.soap.caller import SoapCall
from practice_org.soap.faults import SoapFault
from practice_org.soap.markup import element, elements, wrap
from practice_org.soap.results import error
from practice_org.xmltree import Node


def convert_lead(call: SoapCall) -> str:
    """convertLead(leadConverts): up to 100."""
    entries = call.bounded(call.body.all("leadConverts"), MOST_LEADS)
    requests = [_conversion(call, one) for one in entries]
    return "".join(_converted(call, one) for one in convert(call.org, call.user, requests, call.options()))


def _conversion(call: SoapCall, given: Node) -> Conversion:
    return Conversion(
        lead_id=given.value("leadId") or "",
        converted_status=given.value("convertedStatus"),
        account_id=given.value("accountId"),
        contact_id=given.value("contactId"),
        opportunity_id=given.value("opportunityId"),
        opportunity_name=given.value("opportunityName"),
        do_not_create_opportunity=given.flag("doNotCreateOpportunity"),
        overwrite_lead_source=given.flag("overwriteLeadSource"),
        owner_id=given.value("ownerId"),
        account_values=_values(call, given, "accountRecord"),
        contact_values=_values(call, given, "contactRecord"),
        opportunity_values=_values(call, given, "opportunityRecord"),
    )


def _values(call: SoapCall, given: Node, name: str) -> dict[str, object]:
    found = given.child(name)
    if found is None or found.nil or not found.children:
        return {}
    record = sobject.read(call.org.schema, call.api, found)
    call.check_fields(record)
    return record.values


def _converted(call: SoapCall, result: Converted) -> str:
    return wrap(
        "result",
        element("accountId", result.account_id)
        + element("contactId", result.contact_id)
        + error(call, result.error)
        + element("leadId", result.lead_id)
        + element("opportunityId", result.opportunity_id)
        + element("success", result.error is None),
    )


def merge_records(call: SoapCall) -> str:
    """merge(request): up to 200 requests, each by itself. jsforce calls them `mergeRequests`."""
    given = call.body.all("request") or call.body.all("mergeRequests")
    requests = [_request(call, one) for one in call.bounded(given, MOST_REQUESTS)]
    return "".join(_merged(call, one) for one in merge(call.org, call.user, requests, call.options()))


def _request(call: SoapCall, given: Node) -> Merge:
    found = given.child("masterRecord")
    if found is None:
        raise SoapFault("MISSING_ARGUMENT", "masterRecord not specified")
    master = sobject.read(call.org.schema, call.api, found)
    call.check_fields(master)
    return Merge(master.obj.name, master.id or "", tuple(given.values("recordToMergeIds")), master.values)


def _merged(call: SoapCall, result: Merged) -> str:
    return wrap(
        "result",
        error(call, result.error)
        + element("id", result.id or None)
        + elements("mergedRecordIds", result.loser_ids)
        + element("success", result.error is None)
        + elements("updatedRelatedIds", result.moved_ids),
    )
