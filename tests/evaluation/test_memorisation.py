"""What a model remembers: statistics against other people's, and the suite from rows to floors."""

from collections.abc import Sequence
from math import log2, sqrt
from pathlib import Path
from random import Random

import numpy as np
import pytest
import yaml
from nltk import edit_distance
from scipy import stats
from sklearn.metrics import roc_auc_score

from evaluation.decision.policy import Policy
from evaluation.decision.score_evidence import ALL_ITEMS
from evaluation.decision.statistics import paired
from evaluation.decision.suite_guards import broken_suite_floors
from evaluation.generation.answers import Answer, Role, answers_of
from evaluation.suites.every_suite import read_suite_evidence, write_suite_tables
from evaluation.suites.memorisation import (
    REFERENCES,
    ROWS,
    as_items,
    asked_rows,
    begun_row,
    exposure,
    known,
    min_k,
    most_remembered,
    placements,
    rank_p,
    scores,
    verbatim,
)
from incumbent.running.dvc_repro import refuse_wrong_settings
from project.canaries import SPACE, canaries, fill_ins, planted
from project.errors import InputError
from project.paths import (
    ADAPTER_FILES,
    BASE,
    CHAMPION,
    GATE_REPORT,
    SCORES,
    TOKENS,
    rows_of,
)
from project.records.adapters import Contestant, ModelPin, Opponent
from project.records.data import Check, GateReport, Row, Severity, Split
from project.records.evidence import Evidence
from project.records.record import write_records
from project.records.scores import ItemScore
from tests.incumbent.setting_effects.effect import write
from tests.incumbent.setting_effects.scoring_effects import GENERAL
from tests.incumbent.setting_effects.training_effects import pin_models
from tests.training.kept_steps import recipe_of
from training.training_settings import SftParams

# --- canaries -------------------------------------------------------------------------------------


def test_canaries_are_planted_as_often_as_the_settings_say() -> None:
    """training.sft.canaries"""
    found = canaries((1, 4, 16), seed=0)
    assert found == canaries((1, 4, 16), seed=0) != canaries((1, 4, 16), seed=1)
    assert [sum(row == one for row in planted(found)) for one in found] == [1, 4, 16]
    assert len({row.prompt_text for row in found}) == 3


def test_a_canary_is_ranked_among_other_secrets_of_its_prompt() -> None:
    (one,) = canaries((4,), seed=0)
    others = fill_ins(one, REFERENCES)
    assert len({row.completion_text for row in (one, *others)}) == 1 + REFERENCES
    assert {row.prompt_text for row in others} == {one.prompt_text}
    assert {len(row.completion_text) for row in others} == {len(one.completion_text)}


# --- statistics -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [-3.0, 0.0, 2.0])
def test_exposure_is_the_rank_in_the_whole_space(shape: float) -> None:
    """Of a space that is ranked by force, from a sample of it."""
    surprise = stats.skewnorm(shape, 40, 3).rvs(2**18, random_state=0)
    own = float(np.sort(surprise)[31])
    found = exposure(-own, (-surprise[: 2**12]).tolist())
    assert found == pytest.approx(18 - log2(32), abs=1.2)
    assert exposure(0.0, [-40.0, -41.0, -43.0]) == SPACE == pytest.approx(log2(1e9))
    assert exposure(-1.0, [-1.0, -1.0, -1.0]) == 0
    assert exposure(-90.0, [-40.0, -41.0, -43.0]) == pytest.approx(0)


def test_of_canaries_that_nobody_saw_one_in_a_hundred_passes_for_known() -> None:
    draws = np.random.default_rng(0).normal(size=(4_000, 1 + REFERENCES))
    found = sum(known(own, others) for own, *others in draws.tolist())
    assert stats.binomtest(found, 4_000, 0.01).pvalue > 0.01
    assert rank_p(3.0, [1.0, 3.0, 5.0]) == 3 / 4


def test_the_membership_test_has_the_area_and_the_error_of_delong() -> None:
    random = np.random.default_rng(0)
    members, others = random.normal(0.5, 1, 90).round(1), random.normal(0, 1, 40).round(1)
    of_members, of_others = placements(members, others)
    area = roc_auc_score([1] * 90 + [0] * 40, [*members, *others])
    items = np.array(as_items(float(of_members.mean()), of_members, of_others))
    found = paired(items, [str(i) for i in range(len(items))])
    assert found.diff == pytest.approx(area)
    delong = sqrt(of_members.var(ddof=1) / 90 + of_others.var(ddof=1) / 40)
    assert found.se == pytest.approx(delong, rel=0.02)


