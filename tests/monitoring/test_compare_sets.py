"""`compare`: two sets of prompts as people have them, in Python."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pytest

from monitoring.drift import compare_sets
from monitoring.drift.compare_sets import blocks_of, compare
from monitoring.signals.signal import Floats
from project.errors import InputError
from project.records.drift import DriftVerdict
from retrieval.embedder import Embedder

OLD = ("card", "loan", "PIN", "fee", "branch", "transfer", "salary", "cheque")
NEW = ("coin", "token", "mining", "wallet")


def vector_of(word: str) -> Floats:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4])
    return np.random.default_rng(seed).normal(size=8).astype(np.float32)


class WordModel:
    """An embedder whose texts are the sums of their words."""

    def encode(self, texts: Sequence[str], **_options: object) -> Floats:
        vectors = np.array([sum(map(vector_of, text.split())) for text in texts], np.float32)
        scaled: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return scaled


class Loaded(Embedder):
    """Counts how often its model is loaded."""

    times = 0

    def load(self) -> WordModel:
        type(self).times += 1
        return WordModel()


@pytest.fixture(autouse=True)
def quick_embedder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Loaded.times = 0
    compare_sets.packaged_embedder.cache_clear()
    monkeypatch.setattr(compare_sets, "Embedder", Loaded)
    yield
    compare_sets.packaged_embedder.cache_clear()


def questions(count: int, seed: int, new: float = 0.0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" and ".join(rng.choice(NEW if rng.random() < new else OLD, 3)) for _ in range(count)]


def test_rows_without_a_block_are_all_their_own_on_either_side() -> None:
    before, now = blocks_of(None, 3, 3)
    assert len({*before, *now}) == 6
    before, now = blocks_of(([None, "a", float("nan")], ["a", None, None]), 3, 3)
    assert len({*before, *now}) == 5
    assert before[1] == now[0]


def test_a_block_cannot_be_mistaken_for_a_row_without_one() -> None:
    before, now = blocks_of((["now 0", "before 1"], [None, None]), 2, 2)
    assert len({*before, *now}) == 4


def test_a_series_of_any_index_is_compared_as_the_list_of_its_values() -> None:
    before, now = questions(200, 0), questions(100, 1, new=0.5)
    users = [f"user {i}" for i in range(100)]
    shuffled = np.random.default_rng(0).permutation(200)
    found = compare(
        pd.Series(before, index=shuffled),
        pd.Series(now, index=[f"row {i}" for i in range(100)]),
        blocks=pd.Series(users, index=range(50, 150)),
    )
    assert found.verdict is DriftVerdict.DRIFT
    assert found == compare(before, now, blocks=users)


@pytest.mark.parametrize("texts", ["one text", 7, {"a": "b"}, pd.DataFrame({"prompt": ["a"]})])
def test_what_is_no_list_of_texts_is_refused(texts: object) -> None:
    with pytest.raises(InputError, match="a list of texts, or an array of embeddings"):
        compare(texts, questions(100, 1))  # type: ignore[arg-type]


def test_a_text_that_is_missing_is_refused() -> None:
    with pytest.raises(InputError, match="a prompt must be a text: row 200 is nan"):
        compare(pd.Series([*questions(200, 0), None]), questions(100, 1))
    with pytest.raises(InputError, match="row 0 is 1"):
        compare([1, 2], [3])  # type: ignore[list-item]


def test_the_embedder_is_loaded_once_however_often_sets_are_compared() -> None:
    for seed in range(3):
        compare(questions(150, seed), questions(80, seed + 9))
    assert Loaded.times == 1


def test_a_template_that_all_prompts_share_hides_nothing_and_is_told_of() -> None:
    rules = "You are the assistant of a bank, and you answer in few words. " * 40
    before = [rules + text for text in questions(200, 0)]
    now = [rules + text for text in questions(100, 1, new=0.5)]
    found = compare(before, now)
    assert found.verdict is DriftVerdict.DRIFT
    assert any(f"{len(rules):,} characters" in note for note in found.notes)
    assert not any("assistant" in text for text in found.exemplars)
    assert compare(before, [rules + text for text in questions(100, 2)]).verdict is (
        DriftVerdict.NO_DRIFT
    )
