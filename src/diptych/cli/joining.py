"""mapping join-policy: which value stays when two people become one, by column."""

from __future__ import annotations

from typing import Annotated

import typer

from diptych.cli.output import JSON_OPTION, emit, say, table, workspace


def register(mapping_app: typer.Typer) -> None:
    mapping_app.command("join-policy")(join_policy)


def join_policy(
    column: Annotated[str | None, typer.Argument(metavar="[COLUMN]", help="A column of people.")] = None,
    to: Annotated[
        str | None,
        typer.Argument(
            metavar="[POLICY]",
            help="master, most_recent, sum, max, union or most_restrictive; default takes the choice back",
        ),
    ] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Which value stays when two people become one, by a merge or conversion on either side; without a policy: how it is."""
    from diptych.cli.trouble import Refused
    from diptych.services.joining import JoinPolicyRefused, join_policies, set_join_policy

    with workspace() as space:
        if to is not None and column is not None:
            try:
                set_join_policy(space.store, column, to)
            except JoinPolicyRefused as problem:
                raise Refused(str(problem)) from None
        found = join_policies(space.store)
    if column is not None:
        found = [one for one in found if one.column == column]
        if not found:
            raise Refused(f"There is no column {column} of people: see diptych mapping show.")
    if as_json:
        emit(found)
    elif to is not None and column is not None:
        say(f"When two people become one, {column} is decided by: {found[0].policy}.")
    else:
        table(["column", "policy", "chosen"], [(one.column, one.policy, one.chosen) for one in found])
