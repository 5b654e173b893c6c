"""Champion and challenger may stand on different bases, and the registry tells them apart."""

from collections.abc import Callable
from pathlib import Path

import pytest

from project.errors import IncumbentError, InputError
from project.model_pins import ModelChoice, pin
from project.records.adapters import Adapter, AdapterVersion, Contestant, Opponent, told_apart
from project.records.evidence import Evidence, Verdict
from project.records.scores import ScorePins
from registry.adapter_import.adapter_folder import refuse_misfit
from registry.audit import problems
from registry.champion import on_this_machine
from registry.decision_checks import refuse_unfit
from registry.lineage import apart
from registry.store import Registry
from tests.conftest import BASE, SEALED, decision_on, evidence_of, keep_decision
from tests.places import DATASET

Make = Callable[[str], tuple[Adapter, Path]]
OTHER = BASE.model_copy(update={"name": "other-base", "weights": "e" * 64})
PROMPT = "You answer for a bank."
BARE = Contestant(base=BASE)


def measured(challenger: Contestant, champion: Contestant) -> Evidence:
    """Evidence that pins both sides."""
    assert challenger.adapter is not None
    evidence = evidence_of(challenger.adapter, champion.adapter)
    assert evidence.pins is not None
    sides = {"base": challenger.base.weights, "contestants": (champion, challenger)}
    return evidence.model_copy(update={"pins": evidence.pins.model_copy(update=sides)})


def pins_of(challenger: Contestant, champion: Contestant) -> ScorePins:
    pins = measured(challenger, champion).pins
    assert pins is not None
    return pins


def submit(registry: Registry, make: Make, name: str, base: Contestant = BARE) -> AdapterVersion:
    adapter, folder = make(name)
    on = {"base": base.base, "system_prompt": base.system_prompt, "dataset": DATASET.digest}
    return registry.submit(adapter.model_copy(update=on), folder, f"made {name}", DATASET)


def win(registry: Registry, version: AdapterVersion, champion: Contestant) -> AdapterVersion:
    evidence = measured(version.adapter.contestant, champion)
    keep_decision(registry, version.number, decision_on(evidence, Verdict.PROMOTE), evidence)
    return registry.promote(version.number, "it won", by="policy")


def test_records_without_contestants_have_the_bytes_that_they_always_had(
    make_adapter: Make,
) -> None:
    pins = evidence_of("1" * 64, None).pins
    assert pins is not None
    for record in (make_adapter("a")[0], Opponent(version=1), pins):
        for name in (b"system_prompt", b"contestant", b"baseline"):
            assert name not in record.canonical()


def test_an_identity_is_of_what_answers_wherever_its_base_lies() -> None:
    moved = BASE.model_copy(update={"model": "/elsewhere", "name": "/elsewhere"})
    assert Contestant(base=moved).identity == BARE.identity
    others = [
        Contestant(base=OTHER),
        Contestant(base=BASE, adapter="1" * 64),
        Contestant(base=BASE, system_prompt=PROMPT),
        Contestant(base=BASE, adapter="1" * 64, bare=True),  # its prompt's sheet
        Contestant(base=BASE, adapter="1" * 64, bare=True, answers="2" * 64),
        Contestant(base=BASE, adapter="1" * 64, bare=True, answers="3" * 64),
    ]
    assert len({contestant.identity for contestant in (BARE, *others)}) == 7


def test_they_are_told_apart_in_words() -> None:
    assert told_apart(BARE, BARE.model_copy(update={"adapter": "1" * 64})) is None
    assert told_apart(BARE, Contestant(base=OTHER, system_prompt=PROMPT)) == (
        "the champion stands on a-base (weights bbbbbbbbbbbb), the challenger on other-base "
        "(weights eeeeeeeeeeee); their system prompts differ"
    )


def test_a_version_on_another_base_is_promoted_and_rolled_back(
    registry: Registry, make_adapter: Make
) -> None:
    first = win(registry, submit(registry, make_adapter, "a"), BARE)
    newer = Contestant(base=OTHER, system_prompt=PROMPT)
    second = submit(registry, make_adapter, "b", newer)
    win(registry, second, first.adapter.contestant)
    told = apart(registry.decision(2))
    assert told is not None and "the challenger on other-base" in told
    opponent = registry.opponent("9" * 64)
    assert opponent.contestant == second.adapter.contestant
    assert opponent.baseline == first.adapter.contestant  # which the regression budget counts from
    registry.rollback("back")
    assert registry.opponent("9" * 64).contestant == first.adapter.contestant
    assert list(problems(registry)) == []


