"""Deployments: a package of components, all or nothing unless ordered otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from practice_org.clock import stamp
from practice_org.errors import ApiError
from practice_org.metadata import archive, async_job, crud, registry, units
from practice_org.metadata.async_job import AsyncJob
from practice_org.metadata.kinds import Work
from practice_org.metadata.units import Unit

if TYPE_CHECKING:
    from practice_org.org import Org

OPTIONS = {
    "allowMissingFiles": False,
    "autoUpdatePackage": False,
    "checkOnly": False,
    "ignoreWarnings": False,
    "performRetrieve": False,
    "purgeOnDelete": False,
    "rollbackOnError": True,
    "singlePackage": False,
    "testLevel": None,
}
"""What a deployment may order, and what holds when it says nothing."""


def start(org: Org, user_id: str, version: float, package: bytes, options: Mapping[str, Any]) -> AsyncJob:
    """Take a deployment; with job speed `instant` it is done when this returns."""
    wanted = {**OPTIONS, **{key: value for key, value in options.items() if value is not None}}
    job = async_job.new(org, "deploy", user_id, version, wanted, package)
    return look(org, job.id) if org.setting("job_speed", "instant") == "instant" else job


def again(org: Org, user_id: str, version: float, validated_id: str) -> AsyncJob:
    """Deploy what a validation has passed, without validating it again.

    Raises ApiError when it did not pass.
    """
    before = look(org, validated_id)
    if before.status != "Succeeded" or not before.options.get("checkOnly"):
        raise ApiError(
            400,
            "INVALID_ID_FIELD",
            f"Invalid validation ID {before.id}: it is no successful validation",
            (),
        )
    package = async_job.package_file(org, before.id).read_bytes()
    return start(org, user_id, version, package, {**before.options, "checkOnly": False})


def cancel(org: Org, job_id: str) -> AsyncJob:
    """Cancel a deployment that is not done.

    Raises ApiError when it is.
    """
    job = async_job.find(org, "deploy", job_id)
    if job.done:
        raise ApiError(400, "INVALID_ID_FIELD", "Deployment already completed", ())
    return async_job.save(org, replace(job, status="Canceled", completed=stamp(org.clock.now())))


def look(org: Org, job_id: str) -> AsyncJob:
    """The deployment as it stands, worked on when it is due."""
    job, now = async_job.due(org, async_job.find(org, "deploy", job_id))
    return _run(org, job) if now else job


class _Undo(Exception):
    """Ends the transaction of a deployment that is to leave nothing behind."""


def _run(org: Org, job: AsyncJob) -> AsyncJob:
    started = job.started or stamp(org.clock.now())
    messages: list[dict[str, Any]] = []
    error: ApiError | None = None
    try:
        planned = _plan(org, job)
        with crud.whole(org):
            messages = [_message(org, job, unit) for unit in planned]
            failed = any(_counts(one, job) for one in messages)
            if job.options["checkOnly"] or (failed and job.options["rollbackOnError"]):
                raise _Undo
    except _Undo:
        pass
    except ApiError as refusal:
        error = refusal
    failures = [one for one in messages if _counts(one, job)]
    if error or (failures and (job.options["rollbackOnError"] or len(failures) == len(messages))):
        status = "Failed"
    else:
        status = "SucceededPartial" if failures else "Succeeded"
    outcome = {"messages": messages, "error": [error.code, error.message] if error else None}
    done = replace(job, status=status, started=started, completed=stamp(org.clock.now()), outcome=outcome)
    return async_job.save(org, done)


def _counts(message: Mapping[str, Any], job: AsyncJob) -> bool:
    """Whether a message is a failure; warnings are unless they are to be ignored."""
    if message["problemType"] == "Error":
        return True
    return (
        message["problemType"] == "Warning" and not message["success"] and not job.options["ignoreWarnings"]
    )


def _plan(org: Org, job: AsyncJob) -> list[Unit]:
    files = archive.unzip(async_job.package_file(org, job.id).read_bytes())
    root = archive.package_root(files)
    manifest = archive.manifest(files[f"{root}package.xml"])
    planned: list[Unit] = []
    lenient = bool(job.options["allowMissingFiles"])
    for name, before in (
        ("destructiveChangesPre.xml", True),
        ("", False),
        ("destructiveChanges.xml", True),
        ("destructiveChangesPost.xml", True),
    ):
        if not before:
            planned += units.units_of(org, files, root, manifest, lenient=lenient)
        elif f"{root}{name}" in files:
            planned += units.destroyed(archive.manifest(files[f"{root}{name}"], name), f"{root}{name}")
    return planned


def _message(org: Org, job: AsyncJob, unit: Unit) -> dict[str, Any]:
    """Deploy one component and tell what became of it."""
    out: dict[str, Any] = {
        "changed": False,
        "columnNumber": unit.column,
        "componentType": unit.kind,
        "created": False,
        "createdDate": stamp(org.clock.now()),
        "deleted": False,
        "fileName": unit.file_name,
        "fullName": unit.full_name,
        "id": None,
        "lineNumber": unit.line,
        "problem": None,
        "problemType": None,
        "success": True,
    }
    try:
        if unit.error is not None:
            raise unit.error
        work = Work(org, job.user_id, job.version)
        kind = registry.kind_named(unit.kind)
        with crud.point(org):
            if unit.destroy:
                if kind.exact_name(org, unit.full_name) is None:
                    return {
                        **out,
                        "success": False,
                        "problemType": "Warning",
                        "problem": f"No {unit.kind} named: {unit.full_name} found",
                    }
                kind.delete(work, unit.full_name)
                return {**out, "changed": True, "deleted": True}
            before = kind.read(org, unit.full_name)
            created = registry.upsert(kind, work, unit.full_name, unit.value)
            exact = kind.exact_name(org, unit.full_name) or unit.full_name
            changed = created or kind.read(org, exact) != before
            return {
                **out,
                "changed": changed,
                "created": created,
                "fullName": exact,
                "id": kind.stored(org, exact).id or None,
            }
    except ApiError as error:
        warning = unit.warning and unit.error is not None
        return {
            **out,
            "success": False,
            "problem": error.message,
            "problemType": "Warning" if warning else "Error",
        }


def result(org: Org, job: AsyncJob, *, details: bool) -> dict[str, Any]:
    """The DeployResult of a job; dates are in the form of the API."""
    messages = job.outcome.get("messages", [])
    error = job.outcome.get("error")
    failures = [one for one in messages if not one["success"]]
    person = org.reader().execute('SELECT "Name" FROM "User" WHERE "Id" = ?', (job.user_id,)).fetchone()
    out: dict[str, Any] = {
        "checkOnly": bool(job.options.get("checkOnly")),
        "completedDate": _moment(job.completed),
        "createdBy": job.user_id[:15],
        "createdByName": str(person[0]) if person else "",
        "createdDate": _moment(job.created),
        "details": _details(messages) if details else None,
        "done": job.done,
        "errorMessage": error[1] if error else None,
        "errorStatusCode": error[0] if error else None,
        "id": job.id,
        "ignoreWarnings": bool(job.options.get("ignoreWarnings")),
        "lastModifiedDate": _moment(job.completed or job.started or job.created),
        "numberComponentErrors": len(failures),
        "numberComponentsDeployed": len(messages) - len(failures),
        "numberComponentsTotal": len(messages),
        "numberTestErrors": 0,
        "numberTestsCompleted": 0,
        "numberTestsTotal": 0,
        "rollbackOnError": bool(job.options.get("rollbackOnError")),
        "runTestsEnabled": job.options.get("testLevel") not in (None, "NoTestRun"),
        "startDate": _moment(job.started),
        "status": job.status,
        "success": job.status in ("Succeeded", "SucceededPartial"),
    }
    if job.status == "Canceled":
        out["canceledBy"], out["canceledByName"] = job.user_id[:15], out["createdByName"]
    return out


def _details(messages: list[dict[str, Any]]) -> dict[str, Any]:
    shown = [{**one, "createdDate": _moment(one["createdDate"])} for one in messages]
    package = {
        "changed": True,
        "componentType": "",
        "created": False,
        "createdDate": shown[0]["createdDate"] if shown else None,
        "deleted": False,
        "fileName": "package.xml",
        "fullName": "package.xml",
        "success": True,
    }
    return {
        "componentFailures": [one for one in shown if not one["success"]],
        "componentSuccesses": [one for one in shown if one["success"]] + ([package] if shown else []),
        "runTestResult": {"numFailures": 0, "numTestsRun": 0, "totalTime": 0.0},
    }


def _moment(text: str | None) -> str | None:
    return None if text is None else f"{text}.000Z"
