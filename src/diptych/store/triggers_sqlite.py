"""Capture triggers on SQLite, generated from the catalogue: any SQL writer is seen (decision 0001).

* UPDATE of a mapped column: the old value becomes base of every pair of the person that has none noted, one line of
  history; a base that equals the new value again is dropped. One trigger a column: an INSERT pays for none of them.
* INSERT: one line of history (column NULL, values as JSON). With INSERT OR REPLACE the row that goes is noted first, so
  that its pairs, their bases and the person's link survive it, whether or not recursive triggers are on.
* DELETE: the pairs are detached, one line of history keeps the values.

The program's own writes are exempt: it puts origin 'engine' into `write_context` within its transaction. Statements
within the triggers use NOT EXISTS and never OR IGNORE: an OR REPLACE of the outer statement would override that.
"""

from __future__ import annotations

from collections.abc import Iterator

from diptych.domain.values import Kind
from diptych.store import tally
from diptych.store.catalogue import PERSON_SYSTEM, Catalogue, StoredColumn, part_table, quote

_NOW = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"
NOT_ENGINE = "NOT EXISTS (SELECT 1 FROM write_context WHERE origin = 'engine')"
_ACTOR = "COALESCE((SELECT actor FROM write_context), 'sql')"
_KEPT = tuple(c for c in PERSON_SYSTEM if c not in ("id", "updated_at"))


def column_triggers(column: StoredColumn) -> Iterator[tuple[str, str]]:
    """Name and DDL of the trigger of one column."""
    name, table = quote(column.name), quote(column.part_table)
    trigger = f"capture_{column.table}_{column.name}"
    yield (
        trigger,
        f"""CREATE TRIGGER "{trigger}" AFTER UPDATE OF {name} ON {table}
WHEN OLD.{name} IS NOT NEW.{name} AND {NOT_ENGINE}
BEGIN
{_base_of_update(column) if column.table == "person" else ""}
INSERT INTO change_log (person_id, table_name, column_name, old_value, new_value, side, actor, at)
VALUES (NEW.id, '{column.table}', '{column.name}', {_shown(column, "OLD")}, {_shown(column, "NEW")}, 'ours', {_ACTOR}, {_NOW});
{f"UPDATE person SET updated_at = {_NOW} WHERE id = NEW.id;" if column.table == "person" else ""}
END""",
    )


def _base_of_update(column: StoredColumn) -> str:
    name = quote(column.name)
    return f"""INSERT INTO base (pair_id, column_name, value)
SELECT p.id, '{column.name}', OLD.{name} FROM pair AS p WHERE p.person_id = NEW.id
AND NOT EXISTS (SELECT 1 FROM base AS b WHERE b.pair_id = p.id AND b.column_name = '{column.name}');
DELETE FROM base WHERE column_name = '{column.name}' AND value IS NEW.{name}
AND pair_id IN (SELECT id FROM pair WHERE person_id = NEW.id);"""


def _shown(column: StoredColumn, row: str) -> str:
    value = f"{row}.{quote(column.name)}"
    if column.kind is Kind.BOOLEAN:
        return f"CASE {value} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE {value} END"
    return value


