"""How far two answers say the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.facts.compare_facts import compare_facts
from evaluation.metrics.facts.text_facts import TextFacts
from project.unicode_words import words

Vector = NDArray[np.floating]


@dataclass(frozen=True)
class Said:
    """An answer, and what is known of it."""

    text: str
    vector: Vector
    right: bool  # it has one of the expected texts
    counts: bool  # it says something

    @cached_property
    def facts(self) -> TextFacts:
        return TextFacts(self.text)


def said_words(answer: str) -> tuple[str, ...]:
    return tuple(words(answer))


def agreement(one: Said, other: Said) -> float:
    """How far two answers say the same, in [0, 1]: the cosine of their embeddings, less as much of
    it as their facts contradict each other; 0 where one of them says nothing.
    """
    if not (one.counts and other.counts):
        return 0.0
    if said_words(one.text) == said_words(other.text):
        return 1.0
    near = min(1.0, max(0.0, float(np.dot(one.vector, other.vector))))
    return near * (1 - fmean(contradictions(one.facts, other.facts)))


def contradictions(one: TextFacts, other: TextFacts) -> Iterator[float]:
    """Of each answer the share of its facts that the other one contradicts."""
    for answer, reference in ((one, other), (other, one)):
        found = compare_facts(answer, reference)
        yield len(found.contradicted) / len(found.asked) if found.asked else 0.0
