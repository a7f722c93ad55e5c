"""The tables of the door: credentials, connected apps, grants and sessions, in the org's own file.

They are not objects of the org: no query, describe or seed sees them. Secrets that clients present are
kept as SHA-256 digests; passwords as argon2 hashes. `demo_credential` alone keeps clear text, and says
so in its name: this is a practice org, and its owner wants to read the passwords again tomorrow.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from practice_org.org import Org

DDL = (
    """create table if not exists _login (
        user_id text primary key, password_hash text not null, security_token text not null,
        failures integer not null default 0, locked integer not null default 0)""",
    """create table if not exists _demo_credential (
        user_id text primary key, username text not null, password text not null,
        security_token text not null, note text not null)""",
    """create table if not exists _connected_app (
        client_id text primary key, name text not null, secret text not null, scopes text not null,
        redirect_uris text not null, certificate text, run_as text,
        admin_approved integer not null default 1, secret_required integer not null default 1)""",
    "create table if not exists _app_approval (client_id text, user_id text, primary key (client_id, user_id))",
    """create table if not exists _authorization_code (
        digest text primary key, client_id text not null, user_id text not null, redirect_uri text not null,
        scope text not null, challenge text, challenge_method text, expires real not null,
        family text)""",
    """create table if not exists _device_code (
        digest text primary key, user_code text not null, client_id text not null, scope text not null,
        expires real not null, state text not null, user_id text)""",
    """create table if not exists _refresh_token (
        digest text primary key, family text not null, client_id text not null, user_id text not null,
        scope text not null, issued real not null, state text not null)""",
    "create index if not exists _refresh_token_family on _refresh_token (family)",
    """create table if not exists _session (
        digest text primary key, id text not null unique, user_id text not null, client_id text,
        family text, scope text not null, kind text not null, created real not null, expires real not null)""",
    "create index if not exists _session_family on _session (family)",
    "create index if not exists _session_user on _session (user_id)",
)


def create_tables(org: Org) -> None:
    """Make the tables that are not there yet."""
    with writing(org) as connection:
        for statement in DDL:
            connection.execute(statement)
        columns = {row[1] for row in connection.execute("pragma table_info(_authorization_code)")}
        if "nonce" not in columns:
            connection.execute("alter table _authorization_code add column nonce text")


@contextmanager
def writing(org: Org) -> Iterator[sqlite3.Connection]:
    """The org's writer, for one transaction."""
    with org.transaction() as transaction:
        yield transaction.connection
