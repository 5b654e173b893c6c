"""Topics are named by words that tell them apart: not by what all have, nor by stop words."""

from collections import Counter

import numpy as np
import pytest

from monitoring.drift.reference import Reference
from monitoring.drift.topic_attribution import Attribution, WordsBefore, attribute, difference
from monitoring.signals.signal import Batch
from monitoring.signals.vocabulary import (
    QUOTED,
    name_words,
    number_of,
    quoted,
    topic_words,
    typical_words,
)
from tests.quick_nights import WordEmbeddings

STOP_WORDS = {"die", "der", "das", "ist", "für"}
TOPICS = [
    ["can the card be blocked", "how can I block the card", "the card must be blocked at once"],
    ["can the loan be paid early", "what is the rate of the loan", "when is the loan paid"],
    ["can the fee be refunded", "why was the fee charged", "the fee is charged twice"],
]


def test_a_topic_is_named_by_its_words_and_not_by_those_of_the_language() -> None:
    names = topic_words(TOPICS)
    assert [words[0] for words in names] == ["card", "loan", "fee"]
    assert not {word for words in names for word in words} & {"can", "the", "was", "how", "what"}


def test_in_another_language_too_what_most_topics_have_is_no_name() -> None:
    topics = [
        ["wo ist die Karte", "die Karte ist der Bank", "wo ist das für die Karte"],
        ["wo ist der Kredit", "die Zinsen für der Kredit", "das ist der Kredit"],
        ["wo ist das Konto", "der Stand für das Konto", "die Nummer für das Konto"],
    ]
    assert [words[0] for words in topic_words(topics)] == ["karte", "kredit", "konto"]
    assert not {word for words in topic_words(topics) for word in words} & STOP_WORDS


def test_words_that_stop_word_lists_hold_but_banks_speak_of_are_names() -> None:
    assert "bill" in typical_words(["my bill is due", "pay the bill", "a bill"], {}, 10)
    assert "interest" in typical_words(["the interest", "which interest"], {}, 10)
    assert typical_words(["can the", "what was"], {}, 10) == ()
    assert topic_words([]) == []
    assert topic_words([[], ["a loan"]]) == [(), ("loan",)]
    one_says_more = ["Jane Smith asks for a loan", "a loan", "which loan", "the loan"]
    assert typical_words(one_says_more, {}, 10) == ("loan",)


def test_what_is_new_is_named_by_what_the_reference_lacks() -> None:
    counts = {"card": 900, "please": 50, "other": 50}
    before = WordsBefore(Counter({number_of(word): n for word, n in counts.items()}), average=10)
    assert before.name(["coin and card", "the coin for a card"]) == "coin"
    assert before.name(["the card"]) == before.name([]) == ""


def grown_topics(prompts: list[str], now: list[str]) -> tuple[Reference, Attribution]:
    reference = Reference.freeze(
        Batch(prompts=prompts, vectors=WordEmbeddings().encode(prompts)),
        [str(i) for i in range(len(prompts))],
        np.zeros(len(prompts)),
        rng=np.random.default_rng(0),
    )
    batch = Batch(prompts=now, vectors=WordEmbeddings().encode(now))
    return reference, attribute(reference, batch, np.zeros(len(now)))


WHY = ["why is it?", "what is this?"]  # of stop words alone


def test_a_topic_that_no_word_tells_is_shown_by_its_most_typical_prompt() -> None:
    cards = [f"about the {word} card" for word in ("blocked", "lost", "new", "old") * 30]
    reference, found = grown_topics(cards + WHY * 20, WHY * 30)
    assert "" in reference.topic_names
    grown = [topic for topic in found.topics if topic.now > topic.before]
    assert grown
    assert all(topic.name in {f"“{text}”" for text in WHY} for topic in grown)
    assert all(name_words(topic.name) == [] for topic in grown)
    assert quoted("x\n" * 100) == f"“{'x ' * (QUOTED // 2)}…”"


def test_the_words_of_the_reference_are_those_that_its_signal_learnt() -> None:
    prompts = [f"about {word} please" for word in ("card", "loan") for _ in range(60)]
    vectors = WordEmbeddings().encode(prompts)
    reference = Reference.freeze(
        Batch(prompts=prompts, vectors=vectors),
        [str(i) for i in range(120)],
        np.zeros(120, np.float64),
        rng=np.random.default_rng(0),
    )
    before = WordsBefore.of(reference, Batch(), topics=2)
    assert before.counts[number_of("please")] == 60  # of the half that fitted the signals
    assert before.counts[number_of("card")] + before.counts[number_of("loan")] == 60
    words = before.counts.total()
    averages = {n: WordsBefore.of(reference, Batch(), topics=n).average for n in range(3)}
    assert averages == {0: words, 1: words, 2: words / 2}
    now = ["buy a coin today"] * 40
    batch = Batch(prompts=now, vectors=WordEmbeddings().encode(now))
    found = attribute(reference, batch, np.zeros(40, np.float64)).topics
    assert found[-1].new or found[0].new
    (new,) = [topic for topic in found if topic.new]
    assert set(new.name.split(", ")) <= {"buy", "coin", "today"}


def test_no_two_new_topics_of_a_night_have_one_name() -> None:
    """A name would else be no place to accept a drift at, and a notice would say it twice."""
    asked = [f"about the {word} card" for word in ("blocked", "lost", "new", "old") * 30]
    ways = [f"way{number}" for number in range(60)]
    new = [f"spinnaker wallet phone {way} {way}" for way in ways]
    _, found = grown_topics(asked, new)
    names = [topic.name for topic in found.topics if topic.new]
    assert len(names) > 1
    assert len({*names}) == len(names)


@pytest.mark.parametrize("share", [1.0, 1.0 + 1e-12])
def test_a_topic_that_all_rows_have_on_both_sides_does_not_differ(share: float) -> None:
    assert difference(share, share, 100, 200.0) == 0
