"""The fixed tables, as the queries see them; migrations make them. Run-time columns are in `catalogue` and `tables`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from diptych.domain.values import parse_instant


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime: TIMESTAMPTZ on PostgreSQL, `2026-11-24T08:15:00Z` text on SQLite (which sorts by time)."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return moment_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else parse_instant(value)


def moment_text(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z; microseconds only where there are any."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


metadata = sa.MetaData()


def _table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(name, metadata, *columns)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, Moment)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean)


def _key(name: str = "id") -> sa.Column[Any]:
    # the variant: only INTEGER is SQLite's row id
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)


pair = _table(
    "pair",
    _key(),
    _number("person_id"),
    _text("object_name"),
    _text("sf_id"),
    _text("ext_key"),
    _text("state"),
    _text("former_state"),
    _moment("seen_modstamp"),
    _moment("seen_at"),
    _number("mapping_version"),
    _text("inflight"),
    _text("attempt_id"),
    _moment("sent_at"),
    _text("channel"),
    _text("redirect_to"),
    _number("attempts"),
    _moment("next_try_at"),
)
base = _table(
    "base",
    sa.Column("pair_id", sa.BigInteger, primary_key=True),
    sa.Column("column_name", sa.Text, primary_key=True),
    sa.Column("value", sa.types.NullType),
    _text("standing"),
)
change_log = _table(
    "change_log",
    _key(),
    _number("person_id"),
    _text("table_name"),
    _text("column_name"),
    _text("old_value"),
    _text("new_value"),
    _text("side"),
    _text("actor"),
    _number("run_id"),
    _moment("at"),
)
arrival = _table(
    "arrival",
    _key(),
    _number("run_id"),
    _text("object_name"),
    _number("first_person"),
    _number("last_person"),
    _moment("at"),
)
sent = _table(
    "sent",
    _key(),
    _number("pair_id"),
    _number("person_id"),
    _text("column_name"),
    _text("before_value"),
    _text("value"),
    _text("attempt_id"),
    _number("run_id"),
    _moment("at"),
    _text("outcome"),
)
pair_event = _table(
    "pair_event",
    _key(),
    _number("pair_id"),
    _number("person_id"),
    _text("from_state"),
    _text("to_state"),
    _text("redirect_to"),
    _number("run_id"),
    _moment("at"),
)
conflict = _table(
    "conflict",
    _key(),
    _number("pair_id"),
    _number("person_id"),
    _text("column_name"),
    _text("base_value"),
    _text("ours_value"),
    _text("theirs_value"),
    _text("winner"),
    _text("reason"),
    _number("run_id"),
    _moment("at"),
)
dead_letter = _table(
    "dead_letter",
    _key(),
    _number("pair_id"),
    _number("person_id"),
    _text("operation"),
    _text("column_name"),
    _text("code"),
    _text("message"),
    _text("error_class"),
    _text("cause"),
    _text("remedy"),
    _text("fields"),
    _text("ours"),
    _text("theirs"),
    _number("run_id"),
    _number("times"),
    _moment("first_at"),
    _moment("last_at"),
    _text("status"),
    _moment("closed_at"),
    _text("cause_key"),
)
lease = _table("lease", _key(), _text("holder"), _number("epoch"), _moment("expires_at"))
feed_cursor = _table(
    "feed_cursor",
    sa.Column("object_name", sa.Text, primary_key=True),
    _moment("cursor_at"),
    _moment("target"),
    _moment("position"),
    _text("position_id"),
    _moment("covered"),
)
snapshot = _table(
    "snapshot",
    sa.Column("object_name", sa.Text, primary_key=True),
    _text("state"),
    _moment("started_at"),
    _number("mapping_version"),
    _text("fields"),
    _text("job_id"),
    _text("locator"),
    _number("rows_applied"),
    _number("rows_total"),
    _moment("began_at"),
    _moment("finished_at"),
    _text("error"),
)
run = _table(
    "run",
    _key(),
    _text("kind"),
    _text("status"),
    _moment("started_at"),
    _moment("ended_at"),
    _text("error"),
    _text("error_class"),
    _text("code"),
    _text("trace_id"),
)
step = _table(
    "step",
    _key(),
    _number("run_id"),
    _text("object_name"),
    _text("operation"),
    _text("status"),
    _moment("started_at"),
    _moment("ended_at"),
    _number("added"),
    _number("updated"),
    _number("deleted"),
    _number("failed"),
    _number("skipped"),
    _number("api_calls"),
    _text("detail"),
)
setting = _table("setting", sa.Column("name", sa.Text, primary_key=True), _text("value"))
object_schema = _table(
    "object_schema",
    sa.Column("object_name", sa.Text, primary_key=True),
    _text("description"),
    _moment("at"),
)
mapping_version = _table(
    "mapping_version",
    _key(),
    _number("version"),
    _text("digest"),
    _text("fields"),
    _moment("at"),
    _text("reason"),
    _text("author"),
)
field_mapping = _table(
    "field_mapping",
    sa.Column("object_name", sa.Text, primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),
    _text("table_name"),
    _text("column_name"),
    _text("direction"),
    _text("policy"),
    _text("label"),
)
mapped_column = _table(
    "mapped_column",
    _key(),
    _text("table_name"),
    _text("column_name"),
    _text("kind"),
    _number("scale"),
    _number("part"),
)
person_join = _table(
    "person_join",
    _key(),
    _number("winner_id"),
    _number("loser_id"),
    _text("why"),
    _text("detail"),
    _number("run_id"),
    _moment("at"),
    _text("before_winner"),
    _text("before_loser"),
    _text("loser_pairs"),
    _text("changed"),
    _text("moved"),
    _moment("undone_at"),
)
person_redirect = _table(
    "person_redirect",
    sa.Column("former_id", sa.BigInteger, primary_key=True),
    _number("now_id"),
    _moment("at"),
)
suppression = _table(
    "suppression",
    _key(),
    _text("object_name"),
    _text("sf_id"),
    _text("address_hash"),
    _number("former_id"),
    _text("reason"),
    _moment("at"),
)
action = _table(
    "action",
    _key(),
    _text("kind"),
    _text("state"),
    _text("detail"),
    _text("attempt_id"),
    _moment("sent_at"),
    _text("actor"),
    _moment("at"),
    _moment("ended_at"),
    _text("result"),
)
connection = _table(
    "connection",
    _key(),
    _text("auth_kind"),
    _text("login_url"),
    _text("org_id"),
    _text("identity"),
    _text("sealed"),
    _flag("locked"),
    _moment("saved_at"),
)
creation = _table(
    "creation",
    sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("wish"),
    _text("reason"),
    _text("fields"),
    _text("matches"),
    _text("target"),
    _flag("by_hand"),
    _flag("recreate"),
    _moment("at"),
)
access_user = _table(
    "access_user",
    _key(),
    _text("name"),
    _text("role"),
    _text("password_hash"),
    _text("subject"),
    _moment("created_at"),
    _moment("password_at"),
    _moment("last_login_at"),
    _moment("disabled_at"),
)
access_session = _table(
    "access_session",
    _key(),
    _text("token_hash"),
    _number("user_id"),
    _text("how"),
    _moment("created_at"),
    _moment("seen_at"),
    _moment("expires_at"),
    _text("address"),
    _text("agent"),
)
api_token = _table(
    "api_token",
    _key(),
    _text("name"),
    _text("token_hash"),
    _text("hint"),
    _text("scope"),
    _number("user_id"),
    _text("created_by"),
    _moment("created_at"),
    _moment("expires_at"),
    _moment("last_used_at"),
    _moment("revoked_at"),
)
login_failure = _table("login_failure", _key(), _text("subject"), _moment("at"))
audit = _table(
    "audit",
    _key(),
    _moment("at"),
    _text("actor"),
    _text("source"),
    _text("what"),
    _text("old_value"),
    _text("new_value"),
)
alert = _table(
    "alert",
    _key(),
    *(_text(name) for name in ("rule", "subject", "severity", "title", "text", "remedy", "link", "state")),
    *(_moment(name) for name in ("first_at", "last_at", "told_at", "acked_at")),
    _text("acked_by"),
    _moment("ended_at"),
)
alert_channel = _table(
    "alert_channel",
    _key(),
    *(_text(name) for name in ("name", "kind", "config", "sealed", "least")),
    _flag("digest"),
    _flag("enabled"),
    _moment("at"),
)
alert_delivery = _table(
    "alert_delivery",
    _key(),
    _number("alert_id"),
    _number("channel_id"),
    *(_text(name) for name in ("event", "body", "state")),
    _number("attempts"),
    *(_moment(name) for name in ("next_at", "claimed_until")),
    _text("error"),
    *(_moment(name) for name in ("at", "sent_at")),
)
backlog_sample = _table(
    "backlog_sample",
    _key(),
    _moment("at"),
    _text("object_name"),
    _number("waiting"),
    _moment("oldest_at"),
)
