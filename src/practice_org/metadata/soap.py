"""The SOAP endpoint of the Metadata API: `/services/Soap/m/{version}`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from xml.sax.saxutils import escape

from starlette.responses import Response

from practice_org.auth.door import Door
from practice_org.auth.people import caller_by_id
from practice_org.auth.settings import read_settings
from practice_org.errors import ApiError
from practice_org.http import FIRST_VERSION, LAST_VERSION
from practice_org.metadata import async_job, codec, crud, deploy, listing, old_forms, registry, retrieve
from practice_org.metadata.async_job import AsyncJob
from practice_org.metadata.codec import NAMESPACE, BadValue, from_node, text_of
from practice_org.metadata.crud import MOST, Result
from practice_org.metadata.kinds import Work
from practice_org.metadata.value_types import value_type
from practice_org.schema import access
from practice_org.sim.request_state import CURRENT
from practice_org.xmltree import XSI, BadXml, Node, parse

MODIFY = frozenset({"ModifyAllData", "ModifyMetadata", "CustomizeApplication"})
"""Any of these lets a user use the Metadata API."""


class MetadataFault(Exception):
    """A fault of the whole call. `code` without prefix; None for one of the envelope."""

    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Call:
    """One call: its element, who calls, and the headers."""

    work: Work
    body: Node
    all_or_none: bool


def answer(door: Door, version: str, body: bytes) -> Response:
    """The response to one request, a fault included."""
    try:
        call = _call(door, version, body)
        operation = OPERATIONS.get(call.body.name)
        if operation is None:
            raise MetadataFault(
                None,
                f"No operation available for request {{{call.body.namespace}}}{call.body.name}, please check the "
                "WSDL for the service.",
            )
        inner = operation(call)
    except MetadataFault as fault:
        return _xml(_fault(fault.code, fault.message), 500)
    except BadValue as error:
        return _xml(_fault(None, error.message), 500)
    except ApiError as error:
        message = error.message.removeprefix(f"{error.code}: ")
        return _xml(_fault(error.code, message), 500)
    return _xml(f"<{call.body.name}Response>{inner}</{call.body.name}Response>")


def _call(door: Door, version: str, body: bytes) -> Call:
    if not re.fullmatch(r"\d{1,3}\.0", version) or not FIRST_VERSION <= float(version) <= LAST_VERSION:
        raise MetadataFault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL")
    try:
        root = parse(body)
    except BadXml as error:
        raise MetadataFault(
            None, f"The request cannot be parsed: {error} ({error.line}:{error.column})"
        ) from error
    inner = root.child("Body")
    if root.name != "Envelope" or inner is None or not inner.children:
        raise MetadataFault(None, "The request has no SOAP body")
    header = root.child("Header")
    session = header.child("SessionHeader") if header else None
    user_id, username = _session(door, session.told("sessionId") if session else "")
    state = CURRENT.get()
    if state is not None:
        state.username = username
    door.org.limits.count()
    wanted = header.child("AllOrNoneHeader") if header else None
    all_or_none = wanted is not None and wanted.told("allOrnone", wanted.told("allOrNone")).lower() == "true"
    return Call(Work(door.org, user_id, float(version)), inner.children[0], all_or_none)


def _session(door: Door, token: str) -> tuple[str, str]:
    session = door.sessions.find(token) if token else None
    caller = caller_by_id(door.org, session.user_id) if session else None
    if session is None or caller is None or not caller.active:
        raise MetadataFault(
            "INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader: Illegal Session"
        )
    system = access.for_user(door.org, caller.id).system
    if not read_settings(door.org).api_enabled or "ApiEnabled" not in system:
        raise MetadataFault("API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner")
    if not MODIFY & system:
        raise MetadataFault(
            "INSUFFICIENT_ACCESS",
            "use of the Metadata API requires a user with the ModifyAllData or ModifyMetadata permissions",
        )
    return caller.id, caller.username


# -- writing ----------------------------------------------------------------------------------------


def _xml(inner: str, status: int = 200) -> Response:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        f'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="{NAMESPACE}" xmlns:xsi="{XSI}">'
        f"<soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
    )
    return Response(text.encode("utf-8", "replace"), status, {"Content-Type": "text/xml; charset=utf-8"})


def _fault(code: str | None, message: str) -> str:
    if code is None:
        named, text = "soapenv:Client", message
    else:
        named, text = f"sf:{code}", f"{code}: {message}"
    return (
        f'<soapenv:Fault xmlns:sf="{NAMESPACE}"><faultcode>{named}</faultcode>'
        f"<faultstring>{escape(text)}</faultstring></soapenv:Fault>"
    )


def _element(name: str, value: Any) -> str:
    """An element of a plain value, of a mapping, or one for each of a list; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "".join(_element(name, one) for one in value)
    if isinstance(value, Mapping):
        return f"<{name}>{''.join(_element(key, one) for key, one in value.items())}</{name}>"
    return f"<{name}>{escape(text_of(value))}</{name}>"


