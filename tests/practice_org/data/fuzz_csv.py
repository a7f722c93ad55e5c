"""Throws made-up uploads at the Bulk CSV reader, and some of them at whole ingest jobs, for some minutes.

    python -m tests.practice_org.data.fuzz_csv --minutes 10 [--seed 1]

Three kinds of input: rows written by Python's csv module, in every form that the job may have, which must come back as
they were; such files with bytes changed, cut out and put in; and bytes that are none. Whatever it is, the reader gives
rows or a CsvError, the same in pieces of any size, and a job ends with every row accounted for. Ends with status 1, and
says the input, at the first that breaks a rule.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import sys
import tempfile
import time
from pathlib import Path

from practice_org.data import csv_reader, ingest, jobs
from practice_org.data.csv_reader import CsvError, CsvReader
from practice_org.data.ingest_results import files
from practice_org.data.jobs import DELIMITERS, LINE_ENDINGS, Job
from tests.practice_org.calls import Caller, new_org

SIGNS = [
    '"',
    '""',
    ",",
    "\t",
    ";",
    "|",
    "^",
    "`",
    "\n",
    "\r",
    "\r\n",
    " ",
    "\x00",
    "\ufeff",
    "\ufffd",
    "é",
    "🌻",
    "#N/A",
]
BYTES = [b'"', b",", b"\n", b"\r", b"\r\n", b"\xff", b"\xc3", b"\xf0\x9f", b"\x00", b"\xef\xbb\xbf", b"x"]
COLUMNS = [
    "LastName",
    "Company",
    "Email",
    "Title",
    "Description",
    "NumberOfEmployees",
    "DoNotCall",
    "Nope",
    "",
]
JOB_EVERY = 200


def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--seed", type=int, default=int(time.time()))
    asked = options.parse_args()
    chance = random.Random(asked.seed)
    end = time.monotonic() + asked.minutes * 60
    counts = {"read": 0, "refused": 0, "round trips": 0, "jobs": 0}
    with tempfile.TemporaryDirectory() as folder:
        _, caller = new_org(Path(folder))
        number = 0
        while time.monotonic() < end:
            number += 1
            try:
                one(chance, counts)
                if number % JOB_EVERY == 0:
                    whole_job(chance, caller)
                    counts["jobs"] += 1
            except Exception as error:
                print(f"seed {asked.seed}, case {number}: {error!r}", file=sys.stderr)
                raise
        caller.org.close()
    print(f"seed {asked.seed}: {number} cases, " + ", ".join(f"{n} {word}" for word, n in counts.items()))
    return 0


def one(chance: random.Random, counts: dict[str, int]) -> None:
    """One input for the reader."""
    delimiter = chance.choice(list(DELIMITERS.values()))
    kind = chance.random()
    if kind < 0.4:
        rows = [[cell(chance) for _ in range(chance.randint(1, 6))] for _ in range(chance.randint(0, 8))]
        data = written(chance, rows, delimiter)
        found = read(data, delimiter, chance)
        wanted = [[plain(value) for value in row] for row in rows if row != [""]]
        assert found == wanted, (data, found, wanted)
        counts["round trips"] += 1
        return
    data = chance.randbytes(chance.randint(0, 80)) if kind < 0.5 else mutated(chance, delimiter)
    try:
        found = read(data, delimiter, chance)
    except CsvError:
        counts["refused"] += 1
        return
    counts["read"] += 1
    # What was read, written anew, is read as the same.
    again = io.StringIO(newline="")
    csv.writer(again, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(found)
    assert read(again.getvalue().encode(), delimiter, chance) == found, data


def read(data: bytes, delimiter: str, chance: random.Random) -> list[list[str]]:
    """The values, whole and in pieces; both must agree, on a refusal too."""
    outcomes: list[object] = []
    for size in (1 << 18, chance.randint(1, 30)):
        csv_reader._CHUNK = size
        try:
            rows = list(CsvReader(io.BytesIO(data), delimiter))
            kept = without_line_ends("".join(row.text for row in rows))
            # A quoted empty value alone on a line is a blank record: its text goes with it.
            assert kept == without_line_ends(decoded(data)) or '""' in decoded(data), data
            outcomes.append([row.values for row in rows])
        except CsvError as error:
            outcomes.append(str(error).partition(":")[0])
        finally:
            csv_reader._CHUNK = 1 << 18
    assert outcomes[0] == outcomes[1], (data, outcomes)
    if isinstance(outcomes[0], str):
        raise CsvError(outcomes[0])
    found: list[list[str]] = outcomes[0]  # type: ignore[assignment]
    return found


def decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def without_line_ends(text: str) -> str:
    return text.replace("\r", "").replace("\n", "")


def cell(chance: random.Random) -> str:
    if chance.random() < 0.3:
        return ""
    parts = [
        chance.choice(SIGNS) if chance.random() < 0.5 else chance.choice("abcXYZ 019")
        for _ in range(chance.randint(1, 9))
    ]
    return "".join(parts)


def plain(value: str) -> str:
    return value.replace("\r\n", "\n").replace("\r", "\n")


def written(chance: random.Random, rows: list[list[str]], delimiter: str) -> bytes:
    ending = chance.choice(["\n", "\r\n"])
    # Python's writer leaves a carriage return unquoted where only line feeds end lines.
    quoting = csv.QUOTE_ALL if ending == "\n" else chance.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter, lineterminator=ending, quoting=quoting).writerows(rows)
    return target.getvalue().encode()


def mutated(chance: random.Random, delimiter: str) -> bytes:
    rows = [[cell(chance) for _ in range(3)] for _ in range(chance.randint(1, 5))]
    data = bytearray(written(chance, rows, delimiter))
    for _ in range(chance.randint(1, 5)):
        at = chance.randint(0, len(data))
        if chance.random() < 0.5:
            data[at:at] = chance.choice(BYTES)
        else:
            del data[at : at + chance.randint(1, 4)]
    return bytes(data)


def whole_job(chance: random.Random, caller: Caller) -> None:
    """A job of such an upload: it ends, and every row is in one of its results."""
    word, delimiter = chance.choice(list(DELIMITERS.items()))
    rows = [chance.sample(COLUMNS, chance.randint(1, 5))]
    rows += [[cell(chance) for _ in range(chance.randint(1, 5))] for _ in range(chance.randint(0, 6))]
    data = written(chance, rows, delimiter) if chance.random() < 0.7 else mutated(chance, delimiter)
    form = {"columnDelimiter": word, "lineEnding": chance.choice(list(LINE_ENDINGS))}
    operation = chance.choice(["insert", "update", "delete"])
    made = caller("POST", "/jobs/ingest", {"object": "Lead", "operation": operation, **form})
    job_id = made.json["id"]
    job: Job = jobs.find(caller.org, "ingest", job_id)
    files(caller.org, job).upload.write_bytes(data)
    job = jobs.change(caller.org, job, state="UploadComplete")
    ingest.work(caller.org, job)
    done = caller("GET", f"/jobs/ingest/{job_id}").json
    assert done["state"] in ("JobComplete", "Failed"), (data, done)
    results = [
        caller("GET", f"/jobs/ingest/{job_id}/{kind}") for kind in ("successfulResults", "failedResults")
    ]
    if done["state"] == "JobComplete":
        read_back = [list(CsvReader(io.BytesIO(answer.raw), delimiter))[1:] for answer in results]
        assert sum(map(len, read_back)) == done["numberRecordsProcessed"], (data, done)
        assert len(read_back[1]) == done["numberRecordsFailed"], (data, done)
    assert caller("GET", f"/jobs/ingest/{job_id}/unprocessedrecords").status == 200
    assert caller("DELETE", f"/jobs/ingest/{job_id}").status == 204


if __name__ == "__main__":
    raise SystemExit(main())
