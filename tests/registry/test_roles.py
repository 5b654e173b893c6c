"""Each change of the registry asks for its own duty, and nobody else's duty will do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from project.errors import IncumbentError, InputError
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


@pytest.mark.parametrize("text", ["", "vote:", "vote: []", "vote: null", "promote: [ann]"])
def test_a_duty_that_a_file_leaves_out_is_nobodys(text: str) -> None:
    Path("roles.yaml").write_text(text)
    roles = Roles.here(Path("roles.yaml"))
    assert not any(roles.allow(duty, "ann") for duty in DUTIES if duty != "promote")


def test_everybody_is_written_out() -> None:
    Path("roles.yaml").write_text("vote: everybody\npromote: [ann]")
    roles = Roles.here(Path("roles.yaml"))
    assert [roles.allow(duty, "bob") for duty in ("vote", "promote")] == [True, False]


@pytest.mark.parametrize("text", ["vote: ann", "vote: [everybody]", "vote: Everybody"])
def test_half_a_list_is_refused_with_the_line(text: str) -> None:
    Path("roles.yaml").write_text(f"promote: [ann]\n{text}\n")
    with pytest.raises(InputError, match=r"roles\.yaml:2: vote: must be a list of names"):
        Roles.here(Path("roles.yaml"))


def test_without_a_file_everybody_may_do_everything() -> None:
    assert all(Roles.here(None).allow(duty, "anybody") for duty in DUTIES)
