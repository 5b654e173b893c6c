"""A look is counted before it is taken, taken once, and taken only by who qualifies."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from evaluation.decision.policy import Policy
from evaluation.decision.score_evidence import weigh
from evaluation.generation.answers import KeptBytes
from evaluation.look_decision import Decided, decide
from evaluation.sealed_look import SealedItems, SealedLook, with_dev
from incumbent.submission import texts_beside
from project.errors import IncumbentError, InputError
from project.item_prompts import refuse_told_answers
from project.meaning_prints import LEAST_TEXTS, MeaningPrints
from project.near_duplicates import WordPrints
from project.records.adapters import Adapter, AdapterVersion, Contestant
from project.records.data import Row
from project.records.events import LookTakenUp
from project.records.evidence import Evidence, Verdict
from project.records.scores import Flags, ItemScore, ScorePins, ScoreTable
from registry.alpha_ledger.look_bytes import MOST_ATTEMPTS
from registry.alpha_ledger.looks import SealedSet
from registry.audit import changed_looks, unpaid_decisions
from registry.storage.tables import look_bytes
from registry.store import Registry
from tests.conftest import NUMERICS, SEALED, evidence_of, sealed_set
from tests.evaluation.test_decision import BETTER, EQUAL, calibration, table

Make = Callable[[str], tuple[Adapter, Path]]


class InterruptedLookError(Exception):
    """What ends a look before it has found anything."""


@dataclass
class Items(SealedItems):
    """Sealed items whose scores are given, in place of a model's answers."""

    registry: Registry
    scores: ScoreTable
    asked: SealedSet = SEALED
    training: tuple[str, ...] = ()
    votes: bool = False
    interrupted: bool = False
    counted: list[int] = field(default_factory=list)  # looks in the history, at each one taken

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        return (Row.of("who?", "It is.", group="g", source="test"),)

    @cached_property
    def set(self) -> SealedSet:
        return self.asked._replace(meanings=None)

    @cached_property
    def counted_set(self) -> SealedSet:
        return self.asked

    @cached_property
    def trained_today(self) -> WordPrints:
        return WordPrints.of(self.training)

    def pins(self, dev: ScorePins, policy: Policy) -> ScorePins:
        return dev.model_copy(update={"eval_set": self.asked.items.digest})

    def open_for_votes(self, policy: Policy) -> bool:
        return self.votes

    def look(
        self,
        dev: Evidence,
        pins: ScorePins,
        policy: Policy,
        store: KeptBytes,
        baseline: Contestant | None = None,
    ) -> SealedLook:
        with Registry(Path("registry"), "test") as another:  # what is committed, others see
            self.counted.append(len(another.history(kind="open")))
        self.measure(store)
        found = weigh(self.scores.model_copy(update={"pins": pins}), policy)
        return SealedLook(with_dev(found, dev), self.scores.items, Flags(), {})

    def measure(self, store: KeptBytes) -> None:
        """What comes before the scores are weighed."""
        if self.interrupted:
            raise InterruptedLookError


@dataclass
class Project:
    registry: Registry
    make: Make

    def submit(self, name: str, *trained_on: str) -> AdapterVersion:
        adapter, folder = self.make(name)
        prints = WordPrints.of(trained_on)
        return self.registry.submit(adapter, folder, f"made {name}", trained_on=prints)

    def decide(
        self,
        version: AdapterVersion,
        sealed: SealedItems,
        *,
        dev: ScoreTable | None = None,
        policy: Policy | None = None,
        source: str = "reward model",
    ) -> Decided:
        policy, opponent = policy or Policy(), self.registry.opponent(version.adapter.files)
        pins = evidence_of(version.adapter.files, opponent.adapter).pins
        scores = (dev or table(BETTER)).model_copy(update={"pins": pins})
        known = calibration(source=source, votes=1)
        before = weigh(None, policy, dev=scores, calibration=known)
        return decide(self.registry, version, before, policy, sealed)


