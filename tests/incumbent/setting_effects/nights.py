"""A project in the middle of its nights: a champion, days of traffic, and made embeddings."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from itertools import combinations, product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from monitoring.night_check import check
from monitoring.night_context import NightContext
from monitoring.signals.prompt_surprise import Surprises, folder_of
from monitoring.signals.signal import Floats
from project.canonical import digest_bytes
from project.files import home
from project.records.drift import Night
from project.records.traffic import Feedback, Traffic
from registry.store import Registry
from retrieval.embedder import Embeddings
from tests.places import submit
from training.precision import Machine, choose_numerics, fingerprint

START = date(2026, 3, 2)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROWS = 120  # a day
OLD = [
    f"how do I {verb} my {thing} {end}"
    for verb, thing, end in product(
        ("block", "renew", "find"), ("card", "book", "code"), ("", "now", "please")
    )
]
NEW = [
    f"which {coin} should I {verb}"
    for coin, verb in product(("coin", "token", "share"), ("buy", "mine", "stake"))
]
MACHINE = Machine(processor="a processor", gpu=False, seconds={}, fastest="float32")
WATCHED: dict[str, Any] = {
    "embedder.model": "models/words",
    "monitoring.drift.minimum_reference": 200,
    "monitoring.drift.perplexity_rows": 0,
    "monitoring.trigger.confirm_nights": 1,
    "monitoring.traffic.redact": False,
}


class WordEmbeddings(Embeddings):
    """By the hashes of a text's words: texts about other things are far apart."""

    def encode(self, texts: Sequence[str]) -> Floats:
        counts = np.full((len(texts), 32), 1e-3, np.float32)
        for row, text in zip(counts, texts, strict=True):
            for word in text.split():
                row[blake2b(word.encode(), digest_size=1).digest()[0] % 32] += 1
        vectors: Floats = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return vectors


@contextmanager
def watched(days: int = 3) -> Iterator[NightContext]:
    """The project in the current folder, with a champion and the traffic of so many days."""
    with Registry.here() as registry:
        registry.clock = lambda: NOW
        registry.promote(submit(registry, "a", Path()).number, "test", force=True)
        keep_surprises(registry)
        found = NightContext.here(registry)
        made = WordEmbeddings(found.embeddings.pin, found.embeddings.cache)
        context = dataclasses.replace(found, embeddings=made)
        for number in range(days):
            context.traffic.append(day_of(number))
        yield context


def day_of(number: int, new_share: float = 0.0) -> list[Traffic]:
    """A day's questions. Those about what is new are rated worse, and half of them corrected."""
    random, day = Random(number), START + timedelta(days=number)
    return [
        row_of(f"{day}-{i}", day, i, random.choice(NEW if random.random() < new_share else OLD))
        for i in range(ROWS)
    ]


def row_of(name: str, day: date, number: int, prompt: str, user: str | None = None) -> Traffic:
    new, odd = prompt in NEW, number % 2 == 1
    correction = f"answer {name}" if new and odd else None
    return Traffic(
        id=name,
        at=f"{day}T{number % 24:02}:00:00Z",
        user=user or f"user {number}",
        prompt=prompt,
        response="as you like",
        adapter="default v1",
        feedback=Feedback(rating=0 if new and odd else 1, correction=correction),
    )


def keep_surprises(registry: Registry) -> None:
    """As if the champion had read all prompts, and what is new surprised it."""
    champion = registry.champion()
    assert champion
    MACHINE.write(home() / "machines" / f"{fingerprint()[:16]}.json")
    nats: dict[str, float | None] = {
        digest_bytes(text.encode()): 4.0 if prompt in NEW else 3.0
        for prompt in (*NEW, *OLD)
        for text in runs_of_words(prompt)
    }
    Surprises(nats=nats).write(folder_of(champion, choose_numerics()) / "2026-01-01.json")


def runs_of_words(prompt: str) -> Iterator[str]:
    """A prompt, and all that may be left of it without what all prompts share."""
    yield prompt
    words = prompt.split(" ")
    for start, end in combinations(range(len(words) + 1), 2):
        yield " ".join(words[start:end])


def night_after(new_share: float) -> Night:
    """What the night says of a fourth day, on which such a share asks about what is new."""
    with watched(days=3) as context:
        context.traffic.append(day_of(3, new_share))
        return check(context, START + timedelta(days=3))