def _errors(error: ApiError | None) -> str:
    if error is None:
        return ""
    told = {"fields": list(error.fields or ()), "message": error.message, "statusCode": error.code}
    return _element("errors", told)


def _saved(results: list[Result], *, upserted: bool = False) -> str:
    return "".join(
        "<result>"
        + (_element("created", one.created) if upserted else "")
        + _errors(one.error)
        + _element("fullName", one.full_name)
        + _element("success", one.success)
        + "</result>"
        for one in results
    )


# -- components -------------------------------------------------------------------------------------


def _items(call: Call) -> list[tuple[str, codec.Value]]:
    nodes = call.body.all("metadata")
    if not nodes:
        raise MetadataFault("MISSING_ARGUMENT", "metadata: at least one component is required")
    _limit(len(nodes))
    out = []
    for node in nodes:
        type_name = node.type
        if type_name is None:
            raise MetadataFault(None, "Must send a concrete entity type.")
        registry.kind_named(type_name)
        out.append((type_name, from_node(type_name, node)))
    return out


def _limit(count: int) -> None:
    if count > MOST:
        raise MetadataFault(
            "EXCEEDED_ID_LIMIT",
            f"record limit reached. cannot submit more than {MOST} records into this call",
        )


def _type(call: Call, element: str = "type") -> str:
    return call.body.told(element)


def _create(call: Call) -> str:
    return _saved(crud.create(call.work, _items(call), all_or_none=call.all_or_none))


def _update(call: Call) -> str:
    return _saved(crud.update(call.work, _items(call), all_or_none=call.all_or_none))


def _upsert(call: Call) -> str:
    return _saved(crud.upsert(call.work, _items(call), all_or_none=call.all_or_none), upserted=True)


def _delete(call: Call) -> str:
    names = [node.text.strip() for node in call.body.all("fullNames")]
    _limit(len(names))
    registry.kind_named(_type(call))
    return _saved(crud.delete(call.work, _type(call), names, all_or_none=call.all_or_none))


def _rename(call: Call) -> str:
    registry.kind_named(_type(call))
    old, new = call.body.told("oldFullName"), call.body.told("newFullName")
    return _saved([crud.rename(call.work, _type(call), old, new)])


def _read(call: Call) -> str:
    names = [node.text.strip() for node in call.body.all("fullNames")]
    _limit(len(names))
    type_name = _type(call)
    found = crud.read(call.work.org, type_name, names)
    records = "".join(
        f'<records xsi:type="{type_name}">{_read_xml(call, type_name, one)}</records>'
        if one is not None
        else '<records xsi:nil="true"/>'
        for one in found
    )
    return f"<result>{records}</result>"


def _read_xml(call: Call, type_name: str, value: codec.Value) -> str:
    version = call.work.version
    shown = codec.to_xml(type_name, old_forms.without_new(version, type_name, value))
    return shown + old_forms.more_xml(call.work.org, version, type_name, value)


def _list(call: Call) -> str:
    queries = call.body.all("queries")
    if len(queries) > 3:
        raise MetadataFault("EXCEEDED_ID_LIMIT", "Maximum number of queries (3) exceeded")
    found = [
        one
        for query in queries
        for one in listing.listed(call.work.org, query.told("type"), query.told("folder"))
    ]
    return _element("result", found)


def _describe(call: Call) -> str:
    told = {
        "metadataObjects": listing.described(),
        "organizationNamespace": "",
        "partialSaveAllowed": True,
        "testRequired": False,
    }
    return _element("result", told)