@pytest.fixture
def project(registry: Registry, make_adapter: Make) -> Project:
    Path("params.yaml").write_text("{}\n")
    return Project(registry, make_adapter)


@pytest.fixture
def better(registry: Registry) -> Items:
    """Items on which the challenger is better."""
    return Items(registry, table(BETTER))


def test_who_does_not_qualify_on_dev_takes_no_look(project: Project, better: Items) -> None:
    decided = project.decide(project.submit("a"), better, dev=table(EQUAL))
    assert decided.decision.verdict is Verdict.HOLD
    assert decided.decision.opening is None
    assert decided.evidence.sealed == {}
    assert better.counted == []
    assert project.registry.history(kind="open") == []


def test_a_look_is_in_the_history_before_it_is_taken(project: Project, better: Items) -> None:
    decided = project.decide(project.submit("a"), better)
    assert decided.decision.verdict is Verdict.PROMOTE
    assert decided.decision.opening == 1
    assert better.counted == [1]
    history = project.registry.history()
    assert list(unpaid_decisions(project.registry.artifacts, history)) == []


@pytest.mark.attack
def test_a_look_at_the_old_items_in_other_words_counts_after_theirs(
    project: Project, better: Items, registry: Registry
) -> None:
    meant = MeaningPrints.packed("0" * 64, np.eye(LEAST_TEXTS, dtype=np.float32))
    for number, word in enumerate(("card", "loan"), start=1):
        asked = sealed_set(*(f"{word}{i}" for i in range(LEAST_TEXTS)))
        items = replace(better, asked=asked._replace(meanings=meant))
        assert project.decide(project.submit(word), items).decision.opening == number
        registry.record_rotation("sealed", LEAST_TEXTS, "they are known by heart")


def test_an_interrupted_look_stays_counted_and_goes_on(project: Project, better: Items) -> None:
    version, better.interrupted = project.submit("a"), True
    for _ in range(3):
        with pytest.raises(InterruptedLookError):
            project.decide(version, better)
    better.interrupted = False
    assert project.decide(version, better).decision.opening == 1
    assert better.counted == [1, 1, 1, 1]


def test_what_was_measured_at_a_look_is_not_measured_again(
    project: Project, better: Items, registry: Registry
) -> None:
    version = project.submit("a")
    first = project.decide(version, better)
    worse = Items(registry, table(EQUAL))
    again = project.decide(version, worse)
    assert (again.decision, again.evidence) == (first.decision, first.evidence)
    assert worse.counted == []


def test_another_policy_is_another_look_and_later_ones_must_show_more(
    project: Project, registry: Registry
) -> None:
    version, equal = project.submit("a"), Items(registry, table(EQUAL))
    policies = [Policy(margins={"rougeL": margin}) for margin in (0.0, 0.001, 0.0)]
    found = [project.decide(version, equal, policy=policy).decision for policy in policies]
    assert [decision.opening for decision in found] == [1, 2, 1]
    assert found[1].alpha is not None
    assert found[0].alpha is not None
    assert found[1].alpha < found[0].alpha


def test_a_champion_keeps_the_decision_that_made_it_one(
    project: Project, better: Items, registry: Registry
) -> None:
    version = project.submit("a")
    won = project.decide(version, better)
    registry.promote(version.number, "it won")
    equal = Items(registry, table(EQUAL), sealed_set("something else is asked"))
    again = project.decide(version, equal, policy=Policy(alpha=0.01))
    assert again.decision == won.decision
    assert equal.counted == []


def test_who_was_rolled_back_takes_no_look_at_the_same_items(
    project: Project, better: Items, registry: Registry
) -> None:
    for name in "ab":
        version = project.submit(name)
        project.decide(version, better)
        registry.promote(version.number, "it won")
    registry.rollback("worse in use")
    looks = len(registry.history(kind="open"))
    again = project.decide(version, better, policy=Policy(alpha=0.04))
    assert again.decision == registry.decision(version.number)
    assert len(registry.history(kind="open")) == looks


