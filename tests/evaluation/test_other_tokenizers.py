"""Bases with different tokenizers are compared by nothing that is a mean over tokens."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from evaluation.decision.policy import Policy
from evaluation.decision.score_evidence import weigh
from evaluation.metrics.bits_per_byte import BitsPerByte
from evaluation.metrics.reference_perplexity import ReferencePerplexity
from evaluation.score import directions
from evaluation.scoring.built_in import per_token_by_ours
from evaluation.scoring.scorers import Scorer, incomparable
from project.errors import InputError
from project.model_pins import ModelChoice, pin
from project.records.adapters import Contestant
from project.records.scores import ItemScore, ScoreTable

PER_TOKEN = {"reference_logprob", "perplexity"}
SCORERS = [
    Scorer(name, at, SimpleNamespace(**vars(kind)), ())
    for at, (name, kind) in enumerate({"a": ReferencePerplexity, "b": BitsPerByte}.items())
]


def standing_on(folder: Path) -> Contestant:
    return Contestant(base=pin(ModelChoice(model=str(folder)), "base"))


@pytest.fixture
def pair(word_base: Path, tmp_path: Path) -> tuple[Contestant, Contestant]:
    """Two bases, of which one has a token more."""
    other = Path(shutil.copytree(word_base, tmp_path / "other"))
    tokenizer = (other / "tokenizer.json").read_text()
    (other / "tokenizer.json").write_text(tokenizer.replace('"<end>": 1', '"<end>": 1, "a": 2'))
    (other / "model.safetensors").write_bytes(b"other weights")
    return standing_on(word_base), standing_on(other)


def test_between_different_tokenizers_neither_way_is_better(
    pair: tuple[Contestant, Contestant],
) -> None:
    better = directions(SCORERS, pair)
    assert {name for name, way in better.items() if way == "neither"} == PER_TOKEN
    assert better["bits_per_byte"] == "less"


def test_bases_with_one_tokenizer_are_compared_by_everything(
    pair: tuple[Contestant, Contestant], word_base: Path, tmp_path: Path
) -> None:
    tuned = Path(shutil.copytree(word_base, tmp_path / "tuned"))
    (tuned / "model.safetensors").write_bytes(b"tuned weights")
    (tuned / "generation_config.json").write_text("{}")
    assert incomparable(SCORERS, pair[0], standing_on(tuned)) == frozenset()
    assert directions(SCORERS)["perplexity"] == "less"


@pytest.mark.parametrize(
    "policy",
    [Policy(gating=("perplexity",)), Policy(gating=("rougeL",), floors={"perplexity": 9.0})],
)
def test_a_policy_that_needs_them_is_told_what_to_use(policy: Policy) -> None:
    scores = {"rougeL": 0.5, "perplexity": 3.0}
    items = tuple(ItemScore(item=i, champion=scores, challenger=scores) for i in "abc")
    table = ScoreTable(pins=None, items=items, better={"rougeL": "more", "perplexity": "neither"})
    with pytest.raises(InputError, match=r"different tokenizers.*`bits_per_byte` can"):
        weigh(table, policy)


def test_which_of_our_metrics_are_means_over_tokens_is_known_without_their_libraries() -> None:
    assert per_token_by_ours() == PER_TOKEN


def test_bits_per_byte_do_not_hang_on_how_a_text_is_cut() -> None:
    found = BitsPerByte().compute(
        references=["aßc", "aßc"], reference_logprobs=[-2.0, -4.0], reference_tokens=[6, 3]
    )
    assert found["bits_per_byte"] == pytest.approx([12 / 0.693147 / 4] * 2, rel=1e-5)
