"""What an index of passages costs, and a question to it.

    python -m benchmarks.retrieval [--passages 10000] [--large 100000] [--embedded 10000]

All times are of one processor, so that a busy machine does not change them. `--passages` are
weighed by their words and asked with vectors of chance, which take as long as real ones; `--large`
by words alone. So many as `--embedded` are embedded by the sample's embedder, in a folder of their
own, then once more with a tenth of new ones. The passages are made up, of a bank's lengths.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.faq_texts import triplets
from benchmarks.frame import arguments
from project.model_pins import ModelChoice, pin
from project.records.data import EvidencePassage
from retrieval.retriever import (
    IndexSettings,
    Retriever,
    Vectors,
    cost_of,
    kept_vectors,
    read_index,
    write_index,
)

ASKED = 200
SHOWN = 3
DIMENSIONS = 384  # of all-MiniLM-L6-v2


def main() -> None:
    options = arguments(__doc__, passages=10_000, large=100_000, embedded=10_000)
    passages, questions = made(max(options.passages, options.large, options.embedded))
    with tempfile.TemporaryDirectory() as place:
        os.environ["INCUMBENT_HOME"] = place
        for count in (options.passages, options.large):
            by_words(passages[:count], questions)
        search_alone(passages[: options.passages], questions)
        embedded(passages, options.embedded, questions, Path(place))


def made(count: int) -> tuple[list[EvidencePassage], list[str]]:
    """Passages, and a question of the words of each."""
    rows = list(triplets(count))
    texts = [f"{row.input}\n\n{row.output}"[:500] for row in rows]
    passages = [EvidencePassage(id=str(i), text=text) for i, text in enumerate(texts)]
    return passages, [row.input for row in rows]


def by_words(passages: Sequence[EvidencePassage], questions: Sequence[str]) -> None:
    settings = IndexSettings(shown=SHOWN, replace=False, embedder=None)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "index"
        digest = ""

        def write() -> None:
            nonlocal digest
            digest = write_index(passages, settings, folder)

        print(f"{len(passages):,} passages by words: {spent(write):.1f} s to make", end="")
        index = read_index(folder, digest, kept_vectors)
        reading = spent(lambda: read_index(folder, digest, kept_vectors))
        print(f", {reading:.1f} s to open, {per_question(index.retriever, questions):.2f} ms")


def search_alone(passages: Sequence[EvidencePassage], questions: Sequence[str]) -> None:
    drawn = np.random.default_rng(0)

    def vectors(texts: Sequence[str]) -> Vectors:
        found = drawn.standard_normal((len(texts), DIMENSIONS)).astype(np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    both = Retriever.over(passages, vectors)
    taken = per_question(both, questions)
    print(f"{len(passages):,} passages by words and meaning: {taken:.2f} ms beside the embedding")


def embedded(
    passages: Sequence[EvidencePassage], count: int, questions: Sequence[str], place: Path
) -> None:
    embedder = pin(ModelChoice(), "embedder")
    settings = IndexSettings(shown=SHOWN, replace=False, embedder=embedder)
    some = passages[:count]
    print(f"said before: {cost_of(some, embedder)}")
    first = spent(lambda: write_index(some, settings, place / "index"))
    again = [*some[: -count // 10], *passages[count : count + count // 10]]
    second = spent(lambda: write_index(again, settings, place / "index"))
    rate = count / first
    print(f"{count:,} embedded: {first:.0f} s, {rate:.0f} a second; a tenth anew: {second:.0f} s")
    vectors = kept_vectors(embedder).encode
    for name, embed in (("words", None), ("words and meaning", vectors)):
        found = Retriever.over(some, embed)
        asked = range(min(ASKED, count))
        recalled = [found.find(questions[i], SHOWN) for i in asked]
        hits = [str(i) in {one.id for one in some} for i, some in zip(asked, recalled, strict=True)]
        share = np.mean(hits)
        print(f"recall at {SHOWN} by {name}: {share:.3f} of {len(asked)}")


def per_question(retriever: Retriever, questions: Sequence[str]) -> float:
    """Milliseconds of the processor for a question."""
    retriever.find(questions[0], SHOWN)
    asked = questions[:ASKED]
    return 1000 * spent(lambda: [retriever.find(one, SHOWN) for one in asked]) / len(asked)


def spent(work: Callable[[], object]) -> float:
    """Processor seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
