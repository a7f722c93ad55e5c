"""docs/contract.md and docs/lessons.md: each MUST and each lesson names tests that exist; no invariant is passed over."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTRACT = (ROOT / "docs/contract.md").read_text()
LESSONS = (ROOT / "docs/lessons.md").read_text()
TEST_ID = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
CLAUSES = [line for line in CONTRACT.splitlines() if re.match(r"\| [KL]-\d+ \|", line)]


@cache
def functions_of(path: str) -> frozenset[str]:
    """Names of the test functions in a file, those of classes included."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("text", [CONTRACT, LESSONS], ids=["contract", "lessons"])
def test_every_test_that_is_named_exists(text: str) -> None:
    named = TEST_ID.findall(text)
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in functions_of(path)] == []
    # nothing that looks like a test id has escaped the pattern
    assert text.count("`tests/") == len(named)


def test_every_clause_is_a_must_with_its_failure_and_its_test() -> None:
    assert len(CLAUSES) >= 20
    for clause in CLAUSES:
        _, number, must, prevents, invariant, held_by, _ = (cell.strip() for cell in clause.split("|"))
        assert "MUST" in must and prevents and invariant, number
        assert TEST_ID.findall(held_by), number
    numbers = [clause.split("|")[1].strip() for clause in CLAUSES]
    assert len(set(numbers)) == len(numbers)


def test_every_invariant_is_held_or_said_not_to_be() -> None:
    held = set(re.findall(r"I-\d+", " ".join(CLAUSES)))
    not_promised = CONTRACT[CONTRACT.index("## Not promised") : CONTRACT.index("## Testing it")]
    held |= set(re.findall(r"I-\d+", not_promised))
    assert {f"I-{n}" for n in range(1, 24)} <= held
    assert {f"**X-{n}**" for n in range(1, 6)} <= set(re.findall(r"\*\*X-\d\*\*", not_promised))


def test_every_crash_point_is_in_the_table_with_its_places() -> None:
    source, found = ROOT / "src/diptych", dict[str, set[str]]()
    for path in source.rglob("*.py"):
        if "crashpoint(" in (text := path.read_text()):
            for name in re.findall(r'"(C-\d\d)"', text):
                found.setdefault(name, set()).add(path.relative_to(source).as_posix().removeprefix("sync/"))
    table = CONTRACT[CONTRACT.index("## Crash points") : CONTRACT.index("## History")]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| C-")]
    listed = {row[0].strip("| "): set(re.findall(r"`([\w/]+\.py)`", row[2])) for row in rows}
    assert list(listed) == [f"C-{n:02}" for n in range(1, len(rows) + 1)]
    assert {name: places for name, places in listed.items() if places} == found
    assert {f"C-{n}" for n in (15, 16, 29, 30)} == {name for name, places in listed.items() if not places}


def test_the_version_has_its_line_in_the_history() -> None:
    found = re.search(r"^Version (\d+)\.", CONTRACT, re.MULTILINE)
    assert found
    assert f"\n| {found.group(1)} |" in CONTRACT[CONTRACT.index("## History") :]


def test_every_lesson_has_an_answer() -> None:
    rows = [line.split("|") for line in LESSONS.splitlines() if line.startswith("| ")]
    complaints = [row for row in rows if row[1].strip().isdigit()]
    assert [int(row[1]) for row in complaints] == list(range(1, 21))
    for row in rows:
        answer = row[-2].strip()
        assert TEST_ID.search(answer) or len(answer) > 30 or answer in ("here", "---"), row
