"""SIGKILL of real processes, over and over: `python -m tests.acceptance.soak_kill --rounds 200 --seconds 600 --seed 1`.

One installation, one practice org. Each round edits on both sides, gives an order, kills the command at a random passage of
a random crash point (correctness.md section 6) and lets it run again. Now and then everything comes to rest and is looked at
from outside: both sides equal, each record here once, nothing in flight, nothing created twice, no edit lost. Prints the
kills of each crash point; ends at the first thing that is wrong, with what was done until then. The same seed gives the same
orders.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tests.acceptance.installation import Installation
from tests.acceptance.kill_ledger import TEXT, Ledger
from tests.practice_org.server import ROOT, RunningOrg, start_practice_org

LEFT_OUT = {"C-26"}
"""A person has to log in again after it: tests/acceptance/test_kill_login.py."""
FIELDS = {
    "title": ("Title", "Title"),
    "city": ("City", "MailingCity"),
    "first_name": ("FirstName", "FirstName"),
}
LOAD = ("C-06", "C-07", "C-08", "C-09", "C-10", "C-21")
CYCLE = ("C-01", "C-02", "C-03", "C-04", "C-05", "C-11", "C-12", "C-13", "C-14", "C-21", "C-22", "C-25")
ACTION = ("C-33", "C-34", "C-35")
CHECK_EVERY = 12
SYNC = ("sync", "--once", "--json")


class Wrong(Exception):
    """Something was lost, doubled or refused that may not be."""


def crash_points() -> list[str]:
    """All that are in the source."""
    texts = (p.read_text() for p in (ROOT / "src/diptych").rglob("*.py"))
    found = {name for text in texts if "crashpoint(" in text for name in re.findall(r'"(C-\d\d)"', text)}
    return sorted(found - LEFT_OUT)


class Soak:
    def __init__(self, folder: Path, org: RunningOrg, seed: int) -> None:
        self.org, self.chance, self.points = org, random.Random(seed), crash_points()
        self.side = Installation(folder / "data", org, DIPTYCH_OVERLAP_MINUTES="1", DIPTYCH_PAGE_ROWS="20")
        self.ledger = Ledger(self.side)
        self.kills: Counter[str] = Counter()
        self.counters: Counter[str] = Counter()
        self.story: list[str] = []
        self.inserted = 0
        self.binned: list[str] = []
        self.waiting: list[Callable[[Soak], None]] = []

    # ------------------------------------------------------------ before the rounds

    def begin(self) -> None:
        """An empty database, an org that is prepared, the first load: each killed on the way until it is done."""
        rights = ["Read", "Create", "Edit", "Delete"]
        objects = dict.fromkeys(("Lead", "Contact", "Account", "Opportunity"), rights)
        self.org.control("users", {"username": self.org.username, "objects": objects})
        self.killed(("status",), "C-28")
        self.side.set_up()
        wishes = ("prepare", "--creating", "--acting", "--yes")
        while self.killed(wishes, f"C-20:{self.chance.randint(1, 2)}"):
            pass
        self.side.diptych(*wishes)
        started = self.side
        for number, point in enumerate(LOAD):  # each in a copy: a load that was not killed is over
            self.side = started.copy(started.folder.with_name(f"load-{number}"))
            for name in (point, self.chance.choice(LOAD)):
                self.killed(("sync", "--once"), name)
            self.side.sync()
            self.settle()
            self.whole()
        self.side = started
        self.side.sync()
        self.side.diptych("create-rule", "set", "email contains @soak.example", "--yes")
        self.settle()
        with self.org.api("admin") as self.admin, self.org.api("sales") as self.sales:
            self.contacts = {row["Id"] for row in self.rows("SELECT Id FROM Contact")}
            self.sync_user = self.org.user("sync")["user_id"]
            self.by_us = len(self.made_by_us())

    # ------------------------------------------------------------ running and killing

    def killed(self, arguments: Sequence[str], point: str) -> bool:
        """Run it until it kills itself there; whether it did."""
        done = self.side.run(*arguments, DIPTYCH_CRASHPOINT=point)
        self.story.append(f"{' '.join(arguments)} at {point}: {done.returncode}")
        if "Traceback" in done.stderr:
            raise Wrong(f"{arguments} at {point} failed: {done.stderr}")
        self.counters["kills" if done.returncode == -9 else "points not passed"] += 1
        if done.returncode == -9:
            self.kills[point.partition(":")[0]] += 1
        return done.returncode == -9

    def again(self, arguments: Sequence[str], may_refuse: bool) -> None:
        """Run it unharmed. `may_refuse`: what was killed may have been done already."""
        done = self.side.run(*arguments)
        self.story.append(f"{' '.join(arguments)}: {done.returncode}")
        if "Traceback" in done.stderr or (done.returncode and not may_refuse):
            raise Wrong(f"{' '.join(arguments)}: {done.returncode} {done.stderr or done.stdout}")
        self.counters["refused when run again"] += done.returncode != 0

    def disturbed(self, arguments: Sequence[str], likely: Sequence[str], may_refuse: bool = False) -> None:
        """Killed at one point, now and then at a second, edits in between; then to its end."""
        while True:
            names = likely if self.chance.random() < 0.85 else self.points
            (name,) = self.chance.choices(names, [1 / (1 + self.kills[name]) for name in names])
            passage = self.chance.choice((1, 1, 1, 1, 2, 3)) if self.kills[name] else 1
            died = self.killed(arguments, f"{name}:{passage}")
            if died and self.chance.random() < 0.4:
                self.edit()
            self.org.control("clock", {"advance": 2})
            if not died or self.chance.random() < 0.7:
                break
        self.again(arguments, may_refuse)

    # ------------------------------------------------------------ what people do

    def pairs(self, kind: str = "", free: bool = False) -> list[tuple[int, str, str]]:
        """Person, object, record of live pairs; `free`: of people with one record only."""
        single = (
            "AND person_id IN (SELECT person_id FROM v_pairs GROUP BY 1 HAVING count(*) = 1)" if free else ""
        )
        return [
            (int(person), str(name), str(sf_id))
            for person, name, sf_id in self.side.sql(
                "SELECT person_id, object_name, salesforce_id FROM v_pairs WHERE state = 'paired'"
                f" AND salesforce_id IS NOT NULL AND object_name LIKE ? {single} ORDER BY pair_id",
                kind or "%",
            )
        ]

    def edit(self) -> None:
        """One to four edits, here and there; sometimes both of one field."""
        for _ in range(self.chance.randint(1, 4)):
            found = self.chance.choice(self.pairs())
            column = self.chance.choice(tuple(FIELDS))
            where = self.chance.choice(("here", "there", "both"))
            if where != "there":
                self.edit_here(found[0], column)
            if where != "here":
                self.edit_there(*found, column)

    def edit_here(self, person: int, column: str, padding: str = "") -> None:
        text = self.ledger.text()
        with self.side.database() as database:
            database.execute("BEGIN IMMEDIATE")
            (seen,) = database.execute(f"SELECT {column} FROM person WHERE id = ?", (person,)).fetchone()
            database.execute(f"UPDATE person SET {column} = ? WHERE id = ?", (text + padding, person))
        what = f"person {person}, {column}, here"
        self.ledger.edited(text, person, what, seen)
        self.story.append(f"{text}: {what}, over {str(seen)[:20]}")

    def edit_there(self, person: int, name: str, sf_id: str, column: str) -> None:
        field = FIELDS[column][name == "Contact"]
        answer = self.admin.get(f"sobjects/{name}/{sf_id}?fields={field},LastName")
        if answer.status_code == 404:  # deleted there, and not known here yet
            return
        text = self.ledger.text()
        done = self.sales.patch(f"sobjects/{name}/{sf_id}", json={field: text})
        if done.status_code != 204:  # converted since
            return
        what = f"{name} {sf_id} of person {person}, {field}, there"
        self.ledger.edited(text, person, what, answer.json()[field])
        self.story.append(f"{text}: {what}, over {answer.json()[field]}")

    def new_lead(self, email: str = "") -> str:
        values = {"LastName": f"There {self.ledger.edits}", "Company": "Acme"}
        values |= {"Email": email} if email else {}
        made = self.sales.post("sobjects/Lead", json=values)
        made.raise_for_status()
        return str(made.json()["id"])

    # ------------------------------------------------------------ rounds

    def cycle(self) -> None:
        self.disturbed(SYNC, CYCLE)

    def create_here(self) -> None:
        for _ in range(self.chance.randint(1, 3)):
            self.inserted += 1
            email = f"p{self.inserted}@soak.example"
            self.side.sql(
                "INSERT INTO person (last_name, company_name, email) VALUES ('Here', 'Acme', ?)", email
            )
        self.disturbed(SYNC, ("C-11", "C-12", "C-13", "C-14"))
        self.settle()

    def create_there(self) -> None:
        self.story.append(f"new lead {self.new_lead()}")
        self.disturbed(SYNC, CYCLE)

    def gone_there(self) -> None:
        """Deleted, sometimes for good; or one that was deleted comes back."""
        if self.binned and self.chance.random() < 0.4:
            sf_id = self.binned.pop()
            self.org.control("lifecycle", {"undelete": sf_id})
            self.story.append(f"undeleted {sf_id}")
            self.disturbed(SYNC, CYCLE)
            return
        sf_id = self.new_lead()
        self.again(SYNC, False)
        self.org.control("clock", {"advance": 2})
        ((person,),) = self.side.sql("SELECT person_id FROM v_pairs WHERE salesforce_id = ?", sf_id)
        self.edit_here(int(person), "title")
        if self.chance.random() < 0.5:
            self.org.control("lifecycle", {"hard_delete": sf_id})
            self.story.append(f"deleted for good {sf_id}")
            # what is left of it is the person, which nobody owes anything any more
            self.disturbed(("reconcile", "--allow", "--yes"), ("C-17", "C-27"), may_refuse=True)
        else:
            self.org.control("lifecycle", {"delete": sf_id})
            self.binned.append(sf_id)
            self.story.append(f"deleted {sf_id}")
            self.disturbed(SYNC, ("C-17",))

    def merged_there(self) -> None:
        name = self.chance.choice(("Lead", "Contact"))
        (person, _, winner), (other, _, loser) = self.chance.sample(self.pairs(name, free=True), 2)
        self.edit_here(other, "city")
        self.ledger.ordered([person, other])
        self.org.control("lifecycle", {"merge": {"winner": winner, "losers": [loser]}})
        self.story.append(f"merged there: {name} {loser} into {winner}")
        self.disturbed(SYNC, ("C-18",))

    def converted_there(self) -> None:
        person, _, lead = self.chance.choice(self.pairs("Lead", free=True))
        self.edit_here(person, "title")
        self.org.control(
            "lifecycle", {"convert": {"lead": lead, "no_opportunity": True, "owner": self.sync_user}}
        )
        self.ledger.ordered([person])
        self.story.append(f"converted there: {lead}")
        self.disturbed(SYNC, ("C-19",))

    def parked(self) -> None:
        """Too long for Salesforce: a dead letter, tried again, mended at rest."""
        person, _, _ = self.chance.choice(self.pairs(free=True))
        self.edit_here(person, "title", " " + "x" * 300)
        self.disturbed(SYNC, ("C-23",))
        for (letter,) in self.side.sql("SELECT id FROM v_dead_letters WHERE status = 'open' LIMIT 1"):
            self.disturbed(("errors", "--retry", str(letter)), ("C-24",), may_refuse=True)

    def repaired(self) -> None:
        """Damage that no trigger tells of."""
        self.settle()
        self.story.append("at rest")
        person, _, _ = self.chance.choice(self.pairs(free=True))
        with self.side.database() as database:
            database.execute("UPDATE person SET phone = 'damaged' WHERE id = ?", (person,))
            database.execute("DELETE FROM base WHERE column_name = 'phone'")
        self.story.append(f"damaged: the phone of person {person}")
        self.disturbed(("verify", "--repair"), ("C-27",))

    def undone(self) -> None:
        runs = self.side.sql(
            "SELECT DISTINCT run_id FROM change_log WHERE new_value LIKE 'edit%' AND run_id IS NOT NULL"
            " ORDER BY run_id DESC LIMIT 5"
        )
        if not runs:
            return
        (run,) = self.chance.choice(runs)
        changed = "SELECT person_id FROM change_log WHERE run_id = ? UNION SELECT person_id FROM sent WHERE run_id = ?"
        people = self.side.sql(changed, run, run)
        self.ledger.ordered(int(one) for (one,) in people)
        self.disturbed(("undo", str(run), "--yes"), ("C-31", "C-32"), may_refuse=True)

    def merged_here(self) -> None:
        name = self.chance.choice(("Lead", "Contact"))
        (stays, _, _), (joins, _, _) = self.chance.sample(self.pairs(name, free=True), 2)
        self.ledger.ordered([stays, joins])
        self.disturbed(("people", "merge", str(stays), str(joins), "--yes"), ACTION, may_refuse=True)

    def converted_here(self) -> None:
        person, _, _ = self.chance.choice(self.pairs("Lead", free=True))
        self.ledger.ordered([person])
        order = ("people", "convert", str(person), "--no-opportunity", "--yes")
        self.disturbed(order, ACTION, may_refuse=True)

    def deleted_here(self) -> None:
        person, _, _ = self.chance.choice(self.pairs(free=True))
        self.ledger.ordered([person])
        words = "delete 1 in Salesforce"
        order = ("people", "delete", str(person), "--policy", "delete", "--confirm", words)
        self.disturbed(order, ACTION, may_refuse=True)

    def gathered(self) -> None:
        """Twins by their address are joined here, and taken apart again."""
        email = f"twin{self.ledger.edits}@twins.example"
        for _ in range(2):
            self.new_lead(email)
        self.again(SYNC, False)
        self.org.control("clock", {"advance": 2})
        twins = self.side.sql("SELECT id FROM person WHERE email = ?", email)
        for (person,) in twins:
            self.edit_here(int(person), "city")
        sharing = (
            "SELECT id FROM person WHERE email IN (SELECT email FROM person GROUP BY 1 HAVING count(*) > 1)"
        )
        self.ledger.ordered(int(one) for (one,) in self.side.sql(sharing))
        self.disturbed(("identity", "apply", "--rule", "email", "--yes"), ("C-36", "C-37"))
        self.ledger.ordered(int(one) for (one,) in twins)
        self.disturbed(SYNC, CYCLE)
        if self.chance.random() < 0.6:
            self.disturbed(("identity", "undo", "--yes"), ("C-38",))

    ROUNDS: tuple[tuple[int, Callable[[Soak], None]], ...] = (
        (8, cycle), (2, create_here), (1, create_there), (2, gone_there), (2, merged_there), (2, converted_there), (2, parked),
        (1, repaired), (2, undone), (2, merged_here), (2, converted_here), (1, deleted_here), (1, gathered),
    )  # fmt: skip

    def round(self) -> None:
        weights, kinds = zip(*self.ROUNDS, strict=True)
        if not self.waiting:  # each kind once, then as often as it weighs
            self.waiting = self.chance.sample(kinds, len(kinds)) if not self.counters["rounds"] else []
        kind = self.waiting.pop() if self.waiting else self.chance.choices(kinds, weights)[0]
        self.story.append(f"-- {kind.__name__}")
        self.edit()
        kind(self)
        self.counters["rounds"] += 1

    # ------------------------------------------------------------ at rest

    def settle(self) -> None:
        """Cycles until one does nothing."""
        for _ in range(10):
            self.org.control("clock", {"advance": 70})
            done = self.side.run(*SYNC)
            if done.returncode:
                raise Wrong(f"sync: {done.stderr or done.stdout}")
            counted = json.loads(done.stdout)["objects"].values()
            if not any(n for counts in counted for n in counts.values()):
                return
        raise Wrong(f"ten cycles, and no rest: {done.stdout}")

    def check(self) -> None:
        """Raises Wrong with all that is not as it must be."""
        self.settle()
        for person, letter in self.side.sql(
            "SELECT person_id, id FROM v_dead_letters WHERE column_name = 'title' AND status = 'open'"
        ):
            self.edit_here(int(person), "title")
            self.again(("errors", "--retry", str(letter)), True)
        self.settle()
        self.counters["checks"] += 1
        self.whole()
        wrong = self.lost() + self.doubled()
        if wrong:
            raise Wrong("\n".join(wrong))

    def whole(self) -> None:
        try:
            self.side.assert_whole()
        except AssertionError as problem:
            raise Wrong(str(problem)) from problem

    def lost(self) -> list[str]:
        texts: set[str] = set()
        for name, at in (("Lead", 0), ("Contact", 1)):
            for row in self.rows(f"SELECT Id, {', '.join(f[at] for f in FIELDS.values())} FROM {name}"):
                texts.update(TEXT.findall(" ".join(str(value) for value in row.values())))
        return [f"lost: {edit}" for edit in self.ledger.lost(texts)]

    def doubled(self) -> list[str]:
        """Creations at the org that nobody asked for."""
        wrong: list[str] = []
        made = len(self.made_by_us()) - self.by_us
        if made != self.inserted:
            wrong.append(f"{self.inserted} people were to be created, {made} leads were")
        converted = self.rows("SELECT ConvertedContactId FROM Lead WHERE IsConverted = true")
        known = self.contacts | {row["ConvertedContactId"] for row in converted}
        more = [row["Id"] for row in self.rows("SELECT Id FROM Contact") if row["Id"] not in known]
        return [*wrong, *(f"contact {sf_id} was made by nobody" for sf_id in more)]

    def made_by_us(self) -> list[dict[str, Any]]:
        return self.rows(f"SELECT Id FROM Lead WHERE CreatedById = '{self.sync_user}'")

    def rows(self, soql: str) -> list[dict[str, Any]]:
        """Deleted records too."""
        page = self.admin.get("queryAll", params={"q": soql}).raise_for_status().json()
        found = list(page["records"])
        while not page["done"]:
            page = self.admin.get(page["nextRecordsUrl"].rpartition("/services/data/v60.0/")[2]).json()
            found += page["records"]
        return found


def soak(
    rounds: int, seconds: float, seed: int, kept: Path | None = None, records: int = 150
) -> tuple[Soak, str | None]:
    """So many rounds, or until the time is over; the soak, and what was wrong. `kept`: an empty folder for both databases."""
    started = shown = time.monotonic()
    with (
        nullcontext(kept) if kept else tempfile.TemporaryDirectory(prefix="soak-kill-") as folder,
        start_practice_org(Path(folder), records=records) as org,
    ):
        one = Soak(Path(folder), org, seed)
        try:
            one.begin()
            with org.api("admin") as one.admin, org.api("sales") as one.sales:
                while one.counters["rounds"] < rounds and time.monotonic() - started < seconds:
                    one.round()
                    if one.counters["rounds"] % CHECK_EVERY == 0:
                        one.check()
                    if time.monotonic() - shown > 10:
                        shown = time.monotonic()
                        print(
                            f"{one.counters['rounds']:>6} rounds, {one.counters['kills']} kills", flush=True
                        )
                one.check()
        except Wrong as problem:
            return one, str(problem)
        return one, None


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill the sync at random, and see that nothing is lost.")
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--seconds", type=float, default=900, help="begin no round after that long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="an empty folder that keeps both databases")
    options = parser.parse_args()
    one, wrong = soak(options.rounds, options.seconds, options.seed, options.folder)
    for point in one.points:
        print(f"{one.kills[point]:>6}  {point}")
    for name, count in sorted(one.counters.items()):
        print(f"{count:>6}  {name}")
    print(f"{one.ledger.edits:>6}  edits")
    if wrong is not None:
        print(f"\nseed {options.seed}, after {one.counters['rounds']} rounds:\n{wrong}\n")
        print("What was done last:", *one.story[-80:], sep="\n")
    return 1 if wrong is not None else 0


if __name__ == "__main__":
    sys.exit(main())
