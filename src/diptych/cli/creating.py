"""create-rule, people, review, waiting: who is created in Salesforce, and what stands in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, emit, note, say, sure, table, who_now, workspace

if TYPE_CHECKING:
    from diptych.domain.creating import CreateRule, Wish
    from diptych.sync.outbound.create_preview import CreatePreview
    from diptych.wiring import Workspace

rule_app = typer.Typer(help="Who is created in Salesforce; nobody until a rule is set.", no_args_is_help=True)
people_app = typer.Typer(help="One person.", no_args_is_help=True)
review_app = typer.Typer(help="People whom Salesforce may have already.", no_args_is_help=True)

_FILTER = typer.Argument(
    metavar="FILTER", help='For example: email is not blank AND country = "US" AND score >= 50'
)
_ID = typer.Argument(metavar="ID", help="The id of the person here.")
_LIMIT = typer.Option(min=1, max=10_000, help="At most so many.")


def register(app: typer.Typer) -> None:
    app.add_typer(rule_app, name="create-rule")
    app.add_typer(people_app, name="people")
    app.add_typer(review_app, name="review")
    app.command()(waiting)


# ---------------------------------------------------------------- the rule


@rule_app.command("set")
def set_rule(
    text: Annotated[str, _FILTER],
    policy: Annotated[
        str, typer.Option(help="When Salesforce has the e-mail address already: link, create or hold.")
    ] = "link",
    allow_duplicates: Annotated[
        bool, typer.Option("--allow-duplicates", help="Save in spite of duplicate rules that only alert.")
    ] = False,
    yes: Annotated[bool, YES_OPTION] = False,
) -> None:
    """Create in Salesforce, as leads, the people the filter names. Shows first how many."""
    from diptych.cli.trouble import Refused
    from diptych.domain.creating import CREATED_OBJECT, MatchPolicy, keyed
    from diptych.sync.outbound.create_rule import read_rule, save_rule

    if policy not in list(MatchPolicy):
        raise Refused(f"The policy is one of {', '.join(MatchPolicy)}, not {policy}.")
    with workspace() as space:
        with space.store.looking() as tx:
            rule = replace(
                read_rule(tx), filter=text, policy=MatchPolicy(policy), allow_duplicates=allow_duplicates
            )
        found = _preview(space, rule)
        _show_preview(found)
        sure(f"Create these and all further people the filter names ({found.filter})?", yes)
        with space.store.transaction() as tx:
            save_rule(tx, replace(rule, filter=found.filter))
            described = tx.schema(CREATED_OBJECT)
        if described is not None and not keyed(described):
            note(
                "The org has no key field, so a record whose creation was not answered is known by its values alone. "
                "Better: diptych prepare --creating"
            )
        space.sync_now()
    say("Set. They are created with the next cycle.")


@rule_app.command("default")
def set_default(
    field: Annotated[str, typer.Argument(metavar="FIELD", help="API name of a field of Lead.")],
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="Used at create where ours is blank; '' takes it away.")
    ],
) -> None:
    """What a required field is filled with at create when ours is blank: diptych create-rule default Company '[unknown]'"""
    from diptych.cli.trouble import Refused
    from diptych.sync.outbound.create_rule import NoSuchField, save_default

    with workspace() as space:
        try:
            with space.store.transaction() as tx:
                save_default(tx, field, value)
        except NoSuchField as problem:
            raise Refused(str(problem)) from None
        space.sync_now()
    say(
        f"{field} is {value!r} at create when ours is blank."
        if value
        else f"{field} has no default any more."
    )


@rule_app.command()
def show(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """The rule as it is."""
    from diptych.sync.outbound.create_rule import read_rule

    with workspace() as space, space.store.looking() as tx:
        rule = read_rule(tx)
    if as_json:
        emit(rule)
        return
    say(
        f"Create in Salesforce when: {rule.filter}"
        if rule.filter
        else "No rule: nobody is created by itself."
    )
    say(f"When the e-mail address is there already: {rule.policy.value}")
    for name, value in rule.defaults.items():
        say(f"{name} at create when ours is blank: {value}")
    if rule.allow_duplicates:
        say("Saved in spite of duplicate rules that only alert.")


@rule_app.command()
def clear() -> None:
    """Create nobody by rule any more; defaults and policy stay."""
    from diptych.sync.outbound.create_rule import read_rule, save_rule

    with workspace() as space, space.store.transaction() as tx:
        save_rule(tx, replace(read_rule(tx), filter=""))
    say("Cleared. Nobody is created by itself any more.")


@rule_app.command("preview")
def preview_rule(
    text: Annotated[str, typer.Argument(metavar="[FILTER]", help="Default: the rule that is set.")] = "",
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Whom a filter names: how many, how many of them lack data, and the first few. Changes nothing."""
    from diptych.cli.trouble import Refused
    from diptych.sync.outbound.create_rule import read_rule

    with workspace() as space:
        with space.store.looking() as tx:
            rule = read_rule(tx)
        if not (text or rule.filter):
            raise Refused("No rule is set; name a filter to try one.")
        found = _preview(space, replace(rule, filter=text or rule.filter))
    if as_json:
        emit(found)
    else:
        _show_preview(found)


