"""The adapter keeps the contract of the port over HTTP, against a practice org."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.salesforce import SalesforceOrg, Wire, connect
from tests.contract.org_contract import OrgContract
from tests.salesforce.practice import Practice, Salesperson, practice_org
from tests.salesforce.wire import QUICK


class TestSalesforceOrg(OrgContract):
    @pytest.fixture
    def practice(self, tmp_path: Path) -> Iterator[Practice]:
        with practice_org(tmp_path) as running:
            yield running

    @pytest.fixture
    def org(self, practice: Practice) -> Iterator[SalesforceOrg]:
        made = connect(practice.credentials(), expected_org_id=practice.org_id, wire=Wire(patience=QUICK))
        yield made
        made.close()

    @pytest.fixture
    def org_user(self, practice: Practice) -> Salesperson:
        return Salesperson(practice)
