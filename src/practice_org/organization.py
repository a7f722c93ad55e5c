"""The one row of Organization, as the door and the pages need it."""

from __future__ import annotations

from dataclasses import dataclass

from practice_org.org import Org


@dataclass(frozen=True)
class Organization:
    """Who the org is; `id` has 18 characters."""

    id: str
    name: str
    sandbox: bool
    edition: str
    person_accounts: bool = False


def organization(org: Org) -> Organization:
    """The organization as it is called now."""
    row = org.reader().execute('SELECT Id, Name, IsSandbox, OrganizationType FROM "Organization"').fetchone()
    return Organization(row[0], row[1], bool(row[2]), row[3], bool(org.setting("person_accounts")))
