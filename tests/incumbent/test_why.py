"""A paragraph for every way in which a version can become champion, fail to, or be replaced."""

from collections.abc import Callable
from pathlib import Path

import pytest

from project.records.adapters import Adapter, AdapterVersion
from project.records.evidence import Decision, Verdict
from registry.experiment_events import Experiment
from registry.store import Registry
from registry.why_paragraph import why
from tests.conftest import decision_on, evidence_of, keep_decision
from tests.review.on_traffic import end_one, open_one

Make = Callable[[str], tuple[Adapter, Path]]


class Teller:
    """What happens to versions, each told by whoever does it."""

    def __init__(self, registry: Registry, make: Make) -> None:
        self.registry, self.make = registry, make

    def by(self, actor: str) -> Registry:
        self.registry.actor = actor
        return self.registry

    def submit(self, name: str) -> AdapterVersion:
        adapter, folder = self.make(name)
        return self.by("trainer").submit(adapter, folder, f"made {name}")

    def decide(self, number: int, verdict: Verdict, **changes: object) -> Decision:
        champion = self.registry.champion()
        version = self.registry.version(number)
        evidence = evidence_of(version.adapter.files, champion.adapter.files if champion else None)
        decision = decision_on(evidence, verdict).model_copy(update=changes)
        return keep_decision(self.registry, number, decision, evidence)

    def win(self, name: str, by: str = "policy") -> None:
        number = self.submit(name).number
        self.decide(number, Verdict.PROMOTE)
        self.by("night shift").promote(number, f"{name} won", by=by)

    def try_on_users(self) -> Experiment:
        """Version 2, beside version 1."""
        self.win("a")
        number = self.submit("b").number
        return open_one(self.by("ann"), number)

    def why(self, number: int) -> str:
        return why(self.registry, number)


@pytest.fixture
def story(registry: Registry, make_adapter: Make) -> Teller:
    return Teller(registry, make_adapter)


WON = (
    "The decision of 2026-01-01 against the bare base (look 1 at the sealed eval set) is "
    "PROMOTE: because."
)


def test_it_tells_of_a_version_that_was_only_submitted(story: Teller) -> None:
    story.submit("a")
    assert story.why(1) == (
        "test v1 was never promoted. It was submitted by trainer on 2026-01-01, and never decided "
        "on. `incumbent registry reevaluate 1` compares it with the bare base."
    )


def test_it_tells_of_one_that_did_not_qualify(story: Teller) -> None:
    number = story.submit("a").number
    changes = {"opening": None, "alpha": None, "reasons": ("dev rougeL fell by 0.1",)}
    story.decide(number, Verdict.HOLD, **changes)
    assert story.why(1) == (
        "test v1 was never promoted. It did not qualify, so the sealed eval set "
        "was not looked at, and the decision of 2026-01-01 is HOLD: dev rougeL fell by 0.1."
    )


def test_it_tells_of_one_that_was_held(story: Teller) -> None:
    number = story.submit("a").number
    story.decide(number, Verdict.HOLD, reasons=("rougeL is in doubt", "so is taste"), needed=140)
    assert story.why(1) == (
        "test v1 was never promoted. The decision of 2026-01-01 against the bare base (look "
        "1 at the sealed eval set) is HOLD: rougeL is in doubt; so is taste. About 140 more eval "
        "items would settle it at the next look."
    )


def test_it_tells_of_one_that_a_verdict_rejected(story: Teller) -> None:
    story.decide(story.submit("a").number, Verdict.REJECT, reasons=("rougeL fell by 0.2",))
    assert story.why(1) == (
        "test v1 was never promoted. The decision of 2026-01-01 against the bare base (look "
        "1 at the sealed eval set) is REJECT: rougeL fell by 0.2."
    )


def test_it_tells_of_one_that_won_and_waits_for_a_person(story: Teller) -> None:
    story.decide(story.submit("a").number, Verdict.PROMOTE)
    assert story.why(1) == (
        f"test v1 was never promoted. {WON} Nobody has promoted it yet: `incumbent promote 1` does."
    )


def test_it_tells_of_one_that_won_and_was_overtaken(story: Teller) -> None:
    story.decide(story.submit("a").number, Verdict.PROMOTE)
    story.win("b")
    assert story.why(1) == (
        f"test v1 was never promoted. {WON} But v2 is the champion now: "
        "`incumbent registry reevaluate 1` compares the two."
    )


