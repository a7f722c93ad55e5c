"""Files of an older catalogue gain its newer objects and fields, with rights and standard rows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from practice_org.org import Org
from tests.practice_org.calls import Caller, new_org

NEWER = (
    "Campaign",
    "CampaignMember",
    "CampaignMemberStatus",
    "OpportunityStage",
    "Task",
    "ListView",
    "Opportunity",
)


def test_a_file_without_newer_objects_gets_them(tmp_path: Path) -> None:
    org, admin = new_org(tmp_path)
    org.close()
    with sqlite3.connect(tmp_path / "org.sqlite3") as old:
        for name in NEWER:
            old.execute(f'DROP TABLE "{name}"')
            for table in ("ObjectPermissions", "FieldPermissions"):
                old.execute(f'DELETE FROM "{table}" WHERE "SobjectType" = ?', (name,))
        old.execute('ALTER TABLE "Organization" DROP COLUMN "DelegatedAuthenticationServiceUrl"')
    old.close()
    org = Org.open(tmp_path / "org.sqlite3")
    again = Caller(org, admin.user_id)
    campaign = again.create("Campaign", Name="Fair", Description="Hall 3")
    lead = again.create("Lead", LastName="Berg", Company="Nordlicht", City="Oslo")
    member = again.create("CampaignMember", CampaignId=campaign, LeadId=lead)
    assert again("GET", f"/sobjects/CampaignMember/{member}").json["City"] == "Oslo"
    assert again("GET", f"/sobjects/Campaign/{campaign}").json["NumberOfLeads"] == 1
    deal = again.create("Opportunity", Name="Deal", StageName="Closed Won", CloseDate="2026-01-01")
    assert again("GET", f"/sobjects/Opportunity/{deal}").json["IsWon"] is True
    assert again("GET", "/sobjects/Opportunity/listviews").json["size"] == 3
    org.close()
