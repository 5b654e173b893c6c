"""An answer sentence by sentence: what passages bear out, what it cites, what nothing states."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from evaluation.metrics.facts.compare_facts import TextFacts
from evaluation.metrics.facts.conditions import ASKED_WORDS, SMALL
from evaluation.metrics.facts.fact import FIGURES, Fact
from project.records.data import Row
from project.shown_passages import CITED, cited, reckoned, without_citations
from project.unicode_words import stemmer, words

# --- sentences ------------------------------------------------------------------------------------

# Citations behind a full stop are of the sentence before it, unless the next one begins with them:
# "EUR 9. [2] It is free." and "EUR 9. [2] says so."
BEHIND = rf"(?:[ \t]*{CITED.pattern})+"
SENTENCE_END = re.compile(
    rf"(?<=[.!?])(?:{BEHIND}(?=\s+[^\sa-z]|\s*\Z)\s*|\s+)|(?<=[。！？])(?:{BEHIND})?\s*|\n+"
)


def sentences_of(text: str) -> list[str]:
    """Those that say something beside what they cite."""
    return [piece.strip() for piece in sentence_pieces(text) if has_words(piece)]


def sentence_pieces(text: str) -> list[str]:
    """The sentences with the blanks and citations behind them: together they are the text."""
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    pieces: list[str] = []
    for start, end in pairwise([0, *ends, len(text)]):
        if pieces and not has_words(text[start:end]):
            pieces[-1] += text[start:end]
        elif start < end:
            pieces.append(text[start:end])
    return pieces


def has_words(piece: str) -> bool:
    return bool(words(without_citations(piece)))


# --- judged sentences -----------------------------------------------------------------------------


@dataclass(frozen=True)
class AnswerSentence:
    """A piece of an answer as `sentence_pieces` cuts it, with what is known of it."""

    text: str
    borne_out: bool | None = None  # None: it says nothing, or that the answer is not known
    cites: tuple[int, ...] = ()  # passages by their numbers, from 1
    wrongly: tuple[int, ...] = ()  # those of them that are not there, or speak of other things
    unstated: tuple[str, ...] = ()  # facts that neither passage, question nor calculation states


def judged_sentences(
    asked: "AskedOnPassages", answer: str, phrasings: Sequence[str] = ()
) -> list[AnswerSentence]:
    """The pieces of an answer; of one that abstains nothing is judged. `phrasings` are further ways
    to abstain.
    """
    pieces = sentence_pieces(answer)
    if not asked.passages or abstains(asked, answer, phrasings):
        return list(map(AnswerSentence, pieces))
    return [asked.judged(piece) if has_words(piece) else AnswerSentence(piece) for piece in pieces]


# English phrasings by which an answer says that it does not know.
ABSTAINS = re.compile(
    r"\b(?:(?:do|does|did|could|can|am|m) ?(?:not|n't)|cannot|unable to)"
    r" (?:\w+ )?(?:to )?"
    r"(?:know|say|tell|find|answer|mention|state|contain|specify|provide|hold)\b"
    r"|\b(?:not|\w+n't) (?:\w+ )?(?:mentioned|stated|specified|given|provided|said|covered|sure)\b"
    r"|\bnot in the passages?\b|\bno (?:information|mention|answer)\b",
    re.IGNORECASE,
)


def abstains(asked: "AskedOnPassages", answer: str, phrasings: Sequence[str] = ()) -> bool:
    """Whether an answer says nothing, or that it does not know: then it cites nothing, and has no
    figure but those of the question. `phrasings` are literal but for case.
    """
    sentences = sentences_of(answer)
    if not sentences or cited(answer):
        return not sentences
    figures = [fact for fact in source_of(answer).facts.certain if fact.kind in FIGURES]
    if not all(map(asked.question.facts.says, figures)):
        return False
    text = answer.replace("’", "'")
    known = any(phrase.casefold() in text.casefold() for phrase in phrasings)
    return known or bool(ABSTAINS.search(text))


@dataclass(frozen=True)
class AskedOnPassages:
    """A question, its passages, and what its reference says."""

    prompt: str
    reference: str
    passages: tuple[str, ...]
    calculation: str = ""
    answerable: bool | None = None

    @classmethod
    def of_row(cls, row: Row) -> "AskedOnPassages":
        passages = tuple(passage.text for passage in row.evidence or ())
        told = row.calculation or "", row.answerable
        return cls(row.prompt_text, row.completion_text, passages, *told)

    @classmethod
    def of_columns(cls, prompt: str, reference: str, evidence: str) -> "AskedOnPassages":
        """`evidence` is the JSON that the scorers' column of that name holds."""
        told = json.loads(evidence)
        passages = tuple(told["passages"])
        return cls(prompt, reference, passages, told["calculation"] or "", told["answerable"])

    @cached_property
    def sources(self) -> tuple["Source", ...]:
        return tuple(map(source_of, self.passages))

    @cached_property
    def question(self) -> "Source":
        return source_of(self.prompt)

    @cached_property
    def results(self) -> set[str]:
        return {f"{value:.2f}".rstrip("0").rstrip(".") for value in reckoned(self.calculation)}

    def states(self, fact: Fact, *more: "Source") -> bool:
        """Whether a passage, the question or the calculation does; of a sum the number alone."""
        every = (*self.sources, self.question, source_of(self.calculation), *more)
        amounts = {reading.partition(" ")[0] for reading in fact.readings}
        return bool(amounts & self.results) or any(source.facts.says(fact) for source in every)

    def judged(self, piece: str) -> AnswerSentence:
        claim, cites = source_of(without_citations(piece).strip()), tuple(cited(piece))
        unstated = tuple(fact.text for fact in claim.facts.certain if not self.states(fact))
        held = any(source.holds(claim, self.question.words) for source in self.sources)
        wrongly = tuple(number for number in cites if not self.is_of(number, claim))
        return AnswerSentence(piece, held and not unstated, cites, wrongly, unstated)

    def is_of(self, number: int, source: "Source") -> bool:
        """Whether the passage of this number shares a fact or most words with a sentence."""
        if not 1 <= number <= len(self.sources):
            return False
        passage = self.sources[number - 1]
        told = [fact for fact in source.facts.certain if not self.question.facts.says(fact)]
        shares = any(map(passage.facts.says, told))
        alone = told and not source.words  # a figure and nothing else
        return shares or (not alone and passage.holds(source, self.question.words))

    def invents(self, answer: str) -> bool:
        """Whether it has a figure that nothing states, the reference included."""
        expected = source_of(self.reference)
        facts = source_of(without_citations(answer)).facts.certain
        return any(fact.kind in FIGURES and not self.states(fact, expected) for fact in facts)


