"""query, queryAll, queryMore, retrieve and search."""

from __future__ import annotations

import secrets

from practice_org import ids
from practice_org.data import query as queries
from practice_org.data import read
from practice_org.data import search as searching
from practice_org.errors import ApiError
from practice_org.soap import sobject
from practice_org.soap.caller import SoapCall
from practice_org.soap.faults import SoapFault
from practice_org.soap.markup import element, wrap
from practice_org.sosl import parser

MOST_TO_READ = 2000


def query(call: SoapCall) -> str:
    """query(queryString)."""
    return _run(call, include_deleted=False)


def query_all(call: SoapCall) -> str:
    """queryAll(queryString): deleted records too."""
    return _run(call, include_deleted=True)


def _run(call: SoapCall, *, include_deleted: bool) -> str:
    soql = call.body.value("queryString")
    if soql is None:
        raise SoapFault("MALFORMED_QUERY", "A query string has to be specified")
    batch = queries.run(
        call.org,
        call.user.id,
        call.session.id,
        soql,
        call.version,
        batch=_batch_size(call),
        include_deleted=include_deleted,
    )
    return _answer(call, batch)


def query_more(call: SoapCall) -> str:
    """queryMore(queryLocator)."""
    locator = call.body.value("queryLocator") or ""
    return _answer(call, queries.more(call.org, call.user.id, call.session.id, locator, call.version))


def _answer(call: SoapCall, batch: queries.Batch) -> str:
    inner = sobject.query_result(call.org.schema, call.api, batch.records, batch.total, batch.next_locator)
    return f'<result xsi:type="QueryResult">{inner}</result>'


def _batch_size(call: SoapCall) -> int:
    text = call.envelope.header("QueryOptions", "batchSize") or ""
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else queries.DEFAULT_BATCH
    return min(max(wanted, queries.MIN_BATCH), queries.DEFAULT_BATCH)


def search(call: SoapCall) -> str:
    """search(searchString): SOSL."""
    text = call.body.value("searchString")
    if text is None:
        raise SoapFault("MALFORMED_SEARCH", parser.NO_TERM)
    found = searching.run(call.org, call.user.id, parser.parse(text), call.version)
    schema, query_id = call.org.schema, element("queryId", secrets.token_hex(11))
    records = (sobject.record(schema, call.api, "record", one) for one in found)
    return wrap("result", query_id + "".join(wrap("searchRecords", one) for one in records))


def retrieve(call: SoapCall) -> str:
    """retrieve(fieldList, sObjectType, ids): one result an id, nil for each that is not there."""
    obj = call.object_of(call.body.value("sObjectType"))
    names = [name.strip() for name in (call.body.value("fieldList") or "").split(",") if name.strip()]
    if not names:
        raise SoapFault("MISSING_ARGUMENT", "fieldList not specified")
    wanted = []
    for one in call.bounded(call.body.all("ids"), MOST_TO_READ):
        found = ids.to18(one.text.strip())
        if found is None:
            raise SoapFault("MALFORMED_ID", f"bad id {one.text.strip()}")
        wanted.append(found)
    try:
        records = read.by_ids(call.org, call.user.id, obj, wanted, names, call.version)
    except ApiError as error:
        if error.code != "INVALID_FIELD":
            raise
        name = next((n for n in names if "." not in n and obj.get(n) is None), names[0])
        raise SoapFault("INVALID_FIELD", sobject.NO_COLUMN.format(name, obj.name)) from error
    return "".join(sobject.record(call.org.schema, call.api, "result", records.get(i)) for i in wanted)
