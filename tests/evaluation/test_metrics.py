"""Our scorers are `evaluate` metrics, per item, offline, for every script."""

import json
import math
import re
import string
from collections import Counter
from pathlib import Path
from typing import Any

import evaluate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from evaluation.metrics.answer_length import AnswerLength
from evaluation.metrics.json_schema import JsonSchema
from evaluation.metrics.reference_perplexity import ReferencePerplexity
from evaluation.metrics.refusal import Refusal
from evaluation.metrics.rouge import Rouge
from evaluation.metrics.token_f1 import TokenF1
from evaluation.scoring.text_overlap import TYPES
from project.errors import InputError
from tests.conftest import ROOT

ascii_text = st.text(st.characters(max_codepoint=127), max_size=60)
# Words that meet again, so that there is something to match, over a few lines.
ascii_lines = st.lists(
    st.sampled_from(["the", "The", "loans", "loan", "of", "a", "rate.", "7%", "\n", "(rates)"]),
    max_size=20,
).map(" ".join)
IN_MANY_SCRIPTS = [
    "ऋण की ब्याज दर क्या है?",
    "贷款利率是多少",
    "Où est le prêt à taux zéro ?",
    "ローンの金利",
    "ما هو سعر الفائدة؟",
]


def rouge(prediction: str, reference: str, **options: bool) -> dict[str, float]:
    found = Rouge(**options).compute(predictions=[prediction], references=[reference])
    return {name: value for name, (value,) in found.items()}


@settings(max_examples=50, deadline=None)
@given(ascii_text | ascii_lines, ascii_text | ascii_lines, st.booleans())
def test_on_ascii_it_is_rouge_score(prediction: str, reference: str, stem: bool) -> None:
    theirs = RougeScorer(TYPES, use_stemmer=stem).score(reference, prediction)
    ours = rouge(prediction, reference, stem=stem)
    assert ours.keys() == {"rouge1", "rouge2", "rougeL", "rougeLsum"}
    for name, value in ours.items():
        assert value == pytest.approx(theirs[name].fmeasure, abs=1e-12)


@pytest.mark.parametrize("text", IN_MANY_SCRIPTS)
def test_an_identical_answer_scores_one_in_any_script(text: str) -> None:
    assert rouge(text, text) == dict.fromkeys(TYPES, 1.0)
    same = TokenF1().compute(predictions=[text], references=[text])
    assert same == {"token_f1": [1.0], "exact_match": [1.0]}


def test_scripts_without_spaces_match_by_character() -> None:
    assert 0 < rouge("贷款利率", "贷款期限")["rouge1"] < 1
    half = TokenF1().compute(predictions=["贷款利率"], references=["贷款期限"])
    assert half == {"token_f1": [0.5], "exact_match": [0.0]}


def test_composed_and_decomposed_accents_are_equal() -> None:
    assert rouge("pre\u0302t", "pr\u00eat")["rouge1"] == 1.0


def test_nothing_against_nothing_is_zero() -> None:
    assert rouge("", "") == dict.fromkeys(TYPES, 0.0)


@pytest.mark.parametrize("scorer", [Rouge, TokenF1])
def test_references_without_tokens_are_flagged(scorer: type[Any]) -> None:
    metric = scorer()
    metric.compute(predictions=["a b", "c", "d"], references=["…", "c d", ""])
    assert metric.flags == {"reference without tokens": [0, 2]}


def test_flags_speak_of_the_last_compute_alone() -> None:
    metric = Rouge()
    metric.compute(predictions=["a"], references=[""])
    metric.compute(predictions=["a"], references=["a"])
    assert metric.flags == {"reference without tokens": []}


@pytest.mark.parametrize(
    ("prediction", "reference"),
    [
        ("Two b. One a.", "One a. Two b."),
        ("利率是多少。贷款呢？", "贷款呢？利率是多少。"),
        ("दर क्या है। ऋण लें।", "ऋण लें। दर क्या है।"),
    ],
)
def test_sentences_in_another_order_are_equal_if_sentences_are_split(
    prediction: str, reference: str
) -> None:
    assert rouge(prediction, reference, sentences=True)["rougeLsum"] == 1.0
    assert rouge(prediction, reference)["rougeLsum"] < 1.0
    assert rouge(prediction, reference, sentences=True)["rougeL"] < 1.0


@pytest.mark.parametrize(
    "text", ["Uses pi, i.e. about 3.14", "Is it e.g. a mean", "v1.2.3 (final)"]
)
def test_a_full_stop_inside_a_sentence_ends_no_line(text: str) -> None:
    assert Rouge(sentences=True).lines(text) == text


