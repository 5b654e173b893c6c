"""Whether answers stand on the passages that they were given, cite them, and abstain where these
hold no answer.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from nltk.stem.porter import PorterStemmer

from evaluation.metrics.facts.compare_facts import TextFacts
from evaluation.metrics.facts.fact import Fact
from evaluation.metrics.facts.facts_kept import ASKED_WORDS, FIGURES, SMALL
from evaluation.metrics.per_item import PerItem, Values
from project.shown_passages import cited, reckoned, without_citations
from project.unicode_words import words

NO_PASSAGES = "without passages"
SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")
# English phrasings by which an answer says that it does not know.
ABSTAINS = re.compile(
    r"\b(?:(?:do|does|did|could|can|am|m) ?(?:not|n't)|cannot|unable to)"
    r" (?:\w+ )?(?:to )?"
    r"(?:know|say|tell|find|answer|mention|state|contain|specify|provide|hold)\b"
    r"|\b(?:not|\w+n't) (?:\w+ )?(?:mentioned|stated|specified|given|provided|said|covered|sure)\b"
    r"|\bnot in the passages?\b|\bno (?:information|mention|answer)\b",
    re.IGNORECASE,
)
STEMMER = PorterStemmer()
# Of a sentence's words in its passage, for it to be borne out; and of one with a figure or a name
# of the passage, which tells by itself what it speaks of.
WORDS_HELD, WITH_FACTS = 0.6, 0.2


class Grounding(PerItem):
    """What an answer makes of its passages.

    compute -> {"supported": [n], "cited_right": [n], "cited_all": [n], "invented": [n],
    "wrong_abstention": [n], "missed_abstention": [n]}. `supported` is the share of the answer's
    sentences that the passages, the question or the recorded calculation bear out: each fact of it
    stands there, so do 60 % of its other words in one passage, or 20 % beside a fact of it, and it
    denies what the passage denies.
    `cited_right` is the share of its citations that name a passage which is there and shares a fact
    or most words with the sentence; `cited_all` is the share of its sentences with a citation.
    `invented` is 1 where it has a figure that neither question, passages nor reference have. Both
    abstentions are 1 or 0: of items whose passages hold an answer, and of the others. To say
    nothing is to abstain, and nothing wrong is in it: whoever gates on `supported` guards
    `wrong_abstention` too. An item without passages says nothing. `phrasings` are further ways to
    abstain, literal but for case.
    """

    more_is_better = ("supported", "cited_right", "cited_all")
    less_is_better = ("invented", "wrong_abstention", "missed_abstention")
    ranges = (
        ("supported", 0, 1),
        ("cited_right", 0, 1),
        ("cited_all", 0, 1),
        ("invented", 0, 1),
        ("wrong_abstention", 0, 1),
        ("missed_abstention", 0, 1),
    )
    description = "Answers that stand on the passages they were given."
    citation = "Gao et al. (2023). Enabling Large Language Models to Generate Text with Citations."
    columns = ("answers", "references", "prompts", "evidence")

    def __init__(self, phrasings: Sequence[str] = (), **options: Any) -> None:
        self.phrasings = tuple(phrase.casefold() for phrase in phrasings)
        super().__init__(**options)

    def _compute(
        self,
        answers: list[str],
        references: list[str],
        prompts: list[str],
        evidence: list[str],
    ) -> Values:
        asked = [Asked.of(*one) for one in zip(prompts, references, evidence, strict=True)]
        silent = [i for i, one in enumerate(asked) if not one.passages]
        unanswerable = [i for i, one in enumerate(asked) if one.answerable is False]
        answerable = [i for i, one in enumerate(asked) if one.answerable is not False]
        self.flags = {NO_PASSAGES: silent}
        self.unread = {name: silent for name, *_ in self.ranges}
        self.unread["wrong_abstention"] = sorted({*silent, *unanswerable})
        self.unread["missed_abstention"] = sorted({*silent, *answerable})
        self.inapplicable = self.unread
        found = [self.one(*pair) for pair in zip(asked, answers, strict=True)]
        return {name: [one[name] for one in found] for name, *_ in self.ranges}

    def one(self, asked: "Asked", answer: str) -> dict[str, float]:
        abstains = self.abstains(asked, answer)
        said = [] if abstains else sentences_of(answer)
        marks = [(sentence, number) for sentence in said for number in cited(sentence)]
        return {
            "supported": share([asked.bears_out(one) for one in said]),
            "cited_right": share([asked.is_of(number, one) for one, number in marks]),
            "cited_all": share([bool(cited(one)) for one in said]),
            "invented": float(asked.invents(answer)),
            "wrong_abstention": float(abstains),
            "missed_abstention": float(not abstains),
        }

    def abstains(self, asked: "Asked", answer: str) -> bool:
        """Whether an answer says nothing, or that it does not know: then it cites nothing, and has
        no figure but those of the question.
        """
        said = sentences_of(answer)
        if not said or cited(answer):
            return not said
        figures = [fact for fact in source_of(answer).facts.certain if fact.kind in FIGURES]
        if not all(map(asked.beside[0].facts.says, figures)):
            return False
        text = answer.replace("’", "'")
        known = any(one in text.casefold() for one in self.phrasings)
        return known or bool(ABSTAINS.search(text))


@dataclass(frozen=True)
class Asked:
    """A question, its passages, and what its reference says."""

    prompt: str
    reference: str
    passages: tuple[str, ...]
    calculation: str = ""
    answerable: bool | None = None

    @classmethod
    def of(cls, prompt: str, reference: str, evidence: str) -> "Asked":
        """`evidence` is the JSON that the column of that name holds."""
        told = json.loads(evidence)
        passages = tuple(told["passages"])
        return cls(prompt, reference, passages, told["calculation"] or "", told["answerable"])

    @cached_property
    def sources(self) -> tuple["Source", ...]:
        return tuple(map(source_of, self.passages))

    @cached_property
    def results(self) -> set[str]:
        return {f"{value:.2f}".rstrip("0").rstrip(".") for value in reckoned(self.calculation)}

    @cached_property
    def beside(self) -> tuple["Source", ...]:
        return source_of(self.prompt), source_of(self.calculation)

    def states(self, fact: Fact, *more: "Source") -> bool:
        """Whether a passage, the question or the calculation does; of a sum the number alone."""
        every = (*self.sources, *self.beside, *more)
        amounts = {reading.partition(" ")[0] for reading in fact.readings}
        return bool(amounts & self.results) or any(one.facts.says(fact) for one in every)

    def bears_out(self, sentence: str) -> bool:
        said = source_of(without_citations(sentence))
        if not all(map(self.states, said.facts.certain)):
            return False
        own = source_of(self.prompt).words
        return any(one.holds(said, own) for one in self.sources)

    def is_of(self, number: int, sentence: str) -> bool:
        if not 1 <= number <= len(self.sources):
            return False
        said, passage = source_of(without_citations(sentence)), self.sources[number - 1]
        told = [fact for fact in said.facts.certain if not self.beside[0].facts.says(fact)]
        shares = any(passage.facts.says(fact) for fact in told)
        return shares or passage.holds(said, self.beside[0].words)

    def invents(self, answer: str) -> bool:
        expected = source_of(self.reference)
        facts = source_of(without_citations(answer)).facts.certain
        return any(fact.kind in FIGURES and not self.states(fact, expected) for fact in facts)


class Source:
    """A text with its facts, its words that say something, and whether it denies."""

    def __init__(self, text: str) -> None:
        self.facts = TextFacts(text)
        self.words = telling_words(self.facts.without_facts)
        self.denies = bool(ASKED_WORDS["not"].search(text))

    @cached_property
    def sentences(self) -> tuple["Source", ...]:
        return tuple(map(source_of, sentences_of(self.facts.text)))

    def holds(self, said: "Source", asked: frozenset[str]) -> bool:
        """Whether it has most words of a sentence that the question lacks, and denies where the
        sentence does, as far as the one place that has most of it tells.
        """
        told = any(self.facts.says(fact) for fact in said.facts.certain)
        least = WITH_FACTS if told else WORDS_HELD
        if len(said.words & (self.words | asked)) < least * len(said.words):
            return False
        place = max(self.sentences or (self,), key=said.shared_with)
        return place.denies == said.denies

    def shared_with(self, place: "Source") -> tuple[int, int]:
        facts = sum(place.facts.says(fact) for fact in self.facts.certain)
        return facts, len(self.words & place.words)


@lru_cache(maxsize=1 << 12)
def source_of(text: str) -> Source:
    return Source(text)


def telling_words(text: str) -> frozenset[str]:
    found = (word for word in words(text.casefold()) if word not in SMALL and not word.isdigit())
    return frozenset(map(STEMMER.stem, found))


def sentences_of(text: str) -> list[str]:
    """Those that say something beside what they cite."""
    parts = SENTENCE_END.split(text.strip())
    return [part for part in parts if words(without_citations(part))]


def share(ones: Iterable[bool]) -> float:
    """The share that is true; 1 of none, for what says nothing says nothing wrong."""
    every = list(ones)
    return sum(every) / len(every) if every else 1.0
