"""The org's users as callers: who they are, and whether they may come in."""

from __future__ import annotations

from dataclasses import dataclass

from practice_org.auth.passwords import hash_password, password_matches
from practice_org.auth.settings import read_settings
from practice_org.auth.tables import writing
from practice_org.org import Org

COLUMNS = (
    "Id, Username, ProfileId, IsActive, FirstName, LastName, Name, Email, TimeZoneSidKey, LanguageLocaleKey,"
    " LocaleSidKey, UserType, UserRoleId, CommunityNickname, LastModifiedDate"
)


@dataclass(frozen=True)
class Caller:
    """One user of the org."""

    id: str
    username: str
    profile_id: str
    active: bool
    first_name: str
    last_name: str
    name: str
    email: str
    time_zone: str
    language: str
    locale: str
    user_type: str
    role_id: str | None
    nickname: str
    modified: str


class LoginRefused(Exception):
    """Credentials that do not let their bearer in. `reason` is wrong, inactive or locked."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def caller_by_id(org: Org, user_id: str) -> Caller | None:
    """The user with this 18-character id."""
    return _one(org, "Id = ?", user_id)


def caller_by_username(org: Org, username: str) -> Caller | None:
    """The user with this username, in any case."""
    return _one(org, "Username = ? collate nocase", username.strip())


def _one(org: Org, condition: str, value: str) -> Caller | None:
    connection = org.reader()
    row = connection.execute(f'SELECT {COLUMNS} FROM "User" WHERE {condition}', (value,)).fetchone()
    if row is None:
        return None
    texts = [value if value is not None else "" for value in row]
    return Caller(
        id=texts[0],
        username=texts[1],
        profile_id=texts[2],
        active=bool(row[3]),
        first_name=texts[4],
        last_name=texts[5],
        name=texts[6] or f"{texts[4]} {texts[5]}".strip(),
        email=texts[7],
        time_zone=texts[8] or "America/Los_Angeles",
        language=texts[9] or "en_US",
        locale=texts[10] or "en_US",
        user_type=texts[11] or "Standard",
        role_id=row[12],
        nickname=texts[13],
        modified=texts[14],
    )


def check_password(org: Org, username: str, password: str, *, with_token: bool) -> Caller:
    """The user whose password this is. Raises LoginRefused.

    `with_token`: the security token must follow the password, as API logins from unknown networks need.
    Wrong passwords are counted; too many lock the user until an administrator sets a new one.
    """
    caller = caller_by_username(org, username)
    if caller is None:
        raise LoginRefused("wrong")
    connection = org.reader()
    row = connection.execute(
        "SELECT password_hash, security_token, failures, locked FROM _login WHERE user_id = ?", (caller.id,)
    ).fetchone()
    if row is None:
        raise LoginRefused("wrong")
    hashed, token, failures, locked = row
    if locked:
        raise LoginRefused("locked")
    secret = password
    if with_token:
        if not password.endswith(token):
            _count_failure(org, caller.id)
            raise LoginRefused("wrong")
        secret = password[: -len(token)]
    if not password_matches(hashed, secret):
        _count_failure(org, caller.id)
        raise LoginRefused("wrong")
    if not caller.active:
        raise LoginRefused("inactive")
    if failures:
        with writing(org) as connection:
            connection.execute("UPDATE _login SET failures = 0 WHERE user_id = ?", (caller.id,))
    return caller


def _count_failure(org: Org, user_id: str) -> None:
    most = read_settings(org).password_attempts
    with writing(org) as connection:
        connection.execute(
            "UPDATE _login SET failures = failures + 1, locked = failures + 1 >= ? WHERE user_id = ?",
            (most, user_id),
        )


def set_credentials(org: Org, caller: Caller, password: str, security_token: str, note: str = "") -> None:
    """Give a user a password and token; unlocks. They are also kept readable: see `tables`."""
    with writing(org) as connection:
        connection.execute(
            "INSERT OR REPLACE INTO _login (user_id, password_hash, security_token) VALUES (?, ?, ?)",
            (caller.id, hash_password(password), security_token),
        )
        connection.execute(
            "INSERT INTO _demo_credential (user_id, username, password, security_token, note)"
            " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (user_id) DO UPDATE SET username = ?2, password = ?3,"
            " security_token = ?4, note = CASE ?5 WHEN '' THEN note ELSE ?5 END",
            (caller.id, caller.username, password, security_token, note),
        )


def set_password(org: Org, caller: Caller, password: str) -> None:
    """Another password for a user; the security token stays, failed attempts are forgiven."""
    with writing(org) as connection:
        connection.execute(
            "update _login set password_hash = ?, failures = 0, locked = 0 where user_id = ?",
            (hash_password(password), caller.id),
        )
        connection.execute(
            "update _demo_credential set password = ? where user_id = ?", (password, caller.id)
        )


def set_locked(org: Org, user_id: str, locked: bool) -> None:
    """Lock a user out, or let them in again."""
    with writing(org) as connection:
        connection.execute(
            "UPDATE _login SET locked = ?, failures = 0 WHERE user_id = ?", (int(locked), user_id)
        )
