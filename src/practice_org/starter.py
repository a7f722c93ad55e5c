"""What a practice org holds when it is started for the first time, before any seed.

Two standard profiles, a profile for a tool that syncs, people with logins, and one connected app that
may use every OAuth flow. Passwords and secrets are random; they are kept readable in the org's file, so
that every start can print them.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from practice_org import ids
from practice_org.auth.apps import ConnectedApp, all_apps, save_app
from practice_org.auth.passwords import new_password, new_security_token
from practice_org.auth.people import caller_by_id, set_credentials
from practice_org.auth.tables import create_tables
from practice_org.org import Org
from practice_org.schema import birth, profiles

SYNC_PROFILE = "Diptych Sync"
NO_API_PROFILE = "Standard User without API"
SYNC_PERMISSIONS = (
    "ApiEnabled",
    "EditHtmlTemplates",
    "EditPublicDocuments",
    "EditPublicTemplates",
    "PasswordNeverExpires",
    "ConvertLeads",
    "EditEvent",
    "EditTask",
    "ViewAllData",
    "ModifyAllData",
)
APP_NAME = "Diptych"
APP_SCOPES = ("api", "refresh_token", "id", "profile", "email", "openid", "web", "full")
CONTROL_TOKEN = "control_token"


@dataclass(frozen=True)
class Person:
    """A user to create. `role` says what they are for; `login` whether they get a password."""

    role: str
    first: str
    last: str
    profile: str
    title: str = ""
    active: bool = True
    login: bool = True


PEOPLE = (
    Person("admin", "Ada", "Winter", birth.ADMINISTRATOR_PROFILE, "Salesforce administrator"),
    Person("sync", "Sync", "User", SYNC_PROFILE, "Account of a tool"),
    Person("sales", "Mara", "Lindqvist", birth.STANDARD_PROFILE, "Account executive"),
    Person("no_api", "Tomas", "Okonkwo", NO_API_PROFILE, "Account executive, without API access"),
    Person("inactive", "Ruth", "Castellano", birth.STANDARD_PROFILE, "Left the company", active=False),
    Person("sales", "Hiroshi", "Tanabe", birth.STANDARD_PROFILE, "Account executive", login=False),
    Person("sales", "Élodie", "Marchand", birth.STANDARD_PROFILE, "Account executive", login=False),
    Person("sales", "Kwame", "Boateng", birth.STANDARD_PROFILE, "Inside sales", login=False),
    Person("sales", "Priya", "Raman", birth.STANDARD_PROFILE, "Inside sales", login=False),
    Person(
        "inactive", "Gustav", "Helmer", birth.STANDARD_PROFILE, "Left the company", active=False, login=False
    ),
)


@dataclass(frozen=True)
class Credential:
    """A login as it is printed."""

    role: str
    username: str
    password: str
    security_token: str
    user_id: str


def furnish(org: Org) -> None:
    """Put profiles, users, logins and the connected app into a new org."""
    create_tables(org)
    _own_id(org)
    profiles.create_profile(org, SYNC_PROFILE, system_permissions=SYNC_PERMISSIONS)
    without = [name for name in birth.STANDARD_SYSTEM_PERMISSIONS if name != "ApiEnabled"]
    profiles.create_profile(org, NO_API_PROFILE, system_permissions=without)
    domain = f"practice-{org.id[9:15].lower()}.example.com"
    sync_user = ""
    for person in PEOPLE:
        name = person.role if person.login else f"{person.first}.{person.last}".lower()
        username = f"{_plain(name)}@{domain}"
        user_id = birth.create_user(
            org,
            username=username,
            first_name=person.first,
            last_name=person.last,
            email=f"{_plain(person.first)}.{_plain(person.last)}@example.com".lower(),
            profile=person.profile,
            active=person.active,
            Title=person.title,
        )
        caller = caller_by_id(org, user_id)
        if person.login and caller is not None:
            set_credentials(org, caller, new_password(), new_security_token(), person.role)
        if person.role == "sync":
            sync_user = user_id
    for queue in ("Inbound leads", "Trade fair", "Nobody's leads"):
        birth.create_queue(org, queue)
    save_app(
        org,
        ConnectedApp(
            client_id="3MVG9" + secrets.token_urlsafe(60).replace("-", "."),
            name=APP_NAME,
            secret=secrets.token_hex(32).upper(),
            scopes=APP_SCOPES,
            redirect_uris=(),
            certificate=_jwt_key(org),
            run_as=sync_user,
            admin_approved=True,
            secret_required=True,
        ),
    )
    org.set_setting(CONTROL_TOKEN, secrets.token_urlsafe(24))


def _own_id(org: Org) -> None:
    """No two orgs have the same id: a tool that was connected to one must notice another."""
    with org.transaction() as tx:
        tx.connection.execute(
            'UPDATE "Organization" SET "Id" = ?', (ids.encode("00D", secrets.randbelow(62**9)),)
        )


def _plain(text: str) -> str:
    return text.replace("É", "E").replace("é", "e").replace("_", "-")


def jwt_key_path(org: Org) -> Path:
    """Where the private key that belongs to the connected app's certificate lies."""
    return org.file("jwt.key")


def _jwt_key(org: Org) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(jwt_key_path(org), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public.decode()


def credentials(org: Org) -> list[Credential]:
    """The logins that may be shown, in the order in which they were made."""
    rows = org.reader().execute(
        "SELECT note, username, password, security_token, user_id FROM _demo_credential ORDER BY rowid"
    )
    return [Credential(*row) for row in rows]


def demo_app(org: Org) -> ConnectedApp:
    """The connected app that was made with the org (the first, had more been added)."""
    return next((app for app in all_apps(org) if app.name == APP_NAME), all_apps(org)[0])