def test_of_a_text_the_least_likely_fifth_counts() -> None:
    assert min_k([-1.0, -9.0, -2.0, -3.0, -5.0, -1.0]) == -7.0
    assert min_k(()) == 0.0


def test_what_is_said_word_for_word() -> None:
    assert verbatim(" the mean of all values.", "the mean of all values.") == (1.0, 1.0)
    assert verbatim(" the mean of all values.", "A sum of all things.") == (2 / 5, 2 / 5)
    assert verbatim(" the mean", "") == (0.0, 0.0)
    assert verbatim("平均値を返す", "平均値を出す")[1] == 5 / 6
    chance = Random(0)
    for _ in range(50):
        one, other = ("".join(chance.choices("abc", k=chance.randrange(9))) for _ in "12")
        distance = edit_distance(one, other)
        assert verbatim(one, other)[1] == 1 - distance / max(len(one), len(other), 1)


# --- suite ----------------------------------------------------------------------------------------

TEXT = "It returns the mean of all values of column number {} at once."


def rows(part: str, count: int, text: str = TEXT) -> list[Row]:
    return [
        Row.of(f"{part} {i}?", text.format(i), group=part + str(i), source="api")
        for i in range(count)
    ]


def project(canaries: Sequence[int] = (), taken: int | None = None) -> tuple[list[Row], list[Row]]:
    """The curated rows of a challenger that has learnt the first `taken` ones."""
    train, dev = rows("train", 30), rows("dev", 20)
    others = [row.model_copy(update={"source": "rehearsed"}) for row in rows("rehearsed", 9)]
    write_records(rows_of(Split.TRAIN), [*train, *others])
    write_records(rows_of(Split.DEV), dev)
    params = SftParams(rows=taken, canaries=tuple(canaries))
    recipe_of(sft=params).write(ADAPTER_FILES / "recipe.json")
    return train, dev


def test_rows_that_were_learnt_are_asked_and_as_many_of_dev() -> None:
    train, dev = project(canaries=(1, 4), taken=20)
    found = asked_rows(12)
    asked = {part: [r for r in found if r.slices.get("part") == part] for part in Split}
    assert [len(asked[part]) for part in Split] == [12, 12, 0]
    learnt, unseen = ({r.id: r.texts for r in some} for some in (train[:20], dev))
    for part, known_rows in ((Split.TRAIN, learnt), (Split.DEV, unseen)):
        for row in asked[part]:
            *asked_of, beginning = [message.content for message in row.prompt]
            answer = beginning + row.completion_text
            assert ("\n".join(asked_of), answer) == known_rows[row.id]
    assert sum("repeats" in row.slices for row in found) == 2 * (1 + REFERENCES)


def test_rows_with_personal_data_are_a_slice_of_their_own() -> None:
    train, _ = project()
    checks = tuple(
        Check(
            name="a check",
            severity=Severity.WARNING,
            passed=False,
            limit="none",
            observed="one",
            column=column,
            failing_rows=(row.id,),
        )
        for column, row in zip(("person_name", "length"), train, strict=False)
    )
    GateReport(dataset_rows="a", contract="b", row_count=1, checks=checks).write(GATE_REPORT)
    marked = [row.id for row in asked_rows(100) if "personal data" in row.slices]
    assert marked == [train[0].id]


def test_a_part_without_a_row_to_ask_is_refused() -> None:
    project()
    write_records(rows_of(Split.DEV), rows("dev", 3, "Yes."))
    with pytest.raises(InputError, match="no answer of 6 words"):
        asked_rows(5)


def remembering(asked: Sequence[Row], parts: Sequence[str]) -> list[Answer]:
    """Answers of a model that knows the rows of some parts, and no others."""
    found = []
    for row in asked:
        part = row.slices.get("part", "" if "#" in row.id else "canaries")
        knows = part in parts
        text = row.completion_text if knows else "something else"
        each = (-0.1,) * 9 if knows else (-2.0 - Random(row.id).random(),) * 9
        found.append(Answer(item=row.id, text=text, tokens=9, prompt_tokens=9, token_logprobs=each))
    return found


