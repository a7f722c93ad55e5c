"""identity, duplicates: when two records are one person, what a rule would join, and how many duplicates there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, emit, note, say, sure, table, workspace

if TYPE_CHECKING:
    from diptych.domain.matching import Matching
    from diptych.sync.repair.gather import Gathered, Order
    from diptych.wiring import Workspace

app = typer.Typer(help="When two Salesforce records are one person: by default never.", no_args_is_help=True)
_RULE = typer.Option("--rule", help="email, email+name or external-id; default: the rule that is set.")
_LARGEST = typer.Option("--largest", min=2, help="Leave groups of more people than this as they are.")
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
    from diptych.sync.repair.gather import Order

    matching = _matching(rule, column)
    with workspace() as space:
        if matching.rule is not MatchRule.NONE:
            counts = space.gathering(Order(matching), 0).counts
            note(
                f"{counts.people:,} people match one another already, in {counts.groups:,} groups. "
                "They stay apart until: diptych identity apply"
            )
            sure(f"Let new records join the person they match ({matching.rule.value})?", yes)
        try:
            with space.store.transaction() as tx:
                save_matching(tx, matching)
        except ValueError as problem:
            raise Refused(str(problem)) from None
    say(f"Match rule: {matching.rule.value}.")


@app.command()
def preview(
    rule: Annotated[str, _RULE] = "",
    column: Annotated[str, _COLUMN] = "",
    largest: Annotated[int, _LARGEST] = 20,
    limit: Annotated[int, _LIMIT] = 20,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """What a match rule takes for one person among those who are here, and what joining them would do. Changes nothing."""
    with workspace() as space:
        found = space.gathering(_order(space, rule, column, largest), limit)
    if as_json:
        emit(_document(found))
    else:
        _show(found)


@app.command()
def apply(
    rule: Annotated[str, _RULE] = "",
    column: Annotated[str, _COLUMN] = "",
    largest: Annotated[int, _LARGEST] = 20,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Join the people who are here already and whom a match rule takes for one. Shows them first; stopped, it goes on from there
    when it is asked for again. Nothing is merged in Salesforce; it can be undone."""
    with workspace() as space:
        order = _order(space, rule, column, largest)
        found = space.gathering(order)
        if not as_json:
            _show(found)
        if as_json and not yes:
            emit(_document(found))
            return
        if found.counts.groups or found.unfinished:
            sure(f"Join them ({order.matching.rule.value})?", yes)
            groups = found.counts.groups
            done = space.gather(
                order, lambda counts: note(f"{counts.groups:,} groups joined; {groups:,} at first")
            )
        else:
            done = found
    if as_json:
        emit(_document(done))
    elif done.run_id is not None:
        counts = done.counts
        say(
            f"{counts.people:,} people became {counts.groups:,}. Taken back by: diptych identity undo {done.run_id}"
        )


@app.command("undo")
def undo_joins(
    run_id: Annotated[
        int, typer.Argument(metavar="[RUN]", help="The run that joined them; default: the latest one.", min=0)
    ] = 0,
    person: Annotated[
        int | None, typer.Option("--person", metavar="ID", help="Only joins of this person.")
    ] = None,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Take people apart again whom a run has joined: shown first; the same as diptych undo RUN."""
    from diptych.cli.mending import undo_run
    from diptych.cli.trouble import Refused
    from diptych.sync.joining import RUN

    with workspace() as space:
        latest = space.queries.runs(1, kind=RUN)
        kinds = [one.kind for one in space.queries.runs(1, before=run_id + 1)] if run_id else [RUN]
        if not latest or kinds != [RUN]:
            raise Refused(
                f"Run {run_id} joined nobody; see: diptych log" if run_id else "No run has joined people yet."
            )
        undo_run(space, run_id or latest[0].id, person, None, yes, as_json)


def _matching(rule: str, column: str) -> Matching:
    from diptych.cli.trouble import Refused
    from diptych.domain.matching import Matching, MatchRule

    if rule not in list(MatchRule):
        raise Refused(f"The rule is one of {', '.join(MatchRule)}, not {rule}.")
    if rule == MatchRule.EXTERNAL_ID and not column:
        raise Refused("The rule external-id needs the column that holds the id: --column NAME")
    return Matching(MatchRule(rule), column or None)


def _order(space: Workspace, rule: str, column: str, largest: int) -> Order:
    from diptych.cli.trouble import Refused
    from diptych.domain.matching import MatchRule
    from diptych.sync.matching import read_matching
    from diptych.sync.repair.gather import Order

    if rule:
        return Order(_matching(rule, column), largest)
    with space.store.looking() as tx:
        matching = read_matching(tx)
    if matching.rule is MatchRule.NONE:
        raise Refused(
            "No match rule is set: name one with --rule, or set it first (diptych identity rule email)."
        )
    return Order(matching, largest)


def _show(found: Gathered) -> None:
    counts = found.counts
    table(
        ["in common", "remains", "joins it", "given up"],
        [
            (
                " / ".join(one.key),
                one.remains,
                ", ".join(str(n) for n in one.joining),
                ", ".join(one.given_up),
            )
            for one in found.sample
        ],
    )
    say(f"{counts.people:,} people are {counts.groups:,}.")
    if counts.given_up:
        say(
            f"{counts.given_up:,} values are given up for another; each is kept as a conflict (diptych conflicts)."
        )
    if counts.writes:
        say(
            f"{counts.writes:,} values are sent to {counts.records:,} records in Salesforce, which hold another one now."
        )
    if counts.too_large:
        say(
            f"{counts.too_large:,} groups of more than {found.order.largest} people are left as they are (--largest)."
        )
    if found.unfinished:
        say(f"Run {found.unfinished} was interrupted; this goes on with it.")


def _document(found: Gathered) -> dict[str, object]:
    matching, counts = found.order.matching, found.counts
    return {
        "rule": matching.rule.value,
        "columns": matching.columns,
        "largest": found.order.largest,
        "done": found.run_id is not None,
        "run": found.run_id,
        "unfinished": found.unfinished,
        "groups": counts.groups,
        "people": counts.people,
        "joins": counts.joins,
        "given_up": counts.given_up,
        "writes": counts.writes,
        "records": counts.records,
        "too_large": counts.too_large,
        "sample": [
            {
                "key": one.key,
                "people": sorted([one.remains, *one.joining]),
                "remains": one.remains,
                "given_up": one.given_up,
            }
            for one in found.sample
        ],
    }


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
