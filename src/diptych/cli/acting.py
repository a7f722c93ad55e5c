"""people merge, convert, delete, forget: what is done to whole people, shown first; people actions."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, emit, note, say, sure, table, workspace

if TYPE_CHECKING:
    from diptych.domain.actions import Action
    from diptych.sync.actions.preview import ConvertPreview, DeletePreview, MergePreview
    from diptych.sync.actions.undo import UndoPreview
    from diptych.wiring import Workspace

ACTOR = "command"
_ID = typer.Argument(metavar="ID", help="The id of the person here.")
_LIMIT = typer.Option(min=1, max=10_000, help="At most so many.")
_CONFIRM = typer.Option(metavar="WORDS", help="The words that the preview asks for, in place of typing them.")


def register(people_app: typer.Typer) -> None:
    for command in (merge, convert, delete, forget, actions):
        people_app.command()(command)


# ---------------------------------------------------------------- merging


def merge(
    people: Annotated[
        list[int] | None, typer.Argument(metavar="[ID ID ...]", help="The first one remains.")
    ] = None,
    pick: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=ID", help="Keep this person's value in that column."),
    ] = None,
    only_here: Annotated[
        bool,
        typer.Option("--only-here", help="One person here; the records in Salesforce stay as they are."),
    ] = False,
    from_file: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="Many merges: on each line the ids of one, or - for stdin."
        ),
    ] = None,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Make one of several people, here and in Salesforce. Shows first what becomes of each value."""
    from diptych.cli.trouble import Refused

    if (from_file is None) is not bool(people):
        raise Refused("Name the people to merge, or a file of them with --from.")
    with workspace() as space:
        if from_file is not None:
            _merge_many(space, _groups(from_file), only_here, yes, as_json)
            return
        found = space.acting.merge(people or [], _picked(pick or []), only_here)
        if not as_json:
            _show_merge(found)
        elif not yes:
            emit({"plan": found.plan, "names": found.names, "unsynced": found.unsynced, "done": False})
            return
        sure("Merge these people?", yes)
        done = space.acting.carry_out(found, ACTOR)
    _report(done, as_json, f"Merged. They are person {found.plan.remaining} now")


def _groups(source: Path) -> list[list[int]]:
    """The people of each line; blank lines and what follows a # count for nothing."""
    from diptych.cli.trouble import Refused

    text = sys.stdin.read() if str(source) == "-" else source.read_text(encoding="utf-8")
    groups = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = re.split(r"[\s,;]+", line.partition("#")[0].strip())
        if words == [""]:
            continue
        if len(words) < 2 or not all(word.isascii() and word.isdigit() for word in words):
            raise Refused(
                f"Line {number} of {source} is not the ids of two or more people: {line.strip()[:60]}"
            )
        groups.append([int(word) for word in words])
    if not groups:
        raise Refused(f"{source} names nobody.")
    return groups


def _merge_many(space: Workspace, groups: list[list[int]], only_here: bool, yes: bool, as_json: bool) -> None:
    """Each group on its own: one that cannot be merged, or fails, stops no other."""
    from diptych.cli.trouble import Refused
    from diptych.domain.actions import ActionState, CannotAct

    plans: list[tuple[list[int], MergePreview | None, str]] = []
    for group in groups:
        try:
            plans.append((group, space.acting.merge(group, {}, only_here), ""))
        except CannotAct as problem:
            plans.append((group, None, str(problem)))
    doing = [found for _, found, _ in plans if found is not None]
    shown = [
        {
            "people": group,
            "remaining": found.plan.remaining if found else None,
            "steps": [step.text for step in found.plan.steps] if found else [],
            "differences": len(found.plan.differences) if found else 0,
            "problem": problem or None,
        }
        for group, found, problem in plans
    ]
    if not as_json:
        table(
            ["people", "remains", "differing values", "what"],
            [
                (
                    " ".join(map(str, one["people"])),  # type: ignore[arg-type]
                    str(one["remaining"] or ""),
                    one["differences"],
                    one["problem"] or "; ".join(one["steps"]),  # type: ignore[arg-type]
                )
                for one in shown
            ],
        )
        say(f"{len(doing):,} of {len(plans):,} can be merged.")
    elif not yes:
        emit({"done": False, "merges": shown})
        return
    if not doing:
        raise Refused("None of these can be merged; nothing was changed.")
    sure(f"Merge these {len(doing):,} groups of people?", yes)
    done = []
    for group, found, _ in plans:
        if found is None:
            continue
        try:  # looked at anew: what was merged before it may have changed it
            done.append(space.acting.carry_out(space.acting.merge(group, {}, only_here), ACTOR))
        except CannotAct as problem:
            note(f"{' '.join(map(str, group))}: {problem}")
    good = sum(one.state is ActionState.DONE for one in done)
    if as_json:
        emit({"done": good == len(plans), "merges": shown, "actions": [_action(one) for one in done]})
    else:
        say(f"{good:,} groups were merged.")
    if good < len(plans):
        raise Refused(f"{len(plans) - good:,} were not merged. See: diptych people actions")


