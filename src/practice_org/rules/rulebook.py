"""The rules of an org, compiled for each object, and asked at the points of a write where the real service
asks them: system checks, then validation rules, duplicate rules, assignment rules, automation.

An object without rules costs a look into a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from practice_org.data.rows import update_row
from practice_org.errors import ApiError
from practice_org.formula.evaluate import Moment
from practice_org.rules import assignment, automation, duplicates, validation
from practice_org.rules.moments import moment
from practice_org.rules.settings import ASSIGNMENT, AUTOMATION, DUPLICATE, MATCHING, VALIDATION
from practice_org.schema.catalogue import ObjectType, Schema

if TYPE_CHECKING:
    from practice_org.data.checks import Writer
    from practice_org.org import Org, Transaction


@dataclass(frozen=True)
class ObjectRules:
    """The rules of one object."""

    validation: tuple[validation.ValidationRule, ...] = ()
    assignment: tuple[assignment.AssignmentRule, ...] = ()
    duplicates: tuple[duplicates.DuplicateRule, ...] = ()
    automation: tuple[automation.Automation, ...] = ()


NONE = ObjectRules()


class Rulebook:
    """Compiles the rules that are stored in the org's settings."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._schema: Schema | None = None
        self._compiled: dict[str, ObjectRules] = {}

    def changed(self) -> None:
        """Forget what was compiled: rules were stored."""
        self._compiled = {}

    def of(self, obj: ObjectType) -> ObjectRules:
        """The rules of an object; NONE when it has none."""
        if self._schema is not self._org.schema:
            self._schema = self._org.schema
            self._compiled = {}
        found = self._compiled.get(obj.name)
        if found is None:
            found = self._compiled[obj.name] = self._compile(obj)
        return found

    def saving(
        self,
        writer: Writer,
        obj: ObjectType,
        user_id: str,
        row: dict[str, Any],
        before: dict[str, Any] | None,
    ) -> Saving | None:
        """The record on its way, when rules concern it; `row` is what will be stored and may be changed."""
        rules = self.of(obj)
        return None if rules is NONE else Saving(writer, obj, user_id, row, before, rules)

    def _compile(self, obj: ObjectType) -> ObjectRules:
        schema, setting = self._org.schema, self._org.setting
        made = ObjectRules(
            validation.compiled_rules(schema, obj, setting(VALIDATION) or []),
            assignment.compiled_rules(schema, obj, setting(ASSIGNMENT) or []),
            duplicates.compiled_rules(schema, obj, setting(DUPLICATE) or [], setting(MATCHING) or []),
            automation.compiled_rules(schema, obj, setting(AUTOMATION) or []),
        )
        return NONE if made == NONE else made


@dataclass(frozen=True)
class Saving:
    """One record on its way into the org, with the rules that concern it.

    `row` is what will be stored; `before` what was stored, None on a create.
    """

    writer: Writer
    obj: ObjectType
    user_id: str
    row: dict[str, Any]
    before: dict[str, Any] | None
    rules: ObjectRules

    @property
    def moment(self) -> Moment:
        return moment(self.writer.org, self.writer.connection, self.user_id, self.row, self.before)

    def assign(self, header: str | None) -> None:
        """Give the record its owner, where an assignment rule says who that is."""
        if not self.rules.assignment or self.writer.access.unlimited:
            return
        rule = assignment.chosen(self.rules.assignment, header, creating=self.before is None)
        owner = rule.owner_of(self.moment) if rule is not None else None
        if owner is not None:
            self.row["OwnerId"] = owner

    def validate(self) -> None:
        """Raise what validation rules object to."""
        if self.rules.validation:
            validation.validate(self.rules.validation, self.moment)

    def compare(self, options: duplicates.DuplicateOptions) -> None:
        """Raise what duplicate rules object to. The org's own writes are not compared."""
        if self.rules.duplicates and not self.writer.access.unlimited:
            duplicates.check(self.rules.duplicates, self.writer, self.obj, self.moment, options)

    def prepare(self) -> None:
        """Let automations set fields before the save."""
        for one in self.rules.automation:
            if one.moment == "before_save" and one.applies(self.moment):
                try:
                    self.row.update(one.outcome(self.moment))
                except ApiError as error:
                    raise one.failed(error) from error

    def store(self, tx: Transaction, *steps: Callable[[], None]) -> None:
        """Store the record by the steps given, then do what is to be done after a save.

        When that fails, nothing of the record stays.
        """
        after = [one for one in self.rules.automation if one.moment != "before_save"]
        if not after:
            self._step(steps)
            return
        tx.connection.execute("SAVEPOINT automated")
        try:
            self._step(steps)
            self._automate(tx, after)
        except BaseException:
            tx.connection.execute("ROLLBACK TO automated")
            raise
        finally:
            tx.connection.execute("RELEASE automated")

    def _step(self, steps: tuple[Callable[[], None], ...]) -> None:
        for step in steps:
            step()
        if self.before is None:
            self.writer.made.add(str(self.row["Id"]))

    def _automate(self, tx: Transaction, after: list[automation.Automation]) -> None:
        record_id = str(self.row["Id"])
        for one in after:
            key = (one.name, record_id)
            if key in self.writer.automated or not one.applies(self.moment):
                continue
            self.writer.automated.add(key)
            target_id = record_id if one.target is None else self.row.get(one.target.name)
            if target_id is None:
                continue
            obj = self.obj if one.target is None else self.writer.schema[one.target.refs[0]]
            actor = self.user_id if one.by_user else None
            org = self.writer.org
            if one.moment == "later":
                values = None if one.bump else one.outcome(self.moment)
                org.background.add(tx, obj.name, str(target_id), values, actor, one.seconds)
                continue
            try:
                touch(org, tx, obj, str(target_id), one.outcome(self.moment), actor, self.writer)
            except ApiError as error:
                raise one.failed(error) from error


def touch(
    org: Org,
    tx: Transaction,
    obj: ObjectType,
    record_id: str,
    values: Mapping[str, Any],
    user_id: str | None,
    writer: Writer | None = None,
) -> None:
    """Set fields of a record as automation does: no permissions, but validation rules and what follows.

    `user_id` None: the Automated Process user. Raises ApiError.
    """
    from practice_org.data import checks
    from practice_org.data.stamps import stamps
    from practice_org.schema import access, setup_rows

    writer = writer or checks.Writer(org, tx.connection, access.SYSTEM, False)
    before = checks.current_row(tx.connection, obj, record_id)
    row = {**before, **values}
    if obj.is_person:
        row["Name"] = " ".join(part for part in (row.get("FirstName"), row.get("LastName")) if part) or None
    altered = {name: value for name, value in row.items() if before.get(name) != value}
    if not altered:
        return
    checks.check_required(obj, row, altered)
    checks.check_unique(writer, obj, altered, record_id)
    row.update(stamps(obj, tx.stamp, user_id or setup_rows.first_user(org)))
    saving = org.rulebook.saving(writer, obj, user_id or setup_rows.first_user(org), row, before)
    changes = {name: value for name, value in row.items() if before.get(name) != value}
    if saving is None:
        update_row(tx, obj, record_id, changes)
        return
    saving.validate()
    saving.store(tx, lambda: update_row(tx, obj, record_id, changes))
