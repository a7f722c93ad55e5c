"""What every call is given: who calls, on which endpoint, with which headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from practice_org.auth.door import Door
from practice_org.auth.sessions import Session
from practice_org.data import dml
from practice_org.http import UserInfo
from practice_org.rules.duplicates import DuplicateOptions
from practice_org.schema.access import Access, for_user
from practice_org.schema.catalogue import ObjectType
from practice_org.soap import sobject
from practice_org.soap.envelope import Envelope
from practice_org.soap.faults import SoapFault
from practice_org.xmltree import Node

if TYPE_CHECKING:
    from practice_org.org import Org

MOST_RECORDS = 200


@dataclass(frozen=True)
class SoapCall:
    """One authenticated call. `api` is u or c; `base_url` scheme and host as the client used them."""

    door: Door
    user: UserInfo
    session: Session
    api: str
    version: str
    base_url: str
    envelope: Envelope

    @property
    def org(self) -> Org:
        return self.door.org

    @property
    def body(self) -> Node:
        return self.envelope.call

    @property
    def access(self) -> Access:
        return for_user(self.org, self.user.id)

    @property
    def client(self) -> str | None:
        """The name that the client gives itself in CallOptions."""
        return self.envelope.header("CallOptions", "client")

    def options(self, *, upsert: bool = False) -> dml.Options:
        """How records are to be written. Without AssignmentRuleHeader no rule runs, other than in REST."""
        rule = self.envelope.header("AssignmentRuleHeader", "assignmentRuleId")
        default = self.envelope.flag("AssignmentRuleHeader", "useDefaultRule")
        return dml.Options(
            typed=False,
            all_or_none=self.envelope.flag("AllOrNoneHeader", "allOrNone"),
            auto_assign=rule or ("TRUE" if default else "FALSE"),
            upsert=upsert,
            duplicates=DuplicateOptions(
                self.envelope.flag("DuplicateRuleHeader", "allowSave"),
                self.envelope.flag("DuplicateRuleHeader", "includeRecordDetails"),
                self.envelope.flag("DuplicateRuleHeader", "runAsCurrentUser"),
                self.version,
            ),
        )

    def object_of(self, name: str | None) -> ObjectType:
        """An object that the user may read. Raises SoapFault INVALID_TYPE."""
        obj = sobject.object_of(self.org.schema, name)
        if not self.access.can("Read", obj):
            raise SoapFault("INVALID_TYPE", sobject.UNSUPPORTED.format(name))
        return obj

    def given(self, name: str) -> list[sobject.Given]:
        """The sObjects that the call brings. Raises SoapFault, also when there are more than 200."""
        found = self.bounded(self.body.all(name))
        records = [sobject.read(self.org.schema, self.api, one) for one in found]
        for one in records:
            self.check_fields(one)
        return records

    def check_fields(self, given: sobject.Given) -> None:
        """Raise SoapFault INVALID_TYPE or INVALID_FIELD for what the user may not see."""
        self.object_of(given.obj.name)
        for name in given.values:
            f = given.obj.get(name) or given.obj.field_by_relationship(name)
            if f is not None and not self.access.sees(given.obj, f):
                raise SoapFault("INVALID_FIELD", sobject.NO_COLUMN.format(name, given.obj.name))

    def bounded(self, entries: list[Node], most: int = MOST_RECORDS) -> list[Node]:
        """The entries, unless there are too many: then SoapFault EXCEEDED_ID_LIMIT."""
        if len(entries) > most:
            raise SoapFault(
                "EXCEEDED_ID_LIMIT",
                f"record limit reached. cannot submit more than {most} records into this call",
            )
        return entries
