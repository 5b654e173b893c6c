"""Answers in pieces: words that another answer lacks, and sentences that passages bear out."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex

from evaluation.metrics.answer_sentences import AnswerSentence, AskedOnPassages, judged_sentences
from project.records.data import Row
from project.unicode_words import UNSPACED

# --- marked words ---------------------------------------------------------------------------------

# Two texts with what differs marked, every blank and line end kept.

Words = tuple[tuple[str, bool], ...]  # words, and whether the other text lacks them
# A character of a script without blanks, or a word with the blanks behind it.
PIECE = regex.compile(rf"[{UNSPACED}]|(?:[^\s{UNSPACED}]+\s*|\s+)", regex.V1)
MOST = 3_000  # pieces of a text: time grows with their square


def marked(a: str, b: str) -> tuple[Words, Words]:
    """Both texts in pieces that together are the text, each marked where the other lacks it.

    Long texts are compared by lines, and not at all where there are too many of these.
    """
    parts = [pieces(a), pieces(b)]
    if max(map(len, parts)) > MOST:
        parts = [text.splitlines(keepends=True) for text in (a, b)]
    if max(map(len, parts)) > MOST:
        return ((a, False),), ((b, False),)
    bare = [[part.rstrip() for part in some] for some in parts]
    ours, theirs = differing(*bare)
    return joined(parts[0], ours), joined(parts[1], theirs)


def pieces(text: str) -> list[str]:
    found: list[str] = PIECE.findall(text)
    return found


def joined(parts: Sequence[str], marks: Words) -> Words:
    """Neighbours that are marked alike as one piece: fewer of them for a reader's program."""
    found: list[tuple[str, bool]] = []
    for part, (_, new) in zip(parts, marks, strict=True):
        if found and found[-1][1] == new:
            found[-1] = (found[-1][0] + part, new)
        else:
            found.append((part, new))
    return tuple(found)


def differing(a: Sequence[str], b: Sequence[str]) -> tuple[Words, Words]:
    """Mark the words of each that stand in no common run of both."""
    common = difflib.SequenceMatcher(a=a, b=b, autojunk=False).get_matching_blocks()
    in_a = {i for block in common for i in range(block.a, block.a + block.size)}
    in_b = {i for block in common for i in range(block.b, block.b + block.size)}
    return (
        tuple((word, i not in in_a) for i, word in enumerate(a)),
        tuple((word, i not in in_b) for i, word in enumerate(b)),
    )


# --- marked sentences -----------------------------------------------------------------------------


@dataclass(frozen=True)
class MarkedSentence:
    """A sentence of an answer, and its words as they are marked against another answer."""

    judged: AnswerSentence
    words: Words


@dataclass(frozen=True)
class SentenceMarker:
    """`phrasings` are the project's own ways to abstain."""

    phrasings: tuple[str, ...] = ()

    def marked(self, row: Row, text: str, words: Words = ()) -> list[MarkedSentence]:
        """The sentences of an answer to a row; the whole answer where the row has no passages.
        `words` are the answer's, where some are marked.
        """
        words = words or ((text, False),)
        if not row.evidence:
            return [MarkedSentence(AnswerSentence(text), words)]
        judged = judged_sentences(AskedOnPassages.of_row(row), text, self.phrasings)
        parts = cut_words(words, [len(one.text) for one in judged])
        return [MarkedSentence(*one) for one in zip(judged, parts, strict=True)]


def cut_words(words: Words, lengths: Sequence[int]) -> Iterator[Words]:
    """The words of each part of a text, by the parts' lengths in characters."""
    left = list(reversed(words))
    for length in lengths:
        part: list[tuple[str, bool]] = []
        while length:
            text, differs = left.pop()
            part.append((text[:length], differs))
            if rest := text[length:]:
                left.append((rest, differs))
            length -= min(length, len(text))
        yield tuple(part)