RESPLIT = ("who can block a lost card", "when does the branch open on saturday")


@pytest.mark.parametrize(
    "changed",
    [{"floors": {"bleu": 0.1}}, {"guards": {"bleu": 0.1}}, {"critical_slices": {"topic=loans": 5}}],
)
def test_what_no_measurement_can_mend_is_told_before_a_look_is_spent(
    changed: dict[str, Any], project: Project, better: Items
) -> None:
    with pytest.raises(InputError, match="the policy's"):
        project.decide(project.submit("a"), better, policy=Policy.model_validate(changed))
    assert project.registry.history(kind="open") == []


def test_a_row_whose_assertion_cannot_be_checked_is_told_before_a_look_is_spent(
    project: Project, better: Items
) -> None:
    Path("params.yaml").write_text("evaluation: {scoring: {metrics: [assertions]}}\n")
    bad = {"kind": "json_schema", "inline": {"type": "strin"}}
    better.rows = (Row.model_validate(better.rows[0].model_dump() | {"assertions": [bad]}),)
    with pytest.raises(InputError, match="cannot be checked: no JSON schema"):
        project.decide(project.submit("a"), better)
    assert project.registry.history(kind="open") == []


def test_of_two_that_measure_at_once_the_first_one_counts(
    project: Project, better: Items, registry: Registry
) -> None:
    version = project.submit("a")
    other = Items(registry, table(EQUAL))

    class Slow(Items):
        def measure(self, store: KeptBytes) -> None:
            project.decide(version, other)  # another machine is quicker

    with pytest.raises(IncumbentError, match="look 1 was measured already, and its evidence stays"):
        project.decide(version, Slow(registry, table(BETTER)))
    assert project.decide(version, better).decision.verdict is Verdict.HOLD
    assert len(registry.history(kind="open")) == 1


def test_the_same_look_in_another_family_is_not_measured_again(
    project: Project, better: Items, registry: Registry, make_adapter: Make
) -> None:
    first = project.decide(project.submit("a"), Items(registry, table(EQUAL)))
    with Registry(Path("registry"), "other") as other:
        elsewhere = Project(other, make_adapter)
        again = elsewhere.decide(elsewhere.submit("a"), better)
    assert better.counted == []
    assert (again.evidence, again.decision.opening) == (first.evidence, 1)


def test_a_version_that_a_person_rejected_takes_no_look(project: Project, better: Items) -> None:
    version = project.submit("a")
    project.registry.reject(version.number, "impolite")
    assert project.decide(version, better).notes == ("it was rejected by tester: impolite",)
    assert better.counted == []


def test_whoever_was_rolled_back_over_does_not_come_back_either(
    project: Project, better: Items, registry: Registry
) -> None:
    """Back to the first: the second, which lies between, has fallen with the third."""
    for name in "abc":
        version = project.submit(name)
        project.decide(version, better)
        registry.promote(version.number, "it won")
    registry.rollback("worse in use", to=1)
    assert [registry.rolled_back(number) for number in (1, 2, 3)] == [False, True, True]


def test_a_look_on_another_machine_that_was_not_finished_is_another_one(
    project: Project, registry: Registry
) -> None:
    version = project.submit("a")
    here = Moved(registry, table(BETTER), interrupted=True)
    with pytest.raises(InterruptedLookError):
        project.decide(version, here)
    there = Moved(registry, table(BETTER), processor="another processor")
    assert project.decide(version, there).decision.opening == 2
    here.interrupted = False
    assert project.decide(version, here).decision.opening == 2  # decided is decided


@dataclass
class Moved(Items):
    """The same items, answered on some kind of machine."""

    processor: str = "a processor"

    def pins(self, dev: ScorePins, policy: Policy) -> ScorePins:
        numerics = NUMERICS.model_copy(update={"processor": self.processor})
        return super().pins(dev, policy).model_copy(update={"numerics": numerics})


