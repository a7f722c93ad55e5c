"""The adapter to Salesforce: everything that knows its wire. `connect` gives the engine its port `Org`."""

from __future__ import annotations

from diptych.salesforce.org import SalesforceOrg, Wire, connect

__all__ = ["SalesforceOrg", "Wire", "connect"]
