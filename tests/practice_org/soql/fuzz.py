"""Queries at random against an org, for as long as told: `python -m tests.practice_org.soql.fuzz --minutes 10`.

Whole and damaged queries, arbitrary text, searches, query plans and columns; each must be answered, or
refused with a code. What is neither is printed with the seed that makes it again, and ends the run with 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from urllib.parse import quote

from practice_org.org import Org
from tests.practice_org.calls import Caller
from tests.practice_org.soql import dataset
from tests.practice_org.soql.writer import WORDS, Writer, damaged

CODES = frozenset(
    {
        "EXCEEDED_ID_LIMIT",
        "INVALID_FIELD",
        "INVALID_QUERY_FILTER_OPERATOR",
        "INVALID_QUERY_LOCATOR",
        "INVALID_QUERY_SCOPE",
        "INVALID_TYPE",
        "MALFORMED_QUERY",
        "MALFORMED_SEARCH",
        "NUMBER_OUTSIDE_VALID_RANGE",
        "QUERY_TOO_COMPLICATED",
    }
)
"""The codes that a query or search may be refused with."""
PATHS = ("/query?q=", "/query?q=", "/queryAll?q=", "/query?columns=true&q=", "/query?explain=")


def call_of(random: Random) -> str:
    """A request at random: its path with query string."""
    roll = random.random()
    if roll < 0.1:
        words = "".join(random.choice("abo*?\"()\\ '{}é0-") for _ in range(random.randint(0, 20)))
        rest = random.choice(("", " IN NAME FIELDS", " RETURNING Lead(Id, Name WHERE Name != null LIMIT 2)"))
        return "/search?q=" + quote(damaged(random, f"FIND {{{words}}}{rest}"), errors="replace")
    if roll < 0.2:
        text = "".join(
            chr(random.choice((random.randint(1, 126), random.randint(1, 0xD7FF)))) for _ in range(60)
        )
        return "/query?q=" + quote(text)
    if roll < 0.3:
        return "/query?q=" + quote(
            " ".join(random.choice(WORDS) for _ in range(random.randint(1, 25))), errors="replace"
        )
    text = Writer(random).query()
    if roll < 0.65:
        text = damaged(random, text)
    return random.choice(PATHS) + quote(text, errors="replace")


def outcome(admin: Caller, call: str) -> str:
    """200, or the code of a refusal.

    Raises AssertionError for any other answer, and whatever an engine in trouble raises.
    """
    answer = admin("GET", call)
    if answer.status == 200:
        json.dumps(answer.json, allow_nan=False)
        return "200"
    code = str(answer.json[0]["errorCode"])
    assert answer.status == 400 and code in CODES, answer.text
    return code


def run(org_and_admin: tuple[Org, Caller], seconds: float, seed: int) -> tuple[Counter[str], list[int]]:
    """Ask until the time is over; the outcomes, and the seeds of what went wrong."""
    _, admin = org_and_admin
    seen: Counter[str] = Counter()
    wrong = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        seed += 1
        call = call_of(Random(seed))
        try:
            seen[outcome(admin, call)] += 1
        except Exception:
            wrong.append(seed)
            print(f"seed {seed}: {call}", file=sys.stderr)
            traceback.print_exc()
    return seen, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    orders = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        org, admin, _ = dataset.build(Path(folder))
        seen, wrong = run((org, admin), min(orders.minutes, 60) * 60, orders.seed)
        org.close()
    print(f"{seen.total()} calls: {dict(seen.most_common())}; wrong: {len(wrong)} {wrong[:20]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
