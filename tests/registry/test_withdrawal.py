"""A champion is withdrawn: the bare base is in its place, on record, and others name it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from project.errors import IncumbentError, InputError
from project.records.adapters import Opponent
from project.records.events import Promotion
from project.records.evidence import Verdict
from registry.audit import problems
from registry.deployment_history import deployments, wanted
from registry.notices import notice_of
from registry.store import Registry
from registry.tenure import reference
from registry.why_paragraph import why
from tests.places import decide, submit, win

Act = Callable[[Registry], object]


def test_a_withdrawal_leaves_the_bare_base_in_its_place_on_record(
    registry: Registry, tmp_path: Path
) -> None:
    win(registry, "first", tmp_path)
    registry.withdraw(1, "it invents fees")
    event = registry.history()[-1]
    assert (event.kind, event.version, event.reason) == ("withdraw", 1, "it invents fees")
    assert (registry.champion(), registry.aliases(), registry.before_champion()) == (None, {}, None)
    assert registry.opponent("f" * 64) == Opponent()
    assert registry.state(event.at).aliases == {}
    assert registry.state(registry.history(kind="promote")[0].at).aliases == {"champion": 1}
    assert list(problems(registry)) == []
    assert "withdrew test v1: the bare base is in its place" in notice_of(event).text
    assert "withdrew it on 2026-01-01, with the bare base in its place" in why(registry, 1)
    assert "`incumbent rollback --to 1` would bring it back" in why(registry, 1)


def test_what_follows_a_withdrawal_is_counted_and_verified(
    registry: Registry, tmp_path: Path
) -> None:
    win(registry, "first", tmp_path)
    registry.withdraw(1, "it invents fees")
    with pytest.raises(IncumbentError, match="was rolled back or withdrawn"):
        registry.promote(1, "after all")
    win(registry, "second", tmp_path)
    assert registry.history()[-1].told(Promotion).displaced is None
    with registry.engine.connect() as connection:
        assert reference(connection, "test") == 2
    registry.rollback("it was not the first one's fault", to=1)
    registry.withdraw(1, "it was")
    assert registry.delete(1, "nobody needs it").number == 1
    assert list(problems(registry)) == []


def test_an_alias_that_a_withdrawal_took_and_that_came_back_is_found(
    registry: Registry, tmp_path: Path
) -> None:
    win(registry, "first", tmp_path)
    registry.withdraw(1, "it invents fees")
    with registry.engine.begin() as connection:
        registry._move(connection, "champion", 1)
    assert "by its events test has no alias" in " ".join(problems(registry))
    with pytest.raises(IncumbentError, match="the events say no version"):
        registry.rollback("back", to=1)


@pytest.mark.parametrize(
    "act, says",
    [
        (lambda r: r.rollback("no"), "registry withdraw 1 --reason …` leaves the bare base in its"),
        (lambda r: r.rollback("no", to=2), "never was champion"),
        (lambda r: r.reject(1, "no"), "is the champion: .*registry withdraw 1"),
        (lambda r: r.delete(1, "no"), "is the champion: .*registry withdraw 1"),
        (lambda r: r.point("champion", None, "no", expected=1), "incumbent registry withdraw"),
        (lambda r: r.withdraw(2, "no"), r"v2 is not the champion \(v1 is\)"),
        (lambda r: r.withdraw(9, "no"), "has no version 9"),
    ],
)
def test_whoever_wants_a_first_champion_gone_is_told_of_it(
    registry: Registry, tmp_path: Path, act: Act, says: str
) -> None:
    win(registry, "first", tmp_path)
    decide(registry, submit(registry, "second", tmp_path), Verdict.HOLD)
    before = registry.history()
    with pytest.raises(InputError, match=says):
        act(registry)
    assert registry.history() == before


def test_a_withdrawal_asks_for_the_duty_and_the_eyes_that_a_promotion_does(
    registry: Registry, tmp_path: Path
) -> None:
    win(registry, "first", tmp_path)
    registry.four_eyes, by = True, registry.actor
    with pytest.raises(IncumbentError, match=f"{by} submitted test v1 and may not withdraw it"):
        registry.withdraw(1, "mine")
    registry.actor = "somebody else"
    registry.roles = registry.roles.model_copy(update={"promote": ("bob",)})
    with pytest.raises(IncumbentError, match="may not promote: that is for bob"):
        registry.withdraw(1, "mine")
    registry.actor = "bob"
    assert registry.withdraw(1, "it invents fees").number == 1
    with pytest.raises(InputError, match="by itself: `incumbent rollback --to N`"):
        registry.rollback("which one?")


def test_gateways_are_told_that_nothing_is_to_answer(registry: Registry, tmp_path: Path) -> None:
    win(registry, "first", tmp_path)
    win(registry, "second", tmp_path)
    registry.withdraw(2, "both invent fees")
    assert wanted(registry).versions == () and deployments(registry).tenures == ()
