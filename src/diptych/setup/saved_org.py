"""The org of the saved connection: connected when it is needed, and never another one than this database is locked to."""

from __future__ import annotations

from dataclasses import replace

from diptych.setup.ports import Connection, Connector, Credentials, Vault
from diptych.setup.state import SetupRefused
from diptych.sync.ports import Org


class SavedOrg:
    """Connects once, and again when the saved credentials are others."""

    def __init__(self, vault: Vault, connector: Connector) -> None:
        self._vault, self._connector = vault, connector
        self._org: Org | None = None
        self._org_credentials: Credentials | None = None

    def get(self) -> Org:
        """The connected org. Raises SetupRefused when none is."""
        connection = self._vault.load()
        if connection is None:
            raise SetupRefused("No org is connected yet.", "Give the credentials first (diptych connect).")
        if connection.trouble:
            raise SetupRefused(connection.trouble)
        if self._org is None or self._org_credentials != connection.credentials:
            self._org = None
            self._org_credentials = connection.credentials  # before: connecting may replace the token
            self._org = self._connector.connect(
                connection.credentials, connection.identity.org_id, self._keep_rotated
            )
        return self._org

    def forget(self) -> None:
        """Connect anew at the next need."""
        self._org = None

    def _keep_rotated(self, credentials: Credentials) -> None:
        saved = self._vault.load()
        if saved is not None:
            self._vault.save(replace(saved, credentials=credentials))
            self._org_credentials = credentials


def require_same_org(saved: Connection | None, org_id: str, org_name: str) -> None:
    """Raises SetupRefused when the database is locked to another org."""
    if saved and saved.locked and saved.identity.org_id != org_id:
        raise SetupRefused(
            f"These credentials belong to {org_name} ({org_id}), but this database is in sync with "
            f"{saved.identity.org_name} ({saved.identity.org_id}): its people carry that org's ids.",
            "Use credentials of the same org, or a database of its own for the other org (DIPTYCH_DATA_DIR).",
        )
