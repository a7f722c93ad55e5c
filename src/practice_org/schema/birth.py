"""What a new org holds before anything is put into it: tables, organization, licence, profiles."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from practice_org import ids
from practice_org.clock import stamp
from practice_org.data import tables
from practice_org.schema import access, list_views, permission_sets, profiles, setup_rows, standard_values

if TYPE_CHECKING:
    from practice_org.org import Org

ADMINISTRATOR_PROFILE = "System Administrator"
STANDARD_PROFILE = "Standard User"
STANDARD_SYSTEM_PERMISSIONS = (
    "ApiEnabled",
    "ConvertLeads",
    "EditTask",
    "EditEvent",
    "RunReports",
    "ExportReport",
    "ImportPersonal",
    "EmailSingle",
    "EmailMass",
    "LightningExperienceUser",
    "ViewHelpLink",
    "IdentityEnabled",
    "AllowUniversalSearch",
)


def populate(org: Org, *, name: str, sandbox: bool, edition: str) -> None:
    """Create tables and the first rows of a new org, in one transaction."""
    with org.transaction() as tx:
        for obj in org.schema.objects:
            tables.create_table(tx.connection, obj)
        organization = ids.mint(tx.connection, "00D")[0]
        creator = ids.mint(tx.connection, "005")[0]
        stamps = {"CreatedDate": tx.stamp, "LastModifiedDate": tx.stamp, "SystemModstamp": tx.stamp}
        people = {"CreatedById": creator, "LastModifiedById": creator}
        setup_rows.insert_row(
            org,
            "Organization",
            {
                "Id": organization,
                "Name": name,
                "Country": "US",
                "DefaultLocaleSidKey": "en_US",
                "TimeZoneSidKey": "America/Los_Angeles",
                "LanguageLocaleKey": "en_US",
                "ReceivesInfoEmails": 1,
                "ReceivesAdminInfoEmails": 1,
                "PreferencesConsentManagementEnabled": 1,
                "PreferencesLightningLoginEnabled": 1,
                "FiscalYearStartMonth": 1,
                "DefaultAccountAccess": "Edit",
                "DefaultContactAccess": "ControlledByParent",
                "DefaultOpportunityAccess": "Edit",
                "DefaultLeadAccess": "ReadEditTransfer",
                "DefaultCaseAccess": "ReadEditTransfer",
                "DefaultCalendarAccess": "HideDetailsInsert",
                "DefaultPricebookAccess": "ReadSelect",
                "DefaultCampaignAccess": "All",
                "UiSkin": "Theme3",
                "SignupCountryIsoCode": "US",
                "TrialExpirationDate": stamp(tx.started + timedelta(days=30)) if sandbox else None,
                "OrganizationType": edition,
                "InstanceName": "PRC1S" if sandbox else "PRC1",
                "IsSandbox": int(sandbox),
                "MonthlyPageViewsUsed": 0,
                "MonthlyPageViewsEntitlement": 0,
                **stamps,
                **people,
            },
        )
        setup_rows.insert_row(
            org,
            "UserLicense",
            {
                "Id": ids.mint(tx.connection, "100")[0],
                "LicenseDefinitionKey": "SFDC",
                "TotalLicenses": 100,
                "UsedLicenses": 1,
                "Status": "Active",
                "Name": "Salesforce",
                "MasterLabel": "Salesforce",
                **stamps,
            },
        )
        _automated_user(org, creator, stamps, people)
        standard_values.store(org)
        list_views.store(org)
        everything = [
            f.name[len("Permissions") :]
            for f in org.schema["PermissionSet"].fields
            if f.name.startswith("Permissions")
        ]
        profiles.create_profile(
            org, ADMINISTRATOR_PROFILE, system_permissions=everything, object_rights=access.RIGHTS
        )
        profiles.create_profile(org, STANDARD_PROFILE, system_permissions=STANDARD_SYSTEM_PERMISSIONS)
        profile = tx.connection.execute(
            'SELECT "Id" FROM "Profile" WHERE "Name" = ?', (ADMINISTRATOR_PROFILE,)
        ).fetchone()[0]
        tx.connection.execute('UPDATE "User" SET "ProfileId" = ?', (profile,))


def upgrade(org: Org) -> None:
    """Give an older file the objects and standard fields that the catalogue has gained since.

    Profiles get the rights on them that a new org's profiles have.
    """
    present: dict[str, set[str]] = {
        obj.name: {row[1] for row in org.reader().execute(f"PRAGMA table_info({tables.quoted(obj.name)})")}
        for obj in org.schema.objects
    }
    grown = [o for o in org.schema.objects if {f.name for f in o.stored_fields} - present[o.name]]
    if not grown:
        return
    with org.transaction() as tx:
        for obj in grown:
            tables.create_table(tx.connection, obj)
        sets = tx.connection.execute(
            'SELECT s."Id", s."PermissionsModifyAllData" FROM "PermissionSet" s WHERE s."IsOwnedByProfile" = 1'
        ).fetchall()
        for obj in grown:
            if not present[obj.name] and access.has_permissions(obj.name):
                for set_id, administrator in sets:
                    rights = access.RIGHTS if administrator else ("Read", "Create", "Edit", "Delete")
                    permission_sets.set_object_rights(org, set_id, obj.name, rights)
            for f in obj.fields:
                if not present[obj.name] or (f.name not in present[obj.name] and f.stored):
                    permission_sets.grant_new_field(org, obj, f, None, True)
        standard_values.store(org)
        list_views.store(org)
    org.access_cache.clear()


def _automated_user(org: Org, user_id: str, stamps: dict[str, str], people: dict[str, str]) -> None:
    """The process user that each real org has: nobody can log in as it."""
    setup_rows.insert_row(
        org,
        "User",
        {
            "Id": user_id,
            "Username": f"autoproc@{user_id[:15].lower()}",
            "LastName": "Process",
            "FirstName": "Automated",
            "Name": "Automated Process",
            "Email": "noreply@example.com",
            "Alias": "autoproc",
            "CommunityNickname": "autoproc",
            "IsActive": 1,
            "TimeZoneSidKey": "America/Los_Angeles",
            "LocaleSidKey": "en_US",
            "EmailEncodingKey": "UTF-8",
            "LanguageLocaleKey": "en_US",
            "UserType": "AutomatedProcess",
            "DigestFrequency": "D",
            "DefaultGroupNotificationFrequency": "N",
            "ProfileId": "",
            **stamps,
            **people,
        },
    )


def create_user(
    org: Org,
    *,
    username: str,
    last_name: str,
    first_name: str | None = None,
    email: str | None = None,
    profile: str = STANDARD_PROFILE,
    active: bool = True,
    **more: object,
) -> str:
    """A user with the given profile (name or id); returns its id.

    Raises KeyError for an unknown profile.
    """
    with org.transaction() as tx:
        row = tx.connection.execute(
            'SELECT "Id" FROM "Profile" WHERE "Id" = ? OR "Name" = ?', (ids.to18(profile) or profile, profile)
        ).fetchone()
        if row is None:
            raise KeyError(profile)
        creator = setup_rows.first_user(org)
        user_id = ids.mint(tx.connection, "005")[0]
        full = f"{first_name} {last_name}" if first_name else last_name
        setup_rows.insert_row(
            org,
            "User",
            {
                "Id": user_id,
                "Username": username,
                "LastName": last_name,
                "FirstName": first_name,
                "Name": full,
                "Email": email or username,
                "Alias": (first_name or "")[:1].lower() + last_name[:4].lower(),
                "CommunityNickname": username.split("@")[0][:40],
                "IsActive": int(active),
                "TimeZoneSidKey": "America/Los_Angeles",
                "LocaleSidKey": "en_US",
                "EmailEncodingKey": "UTF-8",
                "LanguageLocaleKey": "en_US",
                "UserType": "Standard",
                "DigestFrequency": "D",
                "DefaultGroupNotificationFrequency": "N",
                "ProfileId": row[0],
                "CreatedDate": tx.stamp,
                "LastModifiedDate": tx.stamp,
                "SystemModstamp": tx.stamp,
                "CreatedById": creator,
                "LastModifiedById": creator,
                **more,
            },
        )
    return user_id


def create_queue(org: Org, name: str, *, objects: tuple[str, ...] = ("Lead",)) -> str:
    """A queue that may own records of the given objects; returns its Group id."""
    with org.transaction() as tx:
        creator = setup_rows.first_user(org)
        queue = ids.mint(tx.connection, "00G")[0]
        setup_rows.insert_row(
            org,
            "Group",
            {
                "Id": queue,
                "Name": name,
                "DeveloperName": "".join(c if c.isalnum() else "_" for c in name),
                "Type": "Queue",
                "OwnerId": org.id,
                "CreatedDate": tx.stamp,
                "LastModifiedDate": tx.stamp,
                "SystemModstamp": tx.stamp,
                "CreatedById": creator,
                "LastModifiedById": creator,
            },
        )
        for object_name in objects:
            setup_rows.insert_row(
                org,
                "QueueSobject",
                {
                    "Id": ids.mint(tx.connection, "03g")[0],
                    "QueueId": queue,
                    "SobjectType": object_name,
                    "CreatedById": creator,
                    "SystemModstamp": tx.stamp,
                },
            )
    return queue
