"""A paragraph for every way in which a version can become champion, fail to, or be replaced."""

from collections.abc import Callable
from pathlib import Path

import pytest

from project.records.adapters import Adapter, AdapterVersion
from project.records.events import ExperimentOpened
from project.records.evidence import Decision, Verdict
from registry.experiment_events import (
    Arms,
    ExperimentHealth,
    ExperimentResult,
    end_experiment,
    open_experiment,
    running_experiment,
)
from registry.store import Registry
from registry.why_paragraph import why
from tests.conftest import decision_on, evidence_of, keep_decision

Make = Callable[[str], tuple[Adapter, Path]]
Story = Callable[["Teller"], None]


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


def only_submitted(story: Teller) -> None:
    story.submit("a")


def unqualified(story: Teller) -> None:
    number = story.submit("a").number
    changes = {"opening": None, "alpha": None, "reasons": ("dev rougeL fell by 0.1",)}
    story.decide(number, Verdict.HOLD, **changes)


def held(story: Teller) -> None:
    number = story.submit("a").number
    story.decide(number, Verdict.HOLD, reasons=("rougeL is in doubt", "so is taste"), needed=140)


def rejected_by_verdict(story: Teller) -> None:
    story.decide(story.submit("a").number, Verdict.REJECT, reasons=("rougeL fell by 0.2",))


def not_promoted_yet(story: Teller) -> None:
    story.decide(story.submit("a").number, Verdict.PROMOTE)


def overtaken(story: Teller) -> None:
    not_promoted_yet(story)
    story.win("b")


def rejected_by_a_person(story: Teller) -> None:
    not_promoted_yet(story)
    story.by("carol").reject(1, "it is rude")


def promoted_by_policy(story: Teller) -> None:
    story.win("a")


def promoted_by_a_person(story: Teller) -> None:
    not_promoted_yet(story)
    story.by("ann").promote(1, "read 40 answers")


def forced(story: Teller) -> None:
    story.submit("a")
    story.by("ann").promote(1, "the old one is down", force=True)


def superseded(story: Teller) -> None:
    story.win("a")
    story.win("b")


def rolled_back(story: Teller) -> None:
    """Version 2 is: tell of that one by another number."""
    story.win("b")
    story.win("a")
    story.by("bob").rollback("users complain")


def brought_back(story: Teller) -> None:
    story.win("a")
    story.win("b")
    story.by("bob").rollback("users complain")


def deleted(story: Teller) -> None:
    story.submit("a")
    story.by("dora").delete(1, "cleaning up!")


def superseded_and_deleted(story: Teller) -> None:
    superseded(story)
    story.win("c", by="person")  # else version 1 would be the regression baseline
    story.by("dora").delete(1, "old")


def tried_on_users(story: Teller) -> None:
    story.win("a")
    number = story.submit("b").number
    fields = {"mode": "canary", "adapter": "b" * 64, "champion": 1, "share": "0.1"}
    fields |= {"metric": "rating", "alpha": "0.05", "guardrails": (), "salt": "salt"}
    open_experiment(
        story.by("ann"), number, ExperimentOpened.model_validate(fields), "to see what users say"
    )


def worse_for_users(story: Teller) -> None:
    tried_on_users(story)
    opened = running_experiment(story.registry)
    assert opened is not None
    nobody = Arms(champion=0, challenger=0)
    health = ExperimentHealth(
        ratio=1, feedback_ratio=None, ratio_needed=1000, both_arms=0, waiting=0
    )
    result = ExperimentResult(
        experiment=opened.number, counted=0, users=nobody, metric=None, guardrails=(), health=health
    )
    end_experiment(story.registry, opened, "harm", result, "rating is worse by 12 points")