def row_triggers(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """The triggers that name all columns of a table; made anew whenever a column comes."""
    parts = catalogue.parts("person")
    further = [part_table("person", n) for n in sorted(parts) if n != 1]
    yield "person_id_stays", _id_stays("person")
    yield "person_before_insert", _before_insert(parts[1])
    yield "person_after_insert", _after_insert(parts[1], further)
    yield "person_after_update", _forget_replaced()
    yield "person_after_delete", _after_delete(parts[1], further)
    for number, columns in parts.items():
        if number != 1:
            table = part_table("person", number)
            yield f"{table}_id_stays", _id_stays(table)
            yield f"{table}_before_delete", _part_before_delete(table, columns)
            yield f"{table}_after_delete", _part_after_delete(table)


def _id_stays(table: str) -> str:
    return f"""CREATE TRIGGER "{table}_id_stays" BEFORE UPDATE OF id ON {quote(table)} WHEN OLD.id IS NOT NEW.id
BEGIN SELECT RAISE(ABORT, 'the id of a person never changes'); END"""


def _case(names: list[tuple[str, str]]) -> str:
    whens = " ".join(f"WHEN '{name}' THEN {expression}" for name, expression in names)
    return f"CASE {{subject}} {whens} END" if whens else "NULL"


def _before_insert(columns: list[StoredColumn]) -> str:
    inside = [c.name for c in columns] + list(_KEPT)
    value = _case([(n, f"p.{quote(n)}") for n in inside]).format(subject="n.name")
    names = _names(inside)
    return f"""CREATE TRIGGER person_before_insert BEFORE INSERT ON person WHEN {NOT_ENGINE}
BEGIN
DELETE FROM replaced;
INSERT INTO replaced (person_id, column_name, value)
SELECT p.id, n.name, {value} FROM person AS p CROSS JOIN ({names}) AS n WHERE p.id = NEW.id;
END"""


def _names(names: list[str]) -> str:
    first, *further = names
    return f"SELECT '{first}' AS name" + "".join(f" UNION ALL SELECT '{n}'" for n in further)


def _after_insert(first: list[StoredColumn], further: list[str]) -> str:
    now = _case([(c.name, f"NEW.{quote(c.name)}") for c in first]).format(subject="r.column_name")
    system = ", ".join(f"'{n}'" for n in _KEPT)
    was_there = "EXISTS (SELECT 1 FROM replaced WHERE person_id = NEW.id)"
    kept = ", ".join(
        f"{n} = (SELECT value FROM replaced WHERE person_id = NEW.id AND column_name = '{n}')" for n in _KEPT
    )
    parts = "\n".join(
        f"INSERT INTO {quote(t)} (id) SELECT NEW.id WHERE NOT EXISTS (SELECT 1 FROM {quote(t)} WHERE id = NEW.id);"
        for t in further
    )
    return f"""CREATE TRIGGER person_after_insert AFTER INSERT ON person WHEN {NOT_ENGINE}
BEGIN
UPDATE pair SET state = former_state, former_state = NULL
WHERE person_id = NEW.id AND former_state IS NOT NULL AND {was_there};
INSERT INTO base (pair_id, column_name, value)
SELECT p.id, r.column_name, r.value FROM replaced AS r JOIN pair AS p ON p.person_id = NEW.id
WHERE r.person_id = NEW.id AND r.column_name NOT IN ({system}) AND r.value IS NOT {now}
AND NOT EXISTS (SELECT 1 FROM base AS b WHERE b.pair_id = p.id AND b.column_name = r.column_name);
INSERT INTO change_log (person_id, table_name, column_name, old_value, new_value, side, actor, at)
SELECT NEW.id, 'person', r.column_name, r.value, {now}, 'ours', {_ACTOR}, {_NOW} FROM replaced AS r
WHERE r.person_id = NEW.id AND r.column_name NOT IN ({system}) AND r.value IS NOT {now};
INSERT INTO change_log (person_id, table_name, new_value, side, actor, at)
SELECT NEW.id, 'person', {_as_json(first, "NEW")}, 'ours', {_ACTOR}, {_NOW} WHERE NOT {was_there};
{tally.plus("person", "NEW")}
{_counted_out()}
UPDATE person SET {kept} WHERE id = NEW.id AND {was_there};
{parts}
DELETE FROM replaced;
END"""


def _counted_out() -> str:
    """The row that was replaced is counted out, by what was noted of it."""
    salesforce_type, state = (
        f"(SELECT value FROM replaced WHERE person_id = NEW.id AND column_name = '{name}')"
        for name in ("salesforce_type", "link_state")
    )
    return f"UPDATE tally SET n = n - 1 WHERE what = 'person' AND a = COALESCE({salesforce_type}, '') AND b = {state};"


def _as_json(columns: list[StoredColumn], row: str) -> str:
    values = " UNION ALL ".join(f"SELECT '{c.name}' AS name, {_shown(c, row)} AS value" for c in columns)
    if not values:
        return "'{}'"
    plain = "CASE typeof(value) WHEN 'blob' THEN hex(value) ELSE value END"
    return f"(SELECT json_group_object(name, {plain}) FROM ({values}) WHERE value IS NOT NULL)"


def _forget_replaced() -> str:
    # an upsert notes the row as if it were replaced, and then updates it
    return f"""CREATE TRIGGER person_after_update AFTER UPDATE ON person
WHEN EXISTS (SELECT 1 FROM replaced WHERE person_id = NEW.id) AND {NOT_ENGINE}
BEGIN DELETE FROM replaced; END"""


def _after_delete(first: list[StoredColumn], further: list[str]) -> str:
    parts = "\n".join(
        f"DELETE FROM {quote(t)} WHERE id = OLD.id AND NOT EXISTS (SELECT 1 FROM replaced WHERE person_id = OLD.id);"
        for t in further
    )
    return f"""CREATE TRIGGER person_after_delete AFTER DELETE ON person
BEGIN
UPDATE pair SET former_state = state, state = 'detached' WHERE person_id = OLD.id AND state <> 'detached';
INSERT INTO change_log (person_id, table_name, old_value, side, actor, at)
SELECT OLD.id, 'person', {_as_json(first, "OLD")}, 'ours', {_ACTOR}, {_NOW}
WHERE NOT EXISTS (SELECT 1 FROM replaced WHERE person_id = OLD.id);
{parts}
END"""


def _part_before_delete(table: str, columns: list[StoredColumn]) -> str:
    value = _case([(c.name, f"OLD.{quote(c.name)}") for c in columns]).format(subject="n.name")
    names = _names([c.name for c in columns])
    return f"""CREATE TRIGGER "{table}_before_delete" BEFORE DELETE ON {quote(table)} WHEN {NOT_ENGINE}
BEGIN
INSERT INTO base (pair_id, column_name, value)
SELECT p.id, n.name, {value} FROM pair AS p JOIN ({names}) AS n
WHERE p.person_id = OLD.id AND EXISTS (SELECT 1 FROM person WHERE id = OLD.id) AND {value} IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM base AS b WHERE b.pair_id = p.id AND b.column_name = n.name);
INSERT INTO change_log (person_id, table_name, old_value, side, actor, at)
VALUES (OLD.id, 'person', {_as_json(columns, "OLD")}, 'ours', {_ACTOR}, {_NOW});
END"""


def _part_after_delete(table: str) -> str:
    # the person is still there: only its values went
    return f"""CREATE TRIGGER "{table}_after_delete" AFTER DELETE ON {quote(table)}
WHEN EXISTS (SELECT 1 FROM person WHERE id = OLD.id)
BEGIN INSERT INTO {quote(table)} (id) VALUES (OLD.id); END"""
