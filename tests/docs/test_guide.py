"""The commands of the guide, run in the order in which it is read, against one practice org; what they print is what it shows.

In a block ```console a line that begins with `$ ` is run; the lines under it are what it prints. Compared are words: numbers and
times may differ, `...` stands for anything, a line that is only `...` for any lines. Comments that are not shown on the site
steer it: `<!-- later: connected -->` runs the block as soon as there is a connection, `<!-- in Salesforce: Lead of person 88:
City=Nice -->` is an edit by a salesperson.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import forked
from tests.practice_org.server import RunningOrg, start_practice_org

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide"
ORDER = re.findall(r"^ +- (guide/\S+\.md)$", (ROOT / "site" / "properdocs.yml").read_text(), re.M)
_PART = re.compile(
    r"^```console\n(?P<block>.*?)^```$|^<!-- later: (?P<later>\w+) -->$|"
    r"^<!-- in Salesforce: (?P<object>\w+) of person (?P<person>\d+): (?P<field>\w+)=(?P<value>.*) -->$",
    re.S | re.M,
)
_CHANGING = re.compile(r"\d+(?:[,.:T-]\d+)*Z?")


@dataclass(frozen=True)
class Step:
    """One command with what it is shown to print, or an edit in Salesforce."""

    page: str
    command: str = ""
    shown: tuple[str, ...] = ()
    edit: tuple[str, str, str, str] | None = None


@dataclass
class Reader:
    """Somebody who follows the guide in a terminal."""

    org: RunningOrg
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, command: str) -> tuple[str, str]:
        """What it prints on stdout and on stderr."""
        words = [self._expanded(word) for word in shlex.split(command)]
        if words[0] == "sqlite3":
            with sqlite3.connect(words[1]) as database:
                database.execute(words[2])
            database.close()
            return "", ""
        assert words[0] == "diptych", command
        if words[1] == "sync":
            self.org.later()  # than what was written before: a reader types no two commands in a second
        done = forked.run(tuple(words[1:]), self.environment, timeout=120)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        return done.stdout, done.stderr

    def _expanded(self, word: str) -> str:
        return re.sub(r"\$([A-Z_]+)", lambda m: self.environment[m.group(1)], word)

    def edit(self, object_name: str, person: str, name: str, value: str) -> None:
        with sqlite3.connect(f"{self.folder}/app.db") as database:
            (sf_id,) = database.execute(
                "SELECT salesforce_id FROM v_pairs WHERE person_id = ? AND object_name = ?",
                (person, object_name),
            ).fetchone()
        database.close()
        self.org.edit(object_name, sf_id, **{name: value})


def steps() -> list[Step]:
    """All steps, those that have to wait for the connection after it."""
    now: list[Step] = []
    waiting: list[Step] = []
    for page in ORDER:
        for_later = False
        for part in _PART.finditer((ROOT / "docs" / page).read_text()):
            if part["later"]:
                for_later = True
            elif part["object"]:
                now.append(Step(page, edit=(part["object"], part["person"], part["field"], part["value"])))
            else:
                (waiting if for_later else now).extend(_commands(page, part["block"]))
                for_later = False
                if waiting and "diptych connect" in part["block"]:
                    now += waiting
                    waiting = []
    assert not waiting
    return now


def _commands(page: str, block: str) -> Iterator[Step]:
    for one in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, *shown = one.rstrip("\n").split("\n")
        yield Step(page, command, tuple(shown))


def plain(line: str) -> str:
    """A line without what differs from run to run."""
    return " ".join(_CHANGING.sub("0", line).replace("-", " ").split())


def lines(printed: str) -> str:
    return "".join(plain(line) + "\n" for line in printed.splitlines())


def pattern(shown: tuple[str, ...]) -> re.Pattern[str]:
    parts = []
    for line in shown:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            # `0...`: an id, which may go on with letters or digits
            parts.append(".*".join(re.escape(part.strip()) for part in plain(line).split("...")) + r"\n")
    return re.compile("".join(parts) + r"\Z")


def test_what_is_shown_is_compared_with_care() -> None:
    shown = ("Lead  210  ...", "...", "Equal.")
    assert pattern(shown).match("Lead 0 0 0\nwhatever\nEqual.\n")
    assert not pattern(shown).match("Lead 0 0 0\nwhatever\nDifferent.\n")
    assert not pattern(shown).match("Contact 0 0 0\nEqual.\n")


@pytest.mark.timeout(240)
def test_the_guide_does_what_it_says(tmp_path: Path) -> None:
    with start_practice_org(tmp_path, records=300) as org:
        sync, admin, data = org.user("sync"), org.user("admin"), tmp_path / "guide"
        environment = {k: v for k, v in forked.os.environ.items() if not k.startswith("DIPTYCH_")} | {
            "ORG": org.base_url,
            "SYNC_USERNAME": sync["username"],
            "SYNC_PASSWORD": sync["password"],
            "SYNC_TOKEN": sync["security_token"],
            "ADMIN_USERNAME": admin["username"],
            "ADMIN_PASSWORD": admin["password"],
            "ADMIN_TOKEN": admin["security_token"],
            "ADA_PASSWORD": "a long and winding password",
            "DIPTYCH_DATA_DIR": str(data),
        }
        reader = Reader(org, data, environment)
        done = 0
        for step in steps():
            if step.edit:
                reader.edit(*step.edit)
                continue
            out, notes = reader.run(step.command)
            seen = pattern(step.shown)  # a terminal shows both, in an order that is not kept here
            assert seen.match(lines(out + notes)) or seen.match(lines(notes + out)), (
                f"{step.page}: $ {step.command}\n{out}{notes}"
            )
            done += 1
        assert done > 30
