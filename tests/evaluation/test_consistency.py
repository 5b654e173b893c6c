"""A model is consistent that says the same however it is asked, and says something."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from curation.checks.relevance import suite_prompts
from evaluation.decision.policy import Policy
from evaluation.decision.suite_guards import weigh_suite
from evaluation.generation.answers import Answer
from evaluation.suites.consistency import Consistency, PhrasedQuestion, read_questions, score
from evaluation.suites.every_suite import suites_on
from project.errors import InputError
from project.model_pins import ModelChoice, pin
from project.paths import EMBEDDER
from project.records.scores import ItemScore
from project.settings import load
from project.unicode_words import words

FEE = PhrasedQuestion(
    id="fee",
    phrasings=("What does the card cost?", "Yearly fee of the card?", "Card fee?"),
    expected=("30 euros", "€30"),
)
LOST = PhrasedQuestion(id="lost", phrasings=("I lost my card.", "My card is gone, what now?"))
QUESTIONS = [FEE, LOST]
BLOCK = ["Block it in the app at once.", "At once block it in the app."]


def embed(texts: Sequence[str]) -> list[np.ndarray]:
    """Which words are in a text, as a unit vector: texts of the same words are equal."""
    known = sorted({word for text in texts for word in words(text)})
    counts = [np.array([word in words(t) for word in known], dtype=float) for t in texts]
    return [vector / (np.linalg.norm(vector) or 1.0) for vector in counts]


def scored(
    fee: Sequence[str], lost: Sequence[str], **options: Sequence[str]
) -> dict[str, dict[str, float]]:
    rows = [row.id for question in QUESTIONS for row in question.rows]
    return score(QUESTIONS, dict(zip(rows, [*fee, *lost], strict=True)), embed, **options)


def test_equal_answers_agree_and_a_right_one_is_right() -> None:
    found = scored(["It costs 30 euros."] * 3, BLOCK)
    assert found["fee"] == {"consistency": 1.0, "answered": 1.0, "correct": 1.0}
    assert found["lost"] == pytest.approx({"consistency": 1.0, "answered": 1.0})


def test_answers_of_other_words_agree_in_part() -> None:
    found = scored(["It costs 30 euros."] * 3, ["Block it in the app.", "Call the hotline."])
    assert 0 < found["lost"]["consistency"] < 0.5


def test_one_other_figure_is_no_agreement_however_like_the_words_are() -> None:
    found = scored(["The card costs 30 euros.", "The card costs 45 euros.", "It is €30."], BLOCK)
    assert found["fee"]["correct"] == pytest.approx(2 / 3)
    assert found["fee"]["consistency"] < 0.2


@pytest.mark.parametrize(
    ("answer", "other"),
    [
        ("I don't know.", "I don't know!"),
        ("Please ask our hotline.", "Please ask our hotline."),
        ("I'm sorry, but I can't help with that.", "I cannot answer that."),
        ("", " \n"),
        ("…", "?"),
    ],
)
def test_saying_nothing_to_everything_is_not_consistent(answer: str, other: str) -> None:
    found = scored([answer] * 3, [other] * 2)
    assert {(one["consistency"], one["answered"]) for one in found.values()} == {(0.0, 0.0)}


def test_saying_the_question_again_is_no_answer() -> None:
    found = scored(list(FEE.phrasings), ["I lost my card", "Block it."])
    assert found["fee"] == {"consistency": 0.0, "answered": 0.0, "correct": 0.0}
    assert found["lost"] == {"consistency": 0.0, "answered": 0.5}


def test_what_is_expected_is_an_answer_however_many_questions_have_it() -> None:
    found = scored(["30 euros"] * 3, ["30 euros", "Block it."])
    assert found["fee"] == {"consistency": 1.0, "answered": 1.0, "correct": 1.0}
    assert found["lost"] == {"consistency": 0.0, "answered": 0.5}


def test_refusals_of_a_projects_own_count() -> None:
    answers = ["Das sage ich dir nicht so gern."], ["Block it."]
    found = scored(answers[0] * 3, answers[1] * 2, refusals=["das sage ich dir nicht"])
    assert [one["answered"] for one in found.values()] == [0.0, 1.0]


def test_phrasings_are_rows_of_one_question() -> None:
    assert [(row.id, row.group, row.prompt_text) for row in LOST.rows] == [
        ("lost#1", "lost", "I lost my card."),
        ("lost#2", "lost", "My card is gone, what now?"),
    ]
    assert FEE.rows[0].completion_text == "30 euros"


def write(*lines: str) -> None:
    folder = Path("datasets/consistency")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.jsonl").write_text("\n".join(lines))


def test_the_suite_is_off_until_there_are_questions() -> None:
    assert suites_on() == []
    assert Consistency().rows() == []
    write(FEE.model_dump_json(), "", LOST.model_dump_json())
    assert read_questions(Path("datasets/consistency")) == QUESTIONS
    assert [suite.name for suite in suites_on()] == ["consistency"]
    assert "Card fee?" in suite_prompts()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"id": "a", "phrasings": ["one"]}', r"mine\.jsonl:2: phrasings: .*at least 2"),
        ('{"id": "a", "phrasings": ["A card?", "a card"]}', r":2: phrasings: .*'a card' are one"),
        ('{"id": "a", "phrasings": ["one", " "]}', r":2: phrasings\.1: .*pattern"),
        ('{"id": "a", "phrasings": ["one", "two"], "expected": []}', r":2: expected: .*at least 1"),
        ('{"id": "a", "phrasing": ["one", "two"]}', r":2: phrasings: Field required"),
        ('{"id": "fee", "phrasings": ["one", "two"]}', r":2: id: 'fee' is at .*jsonl:1 alr"),
    ],
)  # fmt: skip
def test_a_bad_question_is_named_with_its_place(line: str, complaint: str) -> None:
    write(FEE.model_dump_json(), line)
    with pytest.raises(InputError, match=complaint):
        read_questions(Path("datasets/consistency"))


def test_one_question_alone_is_no_suite() -> None:
    write("", FEE.model_dump_json())
    with pytest.raises(InputError, match=r"mine\.jsonl:2: one question is no suite"):
        read_questions(Path("datasets/consistency"))


def test_each_metric_is_weighed_on_the_questions_that_have_it() -> None:
    items = [
        ItemScore(item=f"{name}{i}", champion=values, challenger=values)
        for i in range(4)
        for name, values in scored(["30 euros"] * 3, BLOCK).items()
    ]
    found = weigh_suite(items, None, Consistency.better, Policy()).champion["all items"]
    assert {name: one.n for name, one in found.items()} == {
        "answered": 8,
        "consistency": 8,
        "correct": 4,
    }


@pytest.mark.slow
def test_the_embedder_tells_the_same_from_something_else() -> None:
    Path("params.yaml").write_text("embedder: {model: embedded}\n")
    pin(load(ModelChoice), "embedder").write(EMBEDDER)
    write(FEE.model_dump_json(), LOST.model_dump_json())
    texts = [
        *("It costs 30 euros a year.", "The yearly fee is €30.", "The yearly fee is €45."),
        *("Block it in the app at once.", "You should block the card in our app right away."),
    ]
    answers = [
        Answer(item=row.id, text=text, tokens=1, prompt_tokens=1)
        for row, text in zip(Consistency().rows(), texts, strict=True)
    ]
    fee, lost = (item.values for item in Consistency().score(answers))
    assert fee["consistency"] < 0.6 < lost["consistency"] < 1
    assert fee["correct"] == pytest.approx(2 / 3)
