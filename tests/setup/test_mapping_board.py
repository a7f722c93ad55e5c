"""One object's fields and the columns they can be moved to."""

from __future__ import annotations

from diptych.domain.mapping_edit import Edit
from diptych.setup.mapping_board import MOST, Board
from tests.setup.test_steps import World


def board_of(world: World, search: str = "", column: str = "") -> Board:
    return world.setup.editor.board("Lead", world.setup.fields("Lead"), search, column)


def test_what_can_be_moved_and_where_it_may_go() -> None:
    world = World()
    setup = world.synced()
    setup.editor.apply(Edit(("Lead.Tier__c",), unmap=True))
    found = board_of(world)
    assert found.version == 2 and found.all_pieces == len(found.pieces) <= MOST
    tier = next(one for one in found.pieces if one.name == "Lead.Tier__c")
    assert (tier.at, tier.home, tier.fixed, tier.kind) == ("", "", "", "text")
    places = {one.column: one for one in found.places}
    assert (places["tier"].kind, places["tier"].piece) == ("", None), (
        "its column is there, and nothing fills it"
    )
    city = places["city"]
    assert city.piece and city.piece.home == city.piece.at == "person.city" and not city.piece.fixed
    assert [f.field for f in city.others] == ["MailingCity"]
    last = places["last_name"].piece
    assert last and "needed" in last.fixed


def test_fields_and_columns_are_searched_apart() -> None:
    world = World()
    world.synced()
    found = board_of(world, column="mailing city")
    assert [one.column for one in found.places] == ["city"], "by the fields of the other object too"
    assert board_of(world, search="no such field").pieces == ()
