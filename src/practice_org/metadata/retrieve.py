"""Retrievals: components as files in a zip."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from practice_org.clock import stamp
from practice_org.errors import ApiError
from practice_org.metadata import archive, async_job
from practice_org.metadata.async_job import AsyncJob
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import Kind
from practice_org.metadata.listing import KINDS, file_properties

if TYPE_CHECKING:
    from practice_org.org import Org

FOLDER = "unpackaged/"


def start(org: Org, user_id: str, version: float, request: dict[str, Any]) -> AsyncJob:
    """Take a retrieval; with job speed `instant` it is done when this returns."""
    job = async_job.new(org, "retrieve", user_id, version, request)
    return look(org, job.id) if org.setting("job_speed", "instant") == "instant" else job


def look(org: Org, job_id: str) -> AsyncJob:
    """The retrieval as it stands, worked on when it is due."""
    job, now = async_job.due(org, async_job.find(org, "retrieve", job_id))
    return _run(org, job) if now else job


def _run(org: Org, job: AsyncJob) -> AsyncJob:
    started = job.started or stamp(org.clock.now())
    try:
        manifest = archive.of_value(job.options.get("unpackaged") or {})
        root = "" if job.options.get("singlePackage") else FOLDER
        with org.transaction():
            files, properties, messages = _files(org, manifest, root)
        package = archive.zipped(files)
    except ApiError as error:
        outcome: dict[str, Any] = {"error": [error.code, error.message]}
        return async_job.save(
            org,
            replace(job, status="Failed", started=started, completed=stamp(org.clock.now()), outcome=outcome),
        )
    async_job.package_file(org, job.id).write_bytes(package)
    outcome = {"properties": properties, "messages": messages}
    return async_job.save(
        org,
        replace(job, status="Succeeded", started=started, completed=stamp(org.clock.now()), outcome=outcome),
    )


def _files(
    org: Org, manifest: archive.Manifest, root: str
) -> tuple[dict[str, bytes], list[dict[str, Any]], list[dict[str, str]]]:
    files: dict[str, bytes] = {}
    properties: list[dict[str, Any]] = []
    messages: list[dict[str, str]] = []
    parts: dict[tuple[str, str], dict[str, Any]] = {}
    found: dict[str, list[str]] = {}
    for type_name, members in manifest.types.items():
        kind = KINDS.get(type_name)
        if kind is None:
            messages.append(_problem(root, f"Unknown type name '{type_name}' specified in package.xml"))
            continue
        for member in _members(org, kind, members):
            exact = kind.exact_name(org, member)
            value = kind.read(org, exact) if exact else None
            if exact is None or value is None:
                messages.append(
                    _problem(root, f"Entity of type '{type_name}' named '{member}' cannot be found")
                )
                continue
            found.setdefault(type_name, []).append(exact)
            properties.append({**file_properties(org, kind, exact), "fileName": root + kind.file_name(exact)})
            if kind.part_of:
                _add_part(parts, kind, exact, value)
            else:
                files.update({root + path: data for path, data in kind.package_files(exact, value).items()})
    for (owner_type, owner), whole in parts.items():
        for path, data in KINDS[owner_type].package_files(owner, whole).items():
            files.setdefault(root + path, data)  # what was asked for as a whole has its parts
    version = manifest.version
    files[f"{root}package.xml"] = archive.manifest_xml({k: tuple(v) for k, v in found.items()}, version)
    properties.append(_package_properties(org, root))
    return files, properties, messages


def _add_part(parts: dict[tuple[str, str], dict[str, Any]], kind: Kind, exact: str, value: Value) -> None:
    """Put a component that has no file of its own into its owner's."""
    assert kind.part_of is not None
    owner, name = kind.owner_and_name(exact)
    whole = parts.setdefault((kind.part_of, owner), {})
    whole.setdefault(kind.element, []).append({**value, "fullName": name})


def _members(org: Org, kind: Kind, members: tuple[str, ...]) -> list[str]:
    out: list[str] = []
    for member in members:
        if member != "*":
            out.append(member)
        elif kind.name == "CustomObject":
            # As documented, the wildcard brings custom objects, not standard ones.
            out += [name for name in kind.names(org) if name.endswith("__c")]
        elif kind.name != "StandardValueSet":
            out += kind.names(org)
    return list(dict.fromkeys(out))


def _problem(root: str, text: str) -> dict[str, str]:
    return {"fileName": f"{root}package.xml", "problem": text}


def _package_properties(org: Org, root: str) -> dict[str, Any]:
    moment = stamp(org.clock.now()) + ".000Z"
    return {
        "createdById": "",
        "createdByName": "",
        "createdDate": moment,
        "fileName": f"{root}package.xml",
        "fullName": f"{root}package.xml",
        "id": "",
        "lastModifiedById": "",
        "lastModifiedByName": "",
        "lastModifiedDate": moment,
        "manageableState": "unmanaged",
        "type": "Package",
    }


def result(org: Org, job: AsyncJob, *, with_zip: bool) -> dict[str, Any]:
    """The RetrieveResult of a job."""
    error = job.outcome.get("error")
    out: dict[str, Any] = {
        "done": job.done,
        "errorMessage": error[1] if error else None,
        "errorStatusCode": error[0] if error else None,
        "fileProperties": job.outcome.get("properties", []),
        "id": job.id,
        "messages": job.outcome.get("messages", []),
        "status": job.status,
        "success": job.status == "Succeeded",
        "zipFile": None,
    }
    if job.status == "Succeeded" and with_zip:
        out["zipFile"] = base64.b64encode(async_job.package_file(org, job.id).read_bytes()).decode()
    return out
