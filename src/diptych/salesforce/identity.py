"""Who we are to the org, and which org it is (S-33)."""

from __future__ import annotations

from typing import Any

from diptych.domain.outcome import ErrorClass, OrgRefused, Problem, WrongOrg
from diptych.domain.values import full_id
from diptych.salesforce.client import Client
from diptych.salesforce.errors import Effect, call_failed
from diptych.salesforce.query import first_rows
from diptych.salesforce.soql import text_literal
from diptych.sync.ports import OrgIdentity


def identify(client: Client) -> OrgIdentity:
    """User and org of the session; one call, or two when the login did not say who the user is."""
    grant = client.session.grant(client.transport)
    user_id = grant.user_id or full_id(str(client.get("/services/oauth2/userinfo")["user_id"]))
    organization, user = first_rows(
        client,
        (
            "SELECT Id, Name, OrganizationType, IsSandbox FROM Organization",
            f"SELECT Id, Username, Name, ProfileId, Profile.Name FROM User WHERE Id = {text_literal(user_id)}",
        ),
    )
    for answer in (organization, user):
        if answer.faults:
            raise call_failed(answer.faults, answer.status, Effect.READ)
    org_row, user_row = _only(organization.document, "org"), _only(user.document, "user")
    return OrgIdentity(
        org_id=full_id(org_row["Id"]),
        org_name=org_row.get("Name") or "",
        org_type=org_row.get("OrganizationType") or "",
        is_sandbox=bool(org_row.get("IsSandbox")),
        user_id=full_id(user_row["Id"]),
        username=user_row.get("Username") or "",
        user_name=user_row.get("Name") or "",
        profile_id=full_id(user_row.get("ProfileId") or ""),
        profile_name=(user_row.get("Profile") or {}).get("Name") or "",
        instance_url=grant.instance_url,
        api_version=client.api_version,
    )


def require_org(identity: OrgIdentity, expected_org_id: str) -> None:
    """Raises WrongOrg when this is another org than the database is connected to (N-26, S-27)."""
    if identity.org_id != full_id(expected_org_id):
        raise WrongOrg(
            Problem(
                "WRONG_ORG",
                f"This is org {identity.org_id} ({identity.org_name}), but this database is connected to "
                f"{full_id(expected_org_id)}.",
                ErrorClass.LOGIN,
                "The credentials belong to another org, or a sandbox was refreshed and is a new org now.",
                "Use credentials of the connected org; another org needs a database of its own.",
            )
        )


def _only(document: Any, what: str) -> Any:
    rows = document["records"]
    if not rows:
        raise OrgRefused(
            Problem(
                "NO_IDENTITY",
                f"The sync user may not read its own {what} record.",
                ErrorClass.PERMISSION,
                remedy="Give the sync user a profile that may read Organization and User, such as a copy of Standard "
                "User.",
            )
        )
    return rows[0]
