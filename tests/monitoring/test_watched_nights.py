"""Nights of prompts that are mostly template, and of prompts that are longer than what is read."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from monitoring.drift.reference import Reference, chosen_half, shared_text
from monitoring.drift.user_days import from_bytes, numbered, to_bytes
from monitoring.night_context import NightContext
from monitoring.signals.prompt_surprise import is_cut
from monitoring.signals.signal import Batch, Floats
from monitoring.signals.signal_inputs import cut_notes, cut_prompts, rewatched, watched_prompts
from monitoring.signals.watched_text import NOTHING, SharedText
from project.records.data import Message
from project.records.drift import DriftVerdict, Night
from project.records.traffic import Traffic
from retrieval.embedder import READ
from tests.quick_nights import Make, WordEmbeddings, opened, rows_of, run, site_of

RULES = "You are the assistant of a bank, and you answer in few words whatever is asked. " * 20
Wrap = Callable[[str], str | tuple[Message, ...]]


class ShortSighted(WordEmbeddings):
    """Reads the first 200 words of a text, as an embedder with so many tokens does."""

    def encode(self, texts: Sequence[str]) -> Floats:
        return super().encode([" ".join(text.split()[:200]) for text in texts])


def as_text(question: str) -> str:
    return f"{RULES}\nQuestion: {question}\nAnswer:"


def as_turns(question: str) -> tuple[Message, ...]:
    earlier = Message(role="user", content="hello"), Message(role="assistant", content=RULES)
    return Message(role="system", content=RULES), *earlier, Message(role="user", content=question)


def wrapped(number: int, wrap: Wrap, new_share: float = 0.0) -> list[Traffic]:
    rows = rows_of(number, new_share=new_share)
    return [row.model_copy(update={"prompt": wrap(row.prompt_text)}) for row in rows]


@pytest.fixture
def context(make_adapter: Make) -> Iterator[NightContext]:
    with opened(make_adapter) as registry:
        yield dataclasses.replace(site_of(registry), embeddings=ShortSighted())


@pytest.mark.parametrize("wrap", [as_text, as_turns])
def test_a_long_system_prompt_crashes_no_night_and_hides_no_other_domain(
    context: NightContext, wrap: Wrap
) -> None:
    for number in range(3):
        context.traffic.append(wrapped(number, wrap))
    assert run(context, 3, wrapped(3, wrap)).verdict is DriftVerdict.NO_DRIFT
    found = run(context, 4, wrapped(4, wrap, new_share=1.0))
    assert found.verdict is DriftVerdict.DRIFT
    assert found.exemplars
    assert not any("assistant" in text for text in found.exemplars)


def test_a_night_counts_the_prompts_that_are_not_read_whole_and_says_so(
    context: NightContext,
) -> None:
    for number in range(3):
        context.traffic.append(rows_of(number))
    rows = rows_of(3)
    long = [row.model_copy(update={"prompt": "card " * READ}) for row in rows[:15]]
    night = run(context, 3, [*long, *rows[15:]])
    assert night.cut == 15
    assert "10% of the prompts are longer than what is read of them" in night.notes
    assert quiet(run(context, 4))


def quiet(night: Night) -> bool:
    return night.cut == 0 and not any("longer than" in note for note in night.notes)


def test_a_prompt_that_is_cut_twice_counts_once_and_the_champion_reads_some_only() -> None:
    texts = ["short", "a" * (READ + 1), "b" * READ, "b" * READ]
    assert is_cut(texts[2])
    nats = np.array([1, 1, 1, np.nan], np.float32)
    assert cut_prompts(Batch(prompts=texts, surprise=nats)) == 2
    assert cut_prompts(Batch(prompts=texts)) == 1
    assert cut_prompts(Batch(ratings=nats)) == 0


def test_a_cut_of_one_prompt_in_a_hundred_is_not_worth_a_sentence() -> None:
    assert cut_notes(1, 100) == cut_notes(0, 0) == ()
    assert cut_notes(12, 100) == ("12% of the prompts are longer than what is read of them",)


def test_what_is_shared_is_learnt_from_the_users_of_the_index_alone() -> None:
    users = [f"user {i}" for i in range(100)]
    numbers = numbered(users)
    index = np.isin(numbers, chosen_half(numbers, np.random.default_rng(0)))
    words = [f"w{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(100)]
    texts = [
        f"{'the index begins so' if own else 'all others begin otherwise'} {word} x{word}"
        for own, word in zip(index, words, strict=True)
    ]
    shared = shared_text(texts, users, np.random.default_rng(0))
    assert shared.rest("the index begins so hello") == "hello"
    assert shared.rest("all others begin otherwise hello").startswith("all others")


def test_one_user_of_a_thousand_rows_is_no_majority() -> None:
    texts = ["one user always begins so: x"] * 1000
    texts += [f"{chr(97 + i)}z what is {chr(97 + i)}y" for i in range(20)]
    users = ["one"] * 1000 + [f"user {i}" for i in range(20)]
    shared = shared_text(texts, users, np.random.default_rng(0))
    assert shared.rest("one user always begins so: hello") == "one user always begins so: hello"


def frozen(shared: SharedText) -> Reference:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 8)).astype(np.float32)
    users = [f"user {i}" for i in range(200)]
    times = np.zeros(200, np.float32)
    return Reference.freeze(Batch(vectors=vectors), users, times, rng=rng, shared=shared)


def test_a_reference_keeps_what_is_shared_and_an_old_one_shares_nothing() -> None:
    shared = SharedText.of([f"{RULES} {word}" for word in ("a", "b", "c")])
    data = frozen(shared).to_bytes()
    assert Reference.from_bytes(data).shared == shared
    assert Reference.from_bytes(data).to_bytes() == data
    plain = frozen(NOTHING).to_bytes()
    assert not any(name.startswith("shared") for name in from_bytes(plain))
    assert Reference.from_bytes(to_bytes(from_bytes(plain))).shared == NOTHING


def test_a_reference_that_leaves_out_something_else_watches_the_same_rows_its_own_way() -> None:
    rows = wrapped(0, as_text)
    shared = SharedText.of([row.prompt_text for row in rows])
    whole = Batch(prompts=watched_prompts(rows, NOTHING), ratings=np.ones(len(rows), np.float32))
    own = rewatched(whole, rows, shared, WordEmbeddings())
    assert own.prompts is not None
    assert max(map(len, own.prompts)) < 20
    assert own.vectors is not None
    assert len(own.vectors) == len(rows)
    assert own.ratings is whole.ratings
    assert rewatched(own, rows, shared, WordEmbeddings()) is own