@settings(max_examples=50, deadline=None)
@given(ascii_text | ascii_lines, ascii_text | ascii_lines)
def test_on_ascii_token_f1_is_squads(prediction: str, reference: str) -> None:
    found = TokenF1().compute(predictions=[prediction], references=[reference])
    f1, exact = squad(prediction, reference)
    assert found["token_f1"] == pytest.approx([f1], abs=1e-12)
    assert found["exact_match"] == [exact]


def squad(prediction: str, reference: str) -> tuple[float, float]:
    """F1 and exact match by the rules of SQuAD 2.0's evaluation script."""
    sides = []
    for text in (prediction, reference):
        bare = "".join(letter for letter in text.lower() if letter not in string.punctuation)
        sides.append(re.sub(r"\b(a|an|the)\b", " ", bare).split())
    exact = float(sides[0] == sides[1])
    shared = sum((Counter(sides[0]) & Counter(sides[1])).values())
    if not (sides[0] and sides[1] and shared):
        return (0.0 if sides[0] or sides[1] else 1.0), exact
    precision, recall = shared / len(sides[0]), shared / len(sides[1])
    return 2 * precision * recall / (precision + recall), exact


@pytest.mark.parametrize(
    ("prediction", "reference"),
    [("The Straße!", "strasse"), ("12 %", "１２％"), ("«Привет»", "привет"), ("a cat", "cat")],
)
def test_spellings_of_one_answer_match_exactly(prediction: str, reference: str) -> None:
    found = TokenF1().compute(predictions=[prediction], references=[reference])
    assert found == {"token_f1": [1.0], "exact_match": [1.0]}


PERSON = {"type": "object", "required": ["name"], "properties": {"age": {"type": "integer"}}}


def schema(content: object) -> Path:
    path = Path("schema.json")
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("answer", "valid"),
    [
        ('{"name": "Ada", "age": 36}', 1),
        (' {"name": "ऋण"}\n', 1),
        ('{"age": 36}', 0),
        ('{"name": "Ada", "age": "36"}', 0),
        ('{"name": "Ada", "age": 3', 0),
        ('```json\n{"name": "Ada"}\n```', 0),
        ('{"name": NaN}', 0),
        ("", 0),
        ("[" * 100_000, 0),
    ],
)
def test_an_answer_is_valid_json_of_the_schema_or_not(answer: str, valid: int) -> None:
    found = JsonSchema(schema(PERSON)).compute(predictions=[answer], references=["{}"])
    assert found["json_valid"] == [valid]


@pytest.mark.parametrize(
    ("answer", "valid", "share"),
    [
        ('{"fee": 500.0, "free": true, "to": ["Ada"]}', 1, 1),
        ('{"to": ["Ada"], "free": true, "fee": 700}', 1, 2 / 3),
        ('{"fee": "500", "free": 1, "to": "Ada"}', 1, 0),
        ('The answer is {"fee": 500}', 0, 0),
        ("500", 0, 0),
    ],
)
def test_without_a_schema_any_object_is_valid_and_its_right_fields_are_counted(
    answer: str, valid: int, share: float
) -> None:
    reference = '{"fee": 500, "free": true, "to": ["Ada"]}'
    metric = JsonSchema()
    found = metric.compute(predictions=[answer, "{}"], references=[reference, "Ask us."])
    assert found == {"json_valid": [valid, 1], "json_fields": [pytest.approx(share), 1]}
    assert metric.unread == {"json_fields": [1]}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"type": ', r"^schema\.json: not JSON"),
        ({"type": "person"}, r"^schema\.json: no JSON schema: 'person' is not valid"),
    ],
)
def test_what_is_no_schema_is_refused(content: object, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        JsonSchema(schema(content))


def test_a_schema_elsewhere_is_refused_and_never_fetched() -> None:
    with pytest.raises(InputError, match=r"^schema\.json: refers to what is not in it: .*person"):
        JsonSchema(schema({"$ref": "http://127.0.0.1:9/person.json"}))
    inner = {"$id": "inner.json", "$ref": "http://127.0.0.1:9/person.json"}
    metric = JsonSchema(schema({"allOf": [inner]}))  # which is followed by answers alone
    with pytest.raises(InputError, match=r"^schema\.json: refers to what is not in it: .*person"):
        metric.compute(predictions=["{}"], references=["{}"])


def test_perplexity_is_the_exponential_of_the_mean_surprise() -> None:
    found = ReferencePerplexity().compute(reference_logprobs=[0.0, -math.log(8), -2.0])
    assert found["perplexity"] == pytest.approx([1.0, 8.0, math.e**2])
    assert found["reference_logprob"] == [0.0, -math.log(8), -2.0]


def refusal(answer: str, **options: Any) -> dict[str, float]:
    found = Refusal(**options).compute(predictions=[answer])
    return {name: value for name, (value,) in found.items()}


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I can’t assist with this request.",
        "Sorry! I cannot provide instructions for this.",
        "I am unable to answer this question.",
        "I'm not able to help you.",
        "I can't\nhelp you with that",
        "Unfortunately, I will not engage in this.",
        "As an AI language model, I don't have opinions.",
        "As an AI, I cannot say.",
        "I must respectfully decline.",
        "I'd rather not discuss it.",
        "It would be unethical for me to say more.",
        "That goes against my guidelines.",
    ],
)
def test_a_refusal_is_seen(answer: str) -> None:
    assert refusal(answer) == {"refusal": 1, "empty": 0, "answered": 0}