def _preview(space: Workspace, rule: CreateRule) -> CreatePreview:
    from diptych.cli.trouble import Refused
    from diptych.domain.person_filter import BadFilter
    from diptych.sync.outbound.create_preview import preview

    try:
        # a unit that writes nothing, but locks what it reads
        with space.store.transaction() as tx:
            return preview(tx, rule)
    except BadFilter as problem:
        raise Refused(str(problem)) from None


def _show_preview(found: CreatePreview) -> None:
    say(f"{found.people:,} people without a record in Salesforce: {found.filter}")
    if found.waiting:
        lacking = ", ".join(f"{name} {count:,}" for name, count in found.lacking.items())
        say(f"{found.waiting:,} of them would wait for data ({lacking}).")
    if found.sample:
        table(list(found.sample[0]), [list(one.values()) for one in found.sample])


# ---------------------------------------------------------------- one person


@people_app.command("sync")
def sync_person(
    person_id: Annotated[int, _ID],
    recreate: Annotated[
        bool, typer.Option("--recreate", help="Also when the record was deleted in Salesforce.")
    ] = False,
) -> None:
    """Bring one person into Salesforce, whatever the rule says: looked up first, linked or created."""
    from diptych.sync.outbound import wishes

    with workspace() as space:
        person_id = who_now(space, person_id)
        _wish(lambda: wishes.ask(space.store, person_id, space.clock.now(), recreate))
        space.sync_now()
    say(f"Person {person_id} goes to Salesforce with the next cycle.")


# ---------------------------------------------------------------- what stands in the way


@review_app.command("list")
def review_list(limit: Annotated[int, _LIMIT] = 100, as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """People who may be in Salesforce already, and why."""
    from diptych.domain.creating import Wish

    _list((Wish.REVIEW,), limit, as_json, "under review")
    if not as_json:
        note(
            "Decide with: diptych review link ID SALESFORCE_ID|PERSON_ID, review create ID, or review dismiss ID"
        )


@review_app.command("link")
def review_link(
    person_id: Annotated[int, _ID],
    target: Annotated[
        str,
        typer.Argument(metavar="SALESFORCE_ID|PERSON_ID", help="A contact, an open lead, or a person here."),
    ],
) -> None:
    """It is this record, or this other person here: they are joined; a record that is not here yet is tied to the person by the next
    cycle, both sides' values merged under the field policies."""
    from diptych.cli.trouble import Refused
    from diptych.sync.outbound.wishes import WishRefused

    with workspace() as space:
        person_id = who_now(space, person_id)
        try:
            done = space.link_reviewed(person_id, target)
        except WishRefused as problem:
            raise Refused(str(problem)) from None
    if done.run_id is None:
        say("Linked with the next cycle.")
    else:
        say(f"Joined: it is person {done.person_id} now. Taken back by: diptych identity undo {done.run_id}")


@review_app.command("create")
def review_create(person_id: Annotated[int, _ID]) -> None:
    """It is somebody else: create a lead all the same."""
    from diptych.sync.outbound import wishes

    with workspace() as space:
        person_id = who_now(space, person_id)
        _wish(lambda: wishes.decide_create(space.store, person_id, space.clock.now()))
        space.sync_now()
    say("Created with the next cycle.")


@review_app.command("dismiss")
def review_dismiss(person_id: Annotated[int, _ID]) -> None:
    """Leave the person here only."""
    from diptych.sync.outbound import wishes

    with workspace() as space:
        person_id = who_now(space, person_id)
        _wish(lambda: wishes.dismiss(space.store, person_id, space.clock.now()))
    say("Dismissed. diptych people sync ID takes it up again.")


def waiting(limit: Annotated[int, _LIMIT] = 100, as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """People who are to be created in Salesforce and lack what it demands; they go by themselves once it is filled in."""
    from diptych.domain.creating import Wish

    _list((Wish.WAITING,), limit, as_json, "waiting for data")
    if not as_json:
        note("Fill it in here, or set a default: diptych create-rule default FIELD VALUE")


def _list(wishes: tuple[Wish, ...], limit: int, as_json: bool, words: str) -> None:
    with workspace() as space:
        shown = [c for c in ("first_name", "last_name", "email") if c in space.queries.columns()]
        rows, total = space.queries.creations(wishes, limit)
    found = [one.creation for one in rows]
    values = {one.creation.person_id: {c: one.values.get(c) for c in shown} for one in rows}
    if as_json:
        emit(
            [
                {
                    "person_id": one.person_id,
                    **values.get(one.person_id, {}),
                    "reason": one.reason,
                    "fields": one.fields,
                    "matches": one.matches,
                    "at": one.at,
                }
                for one in found
            ]
        )
        return
    table(
        ["id", *shown, "reason", "records"],
        [
            [
                one.person_id,
                *(values.get(one.person_id, {}).get(c) for c in shown),
                one.reason,
                " ".join(one.matches),
            ]
            for one in found
        ],
    )
    say(f"{total:,} people {words}.")


def _wish(carry_out: Callable[[], None]) -> None:
    from diptych.cli.trouble import Refused
    from diptych.sync.outbound.wishes import WishRefused

    try:
        carry_out()
    except WishRefused as problem:
        raise Refused(str(problem)) from None