WON = (
    "The decision of 2026-01-01 against the bare base (look 1 at the sealed eval set) is "
    "PROMOTE: because."
)
CASES: list[tuple[Story, int, str]] = [
    (
        only_submitted,
        1,
        "test v1 was never promoted. It was submitted by trainer on 2026-01-01, and never decided "
        "on. `incumbent registry reevaluate 1` compares it with the bare base.",
    ),
    (
        unqualified,
        1,
        "test v1 was never promoted. It did not qualify, so the sealed eval set "
        "was not looked at, and the decision of 2026-01-01 is HOLD: dev rougeL fell by 0.1.",
    ),
    (
        held,
        1,
        "test v1 was never promoted. The decision of 2026-01-01 against the bare base (look "
        "1 at the sealed eval set) is HOLD: rougeL is in doubt; so is taste. About 140 more eval "
        "items would settle it at the next look.",
    ),
    (
        rejected_by_verdict,
        1,
        "test v1 was never promoted. The decision of 2026-01-01 against the bare base (look "
        "1 at the sealed eval set) is REJECT: rougeL fell by 0.2.",
    ),
    (
        not_promoted_yet,
        1,
        f"test v1 was never promoted. {WON} Nobody has promoted it yet: `incumbent promote 1` "
        "does.",
    ),
    (
        overtaken,
        1,
        f"test v1 was never promoted. {WON} But v2 is the champion now: "
        "`incumbent registry reevaluate 1` compares the two.",
    ),
    (
        rejected_by_a_person,
        1,
        f"test v1 was never promoted. {WON} carol rejected it on 2026-01-01: it is rude.",
    ),
    (
        promoted_by_policy,
        1,
        "test v1 is the champion. The policy promoted it over the bare base on 2026-01-01, "
        f"without a person's approval, in a run of night shift: a won. {WON}",
    ),
    (
        promoted_by_a_person,
        1,
        "test v1 is the champion. ann promoted it over the bare base on 2026-01-01, having looked "
        f"at it: read 40 answers. {WON}",
    ),
    (
        forced,
        1,
        "test v1 is the champion. ann promoted it over the bare base by force on 2026-01-01, "
        "without a verdict, and it stays marked for that: the old one is down. It was submitted by "
        "trainer on 2026-01-01, and never decided on.",
    ),
    (
        superseded,
        1,
        "test v1 was champion until v2 replaced it on 2026-01-01. The policy promoted it over the "
        "bare base on 2026-01-01, without a person's approval, in a run of night shift: "
        f"a won. {WON} But v2 is the champion now: `incumbent registry reevaluate 1` compares the "
        "two.",
    ),
    (
        rolled_back,
        2,
        "test v2 was champion until bob rolled it back to v1 on 2026-01-01: users complain. The "
        "policy promoted it over v1 on 2026-01-01, without a person's approval, in a run "
        "of night shift: a won. The decision of 2026-01-01 against v1 (look 1 at the sealed "
        "eval set) is PROMOTE: because. `incumbent rollback --to 2` would bring it back.",
    ),
    (
        brought_back,
        1,
        "test v1 is the champion. bob rolled v2 back and made it champion again on 2026-01-01: "
        f"users complain. {WON}",
    ),
    (
        deleted,
        1,
        "test v1 was never promoted. dora deleted it on 2026-01-01: cleaning up! It was submitted "
        "by trainer on 2026-01-01, and never decided on.",
    ),
    (
        tried_on_users,
        2,
        "test v2 was never promoted. It was submitted by trainer on 2026-01-01, and never decided "
        "on. It is in experiment 6 (canary against v1) since 2026-01-01. "
        "`incumbent registry reevaluate 2` compares it with v1.",
    ),
    (
        worse_for_users,
        2,
        "test v2 was never promoted. It was submitted by trainer on 2026-01-01, and never decided "
        "on. Its experiment 6 (canary against v1) ended on 2026-01-01, harm: rating is worse by 12 "
        "points. `incumbent registry reevaluate 2` compares it with v1.",
    ),
    (
        superseded_and_deleted,
        1,
        "test v1 was champion until v2 replaced it on 2026-01-01. dora deleted it on 2026-01-01: "
        "old. The policy promoted it over the bare base on 2026-01-01, without a person's "
        f"approval, in a run of night shift: a won. {WON}",
    ),
]


@pytest.mark.parametrize(
    ("story", "number", "told"), CASES, ids=[story.__name__ for story, *_ in CASES]
)
def test_why_tells_what_happened(
    story: Story, number: int, told: str, registry: Registry, make_adapter: Make
) -> None:
    story(Teller(registry, make_adapter))
    assert why(registry, number) == told
