"""Writes queries at random: well-formed ones over the test org's fields, and damaged ones."""

from __future__ import annotations

from random import Random

FIELDS = {
    "Lead": {
        "text": ("LastName", "Company", "Email", "Rating", "Status", "City", "Partner__r.Name", "Owner.Name"),
        "number": ("Score__c", "NumberOfEmployees", "AnnualRevenue", "Twice__c", "Partner__r.AnnualRevenue"),
        "date": ("Due__c",),
        "moment": ("CreatedDate", "SystemModstamp", "Met__c"),
        "boolean": ("IsConverted", "HasOptedOutOfEmail", "IsDeleted"),
        "id": ("Id", "OwnerId", "Partner__c", "CreatedById"),
        "many": ("Colours__c",),
        "other": ("Address", "Description", "Name"),
    },
    "Contact": {
        "text": ("LastName", "Email", "Account.Name", "Account.Owner.Name", "ReportsTo.ReportsTo.LastName"),
        "number": ("Account.AnnualRevenue", "Account.NumberOfEmployees"),
        "date": ("Birthdate",),
        "moment": ("CreatedDate", "Account.CreatedDate"),
        "boolean": ("IsDeleted", "HasOptedOutOfEmail"),
        "id": ("Id", "AccountId", "ReportsToId"),
        "many": (),
        "other": ("MailingAddress", "Description"),
    },
    "Account": {
        "text": ("Name", "Industry", "Phone", "Parent.Parent.Name", "Owner.Profile.Name"),
        "number": ("AnnualRevenue", "NumberOfEmployees"),
        "date": ("LastActivityDate",),
        "moment": ("CreatedDate", "LastModifiedDate"),
        "boolean": ("IsDeleted",),
        "id": ("Id", "ParentId", "OwnerId"),
        "many": (),
        "other": ("BillingAddress", "Site__c", "Description"),
    },
    "Task": {
        "text": ("Subject", "Who.Name", "What.Name", "Owner.Name", "Who.Type"),
        "number": ("CallDurationInSeconds",),
        "date": ("ActivityDate",),
        "moment": ("CreatedDate",),
        "boolean": ("IsClosed", "IsDeleted"),
        "id": ("Id", "WhoId", "WhatId", "OwnerId"),
        "many": (),
        "other": ("Description",),
    },
}
CHILDREN = {
    "Account": (
        ("Contacts", "Contact"),
        ("ChildAccounts", "Account"),
        ("Partners__r", "Lead"),
        ("Tasks", "Task"),
    )
}
DATE_PARTS = (
    "CALENDAR_YEAR",
    "CALENDAR_MONTH",
    "CALENDAR_QUARTER",
    "FISCAL_YEAR",
    "DAY_IN_WEEK",
    "WEEK_IN_YEAR",
)
RANGES = ("TODAY", "yesterday", "THIS_WEEK", "LAST_90_DAYS", "NEXT_QUARTER", "THIS_FISCAL_YEAR")
COUNTED = ("LAST_N_DAYS", "NEXT_N_WEEKS", "N_MONTHS_AGO", "LAST_N_FISCAL_QUARTERS", "N_YEARS_AGO")
TEXTS = (
    "'x'",
    "''",
    "'O\\'Neil'",
    "'50%'",
    "'a_b'",
    "'Ünï'",
    "'\\\\'",
    "'\"q\"'",
    "'\\n'",
    "'(SELECT Id FROM'",
)
PATTERNS = ("'%a%'", "'_x'", "'100\\%'", "'%ä'", "''")
NUMBERS = ("0", "1", "-2.5", "10", "3.25", "1000000")
DATES = ("2026-05-20", "1999-12-31", "2024-02-29")
IDS = ("null", "'001000000000001'", "'00Q000000000001AAA'")
MOMENTS = ("2026-01-01T00:00:00Z", "2026-05-20T15:30:00.000+02:00", "2025-12-31T23:59:59-07:00")


