"""The one way to call the org's REST API: authenticated, labelled, retried where that is safe, errors made exceptions.

**What is sent twice.** A request that never left (no name, refused, TLS) is repeated whatever it does. A read is repeated
after a cut, a time-out, a web page in place of data, and errors that pass by themselves; with back-off, bounded by
`Patience`. A write that left is never repeated here: it ends as done, refused, not happened, or OrgOutcomeUnknown. Any
request is repeated once, right after a new login, when the org says that the session has expired: it did nothing then.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import stamina
import stamina.instrumentation

from diptych.domain.outcome import ErrorClass as Class
from diptych.domain.outcome import OrgError, OrgUnavailable, Problem
from diptych.salesforce.errors import ApiFault, Effect, call_failed, passes_by_itself, read_faults
from diptych.salesforce.session import Session
from diptych.salesforce.transport import Answer, Cut, NotSent, Transport, not_the_api

API_VERSION = "66.0"
COMPOSITE_LIMIT = 25
OnHeaders = Callable[[int, Mapping[str, str]], None]
_TOO_LONG = (413, 414, 431)


log = logging.getLogger(__name__)
# stamina would print each retry on standard output, where commands print their JSON
stamina.instrumentation.set_on_retry_hooks(())


class _Passing(Exception):
    """Worth another try; `error` is what to raise when there is none."""

    def __init__(self, error: OrgError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class CallFailed(Exception):
    """The org answered with errors. Left inside this package only where a caller asked for the faults themselves."""

    def __init__(
        self, faults: Sequence[ApiFault], status: int, error: OrgError, document: object = None
    ) -> None:
        super().__init__(str(error))
        self.faults = tuple(faults)
        self.status = status
        self.error = error
        self.document = document


class Document(dict[str, Any]):
    """A JSON object of the API. Asking for a key that it must have and has not raises OrgUnavailable, as for any answer that
    is not the API's."""

    def __missing__(self, key: str) -> Any:
        raise OrgUnavailable(
            Problem(
                "UNEXPECTED_ANSWER",
                f"Salesforce answered without {key!r}.",
                Class.NETWORK,
                "Something in between answered in its place, or the API has changed.",
                "Diptych tries again by itself; report it to the makers of Diptych if it lasts.",
            )
        )


@dataclass(frozen=True)
class Sub:
    """One GET inside a composite request; `url` from the version on, such as `sobjects/Lead/updated?start=...`."""

    url: str


@dataclass(frozen=True)
class SubAnswer:
    """The answer to one Sub: its document, or the faults."""

    status: int
    document: Any
    faults: tuple[ApiFault, ...]


