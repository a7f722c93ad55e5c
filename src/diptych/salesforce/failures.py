"""What can go wrong on the way to Salesforce, in plain words: names, connections, certificates, proxies, wrong hosts.

Whether a request was sent at all decides between 'did not happen' and 'may have happened'; only what fails before the
request leaves (no name, refused, TLS, proxy) counts as not sent.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator

import httpx2

from diptych.domain.outcome import (
    ErrorClass,
    OrgError,
    OrgOutcomeUnknown,
    OrgRefused,
    OrgUnavailable,
    Problem,
)
from diptych.salesforce.errors import Effect

_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def was_sent(error: BaseException) -> bool:
    """False when the request cannot have reached the org."""
    return not isinstance(error, _NOT_SENT)


def transport_failed(error: httpx2.HTTPError, host: str, effect: Effect) -> OrgError:
    """The exception for a request that got no (whole) answer. `host` is scheme, host and port, as the person knows it."""
    problem = _transport_problem(error, host)
    if effect is Effect.WRITE and was_sent(error):
        return OrgOutcomeUnknown(problem)
    return OrgUnavailable(problem)


def _transport_problem(error: httpx2.HTTPError, host: str) -> Problem:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _problem(
                "TLS_CERTIFICATE",
                f"The certificate of {host} is not trusted: {cause.verify_message or cause.reason}.",
                "Either a proxy in between opens the connection, or this is not the server it says it is.",
                "If your company inspects traffic, give Diptych its certificate authority (DIPTYCH_CA_FILE or "
                "SSL_CERT_FILE); otherwise check the login address.",
            )
        if isinstance(cause, ssl.SSLError):
            return _problem(
                "TLS",
                f"No secure connection to {host} could be made: {cause.reason or cause}.",
                "The server does not speak TLS there, or something in between breaks it.",
                "Check the address, its port, and whether it begins with https:// or http://.",
            )
        if isinstance(cause, socket.gaierror):
            return _problem(
                "DNS",
                f"The name of {host} is not known.",
                "The address is misspelt, or this computer has no (name) connection to the network.",
                "Check the login address: a My Domain address reads https://your-company.my.salesforce.com.",
            )
        if isinstance(cause, ConnectionRefusedError):
            return _problem(
                "CONNECTION_REFUSED",
                f"Nothing answers at {host}: the connection was refused.",
                "No server listens on that port.",
                "Check the address and the port; for a practice org, start it first.",
            )
    if isinstance(error, httpx2.ProxyError):
        return _problem(
            "PROXY",
            f"The proxy on the way to {host} refused the connection: {error}.",
            "The proxy of this network does not let Diptych through.",
            "Check HTTPS_PROXY and NO_PROXY, and let the proxy allow *.salesforce.com and *.force.com.",
        )
    if isinstance(error, httpx2.ConnectTimeout):
        return _problem(
            "CONNECT_TIMEOUT",
            f"{host} did not answer in time to the attempt to connect.",
            "A firewall drops the connection, or the network is down.",
            "Check the network; a firewall has to let this computer reach *.salesforce.com on port 443.",
        )
    if isinstance(error, httpx2.TimeoutException):
        return _problem(
            "TIMEOUT",
            f"{host} took too long to answer.",
            "Salesforce is slow just now, or the network is.",
            "Diptych tries again by itself.",
        )
    if isinstance(error, httpx2.ConnectError):
        return _problem(
            "UNREACHABLE",
            f"{host} cannot be reached: {error}.",
            "The network is down or does not lead there.",
            "Check the network connection of this computer, then retry.",
        )
    return _problem(
        "CONNECTION_CUT",
        f"The connection to {host} was cut before the answer was complete.",
        "The network, a proxy or Salesforce closed it.",
        "Diptych tries again by itself.",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(8):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def unreadable_answer(
    status: int, content_type: str, body: bytes, host: str, effect: Effect, *, login: bool = False
) -> OrgError:
    """The exception for an answer that is not the API's: a web page, nothing, or something cut off."""
    if 300 <= status < 400:
        return OrgRefused(
            _problem(
                "MOVED",
                f"{host} sends callers elsewhere (HTTP {status}).",
                "The org has another address now, or this is a web address and not the one for logins.",
                "Enter the org's My Domain address (Setup > My Domain): https://your-company.my.salesforce.com.",
            )
        )
    what = _what_came(content_type, body)
    if login or (400 <= status < 500 and status not in (408, 429)):
        kind = OrgUnavailable if status >= 500 else OrgRefused
        return kind(
            _problem(
                "NOT_SALESFORCE",
                f"{host} answers with {what} (HTTP {status}), not as Salesforce's API does.",
                "This is not a Salesforce login address, or a proxy answers in its place.",
                "Use https://login.salesforce.com for production, https://test.salesforce.com for a sandbox, or the "
                "org's My Domain address.",
            )
        )
    problem = _problem(
        f"HTTP_{status}",
        f"{host} answered with {what} (HTTP {status}) in place of data.",
        "Salesforce is down or under maintenance, or a proxy answers in its place.",
        "Diptych tries again by itself. See status.salesforce.com if it lasts.",
    )
    return OrgOutcomeUnknown(problem) if effect is Effect.WRITE else OrgUnavailable(problem)


def _what_came(content_type: str, body: bytes) -> str:
    if not body.strip():
        return "nothing"
    if "html" in content_type.lower() or body.lstrip()[:1] == b"<":
        title = _TITLE.search(body[:20_000])
        text = " ".join(title.group(1).decode("utf-8", "replace").split()) if title else ""
        return f"a web page ({text[:80]})" if text else "a web page"
    return "something unreadable"


def _problem(code: str, message: str, cause: str, remedy: str) -> Problem:
    return Problem(code, message, ErrorClass.NETWORK, cause, remedy)
