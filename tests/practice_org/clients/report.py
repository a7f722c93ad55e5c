"""The conformance report: which client asked which endpoint of the practice org, and with what result.

`python -m tests.practice_org.clients.report RESULTS FILE` makes FILE from what `watch` noted in the folder RESULTS.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

HEAD = """# Conformance report

Made by `make conformance`: clients that we did not write, unmodified, installed by name, against the practice
org. A cell lists the statuses that the client was answered with at that endpoint (a refusal such as 400 or 404 is
one that a test asked for, or one that the client itself expects). For gRPC and SOAP the call is named. Schemathesis
calls the REST API of a served Diptych instead, with an administrator's token and with a reader's.

"""


def main(results: str, file: str) -> int:
    """Write the report; returns 1 when a client's test failed."""
    rows = [json.loads(line) for part in sorted(Path(results).glob("*.jsonl")) for line in part.open()]
    tests = [row for row in rows if "test" in row]
    Path(file).write_text(HEAD + _tests(tests) + _endpoints([row for row in rows if "endpoint" in row]))
    return int(any(row["outcome"] == "failed" for row in tests))


def _tests(rows: list[dict[str, Any]]) -> str:
    lines = ["## What was tried", "", "| client | test | result |", "| --- | --- | --- |"]
    for row in sorted(rows, key=lambda row: (row["client"], row["test"])):
        lines.append(f"| {row['client']} | {row['test']} | {row['outcome']} |")
    return "\n".join(lines) + "\n\n"


def _endpoints(rows: list[dict[str, Any]]) -> str:
    cells: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        cells[row["endpoint"]][row["client"]].add("cut" if row["status"] is None else str(row["status"]))
    clients = sorted({row["client"] for row in rows}, key=str.lower)
    lines = ["## Endpoint by client", "", f"| endpoint | {' | '.join(clients)} |"]
    lines.append("| --- |" + " --- |" * len(clients))
    for endpoint in sorted(cells, key=lambda text: (text.split(" ")[1:], text)):
        found = [", ".join(sorted(cells[endpoint].get(client, ()))) for client in clients]
        lines.append(f"| `{endpoint}` | {' | '.join(found)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
