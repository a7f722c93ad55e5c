"""Bulk jobs as tests start and read them."""

from __future__ import annotations

import csv
import io
from typing import Any

from tests.practice_org.calls import Answer, Caller


def finished(caller: Caller, kind: str, job_id: str) -> dict[str, Any]:
    for _ in range(200):
        job: dict[str, Any] = caller("GET", f"/jobs/{kind}/{job_id}").json
        if job["state"] in ("JobComplete", "Failed", "Aborted"):
            return job
    raise AssertionError(job)


def start(caller: Caller, soql: str, **more: str) -> str:
    answer = caller("POST", "/jobs/query", {"operation": "query", "query": soql, **more})
    assert answer.status == 200, answer.text
    return str(answer.json["id"])


def rows(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def ingest(caller: Caller, content: str, **job: str) -> tuple[dict[str, Any], str]:
    made = caller("POST", "/jobs/ingest", job)
    assert made.status == 200, made.text
    job_id = made.json["id"]
    assert made.json["contentUrl"] == f"services/data/v60.0/jobs/ingest/{job_id}/batches"
    assert caller("PUT", f"/jobs/ingest/{job_id}/batches", raw=content.encode()).status == 201
    closed = caller("PATCH", f"/jobs/ingest/{job_id}", {"state": "UploadComplete"}).json
    assert "contentUrl" not in closed and "lineEnding" not in closed
    return finished(caller, "ingest", job_id), job_id


def new_ingest(caller: Caller, content: str | bytes | None = None, **job: str) -> str:
    made = caller("POST", "/jobs/ingest", {"object": "Lead", "operation": "insert", **job})
    assert made.status == 200, made.text
    job_id = str(made.json["id"])
    if content is not None:
        raw = content.encode() if isinstance(content, str) else content
        assert caller("PUT", f"/jobs/ingest/{job_id}/batches", raw=raw).status == 201
    return job_id


def refusal(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.json[0]["errorCode"], answer.json[0]["message"]
