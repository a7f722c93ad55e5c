"""`composite`, `composite/batch`, `composite/tree` and `composite/graph`: several calls in one."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from practice_org.api.bodies import flag, json_object
from practice_org.api.describe import object_for
from practice_org.api.preconditions import CONDITIONS
from practice_org.api.records import options_of
from practice_org.data import dml
from practice_org.data.dml import Write
from practice_org.dressing import is_json
from practice_org.errors import ApiError, json_parser_error, method_not_allowed, not_found
from practice_org.http import Context, json_response, served_version, triggers
from practice_org.routing import Match, NoSuchMethod, Router

MOST_REQUESTS = 25
MOST_QUERIES = 5
MOST_TREE_RECORDS = 200
MOST_GRAPH_NODES = 500
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.[A-Za-z0-9_]+|\[\d+\])*)\}")
_REFERENCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*\Z")
_SHOWN = ("ETag", "Last-Modified", "Location")
"""The headers that an answer's `httpHeaders` repeats: recorded for a describe and for a create."""
_VERSIONED = re.compile(r"(?:/services/data/)?/?v(\d{1,3}\.0)(/.*)\Z", re.DOTALL)


class _RolledBack(Exception):
    """Leaves the transaction of a composite whose part failed."""


def dispatch(
    ctx: Context, request: Request, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> Response:
    """Carry out a sub-request as the same caller, without authenticating or counting it.

    A refusal becomes a response. `url` may have or lack `/services/data`.
    """
    try:
        return _dispatched(ctx, request, method.upper(), url, headers, body)
    except ApiError as error:
        return json_response(error.body(), error.status)


def _dispatched(
    ctx: Context, request: Request, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> Response:
    from practice_org.api.routes import ROUTES

    try:
        parts = urlsplit(url)
    except ValueError:
        raise not_found() from None
    match = _VERSIONED.match(parts.path)
    if match is None:
        raise not_found()
    served_version(f"/v{match.group(1)}")
    found = Router(ROUTES).resolve(method, match.group(2))
    if isinstance(found, NoSuchMethod):
        raise method_not_allowed(method, found.allowed)
    if not isinstance(found, Match):
        raise not_found()
    sub = replace(
        ctx,
        version=match.group(1),
        params=found.params,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={**_inherited(ctx.headers), **{k.lower(): str(v) for k, v in headers.items()}},
        body=body,
        method=method,
        path=parts.path,
    )
    for trigger, name, record_id in triggers(sub, match.group(2)):
        if trigger != "any":
            ctx.org.faults.check(trigger, name, record_id)
    response: Response = found.route.handler(sub, request)
    return response


def _inherited(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of the whole that hold for its parts: conditions are a record's own."""
    return {name: value for name, value in headers.items() if name not in CONDITIONS}


def _value(response: Response) -> Any:
    body = bytes(getattr(response, "body", b""))
    if not body:
        return None
    return json.loads(body) if is_json(response) else base64.b64encode(body).decode()


def _shown_headers(response: Response) -> dict[str, str]:
    return {name: response.headers[name] for name in _SHOWN if name in response.headers}


# -- composite --------------------------------------------------------------------------------------


def composite(ctx: Context, request: Request) -> Response:
    """POST composite: sub-requests in order, each may use the answers of those before it."""
    body = json_object(ctx)
    requests = body.get("compositeRequest")
    if not isinstance(requests, list) or not requests:
        raise json_parser_error("Cannot deserialize: compositeRequest must be a list of sub-requests")
    _check_sizes(requests)
    entries, _ = _ordered(ctx, request, requests, flag(body.get("allOrNone")))
    return json_response({"compositeResponse": entries})


def _check_sizes(requests: list[Any]) -> None:
    if len(requests) > MOST_REQUESTS:
        raise ApiError(
            400,
            "BAD_REQUEST",
            f"Limit exceeded. The maximum number of subrequests in a composite request is {MOST_REQUESTS}",
        )
    heavy = [
        r
        for r in requests
        if isinstance(r, dict)
        and re.search(r"/v\d+\.0/(?:query|queryAll|composite/sobjects)\b", str(r.get("url", "")))
    ]
    if len(heavy) > MOST_QUERIES:
        raise ApiError(
            400,
            "BAD_REQUEST",
            f"Limit exceeded. The maximum number of query and sObject collections subrequests is {MOST_QUERIES}",
        )


def _ordered(
    ctx: Context, request: Request, requests: list[Any], all_or_none: bool
) -> tuple[list[dict[str, Any]], bool]:
    """The entries of the sub-requests, and whether all succeeded."""
    answers: dict[str, Any] = {}
    failed: set[str] = set()
    entries: list[dict[str, Any]] = []
    names = [_reference_id(r) for r in requests]
    if len(set(names)) != len(names):
        raise ApiError(400, "BAD_REQUEST", "Provided referenceId is not unique within the request")

    def run() -> None:
        for one, name in zip(requests, names, strict=True):
            entry = _entry(ctx, request, one, name, answers, failed)
            entries.append(entry)
            if entry["httpStatusCode"] >= 400:
                failed.add(name)
                if all_or_none:
                    raise _RolledBack
            answers[name] = entry["body"]

    if not all_or_none:
        run()
        return entries, not failed
    try:
        with ctx.org.transaction():
            run()
    except _RolledBack:
        return _halted(entries, names), False
    return entries, True


def _halted(entries: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    """With allOrNone, all but the failing one are said to have been rolled back."""
    failing = len(entries) - 1
    halted = {
        "body": [
            {
                "errorCode": "PROCESSING_HALTED",
                "message": "The transaction was rolled back since another operation in the same transaction "
                "failed.",
            }
        ],
        "httpHeaders": {},
        "httpStatusCode": 400,
    }
    return [
        entries[failing] if index == failing else {**halted, "referenceId": name}
        for index, name in enumerate(names)
    ]


def _reference_id(one: Any) -> str:
    name = one.get("referenceId") if isinstance(one, dict) else None
    if not isinstance(name, str) or not _REFERENCE_ID.match(name):
        raise ApiError(
            400,
            "BAD_REQUEST",
            "Provided referenceId must start with a letter or a number, and it can contain only letters, "
            "numbers and underscores",
        )
    return name


def _entry(
    ctx: Context,
    request: Request,
    one: Mapping[str, Any],
    name: str,
    answers: Mapping[str, Any],
    failed: set[str],
) -> dict[str, Any]:
    try:
        url = _substituted(str(one.get("url", "")), answers, failed)
        body = _substituted(one.get("body"), answers, failed)
        headers = _substituted(one.get("httpHeaders") or {}, answers, failed)
        if not isinstance(headers, dict):
            raise json_parser_error("Cannot deserialize: httpHeaders must be an object")
    except ApiError as error:
        return {
            "body": error.body(),
            "httpHeaders": {},
            "httpStatusCode": error.status,
            "referenceId": name,
        }
    payload = b"" if body is None else json.dumps(body).encode()
    response = dispatch(ctx, request, str(one.get("method", "GET")), str(url), headers, payload)
    return {
        "body": _value(response),
        "httpHeaders": _shown_headers(response),
        "httpStatusCode": response.status_code,
        "referenceId": name,
    }


def _substituted(value: Any, answers: Mapping[str, Any], failed: set[str]) -> Any:
    if isinstance(value, dict):
        return {k: _substituted(v, answers, failed) for k, v in value.items()}
    if isinstance(value, list):
        return [_substituted(v, answers, failed) for v in value]
    if not isinstance(value, str) or "@{" not in value:
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole is not None:
        return _referred(whole, answers, failed)
    return _REFERENCE.sub(lambda match: str(_referred(match, answers, failed)), value)


def _referred(match: re.Match[str], answers: Mapping[str, Any], failed: set[str]) -> Any:
    name, path = match.groups()
    value: Any = None if name in failed else answers.get(name)
    for part in re.findall(r"\.([A-Za-z0-9_]+)|\[(\d+)\]", path):
        try:
            value = value[part[0]] if part[0] else value[int(part[1])]
        except (KeyError, IndexError, TypeError):
            value = None
    if value is None:
        raise ApiError(
            400,
            "PROCESSING_HALTED",
            f"Invalid reference specified. No value for {name}{path} found in {name}.",
            code_first=True,
        )
    return value


# -- batch ------------------------------------------------------------------------------------------


def batch(ctx: Context, request: Request) -> Response:
    """POST composite/batch: independent sub-requests."""
    body = json_object(ctx)
    requests = body.get("batchRequests")
    if not isinstance(requests, list) or not requests:
        raise json_parser_error("Cannot deserialize: batchRequests must be a list of sub-requests")
    if len(requests) > MOST_REQUESTS:
        raise ApiError(
            400,
            "BATCH_API_SIZE_LIMIT",
            f"The maximum number of subrequests in a batch request is {MOST_REQUESTS}",
        )
    halt = flag(body.get("haltOnError"))
    results: list[dict[str, Any]] = []
    for one in requests:
        if not isinstance(one, dict):
            raise json_parser_error("Cannot deserialize: a sub-request must be an object")
        if halt and any(r["statusCode"] >= 400 for r in results):
            error = ApiError(
                412,
                "BATCH_PROCESSING_HALTED",
                "Batch processing halted per request. An error occurred while processing a previous subrequest",
                code_first=True,
            )
            results.append({"statusCode": 412, "result": error.body()})
            continue
        rich = one.get("richInput")
        payload = b"" if rich is None else json.dumps(rich).encode()
        response = dispatch(
            ctx, request, str(one.get("method", "GET")), _absolute(str(one.get("url", ""))), {}, payload
        )
        results.append({"statusCode": response.status_code, "result": _value(response)})
    return json_response({"hasErrors": any(r["statusCode"] >= 400 for r in results), "results": results})


def _absolute(url: str) -> str:
    return url if url.startswith("/") else "/services/data/" + url


# -- tree and graph ---------------------------------------------------------------------------------


def tree(ctx: Context, request: Request) -> Response:
    """POST composite/tree/X: records with their children, all or none."""
    obj = object_for(ctx, ctx.params["object"])
    records = json_object(ctx).get("records")
    if not isinstance(records, list) or not records:
        raise json_parser_error("Cannot deserialize: records must be a list")
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    try:
        with ctx.org.transaction():
            for record in records:
                _plant(ctx, obj.name, record, {}, results, errors)
            if errors:
                raise _RolledBack
    except _RolledBack:
        return json_response({"hasErrors": True, "results": errors}, 400)
    return json_response({"hasErrors": False, "results": results}, 201)


def _plant(
    ctx: Context,
    object_name: str,
    record: Any,
    link: Mapping[str, Any],
    results: list[dict[str, Any]],
    errors: list[dict[str, Any]],
) -> None:
    if len(results) + len(errors) >= MOST_TREE_RECORDS:
        raise ApiError(400, "BAD_REQUEST", f"The maximum number of records in a tree is {MOST_TREE_RECORDS}")
    if not isinstance(record, dict) or not isinstance(record.get("attributes"), dict):
        raise json_parser_error("Each record of a tree must have attributes with type and referenceId")
    name = str(record["attributes"].get("referenceId", ""))
    obj = object_for(ctx, object_name)
    nested: list[tuple[str, str, list[Any]]] = []
    values: dict[str, Any] = dict(link)
    for key, value in record.items():
        child = ctx.org.schema.child(obj, key) if isinstance(value, dict) and "records" in value else None
        if child is not None:
            nested.append((child[0].name, child[1].name, value["records"]))
        elif key != "attributes":
            values[key] = value
    outcome = dml.apply(ctx.org, ctx.user, [Write("insert", obj, None, values)], options_of(ctx))[0]
    if outcome.error is not None:
        errors.append({"referenceId": name, "errors": outcome.error.result_errors()})
        return
    results.append({"referenceId": name, "id": outcome.id})
    for child_object, field_name, children in nested:
        for one in children:
            _plant(ctx, child_object, one, {field_name: outcome.id}, results, errors)


def graph(ctx: Context, request: Request) -> Response:
    """POST composite/graph: several composites, each all or none."""
    graphs = json_object(ctx).get("graphs")
    if not isinstance(graphs, list) or not graphs:
        raise json_parser_error("Cannot deserialize: graphs must be a list")
    out = []
    for one in graphs:
        requests = one.get("compositeRequest") if isinstance(one, dict) else None
        if not isinstance(requests, list) or len(requests) > MOST_GRAPH_NODES:
            raise ApiError(400, "BAD_REQUEST", f"A graph has from 1 to {MOST_GRAPH_NODES} nodes")
        entries, fine = _ordered(ctx, request, requests, True)
        out.append(
            {
                "graphId": one.get("graphId"),
                "graphResponse": {"compositeResponse": entries},
                "isSuccessful": fine,
            }
        )
    return json_response({"graphs": out})
