"""Trouble on the way, met for real: each gives one clear sentence and the way out."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from diptych.domain.outcome import LoginFailed, OrgError, OrgOutcomeUnknown, OrgRefused, OrgUnavailable
from diptych.salesforce import Wire, connect
from diptych.salesforce.credentials import ClientCredentials, Password
from diptych.salesforce.errors import Effect
from diptych.salesforce.failures import transport_failed
from diptych.salesforce.transport import Transport
from tests.salesforce.wire import QUICK


@contextmanager
def listener(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that treats each connection so; its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                try:
                    answer(connection)
                except OSError:
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


def says(text: str) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        take_request(connection)
        connection.sendall(text.encode())

    return answer


def take_request(connection: socket.socket) -> None:
    """All of it: what is left unread when a socket closes makes the peer see a cut."""
    taken = b""
    while more := connection.recv(65536):
        taken += more
        head, end, body = taken.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if not taken[:1].isalpha():
            return  # not HTTP at all
        if end and len(body) >= (int(length.group(1)) if length else 0):
            return


def page(status: str, body: str, kind: str = "text/html") -> str:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body.encode())}\r\n"
        f"Connection: close\r\n\r\n{body}"
    )


def attempt(url: str, wire: Wire | None = None) -> OrgError:
    with pytest.raises(OrgError) as raised:
        connect(
            Password("sync@example.com", "secret", "token", url),
            wire=wire or Wire(patience=QUICK),
            fresh=True,
        )
    assert "\n" not in str(raised.value) and "secret" not in str(raised.value)
    return raised.value


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = attempt(f"http://127.0.0.1:{port}")
    assert isinstance(error, OrgUnavailable) and error.problem.code == "CONNECTION_REFUSED"
    assert f"http://127.0.0.1:{port}" in str(error)


def test_the_name_is_not_known() -> None:
    error = attempt("https://no-such-host.invalid")
    assert isinstance(error, OrgUnavailable) and error.problem.code == "DNS"
    assert "https://no-such-host.invalid" in str(error) and "misspelt" in str(error)


def test_https_to_a_server_without_it() -> None:
    with listener(says(page("400 Bad Request", "plain http here"))) as port:
        error = attempt(f"https://127.0.0.1:{port}")
    assert isinstance(error, OrgUnavailable) and error.problem.code == "TLS"


def test_a_certificate_nobody_vouches_for(certificate: tuple[Path, Path]) -> None:
    with tls_server(certificate) as port:
        error = attempt(f"https://localhost:{port}")
        assert isinstance(error, OrgUnavailable) and error.problem.code == "TLS_CERTIFICATE"
        assert "DIPTYCH_CA_FILE" in str(error)


def test_a_certificate_of_an_authority_that_was_added(certificate: tuple[Path, Path]) -> None:
    with tls_server(certificate) as port:
        error = attempt(f"https://localhost:{port}", Wire(patience=QUICK, ca_file=str(certificate[0])))
        assert error.problem.code == "NOT_SALESFORCE"  # the connection itself is fine


def test_an_authority_file_that_is_not_there() -> None:
    with pytest.raises(OrgRefused, match=r"nowhere\.pem"):
        Transport(ca_file="nowhere.pem")


@pytest.mark.parametrize(
    ("variable", "value"), [("SSL_CERT_FILE", "/nowhere/ca.pem"), ("HTTPS_PROXY", "http://proxy:port")]
)
def test_settings_of_the_computer_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(OrgRefused, match=variable):
        Transport()


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "503 Service Unavailable"])
def test_a_web_page_answers_in_place_of_salesforce(status: str) -> None:
    with listener(says(page(status, "<html><title>Acme intranet</title></html>"))) as port:
        error = attempt(f"http://127.0.0.1:{port}")
    assert error.problem.code == "NOT_SALESFORCE"
    assert "Acme intranet" in str(error) and "https://test.salesforce.com" in str(error)


def test_a_web_page_answers_a_token_request() -> None:
    login = page("200 OK", "<html><title>Login | Salesforce</title></html>")
    with listener(says(login)) as port, pytest.raises(OrgRefused) as raised:
        credentials = ClientCredentials("id", "s", f"http://127.0.0.1:{port}")
        connect(credentials, wire=Wire(patience=QUICK), fresh=True)
    assert raised.value.problem.code == "NOT_SALESFORCE"


def test_an_address_that_leads_elsewhere() -> None:
    moved = "HTTP/1.1 302 Found\r\nLocation: https://acme.my.salesforce.com/\r\nContent-Length: 0\r\n\r\n"
    with listener(says(moved)) as port:
        error = attempt(f"http://127.0.0.1:{port}")
    assert isinstance(error, OrgRefused) and error.problem.code == "MOVED"
    assert "My Domain" in str(error)


def test_a_connection_cut_before_any_answer() -> None:
    with listener(lambda connection: connection.recv(65536) and None) as port:
        error = attempt(f"http://127.0.0.1:{port}")
    assert isinstance(error, OrgUnavailable) and error.problem.code == "CONNECTION_CUT"


def test_a_connection_cut_in_the_middle_of_an_answer() -> None:
    half = 'HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 500\r\n\r\n<?xml version="1.0"?>'
    with listener(says(half)) as port:
        error = attempt(f"http://127.0.0.1:{port}")
    assert isinstance(error, OrgUnavailable) and error.problem.code == "CONNECTION_CUT"


HOST = "https://acme.my.salesforce.com"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx2.ConnectTimeout("t"), "CONNECT_TIMEOUT"),
        (httpx2.PoolTimeout("t"), "TIMEOUT"),
        (httpx2.ProxyError("403 Forbidden"), "PROXY"),
        (httpx2.ConnectError("network is down"), "UNREACHABLE"),
    ],
)
def test_what_fails_before_sending_never_leaves_a_write_in_doubt(error: httpx2.HTTPError, code: str) -> None:
    failure = transport_failed(error, HOST, Effect.WRITE)
    assert type(failure) is OrgUnavailable and failure.problem.code == code
    assert failure.problem.cause and failure.problem.remedy and HOST in str(failure)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx2.ReadTimeout("t"), "TIMEOUT"),
        (httpx2.WriteTimeout("t"), "TIMEOUT"),
        (httpx2.ReadError("reset"), "CONNECTION_CUT"),
        (httpx2.RemoteProtocolError("closed"), "CONNECTION_CUT"),
    ],
)
def test_what_fails_after_sending_leaves_a_write_unknown_and_a_read_for_later(
    error: httpx2.HTTPError, code: str
) -> None:
    assert type(transport_failed(error, HOST, Effect.WRITE)) is OrgOutcomeUnknown
    read = transport_failed(error, HOST, Effect.READ)
    assert type(read) is OrgUnavailable and read.problem.code == code


def test_a_password_is_not_sent_in_the_clear_to_another_computer() -> None:
    from diptych.salesforce.credentials import login_address

    with pytest.raises(LoginFailed, match="in the clear"):
        login_address("http://acme.my.salesforce.com")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that vouches for itself, and its key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "cert.pem", folder / "key.pem"


@contextmanager
def tls_server(certificate: tuple[Path, Path]) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def answer(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                says(page("200 OK", "<html></html>"))(secure)
        except ssl.SSLError:
            pass

    with listener(answer) as port:
        yield port
