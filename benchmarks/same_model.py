"""How often a changed hosted model is found in one night, and how often one that did not change
is called changed.

`python -m benchmarks.same_model --runs 2000 --results benchmarks/same_model.jsonl`: answers
of 12 words. A model that varies gives, with the stated chance, an answer in which each word may be
another one. A changed model answers a share of the questions with other words.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from evaluation.generation.backends.backend import ChatRequest
from evaluation.repeated_questions import LEVEL, REPEATS, RepeatedQuestion, chance_of_change
from project.records.data import Message

WORDS, VARIED = 12, 0.3  # words of an answer, and the share of them that varying changes
ASKED = ChatRequest(
    model="m", messages=(Message(role="user", content="q"),), temperature=0, max_tokens=48
)


def answer(rng: np.random.Generator, meant: int, jitter: float) -> str:
    """What a model says that means answer number `meant`."""
    words = [f"w{meant}x{i}" for i in range(WORDS)]
    if rng.random() < jitter:
        other = rng.random(WORDS) < VARIED
        words = [f"v{rng.integers(3)}{w}" if o else w for w, o in zip(words, other, strict=True)]
    return " ".join(words)


def night(rng: np.random.Generator, items: int, jitter: float, share: float) -> bool:
    """Whether one night's test calls a model changed."""
    kept = [
        RepeatedQuestion(
            request=ASKED, texts=tuple(answer(rng, i, jitter) for _ in range(1 + REPEATS))
        )
        for i in range(items)
    ]
    moved = rng.choice(items, round(share * items), replace=False)
    now = [answer(rng, i + items * (i in moved), jitter) for i in range(items)]
    return chance_of_change(kept, now, seed=int(rng.integers(2**31))) <= LEVEL


def table(runs: int) -> Iterator[dict[str, float]]:
    for items in (20, 40):
        for jitter in (0.0, 0.2, 0.6):
            for share in (0.0, 0.05, 0.125, 0.25, 0.5):
                rng = np.random.default_rng(0)
                times = runs if share == 0 else max(200, runs // 10)
                found = sum(night(rng, items, jitter, share) for _ in range(times))
                yield {
                    "items": items,
                    "jitter": jitter,
                    "changed": share,
                    "runs": times,
                    "called": found,
                }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--results", type=Path)
    args = parser.parse_args()
    rows = []
    for row in table(args.runs):
        rows.append(row)
        print(
            f"{row['items']:3} questions, {row['jitter']:.0%} of answers vary, "
            f"{row['changed']:.1%} changed: {row['called']} of {row['runs']} called changed"
        )
    if args.results:
        args.results.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