def _describe_value_type(call: Call) -> str:
    name = re.sub(r"^\{[^}]*\}", "", call.body.told("type")).rpartition(":")[2]
    if value_type(name) is None:
        raise MetadataFault("INVALID_TYPE", f"Unknown type:{call.body.told('type')}")
    kind = registry.KINDS.get(name)
    told = {
        "apiCreatable": kind is not None and kind.creatable,
        "apiDeletable": kind is not None and kind.creatable,
        "apiReadable": kind is not None,
        "apiUpdatable": kind is not None,
        "valueTypeFields": listing.value_type_fields(name),
    }
    return _element("result", told)


# -- files ------------------------------------------------------------------------------------------


def _started(job: AsyncJob, done: bool = False) -> str:
    state = {"Pending": "Queued", "InProgress": "InProgress"}.get(
        job.status, "Completed" if done else "Queued"
    )
    return _element("result", {"done": done, "id": job.id, "state": state})


def _deploy(call: Call) -> str:
    options = call.body.child("DeployOptions") or call.body.child("deployOptions")
    try:
        package = base64.b64decode(call.body.told("ZipFile").encode(), validate=False)
    except (binascii.Error, ValueError):
        raise MetadataFault("INVALID_OPERATION", "ZipFile is not base64") from None
    if not package:
        raise MetadataFault("MISSING_ARGUMENT", "ZipFile is required")
    wanted = from_node("DeployOptions", _without_blanks(options)) if options else {}
    return _started(deploy.start(call.work.org, call.work.user_id, call.work.version, package, wanted))


def _without_blanks(node: Node) -> Node:
    """Options that are sent empty or as None count as not sent; some clients write them so."""
    kept = replace(node, children=[one for one in node.children if one.text.strip() not in ("", "None")])
    for one in kept.children:
        if one.text.strip() in ("True", "False"):
            one.text = one.text.strip().lower()
    return kept


def _check_deploy(call: Call) -> str:
    job = deploy.look(call.work.org, call.body.told("asyncProcessId") or call.body.told("id"))
    details = call.body.told("includeDetails").lower() == "true"
    return _element("result", deploy.result(call.work.org, job, details=details))


def _check_status(call: Call) -> str:
    """The status call of old versions; clients still send it to new ones."""
    ids = [node.text.strip() for node in call.body.all("asyncProcessId")]
    if not ids:
        raise MetadataFault("MISSING_ARGUMENT", "asyncProcessId is required")
    org = call.work.org
    out = []
    for job_id in ids:
        kind = async_job.kind_of(org, job_id)
        job = (deploy if kind == "deploy" else retrieve).look(org, job_id)
        out.append(_started(job, done=job.done))
    return "".join(out)


def _cancel_deploy(call: Call) -> str:
    job = deploy.cancel(call.work.org, call.body.told("String") or call.body.told("id"))
    return _element("result", {"done": True, "id": job.id})


def _deploy_validated(call: Call) -> str:
    job = deploy.again(call.work.org, call.work.user_id, call.work.version, call.body.told("validationId"))
    return _element("result", job.id)


def _retrieve(call: Call) -> str:
    request = call.body.child("retrieveRequest") or call.body.child("request")
    if request is None:
        raise MetadataFault("MISSING_ARGUMENT", "retrieveRequest is required")
    wanted = _retrieve_request(request)
    return _started(retrieve.start(call.work.org, call.work.user_id, call.work.version, wanted))


def _retrieve_request(node: Node) -> dict[str, Any]:
    package = node.child("unpackaged")
    return {
        "singlePackage": node.told("singlePackage").lower() == "true",
        "unpackaged": from_node("Package", package) if package else {},
    }


def _check_retrieve(call: Call) -> str:
    job = retrieve.look(call.work.org, call.body.told("asyncProcessId") or call.body.told("id"))
    with_zip = call.body.told("includeZip", "true").lower() != "false"
    return _element("result", retrieve.result(call.work.org, job, with_zip=with_zip))


OPERATIONS: dict[str, Callable[[Call], str]] = {
    "createMetadata": _create,
    "updateMetadata": _update,
    "upsertMetadata": _upsert,
    "deleteMetadata": _delete,
    "renameMetadata": _rename,
    "readMetadata": _read,
    "listMetadata": _list,
    "describeMetadata": _describe,
    "describeValueType": _describe_value_type,
    "deploy": _deploy,
    "checkDeployStatus": _check_deploy,
    "checkStatus": _check_status,
    "cancelDeploy": _cancel_deploy,
    "deployRecentValidation": _deploy_validated,
    "retrieve": _retrieve,
    "checkRetrieveStatus": _check_retrieve,
}
