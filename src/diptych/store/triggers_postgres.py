"""Capture on PostgreSQL: one function for all columns, which reads the catalogue when it runs (decision 0001).

It compares to_jsonb(OLD) with to_jsonb(NEW) for the mapped columns of the part. The program's own writes are exempt:
`set_config('app.origin', 'engine', true)` lasts for its transaction, and each trigger has a WHEN on it.
"""

from __future__ import annotations

from collections.abc import Iterator

from diptych.store.catalogue import quote

_NOT_ENGINE = "current_setting('app.origin', true) IS DISTINCT FROM 'engine'"

FUNCTIONS = (
    # a stored value as base and history show it
    r"""CREATE OR REPLACE FUNCTION diptych_shown(kind TEXT, value TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS $$
SELECT CASE WHEN kind = 'datetime' AND value LIKE '%+00:00'
THEN regexp_replace(value, '(\.\d+)?\+00:00$', 'Z') ELSE value END $$""",
    """CREATE OR REPLACE FUNCTION diptych_actor() RETURNS TEXT LANGUAGE sql STABLE AS $$
SELECT COALESCE(NULLIF(current_setting('app.actor', true), ''), 'sql') $$""",
    # arguments: the table, the number of the part
    """CREATE OR REPLACE FUNCTION diptych_capture() RETURNS trigger LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    was JSONB; now_is JSONB; key BIGINT; whole JSONB;
BEGIN
    IF TG_OP <> 'INSERT' THEN was := to_jsonb(OLD); key := OLD.id; END IF;
    IF TG_OP <> 'DELETE' THEN now_is := to_jsonb(NEW); key := NEW.id; END IF;
    IF TG_OP = 'UPDATE' THEN
        IF OLD.id IS DISTINCT FROM NEW.id THEN RAISE EXCEPTION 'the id of a person never changes'; END IF;
        IF TG_ARGV[0] = 'person' THEN
            INSERT INTO base (pair_id, column_name, value)
            SELECT p.id, c.column_name, diptych_shown(c.kind, was ->> c.column_name)
            FROM mapped_column c JOIN pair p ON p.person_id = key
            WHERE c.table_name = 'person' AND c.part = TG_ARGV[1]::int
            AND (was -> c.column_name) IS DISTINCT FROM (now_is -> c.column_name)
            ON CONFLICT (pair_id, column_name) DO NOTHING;
            DELETE FROM base b USING mapped_column c, pair p
            WHERE p.person_id = key AND b.pair_id = p.id AND b.column_name = c.column_name
            AND c.table_name = 'person' AND c.part = TG_ARGV[1]::int
            AND (was -> c.column_name) IS DISTINCT FROM (now_is -> c.column_name)
            AND b.value IS NOT DISTINCT FROM diptych_shown(c.kind, now_is ->> c.column_name);
            IF TG_ARGV[1] <> '1' THEN UPDATE person SET updated_at = date_trunc('second', now()) WHERE id = key; END IF;
        END IF;
        INSERT INTO change_log (person_id, table_name, column_name, old_value, new_value, side, actor)
        SELECT key, TG_ARGV[0], c.column_name, diptych_shown(c.kind, was ->> c.column_name),
            diptych_shown(c.kind, now_is ->> c.column_name), 'ours', diptych_actor()
        FROM mapped_column c
        WHERE c.table_name = TG_ARGV[0] AND c.part = TG_ARGV[1]::int
        AND (was -> c.column_name) IS DISTINCT FROM (now_is -> c.column_name) ORDER BY c.id;
        RETURN NULL;
    END IF;
    SELECT COALESCE(jsonb_object_agg(c.column_name, COALESCE(was, now_is) -> c.column_name), '{}') INTO whole
    FROM mapped_column c WHERE c.table_name = TG_ARGV[0] AND c.part = TG_ARGV[1]::int
    AND (COALESCE(was, now_is) ->> c.column_name) IS NOT NULL;
    IF TG_OP = 'INSERT' THEN
        IF TG_ARGV[1] = '1' THEN
            INSERT INTO change_log (person_id, table_name, new_value, side, actor)
            VALUES (key, TG_ARGV[0], whole::text, 'ours', diptych_actor());
        END IF;
        RETURN NULL;
    END IF;
    INSERT INTO change_log (person_id, table_name, old_value, side, actor)
    VALUES (key, TG_ARGV[0], whole::text, 'ours', diptych_actor());
    IF TG_ARGV[1] = '1' THEN
        UPDATE pair SET former_state = state, state = 'detached' WHERE person_id = key AND state <> 'detached';
    ELSIF EXISTS (SELECT 1 FROM person WHERE id = key) THEN
        INSERT INTO base (pair_id, column_name, value)
        SELECT p.id, c.column_name, diptych_shown(c.kind, was ->> c.column_name)
        FROM mapped_column c JOIN pair p ON p.person_id = key
        WHERE c.table_name = 'person' AND c.part = TG_ARGV[1]::int AND (was ->> c.column_name) IS NOT NULL
        ON CONFLICT (pair_id, column_name) DO NOTHING;
        EXECUTE format('INSERT INTO %I (id) VALUES ($1)', TG_TABLE_NAME) USING key;
    END IF;
    RETURN NULL;
END $$""",
    """CREATE OR REPLACE FUNCTION diptych_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.updated_at := date_trunc('second', now()); RETURN NEW; END $$""",
)


def part_triggers(table: str, part: int, name: str) -> Iterator[str]:
    """DDL of the triggers of one part, whatever its columns; safe to run again."""
    actions = "INSERT OR UPDATE OR DELETE" if table == "person" else "UPDATE"
    yield f"""CREATE OR REPLACE TRIGGER diptych_capture AFTER {actions} ON {quote(name)}
FOR EACH ROW WHEN ({_NOT_ENGINE}) EXECUTE FUNCTION diptych_capture('{table}', '{part}')"""
    if name == "person":
        yield f"""CREATE OR REPLACE TRIGGER diptych_touch BEFORE UPDATE ON person
FOR EACH ROW WHEN ({_NOT_ENGINE}) EXECUTE FUNCTION diptych_touch()"""


def parts_of_new_people(names: list[str]) -> Iterator[str]:
    """A person that a SQL user inserts has a row in every part, and loses them all with DELETE."""
    makes = " ".join(f"INSERT INTO {quote(n)} (id) VALUES (NEW.id) ON CONFLICT DO NOTHING;" for n in names)
    drops = " ".join(f"DELETE FROM {quote(n)} WHERE id = OLD.id;" for n in names)
    yield f"""CREATE OR REPLACE FUNCTION diptych_parts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF TG_OP = 'INSERT' THEN {makes} ELSE {drops} END IF; RETURN NULL; END $$"""
    yield f"""CREATE OR REPLACE TRIGGER diptych_parts AFTER INSERT OR DELETE ON person
FOR EACH ROW WHEN ({_NOT_ENGINE}) EXECUTE FUNCTION diptych_parts()"""
