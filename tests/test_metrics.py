"""The metrics are `evaluate` metrics, per item, offline, for every script."""

import evaluate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from evaluation.metrics.rouge import Rouge
from tests.conftest import ROOT

ascii_text = st.text(st.characters(max_codepoint=127), max_size=60)


def rouge(prediction: str, reference: str, *, stem: bool = True) -> dict[str, list[float]]:
    found = Rouge(stem=stem).compute(predictions=[prediction], references=[reference])
    assert found is not None
    return found


@settings(max_examples=50, deadline=None)
@given(ascii_text, ascii_text, st.booleans())
def test_on_ascii_it_is_rouge_score(prediction: str, reference: str, stem: bool) -> None:
    theirs = RougeScorer(["rouge1", "rougeL"], use_stemmer=stem).score(reference, prediction)
    for name, (value,) in rouge(prediction, reference, stem=stem).items():
        assert value == pytest.approx(theirs[name].fmeasure, abs=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "ऋण की ब्याज दर क्या है?",
        "贷款利率是多少",
        "Où est le prêt à taux zéro ?",
        "ローンの金利",
        "ما هو سعر الفائدة؟",
    ],
)
def test_an_identical_answer_scores_one_in_any_script(text: str) -> None:
    assert rouge(text, text) == {"rouge1": [1.0], "rougeL": [1.0]}


def test_scripts_without_spaces_match_by_character() -> None:
    assert 0 < rouge("贷款利率", "贷款期限")["rouge1"][0] < 1


def test_composed_and_decomposed_accents_are_equal() -> None:
    assert rouge("pre\u0302t", "pr\u00eat")["rouge1"] == [1.0]


def test_nothing_against_nothing_is_zero() -> None:
    assert rouge("", "") == {"rouge1": [0.0], "rougeL": [0.0]}


def test_it_loads_by_path_without_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    metric = evaluate.load(str(ROOT / "evaluation" / "metrics" / "rouge.py"))
    found = metric.compute(predictions=["a b c", "x"], references=["a b d", "x"])
    assert found["rouge1"] == pytest.approx([2 / 3, 1.0])


@pytest.mark.slow
def test_semantic_similarity_is_one_for_equal_texts_and_small_for_unrelated_ones() -> None:
    from evaluation.metrics.semantic import SemanticSimilarity
    from registry.models import ModelChoice, locate

    metric = SemanticSimilarity(locate(ModelChoice(), "embedder"))
    found = metric.compute(
        predictions=["Return the mean.", "Return the mean.", "Compute the average."],
        references=["Return the mean.", "The cat sleeps in the sun.", "Return the mean."],
    )
    same, unrelated, paraphrase = found["semantic"]
    assert same == pytest.approx(1.0, abs=1e-5)
    assert unrelated < 0.3 < paraphrase