# --- source ---------------------------------------------------------------------------------------

# Of a sentence's words in its passage, for it to be borne out; and of one with a figure or a name
# of the passage, which tells by itself what it speaks of.
WORDS_HELD, WITH_FACTS = 0.6, 0.2


class Source:
    """A text with its facts, its words that say something, and whether it denies."""

    def __init__(self, text: str) -> None:
        self.facts = TextFacts(text)
        self.words = telling_words(self.facts.without_facts)
        self.denies = bool(ASKED_WORDS["not"].search(text))

    @cached_property
    def sentences(self) -> tuple["Source", ...]:
        return tuple(map(source_of, sentences_of(self.facts.text)))

    def holds(self, source: "Source", asked: frozenset[str]) -> bool:
        """Whether it has most words of a sentence that the question lacks, and denies where the
        sentence does, as far as the one place that has most of it tells.
        """
        told = any(self.facts.says(fact) for fact in source.facts.certain)
        least = WITH_FACTS if told else WORDS_HELD
        if len(source.words & (self.words | asked)) < least * len(source.words):
            return False
        place = max(self.sentences or (self,), key=source.shared_with)
        return place.denies == source.denies

    def shared_with(self, place: "Source") -> tuple[int, int]:
        facts = sum(place.facts.says(fact) for fact in self.facts.certain)
        return facts, len(self.words & place.words)


@lru_cache(maxsize=1 << 12)
def source_of(text: str) -> Source:
    return Source(text)


def telling_words(text: str) -> frozenset[str]:
    return frozenset(
        map(
            stemmer().stem,
            (word for word in words(text.casefold()) if word not in SMALL and not word.isdigit()),
        )
    )
