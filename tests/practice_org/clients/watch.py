"""What a client asked of the practice org, endpoint by endpoint, for the conformance report.

    with watched(org, "jsforce 3.10.26"):
        ...  # let the client work

Off unless `CONFORMANCE_RESULTS` names a folder; then one JSON line an endpoint is added to a file of this process.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from practice_org.api.routes import ROUTES
from practice_org.routing import Match, Router
from tests.practice_org.server import RunningOrg

SETTING = "CONFORMANCE_RESULTS"
_ROUTER = Router(ROUTES)
_DATA = re.compile(r"/services/data/v\d+\.0(?P<rest>/.*|$)")
_ID = re.compile(r"(?<![A-Za-z0-9])[a-zA-Z0-9]{15}(?:[A-Z0-9]{3})?(?![A-Za-z0-9])")
_SOAP = re.compile(rb"<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)")


@contextmanager
def watched(org: RunningOrg, client: str) -> Iterator[None]:
    """Note what the org is asked inside the block under the name of a client."""
    folder = os.environ.get(SETTING)
    if not folder:
        yield
        return
    since = org.control("requests")["received"]
    yield
    received = org.control(f"requests?since={since}", method="GET")["requests"]
    note(
        Path(folder),
        [{"client": client, "endpoint": endpoint(one), "status": one["status"]} for one in received],
    )


def note(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Add rows to this process's file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{os.getpid()}.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def endpoint(request: dict[str, Any]) -> str:
    """A request's method and the pattern of its address; for SOAP, the call."""
    path = str(request["path"])
    found = _DATA.match(path)
    if found:
        rest = found["rest"] or "/"
        matched = _ROUTER.resolve(request["method"], rest)
        pattern = matched.route.pattern if isinstance(matched, Match) else _ID.sub("{id}", rest)
        return f"{request['method']} {pattern}"
    path = re.sub(r"/\d+\.0", "/{version}", path)
    path = _ID.sub("{id}", path)
    call = _SOAP.search((request["body"] or "").encode())
    if path.startswith("/services/Soap/"):
        path = "/".join(path.split("/")[:5])
        return f"SOAP {path} {call[1].decode() if call else 'login'}"
    return f"{request['method']} {path.rstrip('/') or '/'}"