def _picked(given: list[str]) -> dict[str, int]:
    from diptych.cli.trouble import Refused

    picked = {}
    for one in given:
        column, _, number = one.partition("=")
        if not column or not number.isdigit():
            raise Refused(f"Write --pick {one} as COLUMN=ID: the column, and the person whose value stays.")
        picked[column] = int(number)
    return picked


def _show_merge(found: MergePreview) -> None:
    plan = found.plan
    for number in plan.people:
        part = "remains" if number == plan.remaining else f"joins person {plan.remaining}"
        say(f"Person {number}, {found.names[number]}: {part}")
    for line in plan.notes:
        say(line)
    for place, step in enumerate(plan.steps, start=1):
        say(f"{place}. {step.text}")
    if plan.differences:
        say()
        table(
            ["column", *(str(n) for n in plan.people), "stays", "because"],
            [(d.column, *d.values, d.result, d.policy) for d in plan.differences],
        )
    if found.unsynced:
        say()
        say("Only Salesforce holds these; the remaining record keeps its own:")
        ids = list(dict.fromkeys(i for one in found.unsynced for i in one.values))
        table(
            ["field", *ids],
            [(f"{u.object_name}.{u.field}", *(u.values.get(i) for i in ids)) for u in found.unsynced],
        )


# ---------------------------------------------------------------- converting


