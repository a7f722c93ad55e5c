"""An org, its administrator, and the Metadata API called as a SOAP client does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.practice_org.calls import Caller, new_org
from tests.practice_org.metadata.soap_calls import Soap


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    yield caller
    org.close()


@pytest.fixture
def soap(admin: Caller) -> Soap:
    return Soap(admin.org, admin.user_id)
