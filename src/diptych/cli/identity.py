"""identity, duplicates: when two records are one person, what a rule would join, and how many duplicates there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, emit, note, say, sure, table, workspace

if TYPE_CHECKING:
    from diptych.domain.matching import Group, Matching
    from diptych.wiring import Workspace

app = typer.Typer(help="When two Salesforce records are one person: by default never.", no_args_is_help=True)
_RULE = typer.Option("--rule", help="none, email, email+name or external-id.")
_COLUMN = typer.Option("--column", help="The column of the external id.")
_LIMIT = typer.Option(min=1, max=10_000, help="At most so many.")


def register(main: typer.Typer) -> None:
    main.add_typer(app, name="identity")
    main.command()(duplicates)


@app.command()
def show(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """The match rule as it is."""
    from diptych.sync.matching import read_matching

    with workspace() as space, space.store.looking() as tx:
        matching = read_matching(tx)
    if as_json:
        emit(matching)
        return
    say(f"Match rule: {matching.rule.value}" + (f" ({matching.column})" if matching.column else ""))


@app.command("rule")
def set_rule(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="none, email, email+name or external-id.")],
    column: Annotated[str, _COLUMN] = "",
    yes: Annotated[bool, YES_OPTION] = False,
) -> None:
    """Set the match rule: a record that comes from now on joins the one person it matches. Shows first who matches already."""
    from diptych.cli.trouble import Refused
    from diptych.domain.matching import MatchRule
    from diptych.sync.matching import save_matching

    matching = _matching(rule, column)
    with workspace() as space:
        if matching.rule is not MatchRule.NONE:
            found = _groups(space, matching)
            people = sum(len(one.people) for one in found)
            note(f"{people:,} people match one another already, in {len(found):,} groups.")
            sure(f"Let new records join the person they match ({matching.rule.value})?", yes)
        try:
            with space.store.transaction() as tx:
                save_matching(tx, matching)
        except ValueError as problem:
            raise Refused(str(problem)) from None
    say(f"Match rule: {matching.rule.value}.")


@app.command()
def preview(
    rule: Annotated[str, _RULE],
    column: Annotated[str, _COLUMN] = "",
    limit: Annotated[int, _LIMIT] = 20,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """What a match rule takes for one person among those who are here. Changes nothing."""
    matching = _matching(rule, column)
    with workspace() as space:
        found = _groups(space, matching)
    people = sum(len(one.people) for one in found)
    if as_json:
        emit(
            {
                "rule": matching.rule.value,
                "columns": matching.columns,
                "groups": len(found),
                "people": people,
                "sample": [{"key": one.key, "people": one.people} for one in found[:limit]],
            }
        )
        return
    table(
        ["in common", "people"],
        [(" / ".join(one.key), ", ".join(str(n) for n in one.people)) for one in found[:limit]],
    )
    say(f"{people:,} people would be {len(found):,}.")


def _matching(rule: str, column: str) -> Matching:
    from diptych.cli.trouble import Refused
    from diptych.domain.matching import Matching, MatchRule

    if rule not in list(MatchRule):
        raise Refused(f"The rule is one of {', '.join(MatchRule)}, not {rule}.")
    if rule == MatchRule.EXTERNAL_ID and not column:
        raise Refused("The rule external-id needs the column that holds the id: --column NAME")
    return Matching(MatchRule(rule), column or None)


def _groups(space: Workspace, matching: Matching) -> list[Group]:
    from diptych.cli.trouble import Refused
    from diptych.domain.matching import groups

    unknown = [c for c in matching.columns if c not in space.queries.columns()]
    if unknown:
        raise Refused(f"There is no mapped column {unknown[0]}, which this rule compares.")
    if not matching.columns:
        return []
    return groups(matching, ((one.id, one.values) for one in space.queries.alike(matching.columns)))


def duplicates(limit: Annotated[int, _LIMIT] = 20, as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """E-mail addresses that several records have: of what is here, or, before the first load, counted in Salesforce."""
    with workspace() as space:
        found = space.duplicates(limit)
    if as_json:
        emit(found)
        return
    where = "here" if found["source"] == "here" else "in Salesforce"
    for one in found["groups"]:
        say(f"{one['kind']}: {one['addresses']:,} addresses, {one['records']:,} records {where}")
        table(["address", "records"], [(s["email"], s["records"]) for s in one["sample"]])
    if found["source"] != "here":
        note("Which addresses a lead and a contact share is known after the first load.")
    if not any(one["addresses"] for one in found["groups"]):
        say("No address is there twice.")