class Client:
    """Calls to one org. Safe to use from several threads.

    `cycle_id` goes out with each request as X-Diptych-Cycle, so that the org's own logs tell our cycles apart.
    """

    def __init__(self, transport: Transport, session: Session, api_version: str = API_VERSION) -> None:
        self.transport = transport
        self.session = session
        self.api_version = api_version
        self.cycle_id: str | None = None

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Document:
        """The object at `path` (from the version on, or absolute on the org's host)."""
        return as_document(self.request("GET", path, params=params).document)

    def call(
        self,
        method: str,
        path: str,
        body: str,
        *,
        effect: Effect,
        headers: Mapping[str, str] | None = None,
        attempt_id: str | None = None,
    ) -> Any:
        """The document answered to JSON text."""
        answer = self.request(
            method, path, content=body.encode(), effect=effect, headers=headers, attempt_id=attempt_id
        )
        return answer.document if answer.content else None

    def composite(self, subs: Sequence[Sub]) -> list[SubAnswer]:
        """The answers to up to 25 reads in one call (of which up to five may be queries), each with its own errors."""
        if not 0 < len(subs) <= COMPOSITE_LIMIT:
            raise ValueError(f"a composite call takes 1 to {COMPOSITE_LIMIT} parts")
        requests = [
            {"method": "GET", "url": self.path(sub.url), "referenceId": f"r{number}"}
            for number, sub in enumerate(subs)
        ]
        body = json.dumps({"allOrNone": False, "compositeRequest": requests})
        document = self.call("POST", "composite", body, effect=Effect.READ)
        found = {
            part.get("referenceId"): part
            for part in (document.get("compositeResponse") if isinstance(document, dict) else None) or ()
        }
        if len(found) != len(subs):
            raise OrgUnavailable(
                Problem("COMPOSITE", "Salesforce answered only a part of a composite call.", Class.OTHER)
            )
        return [_sub_answer(found[f"r{number}"]) for number in range(len(subs))]

    def request(
        self,
        method: str,
        path: str,
        *,
        effect: Effect = Effect.READ,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        attempt_id: str | None = None,
        on_headers: OnHeaders | None = None,
    ) -> Answer:
        """One call, with the retries above; an answer that is no error, whole. Raises OrgError and its kinds."""
        try:
            return self.try_request(
                method,
                path,
                effect=effect,
                params=params,
                content=content,
                headers=headers,
                attempt_id=attempt_id,
                on_headers=on_headers,
            )
        except CallFailed as failed:
            raise failed.error from failed

    def try_request(
        self,
        method: str,
        path: str,
        *,
        effect: Effect = Effect.READ,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        attempt_id: str | None = None,
        on_headers: OnHeaders | None = None,
    ) -> Answer:
        """As `request`, but errors that the org itself gave come as CallFailed, with their codes still to be judged."""
        labelled = {"Accept": "application/json", **self.labels(attempt_id), **(headers or {})}
        if content is not None:
            labelled.setdefault("Content-Type", "application/json; charset=UTF-8")
        patience = self.transport.patience
        try:
            for attempt in stamina.retry_context(
                on=_again,
                attempts=patience.attempts,
                timeout=patience.total,
                wait_initial=patience.first_wait,
                wait_max=patience.longest_wait,
                wait_jitter=patience.first_wait / 2,
            ):
                with attempt:
                    return self._once(
                        method, path, effect, params, content, labelled, on_headers, attempt.num - 1
                    )
        except _Passing as passing:
            raise passing.error from passing
        raise AssertionError("stamina returns or raises")

    def _once(
        self,
        method: str,
        path: str,
        effect: Effect,
        params: Mapping[str, str] | None,
        content: bytes | None,
        headers: Mapping[str, str],
        on_headers: OnHeaders | None,
        resent: int,
    ) -> Answer:
        grant = self.session.grant(self.transport)
        renewed = False
        while True:
            try:
                answer = self.transport.send(
                    method,
                    grant.instance_url + self.path(path),
                    effect=effect,
                    headers={**headers, "Authorization": f"Bearer {grant.access_token}"},
                    params=params,
                    content=content,
                    on_headers=on_headers,
                    resent=resent + renewed,
                )
            except NotSent as failure:
                raise _Passing(failure.error) from failure
            except Cut as failure:
                if effect is Effect.READ:
                    raise _Passing(failure.error) from failure
                raise failure.error from failure
            faults = _faults(answer)
            expired = answer.status == 401 or any(fault.session_expired for fault in faults)
            if expired and not renewed:
                renewed = True
                grant = self.session.renew(self.transport, grant)
                continue
            return self._judge(answer, faults, effect, raw=headers["Accept"] != "application/json")

    def _judge(self, answer: Answer, faults: Sequence[ApiFault], effect: Effect, *, raw: bool) -> Answer:
        if answer.status == 204 or (answer.status < 300 and (raw or _is_json(answer))):
            return answer
        if not faults:
            error = not_the_api(answer, effect)
            if effect is Effect.READ and isinstance(error, OrgUnavailable):
                raise _Passing(error, _retry_after(answer))
            raise error
        error = call_failed(faults, answer.status, effect)
        if effect is Effect.READ and passes_by_itself(faults[0], answer.status):
            raise _Passing(error, _retry_after(answer))
        raise CallFailed(faults, answer.status, error, answer.document)

    def labels(self, attempt_id: str | None) -> dict[str, str]:
        """The headers that say who calls, in which cycle, for which attempt."""
        labels = {"Sforce-Call-Options": "client=diptych"}
        if self.cycle_id:
            labels["X-Diptych-Cycle"] = self.cycle_id
        if attempt_id:
            labels["X-Diptych-Attempt"] = attempt_id
        return labels

    def path(self, path: str) -> str:
        """From the host on. Of a whole address only its path counts: the session never goes to another host."""
        if "://" in path:
            parts = urlsplit(path)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
        return path if path.startswith("/") else f"/services/data/v{self.api_version}/{path}"

    def server_time(self) -> datetime | None:
        """Not later than the org's clock; None before the first call."""
        return self.transport.server_time()


def _again(error: Exception) -> bool | float:
    if not isinstance(error, _Passing):
        return False
    log.info("Salesforce: %s", error.error.problem.message)
    return error.wait if error.wait is not None else True


def _retry_after(answer: Answer) -> float | None:
    """Seconds the org asks to wait, within reason."""
    said = answer.headers.get("retry-after", "")
    return min(float(said), 8.0) if said.isdigit() else None


def _faults(answer: Answer) -> list[ApiFault]:
    if answer.status < 300:
        return []
    try:
        found = read_faults(answer.document)
    except ValueError:
        found = []
    if not found and answer.status in _TOO_LONG:
        return [ApiFault("URI_TOO_LONG", f"The request is too long (HTTP {answer.status}).")]
    if not found and answer.status == 429:
        return [ApiFault("REQUEST_LIMIT_EXCEEDED", "Too many concurrent requests (HTTP 429).")]
    return found


def _is_json(answer: Answer) -> bool:
    try:
        return answer.document is not None
    except ValueError:
        return False


def as_document(document: Any) -> Document:
    """JSON that should be an object; anything else has none of the keys asked for."""
    return Document(document if isinstance(document, dict) else {})


def _sub_answer(part: Mapping[str, Any]) -> SubAnswer:
    status = int(part.get("httpStatusCode") or 0)
    document = part.get("body")
    if 200 <= status < 300:
        return SubAnswer(status, as_document(document), ())
    faults = tuple(read_faults(document))
    if not faults:
        faults = (ApiFault(f"HTTP_{status}", f"A part of the call failed with HTTP {status}."),)
    return SubAnswer(status, document, faults)
