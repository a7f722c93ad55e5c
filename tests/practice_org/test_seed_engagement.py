"""Campaigns, opportunities and activities of a seeded org hang together as if clients had made them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from practice_org.org import Org
from practice_org.schema import access
from practice_org.seed import sow
from tests.practice_org.test_seed import one, rows, seeded

PEOPLE = 4000


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    org = seeded(tmp_path_factory.mktemp("engagement") / "org.sqlite3", PEOPLE)
    yield org
    org.close()


def test_there_is_something_of_everything_in_proportion(org: Org) -> None:
    counts = {name: one(org, f'SELECT count(*) FROM "{name}"') for name in sow.SOWN}
    assert counts["Campaign"] == 4
    assert counts["CampaignMemberStatus"] == 8
    assert PEOPLE * 0.12 < counts["CampaignMember"] < PEOPLE * 0.2
    assert counts["Opportunity"] == counts["OpportunityContactRole"] == counts["OpportunityHistory"] > 50
    assert PEOPLE * 0.12 < counts["Task"] < PEOPLE * 0.22
    assert counts["Event"] > 50


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT count(*) FROM "CampaignMember" WHERE ("LeadId" IS NULL) = ("ContactId" IS NULL)',
        'SELECT count(*) FROM "CampaignMember" WHERE "CampaignId" NOT IN (SELECT "Id" FROM "Campaign")',
        'SELECT count(*) FROM (SELECT 1 FROM "CampaignMember" GROUP BY "CampaignId", "LeadId", "ContactId" '
        "HAVING count(*) > 1)",
        'SELECT count(*) FROM "CampaignMember" m WHERE NOT EXISTS (SELECT 1 FROM "CampaignMemberStatus" s WHERE '
        's."CampaignId" = m."CampaignId" AND s."Label" = m."Status" AND s."HasResponded" = m."HasResponded")',
        'SELECT count(*) FROM "CampaignMember" WHERE "HasResponded" = 1 AND "FirstRespondedDate" IS NULL',
        'SELECT count(*) FROM "Opportunity" o LEFT JOIN "OpportunityStage" s ON s."ApiName" = o."StageName" '
        'WHERE s."IsClosed" IS NOT o."IsClosed" OR s."IsWon" IS NOT o."IsWon" '
        'OR s."DefaultProbability" IS NOT o."Probability" OR s."ForecastCategory" IS NOT o."ForecastCategory"',
        'SELECT count(*) FROM "OpportunityContactRole" r JOIN "Contact" c ON c."Id" = r."ContactId" '
        'JOIN "Opportunity" o ON o."Id" = r."OpportunityId" WHERE c."AccountId" <> o."AccountId"',
        'SELECT count(*) FROM "Task" t JOIN "Contact" c ON c."Id" = t."WhoId" '
        'WHERE t."IsClosed" = 1 AND (c."LastActivityDate" IS NULL OR c."LastActivityDate" < t."ActivityDate")',
        'SELECT count(*) FROM "Task" WHERE "WhoId" IN (SELECT "Id" FROM "Lead" WHERE "IsConverted" OR "IsDeleted")',
        'SELECT count(*) FROM "Event" WHERE "StartDateTime" > "EndDateTime"',
        'SELECT count(*) FROM "Task" WHERE "CreatedDate" > "SystemModstamp"',
    ],
)
def test_nothing_contradicts_itself(org: Org, sql: str) -> None:
    assert one(org, sql) == 0


def test_the_same_seed_gives_the_same_engagement(tmp_path: Path) -> None:
    def told(path: Path) -> list[Any]:
        org = seeded(path, 300)
        found = [rows(org, f'SELECT * FROM "{name}" ORDER BY "Id"') for name in ("CampaignMember", "Task")]
        org.close()
        return found

    assert told(tmp_path / "1") == told(tmp_path / "2")


def test_clearing_leaves_set_up_alone(tmp_path: Path) -> None:
    org = seeded(tmp_path / "org.sqlite3", 200)
    sow.clear(org)
    left = {o.name: one(org, f'SELECT count(*) FROM "{o.name}"') for o in org.schema.objects}
    assert {name for name, count in left.items() if count} <= access.SETUP_OBJECTS
    assert left["OpportunityStage"] == 10
    org.close()
