"""Whether a hosted model still answers as it did: some dev questions, asked again and again.

The model behind a name may change on any day, and nobody says so. When its answers are kept, some
questions are asked several times more: that shows how far it varies by itself. Later answers are
held against these, by an exact test.
"""

import asyncio
from collections.abc import Sequence

import numpy as np

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import ChatReply, ChatRequest
from evaluation.generation.hosted import CONCURRENCY, requests_of, server_of
from project.records.adapters import Contestant, HostedModel
from project.records.data import Row
from project.records.record import Record

# By `python -m benchmarks.same_model`: a model that answers an eighth of the questions otherwise
# is found in a night, where it does not vary by itself.
ITEMS = 40  # dev items; never sealed ones
REPEATS = 3  # times that each is asked more
LEVEL = 0.001  # of a night's test: a false alarm in two years and nine months, if each night asks
DRAWS = 9_999


class RepeatedQuestion(Record):
    """A question, and what the model answered to it when it was registered, time after time."""

    request: ChatRequest
    texts: tuple[str, ...]


def questions_to_repeat(
    contestant: Contestant, dev: Sequence[Row], decoding: Decoding
) -> list[ChatRequest]:
    """The first answer to each of some dev items, drawn by the digests of what is asked."""
    requests = requests_of(contestant, dev, decoding, 1)
    return sorted(requests, key=lambda request: request.digest)[:ITEMS]


def ask_again(hosted: HostedModel, requests: Sequence[ChatRequest]) -> list[ChatReply]:
    """What it answers now. Raises IncumbentError where the server refuses or stays away."""
    return asyncio.run(asked_again(hosted, requests))


async def asked_again(hosted: HostedModel, requests: Sequence[ChatRequest]) -> list[ChatReply]:
    # Imported here because the core lacks an HTTP client.
    from evaluation.generation.backends.chat_server import ask_together

    server = server_of(hosted)

    async def ask_one(request: ChatRequest) -> ChatReply:
        return (await server.ask(request)).reply

    async with server:
        return await ask_together(ask_one, requests, CONCURRENCY)


def chance_of_change(items: Sequence[RepeatedQuestion], now: Sequence[str], seed: int = 0) -> float:
    """The p-value of "it answers as before": the chance that answers which vary as they did would
    lie so far apart.

    Under it, the answer of now is as good as any of an item's earlier ones, so each of them may
    stand in its place: a permutation test within items (Fisher 1935), by draws, the observed
    one among them. What is compared is an answer's mean F1 of words with the item's others.
    """
    alike = [likeness([*item.texts, text]) for item, text in zip(items, now, strict=True)]
    observed = sum(float(closeness[-1]) for closeness in alike)
    rng = np.random.default_rng(seed)
    drawn = np.zeros(DRAWS)
    for likely in alike:
        drawn += rng.choice(likely, DRAWS)
    return float((1 + np.sum(drawn <= observed + 1e-9)) / (1 + DRAWS))


def likeness(texts: Sequence[str]) -> np.ndarray:
    """How like each text is to the others, 0 to 1 [texts]."""
    # Imported here because metrics bring libraries that take seconds.
    from evaluation.metrics.token_f1 import f1
    from evaluation.scoring.phrases import normalised

    words = [normalised(text) for text in texts]
    count = len(words)
    pairs = np.array([[f1(first, other) for other in words] for first in words])
    return np.asarray((pairs.sum(axis=1) - np.diag(pairs)) / (count - 1))
