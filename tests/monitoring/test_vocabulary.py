"""A reference outlasts the retention, so it keeps digests of words, and names that many say."""

from math import log2

import numpy as np

from monitoring.drift.reference import Reference
from monitoring.drift.topic_attribution import new_words
from monitoring.drift.user_days import from_bytes
from monitoring.signals.signal import Batch
from monitoring.signals.vocabulary import Vocabulary
from tests.quick_nights import WordEmbeddings

NAME = "quetzalcoatlus"
RNG = np.random.default_rng(0)


def frozen(prompts: list[str], users: list[str]) -> Reference:
    batch = Batch(prompts=prompts, vectors=WordEmbeddings().encode(prompts))
    return Reference.freeze(batch, users, np.zeros(len(users)), rng=np.random.default_rng(0))


def surprises(signal: Vocabulary, *prompts: str) -> list[float]:
    return [round(float(value), 3) for value in signal.columns(Batch(prompts=prompts))[:, 0]]


def test_no_array_of_a_reference_has_the_words_of_prompts() -> None:
    prompts = [f"{NAME} {i % 5} card" for i in range(200)]
    arrays = from_bytes(frozen(prompts, [str(i % 2) for i in range(200)]).to_bytes())
    texts = {name: array.tolist() for name, array in arrays.items() if array.dtype.kind == "U"}
    assert set(texts) == {"topics", "signal.script.scripts"}
    assert NAME not in str(texts)  # of two users


def test_a_topic_is_named_by_what_three_users_say_and_not_by_what_one_says_often() -> None:
    prompts = [f"{NAME} mortgage" for _ in range(40)] + ["mortgage please"] * 200
    users = ["jane"] * 40 + [f"user {i}" for i in range(200)]
    names = ", ".join(frozen(prompts, users).topic_names)
    assert "mortgage" in names
    assert NAME not in names


def test_words_are_as_surprising_as_they_were_rare() -> None:
    signal = Vocabulary.fit(Batch(prompts=["card card loan"]), RNG)
    assert signal is not None
    unseen, loan, card = log2(6), log2(6 / 2), log2(6 / 3)
    expected = [card, (loan + unseen) / 2, unseen]
    assert surprises(signal, "Card", "loan coin", "coin") == [round(bits, 3) for bits in expected]


def test_a_word_that_only_chance_kept_out_of_the_index_half_is_not_called_new() -> None:
    before = frozen(["the loan of a card"] * 200, [str(i) for i in range(200)])
    asked = ["the loan of a card"] * 98 + ["the loan of a boat"] * 2
    assert new_words(before, Batch(prompts=asked)) == ()
    assert new_words(before, Batch(prompts=asked + ["the loan of a boat"] * 18)) == ("boat",)
