"""Nothing becomes champion without evidence that fits, and everything is in the history."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import pytest

from evaluation.decision.policy import Policy
from project.errors import IncumbentError, InputError
from project.near_duplicates import VERSION, WordPrints
from project.records.adapters import Adapter, AdapterVersion, Opponent
from project.records.events import LookTaken, Promotion
from project.records.evidence import Verdict
from registry.alpha_ledger.looks import CountedLook, SealedSet
from registry.alpha_ledger.spending import Look, alpha_at
from registry.roles import Roles
from registry.store import Registry
from tests.conftest import (
    NUMERICS,
    SEALED,
    decision_on,
    evidence_of,
    keep_decision,
    sealed_set,
)
from tests.places import blob_file

Make = Callable[[str], tuple[Adapter, Path]]


def submit(registry: Registry, make: Make, name: str) -> AdapterVersion:
    adapter, folder = make(name)
    return registry.submit(adapter, folder, f"made {name}")


def decide(
    registry: Registry, version: AdapterVersion, verdict: Verdict, sealed: SealedSet = SEALED
) -> None:
    """A decision on a version against whoever is champion now."""
    champion = registry.champion()
    beaten = champion.adapter.files if champion else None
    evidence = evidence_of(version.adapter.files, beaten, sealed.items.digest)
    decision = decision_on(evidence, verdict)
    keep_decision(registry, version.number, decision, evidence, sealed=sealed)


def win(registry: Registry, make: Make, name: str, by: str = "person") -> AdapterVersion:
    version = submit(registry, make, name)
    decide(registry, version, Verdict.PROMOTE)
    return registry.promote(version.number, f"{name} won", by=by)


def test_an_adapter_whose_bytes_are_not_its_records_is_refused(
    registry: Registry, make_adapter: Make
) -> None:
    adapter, folder = make_adapter("a")
    (folder / "adapter_config.json").write_text("{ }")
    with pytest.raises(InputError, match="holds adapter"):
        registry.submit(adapter, folder, "tampered")
    assert registry.versions() == []


def test_a_version_without_a_decision_is_not_promoted(
    registry: Registry, make_adapter: Make
) -> None:
    version = submit(registry, make_adapter, "a")
    with pytest.raises(IncumbentError, match="never decided on"):
        registry.promote(version.number, "please")
    assert registry.champion() is None


@pytest.mark.parametrize("verdict", [Verdict.HOLD, Verdict.REJECT])
def test_a_version_that_did_not_win_is_not_promoted(
    registry: Registry, make_adapter: Make, verdict: Verdict
) -> None:
    version = submit(registry, make_adapter, "a")
    decide(registry, version, verdict)
    with pytest.raises(IncumbentError, match=f"may not be promoted: {verdict}"):
        registry.promote(version.number, "please")


def test_the_newest_decision_counts(registry: Registry, make_adapter: Make) -> None:
    version = submit(registry, make_adapter, "a")
    decide(registry, version, Verdict.PROMOTE)
    decide(registry, version, Verdict.HOLD)
    with pytest.raises(IncumbentError, match="HOLD"):
        registry.promote(version.number, "please")


def test_a_winner_becomes_champion(registry: Registry, make_adapter: Make) -> None:
    version = win(registry, make_adapter, "a")
    assert registry.champion() == version
    event = registry.history(kind="promote")[0]
    assert event.told(Promotion).adapter == version.adapter.files
    assert {"base", "dataset", "evidence", "decision", "from"} <= event.detail.model_dump().keys()


def test_a_decision_against_a_former_champion_does_not_count(
    registry: Registry, make_adapter: Make
) -> None:
    late = submit(registry, make_adapter, "late")
    decide(registry, late, Verdict.PROMOTE)
    win(registry, make_adapter, "quick")
    with pytest.raises(IncumbentError, match="was compared with adapter none"):
        registry.promote(late.number, "please")
    assert registry.champion() != late


def test_a_damaged_adapter_is_not_promoted(registry: Registry, make_adapter: Make) -> None:
    version = submit(registry, make_adapter, "a")
    decide(registry, version, Verdict.PROMOTE)
    files = registry.artifacts.manifest(version.adapter.files)
    blob_file(registry.artifacts, files["adapter_model.safetensors"]).write_bytes(b"flipped")
    with pytest.raises(IncumbentError, match="damaged"):
        registry.promote(version.number, "please")
    assert registry.champion() is None


def test_of_many_promotions_against_one_champion_one_wins(
    registry: Registry, make_adapter: Make
) -> None:
    rivals = [submit(registry, make_adapter, name) for name in "abcdefgh"]
    for rival in rivals:
        decide(registry, rival, Verdict.PROMOTE)

    def attempt(rival: AdapterVersion) -> bool:
        try:
            registry.promote(rival.number, "race")
        except IncumbentError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, rivals)) == 1
    assert len(registry.history(kind="promote")) == 1


def test_rollback_goes_back_step_by_step(registry: Registry, make_adapter: Make) -> None:
    versions = [win(registry, make_adapter, name) for name in "abc"]
    assert registry.rollback("worse in use") == versions[1]
    assert registry.rollback("worse in use") == versions[0]
    with pytest.raises(InputError, match="no earlier champion"):
        registry.rollback("further?")
    assert registry.champion() == versions[0]


def test_what_was_rolled_back_does_not_come_back_by_its_old_evidence(
    registry: Registry, make_adapter: Make
) -> None:
    first, second = (win(registry, make_adapter, name) for name in "ab")
    registry.rollback("harmful in use")
    with pytest.raises(IncumbentError, match="was rolled back"):
        registry.promote(second.number, "pipeline run")
    assert registry.champion() == first
    assert registry.rollback("it was not the adapter after all", to=second.number) == second


def test_rollback_to_one_that_never_was_champion_is_refused(
    registry: Registry, make_adapter: Make
) -> None:
    win(registry, make_adapter, "a")
    loser = submit(registry, make_adapter, "b")
    with pytest.raises(InputError, match="never was champion"):
        registry.rollback("oops", to=loser.number)


def test_rollback_to_a_damaged_adapter_leaves_the_champion(
    registry: Registry, make_adapter: Make
) -> None:
    first, second = (win(registry, make_adapter, name) for name in "ab")
    files = registry.artifacts.manifest(first.adapter.files)
    blob_file(registry.artifacts, files["adapter_config.json"]).unlink()
    with pytest.raises(IncumbentError, match="missing"):
        registry.rollback("worse in use")
    assert registry.champion() == second


def test_a_challenger_meets_the_champion_and_a_champion_whom_it_beat(
    registry: Registry, make_adapter: Make
) -> None:
    assert registry.opponent("9" * 64) == Opponent()
    first = win(registry, make_adapter, "a")
    assert registry.opponent(first.adapter.files) == Opponent()
    second = win(registry, make_adapter, "b")
    assert registry.opponent(second.adapter.files).version == 1
    assert registry.opponent("9" * 64).version == 2


def items(first: int, count: int) -> SealedSet:
    """Items that ask for one thing each."""
    return sealed_set(*(f"{word(i)}a {word(i)}b {word(i)}c" for i in range(first, first + count)))


def word(i: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(i))


TEN = items(0, 10)
OTHER = "9" * 64


@dataclass
class Lookers:
    """Versions by name, whose looks are counted against whoever is champion."""

    registry: Registry
    make: Make
    sealed: SealedSet = TEN
    numbers: dict[str, int] = field(default_factory=dict)

    def look(
        self, name: str, sealed: SealedSet | None = None, policy: str = "p", **pinned: str
    ) -> CountedLook:
        sealed = sealed or self.sealed
        if name not in self.numbers:
            self.numbers[name] = submit(self.registry, self.make, name).number
        version, champion = self.registry.version(self.numbers[name]), self.registry.champion()
        beaten = champion.adapter.files if champion else None
        pins = evidence_of(version.adapter.files, beaten, sealed.items.digest).pins
        assert pins is not None
        pins = pins.model_copy(update=pinned)
        return self.registry.count_look(
            version.number, pins, sealed, policy=policy * 64, alpha=0.05
        )


@pytest.fixture
def lookers(registry: Registry, make_adapter: Make) -> Lookers:
    return Lookers(registry, make_adapter)


def test_each_new_pair_is_a_new_look_and_the_same_pair_the_same(lookers: Lookers) -> None:
    assert [lookers.look(name).number for name in "1213"] == [1, 2, 1, 3]
    assert {lookers.look(name).budget for name in "123"} == {0.05}


@pytest.mark.parametrize("another", [{"decoding": OTHER}, {"scorers": OTHER}, {"policy": "q"}])
def test_another_measurement_or_policy_is_another_look(
    another: dict[str, str], lookers: Lookers
) -> None:
    assert lookers.look("1").number == 1
    assert lookers.look("1", **another).number == 2
    assert [lookers.look("1").number, lookers.look("1", **another).number] == [1, 2]


def test_the_same_pair_on_another_kind_of_machine_is_another_look(
    lookers: Lookers, registry: Registry
) -> None:
    first = lookers.look("1")
    pins = evidence_of(registry.version(1).adapter.files, None, lookers.sealed.items.digest).pins
    assert pins is not None
    assert registry.look(pins, "p" * 64) == first
    moved = pins.model_copy(update={"numerics": NUMERICS})
    assert registry.look(moved, "p" * 64) is None


def test_a_few_new_rows_do_not_make_a_fresh_eval_set(lookers: Lookers) -> None:
    assert lookers.look("1").number == 1
    assert lookers.look("2", items(1, 10)).number == 2
    assert lookers.look("3", items(5, 10)).number == 3


def test_a_set_is_fresh_once_a_person_recorded_that_the_old_items_left(
    lookers: Lookers, registry: Registry
) -> None:
    lookers.look("1", items(0, 10))
    assert lookers.look("2", items(100, 10)).number == 2  # drawn anew, and nobody answers for it
    registry.record_rotation("dev", 10, "they are known by heart")
    assert lookers.look("3", items(200, 10)).number == 3
    registry.record_rotation("sealed", 10, "they are known by heart")
    assert lookers.look("4", items(300, 10)).number == 1
    assert lookers.look("5", items(300, 10)).number == 2
    assert lookers.look("6", items(0, 10)).number == 4  # what was looked at is never fresh again


def test_another_familys_set_with_one_item_of_ours_counts_for_itself(
    lookers: Lookers, make_adapter: Make, tmp_path: Path
) -> None:
    lookers.look("1", items(0, 10))
    with Registry(tmp_path / "registry", "other") as other:
        theirs = Lookers(other, make_adapter)
        assert [theirs.look(name, items(9, 10)).number for name in "abc"] == [1, 2, 3]


def test_a_set_of_what_others_had_is_no_fresh_one(lookers: Lookers, registry: Registry) -> None:
    """Each of three sets has a third of it, and none has half."""
    for name, first in (("1", 0), ("2", 100), ("3", 200)):
        lookers.look(name, items(first, 9))
        registry.record_rotation("sealed", 9, "they are known by heart")
    mixed = WordPrints.joined(items(first, 9).prompts.at(range(3)) for first in (0, 100, 200))
    assert lookers.look("4", SealedSet(items(900, 9).items, mixed)).number == 4


def test_the_same_questions_on_other_passages_are_no_fresh_set(
    lookers: Lookers, registry: Registry
) -> None:
    first = items(0, 10)
    lookers.look("1", first)
    registry.record_rotation("sealed", 10, "they have other passages now")
    assert lookers.look("2", SealedSet(items(900, 10).items, first.prompts)).number == 2


@pytest.mark.attack
def test_a_new_family_on_the_rows_of_a_project_goes_on_with_its_looks(
    registry: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    """Forty fresh items of one table, under a name of their own each time."""
    table = [f"{word(i)}a {word(i)}b {word(i)}c {word(i)}d {word(i)}e" for i in range(100, 400)]

    def looked(name: str, first: int, rotated: bool = False) -> tuple[int, list[str]]:
        sealed = sealed_set(*table[first : first + 40])
        rest = [*table[:first], *table[first + 40 :]]
        learnt = WordPrints.of(f"In a word: {row}" for row in rest)
        with Registry(tmp_path / "registry", name) as family:
            if rotated:
                family.record_rotation("sealed", 40, "known by heart")
            adapter, folder = make_adapter(name)
            number = family.submit(adapter, folder, "a try", trained_on=learnt).number
            look = Lookers(family, make_adapter, sealed, {name: number}).look(name)
            return look.number, family.families_before(look)

    assert looked("a", 0) == (1, [])
    assert looked("b", 40) == (2, ["a"])
    assert looked("c", 80) == (3, ["a", "b"])
    assert looked("d", 200, rotated=True) == (1, [])


def test_a_policy_that_is_chosen_after_a_look_has_no_more_to_spend(
    lookers: Lookers, registry: Registry
) -> None:
    first = lookers.look("1")
    pins = evidence_of(registry.version(1).adapter.files, None, TEN.items.digest).pins
    assert pins is not None
    greedy = registry.count_look(1, pins, TEN, policy="q" * 64, alpha=0.49)
    assert (greedy.number, greedy.budget) == (2, first.budget)


def test_nor_has_it_after_the_next_promotion(
    lookers: Lookers, registry: Registry, make_adapter: Make
) -> None:
    first = submit(registry, make_adapter, "a")
    decide(registry, first, Verdict.PROMOTE, TEN)
    registry.promote(first.number, "it won")
    version = submit(registry, make_adapter, "b")
    pins = evidence_of(version.adapter.files, first.adapter.files, TEN.items.digest).pins
    assert pins is not None
    greedy = registry.count_look(version.number, pins, TEN, policy="q" * 64, alpha=0.49)
    assert greedy.level(0.49) <= 0.05


def test_another_familys_promotions_earn_nothing_here(
    lookers: Lookers, registry: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    """The same gain, promoted in twenty families, is not twenty discoveries."""
    for number in range(3):
        with Registry(tmp_path / "registry", f"other-{number}") as other:
            adapter = submit(other, make_adapter, f"copy {number}")
            decide(other, adapter, Verdict.PROMOTE, TEN)
            other.promote(adapter.number, "it won")
    first = submit(registry, make_adapter, "own")
    decide(registry, first, Verdict.PROMOTE, TEN)
    registry.promote(first.number, "it won")
    assert lookers.look("x").budget == 2 * 0.05


LETTERS = [f"{word(i)}a {word(i)}b {word(i)}c {word(i)}d {word(i)}e" for i in range(10, 40)]


@pytest.mark.parametrize(
    "reworded",
    [
        [f"  {text.upper().replace(' ', '   ')} " for text in LETTERS],
        [f"You are a careful bank. Please answer: {text}" for text in LETTERS],
        [f"{text} too" for text in LETTERS],
        [f"{text} {i}x {i}y {i}z {i}w" for i, text in enumerate(LETTERS)],
        [text.rpartition(" ")[0] for text in LETTERS],
    ],
    ids=["spaces and capitals", "another instruction", "a word", "words of its own", "a word less"],
)
def test_reworded_items_are_no_fresh_eval_set(
    reworded: list[str], lookers: Lookers, registry: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    asked = sealed_set(*(f"Answer in one line: {text}" for text in LETTERS))
    assert lookers.look("1", asked).number == 1
    registry.record_rotation("sealed", len(LETTERS), "others are drawn")  # nothing else joins them
    again = sealed_set(*reworded)
    assert set(again.items.items).isdisjoint(asked.items.items)
    assert lookers.look("2", again).number == 2
    with Registry(tmp_path / "registry", "other") as other:
        assert Lookers(other, make_adapter).look("3", again).number == 3


def test_sets_that_were_counted_together_stay_so(lookers: Lookers, registry: Registry) -> None:
    """Whatever a later version finds alike: what a look continued is kept with it."""
    lookers.look("1", items(0, 10))
    lookers.look("2", items(4, 10))
    told = registry.history(kind="open")[-1].told(LookTaken)
    assert told.continues == (items(0, 10).items.digest,)
    assert told.near_duplicates == VERSION


def test_a_promotion_earns_alpha_a_rollback_takes_it_back_and_the_way_forward_restores_it(
    lookers: Lookers, registry: Registry, make_adapter: Make
) -> None:
    win(registry, make_adapter, "a")
    registry.record_rotation("sealed", 2, "known by heart")
    assert lookers.look("x").number == 1
    second = submit(registry, make_adapter, "b")
    decide(registry, second, Verdict.PROMOTE, lookers.sealed)
    registry.promote(second.number, "better")
    earned = Look(number=1, budget=0.05 + 0.05 - alpha_at(0.05, 1))
    assert placed(lookers.look("y")) == earned
    registry.rollback("worse in use")
    after = lookers.look("z")  # y has spent what the promotion had earned
    assert after.number == 3
    assert after.level(0.05) < 1e-5
    registry.rollback("better after all", to=second.number)
    spent = alpha_at(0.05, 1) + after.level(0.05)
    again = lookers.look("w")
    assert (again.number, again.budget) == (2, pytest.approx(0.05 + 0.05 - spent))


def placed(look: CountedLook) -> Look:
    return Look(number=look.number, budget=look.budget)


def test_scores_of_another_eval_set_count_no_look(registry: Registry, make_adapter: Make) -> None:
    version = submit(registry, make_adapter, "a")
    pins = evidence_of(version.adapter.files, None, items(0, 10).items.digest).pins
    assert pins is not None
    with pytest.raises(InputError, match="of another eval set"):
        registry.count_look(version.number, pins, items(0, 9), policy="p" * 64, alpha=0.05)
    assert registry.history(kind="open") == []


def test_a_decision_is_kept_only_with_the_look_that_was_counted_for_it(
    registry: Registry, make_adapter: Make
) -> None:
    """Ten looks were taken; a decision as of a first look is none of them."""
    lookers = Lookers(registry, make_adapter, SEALED)
    for name in "123456789":
        lookers.look(name)
    version = submit(registry, make_adapter, "a")
    evidence = evidence_of(version.adapter.files, None)
    decision = decision_on(evidence, Verdict.PROMOTE)
    with pytest.raises(IncumbentError, match="has no look for it: nothing was kept"):
        registry.record_decision(version.number, decision, evidence, evidence)
    lookers.look("a", policy="p")
    policy = Policy(alpha=0.04)
    assert evidence.pins is not None
    look = registry.count_look(
        version.number, evidence.pins, SEALED, policy=policy.digest, alpha=policy.alpha
    )
    assert look.number == 11
    decision = decision.model_copy(update={"policy": policy.digest})
    with pytest.raises(IncumbentError, match="the ledger has look 11 for it"):
        registry.record_decision(version.number, decision, evidence, policy)
    assert registry.decision(version.number) is None


def test_only_who_may_submit_counts_a_look_or_keeps_a_decision(
    registry: Registry, make_adapter: Make
) -> None:
    version = submit(registry, make_adapter, "a")
    evidence = evidence_of(version.adapter.files, None)
    registry.roles = Roles(submit=("trainer",))
    with pytest.raises(IncumbentError, match="may not submit"):
        keep_decision(registry, version.number, decision_on(evidence, Verdict.HOLD), evidence)
    unseen = decision_on(evidence, Verdict.HOLD).model_copy(update={"opening": None})
    with pytest.raises(IncumbentError, match="may not submit"):
        registry.record_decision(version.number, unseen, evidence, evidence)


def test_the_reference_is_the_first_champion_or_what_a_person_approved_last(
    registry: Registry, make_adapter: Make
) -> None:
    first, *_, third = (win(registry, make_adapter, name, by="policy") for name in "abc")
    assert registry.opponent("9" * 64).reference == first.adapter.files
    assert registry.opponent(third.adapter.files).reference == first.adapter.files
    approved = win(registry, make_adapter, "d", by="person")
    assert registry.opponent("9" * 64).reference is None  # the champion itself
    win(registry, make_adapter, "e", by="policy")
    assert registry.opponent("9" * 64).reference == approved.adapter.files
    registry.rollback("a person's choice", to=third.number)
    win(registry, make_adapter, "f", by="policy")
    assert registry.opponent("9" * 64).reference == third.adapter.files


def test_a_reason_that_speaks_of_a_person_is_no_approval(
    registry: Registry, make_adapter: Make
) -> None:
    first = win(registry, make_adapter, "a", by="policy")
    win(registry, make_adapter, '"by":"person"', by="policy")
    assert registry.opponent("9" * 64).reference == first.adapter.files


def test_a_version_that_was_rolled_back_comes_back_by_a_person_or_by_fresh_items(
    registry: Registry, make_adapter: Make
) -> None:
    _, second = (win(registry, make_adapter, name) for name in "ab")
    for number in (1, second.number, 1):
        registry.rollback("to and fro", to=number)
    assert registry.rolled_back(second.number)
    win(registry, make_adapter, "c")
    assert registry.rolled_back(second.number)
    decide(registry, second, Verdict.PROMOTE)  # against another champion, on the same items
    with pytest.raises(IncumbentError, match="measured on the same items does not bring it back"):
        registry.promote(second.number, "it won again")
    registry.record_rotation("sealed", 2, "known by heart")
    decide(registry, second, Verdict.PROMOTE, items(50, 10))
    assert not registry.rolled_back(second.number)
    registry.promote(second.number, "it won again")
    win(registry, make_adapter, "d")
    assert not registry.rolled_back(second.number)


def open_new_registry(root: Path) -> int:
    with Registry(root, "test") as registry:
        return len(registry.versions())


def test_many_first_users_find_one_registry(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(open_new_registry, [tmp_path / "new"] * 4)) == [0] * 4


def test_families_do_not_see_each_other(
    registry: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    win(registry, make_adapter, "a")
    with Registry(tmp_path / "registry", "other") as other:
        assert other.champion() is None
        assert other.versions() == []
        assert submit(other, make_adapter, "a").number == 1


def test_the_regression_baseline_cannot_be_deleted_while_it_is_one(
    registry: Registry, make_adapter: Make
) -> None:
    first, _ = (win(registry, make_adapter, name, by="policy") for name in "ab")
    with pytest.raises(InputError, match=r"v1 is the regression baseline"):
        registry.delete(first.number, "to save room")
    win(registry, make_adapter, "c", by="person")
    assert registry.delete(first.number, "to save room") == first