class Writer:
    """Writes one query after another with the given source of chance."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def _one(self, options: tuple[str, ...]) -> str:
        return self._random.choice(options)

    def _maybe(self, chance: float) -> bool:
        return self._random.random() < chance

    def query(self) -> str:
        obj = self._random.choice(sorted(FIELDS))
        if self._maybe(0.3):
            return self._aggregate(obj)
        items = self._fields(obj)
        if obj in CHILDREN and self._maybe(0.4):
            items.append(self._child(obj))
        if obj == "Task" and self._maybe(0.4):
            items.append("TYPEOF What WHEN Account THEN Phone, Name WHEN Case THEN Subject ELSE Id END")
        return f"SELECT {', '.join(items)} FROM {obj}{self._tail(obj, scope=True)}"

    def _fields(self, obj: str) -> list[str]:
        if self._maybe(0.05):
            return ["FIELDS(STANDARD)"]
        kinds = FIELDS[obj]
        every = [name for names in kinds.values() for name in names]
        chosen = self._random.sample(every, self._random.randint(1, min(5, len(every))))
        return [
            f"toLabel({n})" if n in ("Rating", "Status", "Industry") and self._maybe(0.3) else n
            for n in chosen
        ]

    def _tail(self, obj: str, *, scope: bool = False) -> str:
        text = ""
        if scope and self._maybe(0.1):
            text += self._one((" USING SCOPE mine", " USING SCOPE everything"))
        if self._maybe(0.7):
            text += " WHERE " + self._condition(obj, 2)
        if scope and self._maybe(0.1):
            text += " WITH SECURITY_ENFORCED"
        if self._maybe(0.5):
            text += " ORDER BY " + self._order(obj)
        if self._maybe(0.5):
            text += f" LIMIT {self._random.randint(1, 200)}"
        if scope and self._maybe(0.2):
            text += f" OFFSET {self._random.randint(0, 20)}"
        if scope and self._maybe(0.1):
            text += self._one((" FOR VIEW", " FOR REFERENCE", " FOR UPDATE", " ALL ROWS"))
        return text

    def _order(self, obj: str) -> str:
        kinds = FIELDS[obj]
        names = [*kinds["text"], *kinds["number"], *kinds["moment"], *kinds["id"]]
        entries = []
        for name in self._random.sample(names, self._random.randint(1, 2)):
            nulls = self._one(("", "", " NULLS FIRST", " NULLS LAST"))
            entries.append(name + self._one(("", " ASC", " DESC")) + nulls)
        return ", ".join(entries)

    def _child(self, obj: str) -> str:
        name, child = self._random.choice(CHILDREN[obj])
        return f"(SELECT {', '.join(self._fields(child))} FROM {name}{self._tail(child)})"

    def _aggregate(self, obj: str) -> str:
        kinds = FIELDS[obj]
        if self._maybe(0.2):
            return f"SELECT COUNT() FROM {obj}" + (
                " WHERE " + self._condition(obj, 1) if self._maybe(0.5) else ""
            )
        text = self._one(kinds["text"])
        group = text if self._maybe(0.7) else f"{self._one(DATE_PARTS)}({self._one(kinds['date'])})"
        totals = [
            "COUNT(Id)",
            f"SUM({self._one(kinds['number'])}) total",
            f"MAX({self._one(kinds['moment'])})",
        ]
        chosen = self._random.sample(totals, self._random.randint(1, 3))
        by = f"ROLLUP({group})" if self._maybe(0.2) else group
        query = f"SELECT {group}, {', '.join(chosen)} FROM {obj}"
        if self._maybe(0.5):
            query += " WHERE " + self._condition(obj, 1)
        query += f" GROUP BY {by}"
        if self._maybe(0.4):
            query += f" HAVING COUNT(Id) > {self._random.randint(0, 3)}"
        if self._maybe(0.4):
            query += f" ORDER BY COUNT(Id) DESC, {group}"
        return query

    def _condition(self, obj: str, depth: int) -> str:
        roll = self._random.random()
        if depth and roll < 0.35:
            joiner = self._one((" AND ", " OR "))
            parts = [self._part(obj, depth - 1) for _ in range(self._random.randint(2, 3))]
            return joiner.join(parts)
        if roll < 0.42:
            return f"NOT {self._part(obj, 0)}"
        return self._test(obj)

    def _part(self, obj: str, depth: int) -> str:
        inner = self._condition(obj, depth)
        return f"({inner})"

    def _test(self, obj: str) -> str:
        kinds = FIELDS[obj]
        kind = self._random.choice([k for k in kinds if k != "other" and kinds[k]])
        name = self._one(kinds[kind])
        op = self._one(("=", "!=", "<", "<=", ">", ">="))
        if kind == "text":
            if self._maybe(0.3):
                return f"{name} LIKE {self._one(PATTERNS)}"
            if self._maybe(0.3):
                return f"{name} {self._one(('IN', 'NOT IN'))} ({self._one(TEXTS)}, {self._one(TEXTS)})"
            return f"{name} {op} {self._one(TEXTS)}"
        if kind == "number":
            return f"{name} {op} {self._one(NUMBERS)}"
        if kind in ("date", "moment"):
            if self._maybe(0.3):
                return f"{name} {op} {self._one(RANGES)}"
            if self._maybe(0.3):
                return f"{name} {op} {self._one(COUNTED)}:{self._random.randint(0, 400)}"
            return f"{name} {op} {self._one(DATES if kind == 'date' else MOMENTS)}"
        if kind == "boolean":
            return f"{name} {self._one(('=', '!='))} {self._one(('true', 'FALSE'))}"
        if kind == "many":
            return f"{name} {self._one(('INCLUDES', 'EXCLUDES'))} ('red;blue', 'green')"
        return f"{name} {self._one(('=', '!='))} {self._one(IDS)}"


WORDS = [
    "SELECT",
    "FROM",
    "WHERE",
    "AND",
    "OR",
    "NOT",
    "IN",
    "LIKE",
    "INCLUDES",
    "EXCLUDES",
    "GROUP",
    "BY",
    "ROLLUP",
    "CUBE",
    "HAVING",
    "ORDER",
    "ASC",
    "DESC",
    "NULLS",
    "FIRST",
    "LAST",
    "LIMIT",
    "OFFSET",
    "USING",
    "SCOPE",
    "WITH",
    "DATA",
    "CATEGORY",
    "ABOVE",
    "FOR",
    "VIEW",
    "UPDATE",
    "ALL",
    "ROWS",
    "TYPEOF",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "null",
    "true",
    "TODAY",
    "LAST_N_DAYS:3",
    "N_DAYS_AGO:99999999",
    "COUNT()",
    "COUNT(Id)",
    "SUM(",
    "GROUPING(Rating)",
    "FIELDS(ALL)",
    "DISTANCE(Site__c,GEOLOCATION(1,2),'mi')",
    "convertTimezone(CreatedDate)",
    "toLabel(Status)",
    "FORMAT(AnnualRevenue)",
    "HOUR_IN_DAY(CreatedDate)",
    "Id",
    "Name",
    "Address",
    "Owner",
    "Owner.Name",
    "Account",
    "Lead",
    "Lead.Id",
    "Nope",
    "Account.Nope",
    "(",
    ")",
    ",",
    "=",
    "!=",
    "<",
    ">=",
    "'x'",
    "''",
    "'Ä'",
    "5",
    "-1",
    "1e400",
    "99999999999999999999",
    ".5",
    "2026-02-30",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "12:00:00Z",
    "USD5",
    ":",
    ";",
    '"',
    "'",
    "\\",
    "*",
    "--",
    "/*",
    "*/",
    "\n",
    "\x00",
    "\ud7ff",
    "(SELECT",
    "Id",
    "FROM",
    "Contacts)",
    "(SELECT",
    "AccountId",
    "FROM",
    "Contact)",
]


def damaged(random: Random, text: str) -> str:
    """The text with up to four words or characters put in, taken out, doubled or moved."""
    words = text.split(" ")
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(words)) if words else 0
        roll = random.random()
        if roll < 0.35 or not words:
            words.insert(at, random.choice(WORDS))
        elif roll < 0.55:
            words[at] = random.choice(WORDS)
        elif roll < 0.7:
            del words[at]
        elif roll < 0.8:
            other = random.randrange(len(words))
            words[at], words[other] = words[other], words[at]
        elif words[at]:
            place = random.randrange(len(words[at]))
            char = random.choice("'\"\\()=,.%_ \t0ä\u2028")
            words[at] = words[at][:place] + char + words[at][place + random.randint(0, 1) :]
    return " ".join(words)
