"""The default reward model: it knows what the frozen embedder knows, and learns what that lacks."""

import csv
from pathlib import Path

import pytest

from curation.kinship import family_names
from evaluation.preference.judge_calibration import calibrate, cosine_wins
from evaluation.preference.preference_pairs import AnswerPair
from project.canonical import digest_folder
from project.model_pins import ModelChoice, locate
from project.records.data import EvidencePassage, Row
from project.records.preferences import Calibration
from tests.evaluation.test_calibration import GOOD

QUESTIONS = Path(__file__).parent / "service_questions.csv"  # of four made-up services


def service_rows() -> list[Row]:
    """As a project has them: drawn, and in groups of near-duplicates."""
    with QUESTIONS.open(newline="") as file:
        rows = [
            Row.of(line["question"], line["answer"], group=line["question"], source="questions.csv")
            for line in csv.DictReader(file)
        ]
    grouped = zip(rows, family_names(rows), strict=True)
    apart = [row.model_copy(update={"group": group}) for row, group in grouped]
    return sorted(apart, key=lambda row: row.id)


def test_the_service_questions_are_many_and_no_two_alike() -> None:
    rows = service_rows()
    assert len(rows) >= 300
    assert len({row.group for row in rows}) == len(rows)
    assert len({row.completion_text for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("accuracy", "matched", "wins"),
    [(0.8, 0.7, False), (0.7, 0.6, True), (0.95, 0.6, False), (None, None, True)],
)
def test_the_frozen_cosine_judges_where_it_is_right_more_often(
    accuracy: float | None, matched: float | None, wins: bool
) -> None:
    rival = {"cosine_accuracy": 0.75, "matched_cosine": 0.7}
    learnt = {"accuracy": accuracy, "matched_accuracy": matched}
    assert cosine_wins(Calibration(**GOOD | rival | learnt)) is wins


@pytest.mark.slow
def test_a_head_knows_content_beats_length_and_is_the_same_again(tmp_path: Path) -> None:
    # Imported here, as below, so that the fast tests do not wait for TRL.
    from evaluation.preference.learnt_reward import OTHERS, train_head
    from evaluation.preference.preference_pairs import part
    from evaluation.preference.reward_model import ExchangeVectors, FrozenCosine, RewardModel
    from evaluation.preference.worse_answers import made_pairs

    learnt, held_out = part(service_rows(), 0.25)
    vectors = ExchangeVectors(locate(ModelChoice(), "embedder"))
    own = {row.id: row.completion_text for row in (*learnt, *held_out)}  # no pair, but quick
    pairs, exam = (
        made_pairs(learnt, own, vectors, others=OTHERS),
        made_pairs(held_out, own, vectors),
    )
    assert {pair.prompt for pair in pairs}.isdisjoint(pair.prompt for pair in exam)
    train_head(pairs, vectors, tmp_path / "one")
    found = calibrate(RewardModel(tmp_path / "one", vectors), exam, FrozenCosine(vectors))
    assert found.matched_n >= 80
    assert found.matched_accuracy and found.matched_accuracy >= 0.85
    assert found.matched_accuracy >= (found.matched_cosine or 1) and not cosine_wins(found)
    assert found.advisory is None
    for name in ("some", "same"):
        train_head(pairs[:100], vectors, tmp_path / name)
    assert digest_folder(tmp_path / "some") == digest_folder(tmp_path / "same")


@pytest.mark.slow
def test_a_frozen_head_prefers_what_lies_nearer_to_the_prompt(tmp_path: Path) -> None:
    from evaluation.preference.learnt_reward import save_frozen
    from evaluation.preference.preference_pairs import AnswerPair
    from evaluation.preference.reward_model import ExchangeVectors, FrozenCosine, RewardModel

    vectors = ExchangeVectors(locate(ModelChoice(), "embedder"))
    save_frozen(vectors, tmp_path / "frozen")
    asked = [
        AnswerPair(item=row.id, prompt=row.prompt_text, champion=a, challenger=row.completion_text)
        for row, a in zip(service_rows()[:8], ("No idea.", "Ask a bank.") * 4, strict=True)
    ]
    judge = RewardModel(tmp_path / "frozen")
    assert judge.source == "frozen cosine"
    said, rival = judge.prefer(asked), FrozenCosine(vectors).prefer(asked)
    assert [(one.win_probability or 0) > 0.5 for one in said] == [
        one.win_probability == 1 for one in rival
    ]


@pytest.mark.slow
def test_an_answer_is_near_to_the_passages_that_its_question_stands_on() -> None:
    from evaluation.preference.reward_model import ExchangeVectors, FrozenCosine

    books, loans = "Books are lent for 28 days.", "Our bank gives loans to farmers."
    asked = [
        AnswerPair(
            item=text,
            prompt="What holds here?",
            champion=loans,
            challenger=books,
            evidence=(EvidencePassage(id="1", text=text),),
        )
        for text in (books, loans)
    ]
    said = FrozenCosine(ExchangeVectors(locate(ModelChoice(), "embedder"))).prefer(asked)
    assert [one.win_probability for one in said] == [1, 0]


@pytest.mark.slow
def test_a_prompt_that_is_too_long_is_read_from_its_end() -> None:
    from evaluation.preference.reward_model import ExchangeVectors

    vectors = ExchangeVectors(locate(ModelChoice(), "embedder"))
    rules = "Be kind to everybody who writes to us. " * 100
    asked, other = "How long may I keep a book?", "What does a dog cost?"
    near, far = vectors.cosines([rules + asked, rules + other], ["Books are lent for 28 days."] * 2)
    assert near > far


@pytest.mark.parametrize(
    ("champion", "challenger", "expected"),
    [("he it of of", ".", 0.0), ("", "Yes.", 1.0), ("…", ".", 0.3), ("No.", "Yes.", 0.3)],
)
def test_an_answer_without_a_word_loses_to_one_that_has_some(
    champion: str, challenger: str, expected: float
) -> None:
    from evaluation.preference.reward_model import says_something

    compared = AnswerPair(item="i", prompt="p", champion=champion, challenger=challenger)
    assert says_something(compared, 0.3) == expected
