"""The parser of FIND statements."""

from __future__ import annotations

from dataclasses import dataclass

from practice_org.errors import ApiError
from practice_org.soql.parser import MAX_LENGTH, Parser
from practice_org.soql.refusal import too_complicated
from practice_org.soql.tree import Item, Path, Query
from practice_org.sosl.terms import malformed

GROUPS = ("ALL", "NAME", "EMAIL", "PHONE", "SIDEBAR")
MOST_RESULTS = 2000
NO_TERM = "No search term found. The search term must be enclosed in braces."
_SWITCHES = frozenset({"HIGHLIGHT", "SNIPPET"})
_SETTINGS = frozenset({"DIVISION", "METADATA", "NETWORK", "PRICEBOOKID", "SPELL_CORRECTION"})


@dataclass(frozen=True)
class Search:
    """A FIND statement: the words, the group of fields, and a query for each object to look in.

    `returning` is empty when all searchable objects are meant.
    """

    words: str
    group: str
    returning: tuple[Query, ...]
    limit: int


def parse(text: str) -> Search:
    """The statement of a text.

    Raises ApiError MALFORMED_SEARCH.
    """
    if len(text) > MAX_LENGTH:
        raise malformed("SOSL statements cannot be longer than 100000 characters.")
    start = text.find("{")
    if text[: max(start, 0)].strip().upper() != "FIND":
        raise malformed(NO_TERM)
    end = _closing(text, start)
    blank = " " * (end + 1)
    try:
        return _Parser(text, blank + text[end + 1 :]).search(text[start + 1 : end])
    except RecursionError:
        raise too_complicated() from None
    except ApiError as error:
        if error.code == "MALFORMED_QUERY":
            raise malformed(error.message) from None
        raise


def _closing(text: str, start: int) -> int:
    at = start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "}":
            return at
        at += 1
    raise malformed(NO_TERM)


class _Parser(Parser):
    """Reads what follows the braces; `shown` is the text that refusals point into."""

    def __init__(self, shown: str, text: str) -> None:
        super().__init__(text)
        self.text = shown

    def search(self, words: str) -> Search:
        group = "ALL"
        if self.word("IN"):
            group = self.take().upper
            if group not in GROUPS:
                raise self.unexpected()
            self.expect_word("FIELDS")
        returning: list[Query] = []
        if self.word("RETURNING"):
            returning.append(self._object())
            while self.op(","):
                returning.append(self._object())
        while self.word("WITH"):
            self._with()
        limit = min(self.integer(), MOST_RESULTS) if self.word("LIMIT") else MOST_RESULTS
        if self.word("UPDATE"):
            self._tracking()
            while self.op(","):
                self._tracking()
        if self.now.kind != "end":
            raise self.unexpected()
        return Search(words, group, tuple(returning), limit)

    def _object(self) -> Query:
        source = self.path()
        items = [Item(Path(("Id",), source.at), None)]
        if not self.op("("):
            return Query(text=self.text, items=tuple(items), source=source)
        items = [self._returned()]
        while self.op(","):
            items.append(self._returned())
        where = self.condition() if self.word("WHERE") else None
        if self.word("USING"):
            self.expect_word("LISTVIEW")
            self.expect("=")
            self.path()
        order_by = self.order_by()
        limit = self.integer() if self.word("LIMIT") else None
        offset = self.integer() if self.word("OFFSET") else 0
        self.expect(")")
        return Query(
            text=self.text,
            items=tuple(items),
            source=source,
            where=where,
            order_by=order_by,
            limit=limit,
            offset=offset,
        )

    def _returned(self) -> Item:
        item = self.item()
        if not isinstance(item, Item):
            raise self.unexpected()
        return item

    def _with(self) -> None:
        token = self.take()
        if token.upper in _SWITCHES:
            if self.op("("):
                self.path()
                self.expect("=")
                self.integer()
                self.expect(")")
        elif token.upper in _SETTINGS:
            if not self.word("IN"):
                self.expect("=")
            if self.at_op("("):
                self.literals()
            else:
                self.literal()
        elif token.upper == "DATA":
            self.expect_word("CATEGORY")
            self._categories()
            while self.word("AND"):
                self._categories()
        else:
            raise self.unexpected(token)
