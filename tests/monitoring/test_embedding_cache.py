"""A text is embedded once, and its vector is the same from then on."""

import hashlib
import multiprocessing
import re
import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from project.canonical import digest_bytes
from project.engine.embedded_texts import SHARD
from project.errors import IncumbentError
from project.model_pins import ModelChoice, locate, pin
from retrieval.embedder import READ, Embeddings, is_cut, key_of
from tests.conftest import BASE

D = 8
TEXTS = [f"{'very ' * (i % 7)}short text {i}" for i in range(2 * SHARD + 10)]


class Toy:
    """An embedder whose vectors are drawn with the text as their seed; it notes what it reads."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def encode(self, texts: Sequence[str], **_options: object) -> NDArray[np.float32]:
        self.read += texts
        seeds = [int(digest_bytes(text.encode())[:8], 16) for text in texts]
        vectors = np.array([np.random.default_rng(seed).normal(size=D) for seed in seeds])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class Absent:
    def encode(self, texts: Sequence[str], **_options: object) -> NDArray[np.float32]:
        raise AssertionError(f"nothing should be new, but {texts[:3]} are")


def embeddings(cache: Path, model: object) -> Embeddings:
    made = Embeddings(BASE, cache)
    made.model = model
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "embeddings.db"


def test_vectors_come_in_the_order_of_texts_and_have_length_one(cache: Path) -> None:
    texts = ["b", "a", "b", "", "a longer one"]
    vectors = embeddings(cache, Toy()).encode(texts)
    assert (vectors.shape, vectors.dtype) == ((5, D), np.float32)
    np.testing.assert_allclose(vectors, Toy().encode(texts), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (vectors[0] == vectors[2]).all()
    assert embeddings(cache, Toy()).encode([]).shape == (0, D)


def test_a_text_is_embedded_once_and_the_longest_first(cache: Path) -> None:
    toy = Toy()
    made = embeddings(cache, toy)
    made.encode(["a", "ccc", "a", "bb"])
    made.encode(["bb", "dd", "a"])
    assert toy.read == ["ccc", "bb", "a", "dd"]


def test_what_was_embedded_long_ago_is_deleted_and_made_again_when_it_comes_again(
    cache: Path,
) -> None:
    made = embeddings(cache, Toy())
    before = made.encode(["old", "new"])
    with sqlite3.connect(cache) as connection:
        connection.execute("UPDATE embedded SET day = day - 91 WHERE rowid = 1")
    made.expire(keep_days=90)
    assert rows_in(cache) == 1
    assert (embeddings(cache, Toy()).encode(["old", "new"]) == before).all()


def test_what_is_deleted_while_other_texts_are_embedded_is_made_again(cache: Path) -> None:
    class Meanwhile(Toy):
        def encode(self, texts: Sequence[str], **options: object) -> NDArray[np.float32]:
            with sqlite3.connect(cache) as connection:
                connection.execute("DELETE FROM embedded WHERE text = ?", (key_of("known"),))
            return super().encode(texts, **options)

    before = embeddings(cache, Toy()).encode(["known"])
    found = embeddings(cache, Meanwhile()).encode(["new", "known"])
    assert (found[1] == before[0]).all()


def test_a_known_text_has_the_same_bits_and_needs_no_model(cache: Path) -> None:
    new = embeddings(cache, Toy()).encode(TEXTS)
    known = embeddings(cache, Absent()).encode(TEXTS[::-1])
    assert (known[::-1] == new).all()


def test_another_model_does_not_get_this_ones_vectors(cache: Path) -> None:
    embeddings(cache, Toy()).encode(["a"])
    for changed in ({"weights": "0" * 64}, {"config": "0" * 64}):
        other, toy = Embeddings(BASE.model_copy(update=changed), cache), Toy()
        other.model = toy
        other.encode(["a"])
        assert toy.read == ["a"]
    moved = Embeddings(BASE.model_copy(update={"model": "elsewhere", "revision": None}), cache)
    moved.model = Absent()
    assert moved.encode(["a"]).shape == (1, D), "the same one from another place"


def test_an_interrupted_run_goes_on_where_it_stopped(cache: Path) -> None:
    class Interrupted(Toy):
        def encode(self, texts: Sequence[str], **_options: object) -> NDArray[np.float32]:
            if self.read:
                raise KeyboardInterrupt
            return super().encode(texts)

    first, second = Interrupted(), Toy()
    with pytest.raises(KeyboardInterrupt):
        embeddings(cache, first).encode(TEXTS)
    embeddings(cache, second).encode(TEXTS)
    assert len(first.read) == SHARD
    assert sorted(first.read + second.read) == sorted(TEXTS)


def test_an_embedder_that_makes_no_numbers_is_refused(cache: Path) -> None:
    class Broken(Toy):
        def encode(self, texts: Sequence[str], **_options: object) -> NDArray[np.float32]:
            return np.full((len(texts), D), np.nan, dtype=np.float32)

    with pytest.raises(IncumbentError, match="not finite: choose another"):
        embeddings(cache, Broken()).encode(["a"])
    assert embeddings(cache, Toy()).encode(["a"]).shape == (1, D)


def test_a_cache_that_cannot_be_used_says_why_and_that_it_may_be_deleted(cache: Path) -> None:
    cache.parent.write_text("a file where the folder should be")
    with pytest.raises(IncumbentError, match="unable to open database file"):
        embeddings(cache, Toy()).encode(["a"])
    cache.parent.unlink()
    cache.parent.mkdir()
    cache.write_bytes(b"no database" * 1000)
    with pytest.raises(IncumbentError, match="make room if the disk is full; delete"):
        embeddings(cache, Toy()).encode(["a"])


def started(action: Callable[..., None], *arguments: object) -> multiprocessing.Process:
    process = multiprocessing.get_context("fork").Process(target=action, args=arguments)
    process.start()
    return process


def encode_part(cache: Path, start: int) -> None:
    embeddings(cache, Toy()).encode(TEXTS[start : start + SHARD])


def encode_for_ever(cache: Path) -> None:
    for i in count():
        embeddings(cache, Toy()).encode([f"{i} {j}" for j in range(SHARD)])


def test_processes_share_one_cache(cache: Path) -> None:
    processes = [started(encode_part, cache, start) for start in (0, 0, SHARD // 2, SHARD, SHARD)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 5
    known = TEXTS[: 2 * SHARD]
    vectors = embeddings(cache, Absent()).encode(known)
    np.testing.assert_allclose(vectors, Toy().encode(known), atol=1e-3)


def test_a_killed_process_leaves_whole_chunks(cache: Path) -> None:
    process = started(encode_for_ever, cache)
    deadline = monotonic() + 60
    while process.is_alive() and rows_in(cache) < 3 * SHARD:
        assert monotonic() < deadline, "it should have embedded something by now"
    process.kill()
    process.join()
    embeddings(cache, Toy()).encode(["after"])
    assert rows_in(cache) % SHARD == 1
    known = [f"0 {j}" for j in range(SHARD)]
    vectors = embeddings(cache, Absent()).encode(known)
    np.testing.assert_allclose(vectors, Toy().encode(known), atol=1e-3)


def rows_in(cache: Path) -> int:
    try:
        with sqlite3.connect(f"file:{cache}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM embedded").fetchone()[0])
    except sqlite3.OperationalError:  # not yet made
        return 0


@pytest.mark.slow
def test_the_pinned_embedders_vectors_are_its_own(cache: Path) -> None:
    # Imported here because only this test needs the model.
    from sentence_transformers import SentenceTransformer

    choice = ModelChoice()
    texts = ["Sort an array.", "", "Wie spät ist es?", "word " * 200, "Sort an array."]
    made = Embeddings(pin(choice, "embedder"), cache).encode(texts)
    plain = SentenceTransformer(str(locate(choice, "embedder"))).encode(texts)
    np.testing.assert_allclose(np.sum(made * plain, axis=1), 1, atol=1e-4)


@pytest.mark.slow
def test_the_end_of_a_long_text_counts_as_much_as_its_beginning(cache: Path) -> None:
    made = Embeddings(pin(ModelChoice(), "embedder"), cache)
    rules, mining = (
        "You are the clerk of a bank and open accounts. " * 40,
        "How do I mine coins? " * 60,
    )
    plain, behind, before, alone = made.encode(
        [rules, f"{rules} {mining}", f"{mining} {rules}", mining]
    )
    assert behind @ plain < 0.9
    assert behind @ alone > 0.5
    assert behind @ before > 0.9


def test_an_embedder_that_changed_since_it_was_pinned_is_refused(cache: Path) -> None:
    changed = pin(ModelChoice(), "embedder").model_copy(update={"weights": "0" * 64})
    with pytest.raises(IncumbentError, match="changed since they were pinned"):
        Embeddings(changed, cache).encode(["a"])


class Words:
    """A tokenizer whose tokens are the words of a text, each cut after five letters."""

    is_fast = True

    def num_special_tokens_to_add(self) -> int:
        return 2

    def __call__(self, text: str, **_options: object) -> "Coded":
        found = [m.span() for m in re.finditer(r"\S{1,5}", text)]
        starts = [m.start() for m in re.finditer(r"\S+", text)]
        words = [bisect_right(starts, start) - 1 for start, _ in found]
        return Coded(offset_mapping=found, words=words)


class Coded(dict[str, Any]):
    def word_ids(self) -> list[int]:
        return list(self["words"])


class Limited(Toy):
    """An embedder that reads ten tokens, and two that are special."""

    max_seq_length = 12
    tokenizer = Words()


def test_a_long_text_is_read_by_parts_that_end_between_words_and_its_vector_is_their_mean(
    cache: Path,
) -> None:
    limited = Limited()
    text = " ".join(f"wörd{i}" for i in range(12))  # of 24 tokens at most
    found, _ = embeddings(cache, limited).encode([text, "short"])
    parts = [part for part in limited.read if part != "short"]
    assert len(parts) > 1
    assert " ".join(parts) == text
    assert all(len(Words()(part)["words"]) <= 10 for part in parts)
    mean = Toy().encode(parts).mean(0)
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-3)
    limited.read.clear()
    embeddings(cache, limited).encode(["x" * 203])  # one word
    assert "".join(limited.read) == "x" * 203
    assert max(map(len, limited.read)) <= 50


def test_of_an_endless_text_places_all_over_it_are_read_and_it_counts_as_cut(cache: Path) -> None:
    limited = Limited()
    text = " ".join(f"{i:07}" for i in range(50_000))
    embeddings(cache, limited).encode([text])
    assert READ <= sum(map(len, limited.read)) + len(limited.read) <= 1.1 * READ
    assert limited.read[0].startswith("0000000")
    assert limited.read[-1].endswith("0049999")
    assert is_cut(text)
    assert not is_cut("x" * READ)
    # What was once embedded by its beginning alone is embedded anew.
    assert key_of(text) != hashlib.sha256(text.encode()).digest()
    assert key_of("short") == hashlib.sha256(b"short").digest()