@pytest.mark.parametrize("whose", ["champion", "challenger"])
def test_a_split_that_examines_on_what_was_learnt_is_refused_before_the_look(
    whose: str, project: Project, better: Items, registry: Registry
) -> None:
    first = project.submit("a", *(RESPLIT if whose == "champion" else ()))
    calm = Items(registry, table(BETTER), sealed_set("nobody was trained on this"))
    project.decide(first, calm)
    registry.promote(first.number, "it won")
    second = project.submit("b", *(RESPLIT if whose == "challenger" else ()))
    label = {"champion": "test v1", "challenger": "test v2"}[whose]
    learnt = f"1 of the 2 sealed items are near-duplicates of what {label} was trained on"
    with pytest.raises(InputError, match=learnt):
        project.decide(second, better)
    assert len(registry.history(kind="open")) == 1
    assert better.counted == []


@pytest.mark.attack
@pytest.mark.parametrize(
    "learnt",
    ["whо саn blосk а lоst саrd", "whocanblockalostcard", "w h 0 c 4 n b l 0 c k a lost card"],
)
def test_an_item_that_was_learnt_in_disguise_is_refused_before_the_look(
    learnt: str, project: Project, better: Items, registry: Registry
) -> None:
    version = project.submit("a", learnt, "when does the branch open on saturday")
    with pytest.raises(InputError, match="1 of the 2 sealed items are near-duplicates"):
        project.decide(version, better)
    assert registry.history(kind="open") == []


@pytest.mark.attack
def test_a_chat_template_that_holds_sealed_answers_is_read_as_a_system_prompt_is(
    tmp_path: Path, make_adapter: Make
) -> None:
    """Without a line in the settings too: the base's own folder may hold one."""
    rows = [Row.of(f"Ask {n}?", text, group=text, source="s") for n, text in enumerate(ANSWERS)]
    told = "{{ messages }}" + " ".join(ANSWERS)
    file = tmp_path / "base" / "chat_template.jinja"
    file.parent.mkdir()
    adapter, _ = make_adapter("a")

    def beside(own: str | None, of_the_base: str) -> str:
        file.write_text(of_the_base)
        pinned = adapter.base.model_copy(update={"model": str(file.parent), "own_template": own})
        return texts_beside(adapter.model_copy(update={"base": pinned}))

    for own, of_the_base in ((told, "{{ messages }}"), (None, told)):
        with pytest.raises(InputError, match="holds the answers of 3 of the 3 sealed items"):
            refuse_told_answers(beside(own, of_the_base), rows)
    refuse_told_answers(beside(None, "{{ messages }}"), rows)


ANSWERS = [
    f"The fee of a {thing} is charged on the first day of the month after you sign for it."
    for thing in ("mortgage", "savings book", "standing order")
]


@pytest.mark.attack
def test_it_is_told_when_looks_of_another_family_count(
    project: Project, better: Items, registry: Registry
) -> None:
    project.decide(project.submit("a"), better)
    registry.family = "renamed"
    (*_, note) = project.decide(project.submit("b"), better).notes
    assert note.startswith("this is look 2: looks of test were at rows of this project")
    assert "incumbent data rotate-eval --reason WHY" in note


def test_rows_that_are_trained_on_today_are_apart_from_the_sealed_ones(
    project: Project, registry: Registry
) -> None:
    version = project.submit("a", *RESPLIT)
    items = Items(registry, table(BETTER), training=RESPLIT)
    assert project.decide(version, items).notes == ()


def test_it_is_told_when_nobody_knows_what_a_contestant_was_trained_on(
    project: Project, better: Items, make_adapter: Make
) -> None:
    adapter, folder = make_adapter("a")
    version = project.registry.submit(adapter, folder, "from elsewhere")
    (note,) = project.decide(version, better).notes
    assert note.startswith("what test v1 was trained on is not known")


