"""A policy that gates on what people rate: politeness may not get worse."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from evaluation.decision.policy import Policy, refuse_unread_votes
from evaluation.decision.policy_checks import unqualified
from evaluation.decision.score_evidence import weigh
from evaluation.evaluation_settings import PreferenceParams
from project.errors import InputError
from project.records.ballots import Rating, Rubric
from project.records.evidence import Decision, Verdict
from project.settings import load
from registry.ballots.sheets import read_sheet
from registry.store import Registry
from tests.evaluation.test_decision import BETTER, table
from tests.evaluation.test_registry_ballots import ITEMS, OpenLook
from tests.places import submit

POLITE = Policy(
    kind="guarded",
    gating=("preference", "people:polite"),
    margins={"people:polite": 0.2},
    preference_test="e-value",
)
STRICT = POLITE.model_copy(update={"kind": "strict", "margins": {}})
PEOPLE = PreferenceParams(source="ballots", votes=1)


def opened(registry: Registry, folder: Path, policy: Policy = POLITE) -> OpenLook:
    return OpenLook(registry, submit(registry, "a", folder), votes=1, policy=policy)


def vote(look: OpenLook, stars: Sequence[tuple[int, int] | None]) -> Decision:
    """Everybody prefers the challenger; the stars are its own, then the champion's."""
    for n, given in enumerate(stars):
        look.vote("ann", f"i{n}", look.label, rating(look, f"i{n}", given) if given else None)
    return look.decided(PreferenceParams())[1]


def rating(look: OpenLook, item: str, stars: tuple[int, int]) -> Rubric:
    pair = read_sheet(look.registry.artifacts, look.sheet).by_item[item]
    left, right = stars if look.seen(pair).left == look.label else stars[::-1]
    return {"polite": Rating(left=left, right=right)}


def test_before_all_votes_are_in_the_verdict_is_hold(registry: Registry, tmp_path: Path) -> None:
    look = opened(registry, tmp_path)
    awaited = "people:polite is not known yet: not all items have their votes yet"
    nobody = vote(look, [])
    assert (nobody.verdict, awaited in nobody.reasons) == (Verdict.HOLD, True)
    most = vote(look, [(5, 4)] * (ITEMS - 1))
    lacking = "1 of 12 items have no preference, and the policy allows 2%"
    assert (most.verdict, most.reasons) == (Verdict.HOLD, (awaited, lacking))


@pytest.mark.parametrize(
    ("policy", "stars", "verdict"),
    [
        (POLITE, [(5, 4), (4, 4), (4, 3)], Verdict.PROMOTE),  # more polite
        (POLITE, [(5, 5)], Verdict.PROMOTE),  # as polite on every item
        (POLITE, [(4, 5), (5, 5), (5, 4)], Verdict.HOLD),  # as polite, but too few items to tell
        (POLITE, [(2, 5), (3, 5), (1, 4)], Verdict.REJECT),
        (STRICT, [(5, 5)], Verdict.HOLD),  # it must be more polite
        (STRICT, [(5, 4), (5, 3)], Verdict.PROMOTE),
    ],
)
def test_then_the_ratings_decide(
    policy: Policy,
    stars: list[tuple[int, int]],
    verdict: Verdict,
    registry: Registry,
    tmp_path: Path,
) -> None:
    look = opened(registry, tmp_path, policy)
    decision = vote(look, stars * (ITEMS // len(stars)))
    assert decision.verdict is verdict
    assert any(reason.startswith("people:polite ") for reason in decision.reasons)


def test_too_few_ratings_hold(registry: Registry, tmp_path: Path) -> None:
    decision = vote(opened(registry, tmp_path), [None, None, *[(5, 4), (5, 5)] * 5])
    assert decision.verdict is Verdict.HOLD
    assert decision.reasons == (
        "people:polite differs by +0.500, with a lower bound of -1.344; that must exceed -0.200",
        "2 of 12 items have no rating of people:polite, and the policy allows 2%",
    )


def test_no_rating_at_all_holds_and_says_why(registry: Registry, tmp_path: Path) -> None:
    decision = vote(opened(registry, tmp_path), [None] * ITEMS)
    assert decision.reasons == (
        "people:polite is not known: people rated it on fewer than two clusters",
    )


def test_dev_does_not_ask_for_ratings() -> None:
    policy = Policy(gating=("rougeL", "people:polite"), preference_test="e-value")
    dev = weigh(None, policy, dev=table(BETTER))
    assert unqualified(dev, policy) == []


@pytest.mark.parametrize(
    ("line", "field", "said"),
    [
        ("gating: [preference, 'people:poilte']", ".gating", "people do not rate 'people:poilte'"),
        ("floors: {'people:polite': 3}", ".floors", "such as 'people:polite', have no floor"),
        ("margins: {'people:polite': 0.2}", "", "a margin for 'people:polite', which is no gating"),
    ],
)
def test_a_wrong_name_is_told_with_its_file_and_line(line: str, field: str, said: str) -> None:
    Path("params.yaml").write_text(f"evaluation:\n  policy:\n    {line}\n")
    with pytest.raises(InputError, match=said) as found:
        load(Policy)
    assert str(found.value).startswith(f"params.yaml:3: evaluation.policy{field}: ")


@pytest.mark.parametrize("source", ["reward", "judge", "people+judge"])
def test_ratings_that_nobody_is_asked_for_are_told_before_a_look(source: str) -> None:
    params = PreferenceParams().model_copy(update={"source": source})
    by_mean = POLITE.model_copy(update={"preference_test": "t"})
    with pytest.raises(InputError, match="nobody is asked to rate 'people:polite'"):
        refuse_unread_votes(by_mean, params)
