"""Reading XML of strangers: no entities, no depth, no crash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practice_org.soap.envelope import read
from practice_org.soap.faults import SoapFault
from practice_org.soap.markup import element
from practice_org.xmltree import BadXml, Node, parse

BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><a>&b;</a>"""
OUTSIDE = b"""<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"""


@pytest.mark.parametrize(
    "document",
    [
        BOMB,
        OUTSIDE,
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>',
        b"<a>&nope;</a>",
        b"<a><b></a>",
        b"",
        b"   ",
        b"\x00\x01",
        b'<?xml version="1.0" encoding="utf-99"?><a/>',
        b"<a/>" * 2,
        b"<x:a/>",
        b"<a>" * 100 + b"</a>" * 100,
        "<a>\ud800</a>".encode("utf-8", "surrogatepass"),
    ],
)
def test_what_is_refused(document: bytes) -> None:
    with pytest.raises(BadXml):
        parse(document)
    with pytest.raises(SoapFault):
        read(document)


def test_names_lose_their_prefixes_and_text_keeps_its_blanks() -> None:
    root = parse(
        '<?xml version="1.0" encoding="utf-16"?><q:a xmlns:q="urn:x" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" '
        'i:type="q:Kind"><b xmlns="urn:y"> é<![CDATA[<&]]>&#13;&amp; </b><q:c i:nil="1"/></q:a>'.encode(
            "utf-16"
        )
    )
    assert (root.namespace, root.name, root.type) == ("urn:x", "a", "Kind")
    assert (root.children[0].namespace, root.children[0].text) == ("urn:y", " é<&\r& ")
    assert root.value("b") == "é<&\r&" and root.value("c") is None and root.children[1].nil


@pytest.mark.parametrize(
    "body", [b"<a/>", b"<Envelope/>", b"<Envelope><Body/></Envelope>", b"<Body><x/></Body>"]
)
def test_envelopes_without_a_call(body: bytes) -> None:
    with pytest.raises(SoapFault) as fault:
        read(body)
    assert fault.value.code == "soapenv:Client"


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(document: bytes) -> None:
    try:
        assert isinstance(parse(document), Node)
    except BadXml:
        pass


@given(st.lists(st.sampled_from(["<a>", "</a>", "<b c='d'>", "</b>", "&lt;", "&#x41;", "<![CDATA[", "]]>", "<!--", "-->", "<?x", "?>", "xmlns:a='b'", "text", "&", "<!DOCTYPE a>"]), max_size=12))  # fmt: skip
def test_no_pieces_of_xml_crash_the_reader(pieces: list[str]) -> None:
    try:
        assert isinstance(parse("".join(pieces).encode()), Node)
    except BadXml:
        pass


@given(st.text(max_size=50))
def test_what_is_written_can_be_read(text: str) -> None:
    shown = element("a", text).encode("utf-8", "replace")
    found = parse(shown).text
    if all(0x20 <= ord(c) < 0xD800 or c in "\t\n\r" for c in text):
        assert found == text
