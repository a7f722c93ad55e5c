"""Bodies of the Bulk API 1.0: XML or JSON, in the key orders of Salesforce's documentation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from practice_org.bulk1.batches import Batch
from practice_org.bulk1.refusal import BulkError
from practice_org.clock import wire
from practice_org.data.jobs import Job
from practice_org.xmltree import BadXml, Node, parse

NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
XML_TYPE, JSON_TYPE, CSV_TYPE = "application/xml", "application/json", "text/csv"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'

_JOB_ORDER = [
    "id",
    "operation",
    "object",
    "createdById",
    "createdDate",
    "systemModstamp",
    "state",
    "externalIdFieldName",
    "concurrencyMode",
    "contentType",
    "numberBatchesQueued",
    "numberBatchesInProgress",
    "numberBatchesCompleted",
    "numberBatchesFailed",
    "numberBatchesTotal",
    "numberRecordsProcessed",
    "numberRetries",
    "apiVersion",
    "assignmentRuleId",
    "numberRecordsFailed",
    "totalProcessingTime",
    "apiActiveProcessingTime",
    "apexProcessingTime",
]
_BATCH_ORDER = [
    "id",
    "jobId",
    "state",
    "stateMessage",
    "createdDate",
    "systemModstamp",
    "numberRecordsProcessed",
    "numberRecordsFailed",
    "totalProcessingTime",
    "apiActiveProcessingTime",
    "apexProcessingTime",
]


def job_facts(job: Job, batches: Iterable[Batch]) -> dict[str, Any]:
    """A job with the counts of its batches, keys in alphabetical order as JSON has them."""
    every = list(batches)
    states = [batch.state for batch in every]
    return {
        "apexProcessingTime": 0,
        "apiActiveProcessingTime": sum(batch.milliseconds for batch in every),
        "apiVersion": float(job.api_version),
        "assignmentRuleId": job.facts.get("assignment_rule_id"),
        "concurrencyMode": job.facts["concurrency"],
        "contentType": job.facts["content_type"],
        "createdById": job.user_id,
        "createdDate": wire(job.created),
        "externalIdFieldName": job.facts.get("external_id_field"),
        "fastPathEnabled": False,
        "id": job.id,
        "numberBatchesCompleted": states.count("Completed"),
        "numberBatchesFailed": states.count("Failed"),
        "numberBatchesInProgress": states.count("InProgress"),
        "numberBatchesQueued": states.count("Queued"),
        "numberBatchesTotal": len(states),
        "numberRecordsFailed": sum(batch.failed for batch in every),
        "numberRecordsProcessed": sum(batch.records for batch in every),
        "numberRetries": 0,
        "object": job.object,
        "operation": job.operation,
        "state": job.state,
        "systemModstamp": wire(job.modified),
        "totalProcessingTime": sum(batch.milliseconds for batch in every),
    }


def batch_facts(batch: Batch) -> dict[str, Any]:
    return {
        "apexProcessingTime": 0,
        "apiActiveProcessingTime": batch.milliseconds,
        "createdDate": wire(batch.created),
        "id": batch.id,
        "jobId": batch.job_id,
        "numberRecordsFailed": batch.failed,
        "numberRecordsProcessed": batch.records,
        "state": batch.state,
        "stateMessage": batch.message,
        "systemModstamp": wire(batch.modified),
        "totalProcessingTime": batch.milliseconds,
    }


def job_xml(facts: Mapping[str, Any]) -> str:
    return _document("jobInfo", _JOB_ORDER, facts)


def batch_xml(facts: Mapping[str, Any]) -> str:
    return _document("batchInfo", _BATCH_ORDER, facts)


def batches_xml(every: Iterable[Mapping[str, Any]]) -> str:
    inner = "".join(f"\n <batchInfo>{_elements(_BATCH_ORDER, facts, '  ')}\n </batchInfo>" for facts in every)
    return f'{HEAD}<batchInfoList\n   xmlns="{NAMESPACE}">{inner}\n</batchInfoList>'


def error_xml(error: BulkError) -> str:
    facts = {"exceptionCode": error.code, "exceptionMessage": error.message}
    return _document("error", list(facts), facts)


def _document(name: str, order: list[str], facts: Mapping[str, Any]) -> str:
    return f'{HEAD}<{name}\n   xmlns="{NAMESPACE}">{_elements(order, facts, " ")}\n</{name}>'


def _elements(order: list[str], facts: Mapping[str, Any], indent: str) -> str:
    return "".join(
        f"\n{indent}<{key}>{text(_dated(key, facts[key]))}</{key}>" for key in order if facts[key] is not None
    )


def _dated(key: str, value: Any) -> Any:
    return value.replace("+0000", "Z") if key in ("createdDate", "systemModstamp") else value


def text(value: Any) -> str:
    """A value as XML writes it; characters that XML cannot hold are left out."""
    if isinstance(value, bool):
        return "true" if value else "false"
    plain = "".join(c for c in str(value) if c >= " " or c in "\t\n\r")
    return escape(plain).replace("\r", "&#13;")


# -- what clients send ------------------------------------------------------------------------------


def parsed_xml(body: bytes) -> Node:
    """The root of an XML body; document types are not taken. Raises BulkError InvalidXml for what is none."""
    try:
        return parse(body)
    except BadXml as error:
        raise BulkError("InvalidXml", f"Failed to parse the request: {error} (line {error.line})") from None


def fields_of(body: bytes, *, json_body: bool) -> dict[str, Any]:
    """The fields of a `jobInfo` sent as JSON or XML."""
    if json_body:
        value = parsed_json(body)
        if not isinstance(value, dict):
            raise BulkError("InvalidJob", "The request body must be one JSON object")
        return value
    root = parsed_xml(body)
    if root.name != "jobInfo":
        raise BulkError("InvalidJob", f"Unable to parse Job: the root element is {root.name}, not jobInfo")
    return {child.name: child.text.strip() for child in root}


def parsed_json(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BulkError("InvalidBatch", f"Failed to parse the JSON: {error}") from None


def records_of_xml(body: bytes) -> list[dict[str, Any]]:
    """The records of an `sObjects` document; a child element with children is a parent by its key."""
    return [
        {name: value for name, value in _record(node).items() if name != "type"}
        for node in parsed_xml(body).all("sObject")
    ]


def _record(node: Node) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for child in node:
        if child.nil:
            out[child.name] = None
        elif child.children:
            inner = child.children[0] if child.children[0].name == "sObject" else child
            out[child.name] = {k: v for k, v in _record(inner).items() if k != "type"}
        elif child.text:
            out[child.name] = child.text
    return out
