"""Each error of the recorded index, brought about here and compared: status, code, message, order of keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.practice_org.recorded.causes import CAUSES
from tests.practice_org.recorded.comparing import REAL, REASON, loaded, ordered
from tests.practice_org.recorded.stage import Stage, staged

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=REASON)

DIFFERENCES: dict[tuple[str, str], str] = {
    ("invalid_grant", "auth_error_response.json"): "the fixture (of unstated origin) says 'authentication "
    "failure - Invalid Password'; answers quoted from 2023 on end at 'authentication failure'",
}
"""Entries that are answered otherwise here, each with the reason."""
INDEX: list[dict[str, Any]] = loaded("error_payloads_index.json") if REAL.is_dir() else []


def key_of(entry: dict[str, Any]) -> tuple[str, str]:
    found = [key for key in CAUSES if key[0] == entry["code"] and key[1] in entry["source"]]
    assert len(found) == 1, f"{entry['code']} from {entry['source']} is brought about {len(found)} times"
    return found[0]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("recorded")) as one:
        yield one


def test_the_index_is_covered() -> None:
    assert {key_of(entry) for entry in INDEX} == set(CAUSES)


@pytest.mark.parametrize("entry", INDEX, ids=lambda e: f"{e['code']} {e['source'][-40:]}")
def test_an_error_of_the_index(stage: Stage, entry: dict[str, Any]) -> None:
    key = key_of(entry)
    status, text = CAUSES[key](stage)
    found = difference(entry, status, text)
    if key in DIFFERENCES:
        assert found, f"{key} is listed as different, and is not"
    else:
        assert found is None, found


def difference(entry: dict[str, Any], status: int, text: str) -> str | None:
    """What is not as recorded; None when nothing is."""
    if entry["http"] != status and str(status) not in str(entry["http"]):
        return f"status {status}, not {entry['http']}: {text}"
    wanted = entry["body"].replace("…,{", "{").replace('"id":"…"', '"id":"001000000000001AAA"')
    if not wanted.startswith(("[", "{")):
        return _text_difference(wanted, text)
    if "…" in wanted:
        wanted = re.sub(r"[A-Za-z0-9]+…", "003000000000001AAA", wanted)
    ours, theirs = ordered(text), ordered(wanted)
    return None if ours == theirs else f"ours {json.dumps(ours)}\nreal {json.dumps(theirs)}"


def _text_difference(wanted: str, text: str) -> str | None:
    """Quoted pieces of texts, with an ellipsis for what was left out."""
    pieces = [piece for piece in re.split(r"<750…>.*|…", wanted) if piece]
    missing = [piece for piece in pieces if piece.strip() not in text]
    return f"{missing} not in {text}" if missing else None