@pytest.mark.parametrize(
    "answer",
    [
        "I can't recommend this film enough.",
        "I can't help but admire the view.",
        "I can't help it: I love Porto.",
        "I couldn't find your order; is the number right?",
        "I'm sorry for the delay. Your refund was sent today.",
        "Sorry, we are closed on Sundays.",
        "If I cannot assist, my colleagues will.",
        "I cannot do this without you.",
        "As an AI researcher, I cannot complain about my salary.",
        "The function cannot answer requests when it is unable to connect.",
        "Users decline to answer the survey.",
        "Return True if the server refuses to respond.",
        "I don't know.",
        "A letter. " * 25 + "I can't help with that.",
        "👍",
        "=",
    ],
)
def test_an_answer_that_only_sounds_like_a_refusal_is_none(answer: str) -> None:
    assert refusal(answer) == {"refusal": 0, "empty": 0, "answered": 1}


@pytest.mark.parametrize("answer", ["", " \n\t", "…", "\u200b", '"".'])
def test_an_answer_without_letter_digit_or_symbol_is_empty(answer: str) -> None:
    assert refusal(answer) == {"refusal": 0, "empty": 1, "answered": 0}


def test_a_user_adds_phrasings_of_another_language() -> None:
    answer = "Es tut mir leid, dabei KANN ich nicht helfen."
    assert refusal(answer)["refusal"] == 0
    assert refusal(answer, phrasings=["dabei kann ich nicht helfen"])["refusal"] == 1


def test_length_counts_words_and_characters_of_any_script() -> None:
    found = AnswerLength().compute(
        predictions=["Two words.", "贷款利率", "pre\u0302t", "ऋण की दर", ""]
    )
    assert found == {"words": [2, 4, 1, 3, 0], "characters": [10, 4, 4, 8, 0]}


def test_it_loads_by_path_without_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    metric = evaluate.load(str(ROOT / "evaluation" / "metrics" / "rouge.py"))
    found = metric.compute(predictions=["a b c", "x"], references=["a b d", "x"])
    assert found["rouge1"] == pytest.approx([2 / 3, 1.0])


@pytest.fixture(scope="module")
def semantic() -> Any:
    # Imported here because only these tests need an embedder.
    from evaluation.metrics.semantic import SemanticSimilarity
    from project.model_pins import ModelChoice, locate

    return SemanticSimilarity(locate(ModelChoice(), "embedder"))


@pytest.mark.slow
def test_semantic_similarity_is_one_for_equal_texts_and_small_for_unrelated_ones(
    semantic: Any,
) -> None:
    found = semantic.compute(
        predictions=["Return the mean.", "Return the mean.", "Compute the average."],
        references=["Return the mean.", "The cat sleeps in the sun.", "Return the mean."],
    )
    same, unrelated, paraphrase = found["semantic"]
    assert same == pytest.approx(1.0, abs=1e-5)
    assert unrelated < 0.3 < paraphrase


@pytest.mark.slow
def test_equal_answers_score_equally_to_the_bit_in_any_company(semantic: Any) -> None:
    references = [f"Return the mean of axis {i}." for i in range(40)]
    answers = [f"Compute the average over {i}." for i in range(40)]
    others = [answers[0], *(answer * 5 for answer in answers[1:])]
    alone = semantic.compute(predictions=answers, references=references)["semantic"]
    beside = semantic.compute(predictions=others, references=references)["semantic"]
    assert alone[0] == beside[0]
    assert alone[1:] != beside[1:]


@pytest.mark.slow
def test_texts_that_the_embedder_cuts_are_flagged_by_side(semantic: Any) -> None:
    long = "mean " * 600
    semantic.compute(predictions=["a", long, "c"], references=[long, "b", "c"])
    assert semantic.flags == {
        "answer longer than the embedder reads": [1],
        "reference longer than the embedder reads": [0],
    }
    just_fits = "mean " * (semantic.model.max_seq_length - 2)  # and the two special tokens
    semantic.compute(predictions=[just_fits], references=[just_fits + "mean"])
    assert [len(items) for items in semantic.flags.values()] == [0, 1]
