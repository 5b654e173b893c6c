"""Each change of the registry asks for its own duty, and nobody else's duty will do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from project.errors import IncumbentError
from project.records.events import VotesAsked
from registry.ballots.casting import show
from registry.ballots.sheets import ask_votes
from registry.roles import Duty, Roles
from registry.store import Registry
from tests.places import decide, submit, win
from tests.voting_sheets import opened

Change = Callable[[Registry], object]
CHANGES: dict[str, tuple[Duty, Change]] = {
    "submit": ("submit", lambda registry: submit(registry, "third", Path())),
    "decide": ("submit", lambda registry: decide(registry, registry.version(2))),
    "open a sheet": ("submit", lambda registry: opened(registry, registry.version(2), items=2)),
    "show an item": ("vote", lambda registry: show(registry, 2, sheet_of(registry), "i0")),
    "promote": ("promote", lambda registry: registry.promote(2, "better")),
    "promote by force": ("promote", lambda registry: registry.promote(2, "now", force=True)),
    "reject": ("promote", lambda registry: registry.reject(2, "no")),
    "roll back": ("promote", lambda registry: registry.rollback("worse", to=1)),
    "ask for votes": ("promote", lambda registry: ask_votes(registry, 2, 9, "close")),
    "move an alias": (
        "promote",
        lambda registry: registry.point("canary", 2, "try it", expected=None),
    ),
    "rotate": ("promote", lambda registry: registry.record_rotation("sealed", 1, "worn out")),
    "erase": ("promote", lambda registry: registry.record_erasure(["r"], [], [], "asked for")),
    "delete": ("delete", lambda registry: registry.delete(2, "unused")),
}
DUTIES: tuple[Duty, ...] = ("submit", "vote", "promote", "delete", "administer")


def sheet_of(registry: Registry) -> str:
    return registry.history(2, "ask")[-1].told(VotesAsked).sheet


@pytest.fixture
def story(registry: Registry, tmp_path: Path) -> Registry:
    """Champion 1, and challenger 2 with a voting sheet that is open."""
    win(registry, "first", tmp_path)
    opened(registry, submit(registry, "second", tmp_path))
    decide(registry, registry.version(2))
    return registry


@pytest.mark.parametrize("name", CHANGES)
def test_who_has_every_duty_but_the_right_one_changes_nothing(story: Registry, name: str) -> None:
    duty, change = CHANGES[name]
    story.roles = Roles(**{other: ("tester",) if other != duty else () for other in DUTIES})
    before = story.history()
    with pytest.raises(IncumbentError, match=f"tester may not {duty}"):
        change(story)
    assert story.history() == before


@pytest.mark.parametrize("name", CHANGES)
def test_the_right_duty_is_enough(story: Registry, name: str) -> None:
    duty, change = CHANGES[name]
    duties: dict[Duty, tuple[str, ...]] = dict.fromkeys(DUTIES, ())
    if name in ("decide", "submit"):
        duties["submit"] = ("tester",)
    story.roles = Roles(**{**duties, duty: ("tester",)})
    change(story)


@pytest.mark.parametrize("duty", ["delete", "administer"])
def test_where_nobody_is_named_for_it_whoever_may_promote_has_it(duty: Duty) -> None:
    roles = Roles(promote=("ann",))
    assert roles.allow(duty, "ann")
    assert not roles.allow(duty, "bob")
    own = Roles(promote=("ann",), delete=("bob",), administer=("bob",))
    assert [own.allow(duty, name) for name in ("ann", "bob")] == [False, True]


def test_without_roles_everybody_may_do_everything() -> None:
    assert all(Roles().allow(duty, "anybody") for duty in DUTIES)