def test_an_open_look_takes_more_votes_and_nothing_else(
    project: Project, registry: Registry
) -> None:
    policy = Policy(preference_test="e-value")
    version = project.submit("a")
    few = Items(registry, unvoted(table(BETTER), 5), votes=True)
    first = project.decide(version, few, policy=policy, source="ballots")
    assert first.decision.verdict is Verdict.HOLD
    more = Items(registry, table(EQUAL).model_copy(update={"items": liked()}), votes=True)
    second = project.decide(version, more, policy=policy, source="ballots")
    assert second.decision.opening == first.decision.opening == 1
    assert second.evidence.sealed["preference"].n > first.evidence.sealed["preference"].n
    assert second.evidence.sealed["rougeL"] == first.evidence.sealed["rougeL"]
    assert len(registry.history(kind="open")) == 1


def unvoted(scores: ScoreTable, voted: int) -> ScoreTable:
    """The same scores, and a preference for the first few items alone."""
    items = [
        item if i < voted else item.model_copy(update={"preference": None})
        for i, item in enumerate(scores.items)
    ]
    return scores.model_copy(update={"items": tuple(items)})


def liked() -> tuple[ItemScore, ...]:
    return tuple(item.model_copy(update={"preference": 1.0}) for item in table(EQUAL).items)


@dataclass
class Judged(Items):
    """Items whose answers are better or not by luck, as a judge has it that fails near the end."""

    luck: Iterator[ScoreTable] = field(default_factory=lambda: iter([EQUAL_TABLE, BETTER_TABLE]))
    fails: int = 1  # attempts

    def measure(self, store: KeptBytes) -> None:
        kept = store.read(JUDGED)
        self.scores = ScoreTable.parse(kept, JUDGED) if kept else next(self.luck)
        store.write(JUDGED, self.scores.canonical())
        self.fails -= 1
        if self.fails >= 0:
            raise InterruptedLookError


def changes(registry: Registry) -> list[str]:
    with registry.engine.connect() as connection:
        return list(changed_looks(connection, registry.history()))


JUDGED = Path("judgements/all.json")
EQUAL_TABLE, BETTER_TABLE = table(EQUAL), table(BETTER)


@pytest.mark.attack
def test_a_judge_that_fails_near_the_end_is_not_asked_for_better_luck(
    project: Project, registry: Registry
) -> None:
    version, judged = project.submit("a"), Judged(registry, EQUAL_TABLE)
    with pytest.raises(InterruptedLookError):
        project.decide(version, judged)
    decided = project.decide(version, judged)
    assert decided.decision.verdict is Verdict.HOLD
    assert decided.decision.opening == 1
    (again,) = registry.history(kind="reopen")
    assert again.told(LookTakenUp).attempt == 2
    assert changes(registry) == []


@pytest.mark.attack
def test_judgements_that_were_deleted_cost_another_look(
    project: Project, registry: Registry
) -> None:
    version, judged = project.submit("a"), Judged(registry, EQUAL_TABLE)
    with pytest.raises(InterruptedLookError):
        project.decide(version, judged)
    registry.artifacts.blobs.delete(EQUAL_TABLE.digest)
    decided = project.decide(version, judged)
    assert decided.decision.opening == 2
    assert "is gone: it is taken anew, as another look" in decided.notes[0]


@pytest.mark.attack
def test_a_look_is_not_interrupted_for_ever(project: Project, registry: Registry) -> None:
    version, judged = project.submit("a"), Judged(registry, EQUAL_TABLE, fails=MOST_ATTEMPTS)
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(InterruptedLookError):
            project.decide(version, judged)
    assert project.decide(version, judged).decision.opening == 2


@pytest.mark.attack
def test_verify_tells_of_bytes_that_were_changed_behind_a_decision(
    project: Project, registry: Registry
) -> None:
    project.decide(project.submit("a"), Judged(registry, EQUAL_TABLE, fails=0))
    with registry.engine.begin() as connection:
        connection.execute(update(look_bytes).values(digest="0" * 64))
    (problem,) = changes(registry)
    assert "is not what the decision rests on" in problem
