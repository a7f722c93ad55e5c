"""The recursive-descent parser of SOQL: queries, their select lists and their clauses."""

from __future__ import annotations

from practice_org.errors import ApiError
from practice_org.soql.criteria import Criteria
from practice_org.soql.cursor import CLAUSES, NO_ALIASES, NO_OBJECTS
from practice_org.soql.refusal import too_complicated
from practice_org.soql.tree import (
    Call,
    Child,
    Grouping,
    Item,
    Order,
    Path,
    Query,
    TypeOf,
    With,
)

MAX_LENGTH = 100_000


def parse(text: str) -> Query:
    """The tree of a query.

    Raises ApiError MALFORMED_QUERY in Salesforce's wording.
    """
    if not text.strip():
        raise ApiError(400, "MALFORMED_QUERY", "SOQL statements cannot be empty or null")
    if len(text) > MAX_LENGTH:
        raise ApiError(400, "MALFORMED_QUERY", "SOQL statements cannot be longer than 100000 characters.")
    try:
        return Parser(text).whole()
    except RecursionError:
        raise too_complicated() from None


class Parser(Criteria):
    """Reads one query."""

    def whole(self) -> Query:
        query = self.query()
        if self.now.kind != "end":
            raise self.unexpected()
        return query

    def query(self, *, joined: bool = False) -> Query:
        """From SELECT on. That of a semi-join (`joined`) has nothing behind its conditions."""
        start = self.now.at
        self.expect_word("SELECT")
        if self.at_word("FROM"):
            raise self.unexpected(since=start)
        items: list[Item | TypeOf | Child] = [self.count_all() or self.item()]
        while self.op(","):
            items.append(self.item())
        self._from()
        if self.now.upper in NO_OBJECTS:
            raise self.unexpected()
        source = self.path()
        alias = self.alias()
        aliases: list[tuple[Path, str]] = []
        while self.op(","):
            path = self.path()
            aliases.append((path, self.alias() or path.names[-1]))
        scope = self.scope()
        where = self.condition() if self.word("WHERE") else None
        if joined:
            return Query(self.text, tuple(items), source, alias, tuple(aliases), where=where)
        rules = self.with_clauses()
        if _is_count(items[0]) and self.at_word("GROUP"):
            raise self.unexpected()
        grouping = self.grouping()
        having = self.condition() if grouping and self.word("HAVING") else None
        order_by = self.order_by()
        limit = self.integer() if self.word("LIMIT") else None
        offset = self.integer() if self.word("OFFSET") else 0
        purposes, all_rows = self.ending()
        return Query(
            text=self.text,
            items=tuple(items),
            source=source,
            alias=alias,
            joined=tuple(aliases),
            scope=scope,
            where=where,
            rules=rules,
            grouping=grouping,
            having=having,
            order_by=order_by,
            limit=limit,
            offset=offset,
            all_rows=all_rows,
            purposes=purposes,
        )

    def _from(self) -> None:
        if self.word("FROM"):
            return
        plain = self.now.kind == "name" and self.now.upper not in CLAUSES
        raise self.missing() if plain and self.following.upper != "FROM" else self.unexpected()

    def alias(self) -> str | None:
        if self.at_word("AS"):
            self.take()
        if self.now.kind == "name" and "." not in self.now.text and self.now.upper not in NO_ALIASES:
            return self.take().text
        return None

    # -- clauses ------------------------------------------------------------------------------------

    def scope(self) -> Path | None:
        if not self.word("USING"):
            return None
        self.expect_word("SCOPE")
        return self.path()

    def with_clauses(self) -> tuple[With, ...]:
        out = []
        while self.word("WITH"):
            token = self.now
            if self.word("SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"):
                out.append(With(token.upper, token.at))
            elif self.word("DATA"):
                self.expect_word("CATEGORY")
                out.append(With("DATA CATEGORY", token.at))
                self._categories()
                while self.word("AND"):
                    self._categories()
            else:
                raise self.unexpected()
        return tuple(out)

    def _categories(self) -> None:
        self.path()
        if not self.word("AT", "ABOVE", "BELOW", "ABOVE_OR_BELOW"):
            raise self.unexpected()
        if self.op("("):
            self.paths()
            self.expect(")")
        else:
            self.path()

    def grouping(self) -> Grouping | None:
        if not self.word("GROUP"):
            return None
        self.expect_word("BY")
        kind = ""
        if self.at_word("ROLLUP", "CUBE") and self.following.text == "(":
            kind = self.take().upper
            self.take()
        values = [self.value()]
        while self.op(","):
            values.append(self.value())
        if kind:
            self.expect(")")
        return Grouping(tuple(values), kind)

    def order_by(self) -> tuple[Order, ...]:
        if not self.word("ORDER"):
            return ()
        self.expect_word("BY")
        out = [self.order()]
        while self.op(","):
            out.append(self.order())
        return tuple(out)

    def order(self) -> Order:
        value = self.value()
        descending = self.word("DESC")
        if not descending:
            self.word("ASC")
        nulls_last = None
        if self.word("NULLS"):
            token = self.take()
            if token.upper not in ("FIRST", "LAST"):
                raise self.unexpected(token)
            nulls_last = token.upper == "LAST"
        return Order(value, descending, nulls_last)

    def ending(self) -> tuple[tuple[str, ...], bool]:
        """FOR VIEW, UPDATE TRACKING, ALL ROWS, SET OPTIONS: what stands behind the query proper."""
        purposes: list[str] = []
        all_rows = False
        while True:
            if self.word("FOR"):
                token = self.take()
                if token.upper not in ("VIEW", "REFERENCE", "UPDATE"):
                    raise self.unexpected(token)
                purposes.append(token.upper)
            elif self.word("UPDATE"):
                self._tracking()
                while self.op(","):
                    self._tracking()
            elif not all_rows and self.word("ALL"):
                self.expect_word("ROWS")
                all_rows = True
            else:
                break
        if self.word("SET"):
            self._options()
        return tuple(purposes), all_rows

    def _tracking(self) -> None:
        if not self.word("TRACKING", "VIEWSTAT"):
            raise self.unexpected()

    def _options(self) -> None:
        self.expect_word("OPTIONS")
        self.expect("(")
        while True:
            self.path()
            self.expect("=")
            self.literal()
            if not self.op(","):
                break
        self.expect(")")

    # -- select list --------------------------------------------------------------------------------

    def count_all(self) -> Item | None:
        """COUNT(), which stands alone in its list: with company its bracket is unexpected."""
        token, bracket = self.now, self.following
        if not (self.at_word("COUNT") and bracket.text == "(" and self.peek(2).text == ")"):
            return None
        if self.peek(3).text == ",":
            raise self.unexpected(self.peek(3))
        for _ in range(3):
            self.take()
        return Item(Call(token.text, (), token.at), None)

    def item(self) -> Item | TypeOf | Child:
        at = self.now.at
        if self.op("("):
            child = self.deeper(self.query)
            self.expect(")")
            return Child(child, at)
        if self.at_word("TYPEOF") and self.following.kind == "name":
            return self.typeof()
        if self.at_word("FROM"):
            raise self.unexpected()
        value = self.value()
        alias = None
        if self.now.kind == "name" and self.now.upper not in NO_ALIASES and "." not in self.now.text:
            alias = self.take().text
        return Item(value, alias)

    def typeof(self) -> TypeOf:
        at = self.take().at
        path = self.path()
        cases: list[tuple[Path, tuple[Path, ...]]] = []
        while self.word("WHEN"):
            name = self.path()
            self.expect_word("THEN")
            cases.append((name, self.paths()))
        if not cases:
            raise self.unexpected()
        otherwise = self.paths() if self.word("ELSE") else ()
        self.expect_word("END")
        return TypeOf(path, tuple(cases), otherwise, at)


def _is_count(item: Item | TypeOf | Child) -> bool:
    return isinstance(item, Item) and isinstance(item.value, Call) and not item.value.args