def test_it_tells_of_one_that_a_person_rejected(story: Teller) -> None:
    story.decide(story.submit("a").number, Verdict.PROMOTE)
    story.by("carol").reject(1, "it is rude")
    assert story.why(1) == (
        f"test v1 was never promoted. {WON} carol rejected it on 2026-01-01: it is rude."
    )


def test_it_tells_of_a_champion_by_the_policy(story: Teller) -> None:
    story.win("a")
    assert story.why(1) == (
        "test v1 is the champion. The policy promoted it over the bare base on 2026-01-01, "
        f"without a person's approval, in a run of night shift: a won. {WON}"
    )


def test_it_tells_of_a_champion_by_a_person(story: Teller) -> None:
    story.decide(story.submit("a").number, Verdict.PROMOTE)
    story.by("ann").promote(1, "read 40 answers")
    assert story.why(1) == (
        "test v1 is the champion. ann promoted it over the bare base on 2026-01-01, having looked "
        f"at it: read 40 answers. {WON}"
    )


def test_it_tells_of_a_champion_by_force(story: Teller) -> None:
    story.submit("a")
    story.by("ann").promote(1, "the old one is down", force=True)
    assert story.why(1) == (
        "test v1 is the champion. ann promoted it over the bare base by force on 2026-01-01, "
        "and it stays marked for that: the old one is down. It was submitted by "
        "trainer on 2026-01-01, and never decided on."
    )


def test_it_tells_of_a_champion_that_was_replaced(story: Teller) -> None:
    story.win("a")
    story.win("b")
    assert story.why(1) == (
        "test v1 was champion until v2 replaced it on 2026-01-01. The policy promoted it over the "
        "bare base on 2026-01-01, without a person's approval, in a run of night shift: "
        f"a won. {WON} But v2 is the champion now: `incumbent registry reevaluate 1` compares the "
        "two."
    )


def test_it_tells_of_a_champion_that_was_rolled_back(story: Teller) -> None:
    story.win("b")
    story.win("a")
    story.by("bob").rollback("users complain")
    assert story.why(2) == (
        "test v2 was champion until bob rolled it back to v1 on 2026-01-01: users complain. The "
        "policy promoted it over v1 on 2026-01-01, without a person's approval, in a run "
        "of night shift: a won. The decision of 2026-01-01 against v1 (look 1 at the sealed "
        "eval set) is PROMOTE: because. `incumbent rollback --to 2` would bring it back."
    )


def test_it_tells_of_a_champion_that_was_brought_back(story: Teller) -> None:
    story.win("a")
    story.win("b")
    story.by("bob").rollback("users complain")
    assert story.why(1) == (
        "test v1 is the champion. bob made it champion again in place of v2 on 2026-01-01: "
        f"users complain. {WON}"
    )


def test_it_tells_of_one_that_was_deleted(story: Teller) -> None:
    story.submit("a")
    story.by("dora").delete(1, "cleaning up!")
    assert story.why(1) == (
        "test v1 was never promoted. dora deleted it on 2026-01-01: cleaning up! It was submitted "
        "by trainer on 2026-01-01, and never decided on."
    )


def test_it_tells_of_a_champion_that_was_replaced_and_deleted(story: Teller) -> None:
    story.win("a")
    story.win("b")
    story.win("c", by="person")  # else version 1 would be the regression baseline
    story.by("dora").delete(1, "old")
    assert story.why(1) == (
        "test v1 was champion until v2 replaced it on 2026-01-01. dora deleted it on 2026-01-01: "
        "old. The policy promoted it over the bare base on 2026-01-01, without a person's "
        f"approval, in a run of night shift: a won. {WON}"
    )


def test_it_tells_of_one_in_an_experiment(story: Teller) -> None:
    story.try_on_users()
    assert story.why(2) == (
        "test v2 was never promoted. It was submitted by trainer on 2026-01-01, and never decided "
        "on. It is in experiment 6 (canary against v1) since 2026-01-01. "
        "`incumbent registry reevaluate 2` compares it with v1."
    )


def test_it_tells_of_one_that_did_harm_in_an_experiment(story: Teller) -> None:
    experiment = story.try_on_users()
    end_one(story.registry, experiment, "harm", "rating is worse by 12 points")
    assert story.why(2) == (
        "test v2 was never promoted. It was submitted by trainer on 2026-01-01, and never decided "
        "on. Its experiment 6 (canary against v1) ended on 2026-01-01, harm: rating is worse by 12 "
        "points. `incumbent registry reevaluate 2` compares it with v1."
    )