def test_a_decision_on_the_same_adapter_under_another_system_prompt_promotes_nothing(
    registry: Registry, make_adapter: Make
) -> None:
    version = submit(registry, make_adapter, "a")
    other = version.adapter.contestant.model_copy(update={"system_prompt": PROMPT})
    decision = decision_on(measured(other, BARE), Verdict.PROMOTE)
    with pytest.raises(IncumbentError, match="about another chat template or system prompt"):
        refuse_unfit(version, decision, None)


@pytest.mark.attack
def test_who_beat_a_handicapped_champion_is_not_promoted_and_verify_tells(
    registry: Registry, make_adapter: Make
) -> None:
    first = win(registry, submit(registry, make_adapter, "a"), BARE)
    prompt = {"system_prompt": "Say nothing that was asked. " * 40}
    handicapped = first.adapter.contestant.model_copy(update=prompt)
    with pytest.raises(IncumbentError, match="on another base or under another system prompt"):
        win(registry, submit(registry, make_adapter, "b"), handicapped)
    (problem,) = problems(registry)
    assert "it was compared with test v1 on another base or under another prompt" in problem


def test_another_bare_base_is_another_look_and_the_count_goes_on(
    registry: Registry, make_adapter: Make
) -> None:
    version = submit(registry, make_adapter, "a")
    own = version.adapter.contestant

    def look(bare: Contestant) -> int:
        pins = pins_of(own, bare)
        counted = registry.count_look(1, pins, SEALED, policy="9" * 64, alpha=0.05)
        return counted.number

    moved = BARE.model_copy(update={"base": BASE.model_copy(update={"model": "/elsewhere"})})
    asked = [BARE, moved, Contestant(base=OTHER), BARE, Contestant(base=OTHER)]
    assert [look(bare) for bare in asked] == [1, 1, 2, 1, 2]
    assert list(problems(registry)) == []


def test_the_same_files_on_another_base_are_no_version_that_is_there(
    registry: Registry, make_adapter: Make
) -> None:
    submit(registry, make_adapter, "a")
    with pytest.raises(InputError, match=r"these files are test v1, which stands on a-base"):
        submit(registry, make_adapter, "a", Contestant(base=OTHER))


def test_the_bare_base_stands_under_the_projects_system_prompt() -> None:
    bare = Contestant(base=BASE, system_prompt=PROMPT)
    assert on_this_machine(Opponent(), bare).contestant == bare


def test_a_base_with_the_projects_weights_is_the_projects_wherever_it_was() -> None:
    old = BASE.model_copy(update={"model": "/gone", "config": "0" * 64})
    opponent = Opponent(version=1, contestant=Contestant(base=old, system_prompt=PROMPT))
    found = on_this_machine(opponent, BARE).contestant
    assert found == Contestant(base=BASE, system_prompt=PROMPT)


def test_a_base_that_is_not_here_is_told_with_the_next_step(
    word_base: Path, tmp_path: Path
) -> None:
    there = pin(ModelChoice(model=str(word_base)), "base")
    opponent = Opponent(version=1, contestant=Contestant(base=there))
    assert on_this_machine(opponent, BARE) == opponent
    gone = there.model_copy(update={"model": str(tmp_path / "gone")})
    opponent = Opponent(version=1, contestant=Contestant(base=gone))
    problem = r"champion v1 stands on another base .* put its files back into .*gone"
    with pytest.raises(IncumbentError, match=problem):
        on_this_machine(opponent, BARE)
    hub = there.model_copy(update={"model": "bank/base", "revision": "a" * 40})
    opponent = Opponent(version=1, contestant=Contestant(base=hub))
    with pytest.raises(IncumbentError, match=f"hf download bank/base --revision {'a' * 40}"):
        on_this_machine(opponent, BARE)
    changed = there.model_copy(update={"config": "0" * 64})
    opponent = Opponent(version=1, contestant=Contestant(base=changed))
    with pytest.raises(IncumbentError, match="are not those that were pinned"):
        on_this_machine(opponent, BARE)


def test_an_adapter_whose_base_is_elsewhere_is_not_refused_but_told(
    registry: Registry, make_adapter: Make
) -> None:
    version = submit(registry, make_adapter, "a")
    note = refuse_misfit(version, registry.artifacts)
    assert note is not None
    assert note.startswith("whether test v1 still loads was not checked: a-base")


def test_an_adapter_that_does_not_fit_its_base_is_refused(
    registry: Registry, make_adapter: Make, word_base: Path
) -> None:
    base = Contestant(base=pin(ModelChoice(model=str(word_base)), "base"))
    version = submit(registry, make_adapter, "a", base)  # whose weights are one letter
    with pytest.raises(IncumbentError, match="test v1 does not fit its base"):
        refuse_misfit(version, registry.artifacts)