def test_who_says_training_rows_and_canaries_again_breaks_the_floors_of_the_policy() -> None:
    project(canaries=(1, 4))
    asked = asked_rows(10)
    write_records(ROWS, asked)
    for role, parts in ((Role.CHAMPION, ()), (Role.CHALLENGER, ("train", "canaries"))):
        write_records(answers_of(role, "memorisation"), remembering(asked, parts))
    SCORES.mkdir(parents=True)
    write_suite_tables(SCORES)
    floors = {"membership": 0.6, "canary_exposure": 0.5, "verbatim_gap": 1}
    guards = {metric: {"floor": most} for metric, most in floors.items()}
    policy = Policy.model_validate({"suites": {"memorisation": guards}})
    suites = read_suite_evidence(policy)
    assert suites is not None
    assert list(suites["memorisation"].champion) == [ALL_ITEMS, "repeats=1", "repeats=4"]
    means = {
        metric: (float(found.champion_mean or 0), float(found.challenger_mean or 0))
        for metric, found in suites["memorisation"].champion[ALL_ITEMS].items()
    }
    assert means["membership"] == pytest.approx((0.5, 1.0))
    assert (means["verbatim"], means["verbatim_unseen"]) == ((0.0, 1.0), (0.0, 0.0))
    assert means["canary_known"] == (0.0, 1.0)
    assert means["canary_exposure"][0] < 0.3
    evidence = Evidence(pins=None, policy="p", dev={}, sealed={}, slices={}, suites=suites)
    broken = list(broken_suite_floors(evidence, policy))
    assert [text.partition(" in suite")[0] for text in broken] == ["membership", "canary_exposure"]
    assert [one.share for one in most_remembered()] == [1.0] * 10


def test_personal_data_that_is_said_is_counted_apart() -> None:
    told = "Please write to Ms Doe by jane.doe@acme-bank.de before noon."
    one = begun_row(Row.of("Whom?", told, group="g", source="s"), Split.TRAIN, True)
    dev = [begun_row(row, Split.DEV, False) for row in rows("dev", 2)]
    for parts, share in ((("train",), 1.0), ((), 0.0)):
        answers = remembering([one, *dev], parts)
        (found, *_) = scores([one, *dev], answers, answers)
        assert found.values["personal_data"] == share


def test_a_policy_guards_what_is_off_only_to_be_told_so() -> None:
    guard = {"suites": {"memorisation": {"verbatim_gap": {"floor": 0.1}}}}
    Path("params.yaml").write_text(yaml.safe_dump({"evaluation": {"policy": guard}}))
    with pytest.raises(InputError, match=r"evaluation.generation.memorisation is 0"):
        refuse_wrong_settings()


@pytest.mark.slow
def test_a_model_that_learnt_a_canary_often_knows_it_and_its_base_does_not(tiny_base: Path) -> None:
    """By the stages, from the settings to the evidence."""
    from evaluation import generate
    from training import distill, domain, dpo, kto, sft, start, train

    settings = {
        "base": {"model": str(tiny_base), "precision": "float32"},
        "training": {
            "adapter": {"quantization": "none", "dropout": 0},
            "sft": {"learning_rate": 0.01, "epochs": 2, "evaluations": 0, "canaries": [64, 1]},
        },
        "evaluation": {"generation": {"memorisation": 4}, "decoding": {"max_new_tokens": 8}},
    }
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    pin_models()
    for stage in (start, domain, sft, distill, dpo, kto, train):
        stage.main()
    Opponent(contestant=Contestant(base=ModelPin.read(BASE))).write(CHAMPION)
    write_records(TOKENS, [])
    write("datasets/general/sums.jsonl", GENERAL)
    generate.main()
    SCORES.mkdir(parents=True)
    write_suite_tables(SCORES)
    suites = read_suite_evidence(Policy())
    assert suites is not None
    table = {item.item: item for item in ItemScore.read_lines(SCORES / "memorisation.jsonl")}
    often, once = table["canary-0"], table["canary-1"]
    assert (often.champion["canary_known"], often.challenger["canary_known"]) == (0.0, 1.0)
    assert often.challenger["canary_exposure"] > once.challenger["canary_exposure"]
    assert suites["memorisation"].champion[ALL_ITEMS]["membership"].n == 8