def convert(
    person_id: Annotated[int, _ID],
    lead: Annotated[str | None, typer.Option(help="Which lead, if the person has several.")] = None,
    account: Annotated[str | None, typer.Option(help="An account that exists, by its Salesforce id.")] = None,
    find_account: Annotated[
        bool, typer.Option("--find-account", help="The one account with the company's name or website.")
    ] = False,
    contact: Annotated[str | None, typer.Option(help="A contact that exists; its account is taken.")] = None,
    status: Annotated[str | None, typer.Option(help="A lead status that counts as converted.")] = None,
    opportunity: Annotated[
        bool, typer.Option("--opportunity/--no-opportunity", help="Whether an opportunity is made.")
    ] = True,
    opportunity_name: Annotated[str | None, typer.Option(help="Its name; default: the company's.")] = None,
    owner: Annotated[str | None, typer.Option(help="The user who is to own what is made.")] = None,
    overwrite_lead_source: Annotated[
        bool, typer.Option("--overwrite-lead-source", help="Also where the contact has one.")
    ] = False,
    notify: Annotated[bool, typer.Option("--notify", help="Salesforce tells the owner by e-mail.")] = False,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Convert a person's lead in Salesforce: to a new contact, in an account that exists, or into a contact that exists."""
    from diptych.cli.trouble import Refused
    from diptych.sync.actions.preview import ConvertWish

    with workspace() as space:
        if find_account:
            if account or contact:
                raise Refused("Either name the account or contact, or let the account be found.")
            account = _found_account(space, person_id)
        wish = ConvertWish(
            lead,
            account,
            contact,
            status,
            opportunity,
            opportunity_name,
            owner,
            overwrite_lead_source,
            notify,
        )
        found = space.acting.convert(person_id, wish)
        if not as_json:
            _show_convert(space, found)
        elif not yes:
            emit({**_conversion(found), "accounts": space.acting.accounts_for(person_id), "done": False})
            return
        sure("Convert it? This cannot be taken back in Salesforce.", yes)
        done = space.acting.carry_out(found, ACTOR)
    _report(done, as_json, "Converted")


def _found_account(space: Workspace, person_id: int) -> str:
    from diptych.cli.trouble import Refused

    found = space.acting.accounts_for(person_id)
    if len(found) != 1:
        listed = ", ".join(f"{a.sf_id} ({a.name}, by {a.why})" for a in found)
        raise Refused(
            f"{len(found)} accounts have the company's name or website. Name one: --account. {listed}".strip()
        )
    return found[0].sf_id


def _conversion(found: ConvertPreview) -> dict[str, object]:
    return {
        "person_id": found.person_id,
        "name": found.name,
        "step": found.step.text,
        "options": found.step.options,
        "statuses": found.statuses,
        "kept_here": found.kept_here,
        "joins": found.joins,
        "notes": found.notes,
    }


def _show_convert(space: Workspace, found: ConvertPreview) -> None:
    say(f"Person {found.person_id}, {found.name}: {found.step.text}")
    say(f"Status: {found.step.options['status']} (there are: {', '.join(found.statuses)})")
    for line in found.notes:
        say(line)
    if not found.step.target and not found.step.options["account_id"]:
        for one in space.acting.accounts_for(found.person_id):
            say(f"  --account {one.sf_id}   {one.name} (same {one.why})")
    if found.kept_here:
        say(
            "The contact has no synced field for these values of the lead; they stay here, and in its history:"
        )
        table(["column", "value"], list(found.kept_here.items()))


# ---------------------------------------------------------------- deleting


def delete(
    person_id: Annotated[int, _ID],
    policy: Annotated[
        str,
        typer.Option(
            help="leave: gone here, the records stay in Salesforce. detach: stays here, no longer synced. "
            "delete: gone here, and the records go into Salesforce's recycle bin."
        ),
    ] = "leave",
    suppress: Annotated[
        bool, typer.Option("--suppress", help="Nobody with these records or this address comes back.")
    ] = False,
    confirm: Annotated[str | None, _CONFIRM] = None,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Delete a person here, and in Salesforce only if that is asked for. Shows first what goes."""
    _delete(person_id, policy, suppress, False, confirm, yes, as_json)


def forget(
    person_id: Annotated[int, _ID],
    policy: Annotated[
        str, typer.Option(help="leave or delete: what becomes of the records there.")
    ] = "leave",
    confirm: Annotated[str | None, _CONFIRM] = None,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Erase a person and all values of it from history, for ever; a hash keeps it from coming back."""
    _delete(person_id, policy, True, True, confirm, yes, as_json)


def _delete(
    person_id: int, policy: str, suppress: bool, forget: bool, confirm: str | None, yes: bool, as_json: bool
) -> None:
    from diptych.cli.trouble import Refused
    from diptych.domain.actions import DeletePolicy

    if policy not in list(DeletePolicy):
        raise Refused(f"The policy is one of {', '.join(DeletePolicy)}, not {policy}.")
    with workspace() as space:
        found = space.acting.delete(person_id, DeletePolicy(policy), suppress, forget)
        words = found.confirmation
        if not as_json:
            _show_delete(found)
        elif not yes and confirm is None:
            emit({"preview": found, "confirmation": words, "done": False})
            return
        if words is not None:
            _typed(words, confirm)
        else:
            sure("Let go of it?" if found.policy is DeletePolicy.DETACH else "Delete it?", yes)
        done = space.acting.carry_out(found, ACTOR)
    what = "Forgotten" if forget else "Let go" if found.policy is DeletePolicy.DETACH else "Deleted"
    _report(done, as_json, what)


def _show_delete(found: DeletePreview) -> None:
    say(
        f"Person {found.person_id}, {found.name}"
        + (f": {', '.join(found.records)}" if found.records else ", only here")
    )
    for step in found.steps:
        say(f"  {step.text}")
    for line in found.notes:
        say(line)


def _typed(words: str, given: str | None) -> None:
    """A yes is not enough for what Salesforce loses, or nobody can bring back: the words have to be typed."""
    from diptych.cli.trouble import Refused

    if given is None:
        if not sys.stdin.isatty():
            raise Refused(f"This needs more than a yes: add --confirm '{words}', or run it in a terminal.")
        given = str(typer.prompt(f"Type '{words}' to go on", err=True))
    if given.strip() != words:
        raise Refused(f"'{given}' is not '{words}'. Nothing was done.")


# ---------------------------------------------------------------- what was ordered


def actions(
    limit: Annotated[int, _LIMIT] = 20,
    cancel: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Give up an open one of which nothing is under way.")
    ] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Merges, conversions and deletes that were ordered, newest first: done, failed and why, or still open."""
    from diptych.cli.trouble import Refused

    with workspace() as space:
        if cancel is not None:
            try:
                space.acting.cancel(cancel)
            except KeyError:
                raise Refused(f"There is no action {cancel}. See: diptych people actions") from None
            except ValueError as problem:
                raise Refused(str(problem)) from None
        found = space.acting.ordered(limit)
    if as_json:
        emit([_action(one) for one in found])
        return
    table(
        ["action", "when", "what", "person", "state", "run", "why"],
        [(str(a.id), a.at, a.kind, str(a.person_id), a.state, str(a.run_id or ""), a.error) for a in found],
    )
    if any(one.ended_at is None for one in found):
        note("The sync goes on with open ones by itself; --cancel NUMBER gives one up.")


def _action(one: Action) -> dict[str, object]:
    return {
        "action": one.id,
        "kind": one.kind,
        "person_id": one.person_id,
        "others": one.others,
        "state": one.state,
        "done": one.ended_at is not None and one.error is None,
        "run": one.run_id,
        "error": one.error,
        "steps": [{"text": step.text, "state": step.state} for step in one.steps],
        "actor": one.actor,
        "at": one.at,
        "ended_at": one.ended_at,
    }


def _report(done: Action, as_json: bool, words: str, silent: bool = False) -> None:
    """How an action stands; ends with code 1 unless it is done."""
    from diptych.cli.trouble import Refused
    from diptych.domain.actions import ActionState

    if as_json:
        emit(_action(done))
    if done.state is ActionState.DONE:
        if not (as_json or silent):
            say(f"{words} (run {done.run_id}).")
        return
    if done.state is ActionState.OPEN:
        raise Refused(
            f"Not done yet: {done.error} The sync goes on with it by itself; see diptych people actions "
            f"(action {done.id})."
        )
    some = sum(step.state == "done" for step in done.steps)
    rest = f" {some} of {len(done.steps)} steps were done and stay." if some else " Nothing was changed."
    raise Refused(f"{done.error}{rest}")


# ---------------------------------------------------------------- taking back


def undo(space: Workspace, run_id: int, undelete: bool, yes: bool, as_json: bool) -> bool:
    """Take back the merge, conversion or delete of a run; False when it was none."""
    with space.store.looking() as tx:
        if tx.actions.of_run(run_id) is None:
            return False
    found = space.acting.undo(run_id, undelete)
    assert found is not None
    if not as_json:
        _show_undo(found)
    if not found.does:
        if as_json:
            emit(_undo_document(found))
        else:
            say("There is nothing to take back here (any more).")
        return True
    if as_json and not yes:
        emit(_undo_document(found))
        return True
    sure("Take this back?", yes)
    done = space.acting.carry_out(found, ACTOR)
    if as_json:
        emit({**_undo_document(found), **_action(done), "undo_run": done.run_id})
    _report(done, False, "Taken back", as_json)
    return True


def _show_undo(found: UndoPreview) -> None:
    action = found.action
    say(f"Run {action.run_id} ({action.kind.value}) of person {action.person_id}:")
    for step in found.undelete:
        say(f"  {step.text}")
    for join in found.joins:
        say(f"  person {join.loser_id} is one of its own again, apart from person {join.winner_id}")
        for column, value in join.put_back.items():
            say(f"    {column} of person {join.winner_id} goes back to {'blank' if value is None else value}")
        if join.kept:
            say(f"    changed since, and left as it is: {', '.join(join.kept)}")
    for number in found.brought_back:
        say(f"  person {number} is brought back")
    for line in found.notes:
        say(line)


def _undo_document(found: UndoPreview) -> dict[str, object]:
    return {
        "run": found.action.run_id,
        "kind": found.action.kind,
        "undo_run": None,
        "done": False,
        "undelete": [sf_id for step in found.undelete for sf_id in step.sf_ids],
        "joins": found.joins,
        "brought_back": found.brought_back,
        "notes": found.notes,
    }
