"""Answers as pages show them: words that another lacks, sentences that passages bear out, turns."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Annotated, Any

import regex

from evaluation.metrics.answer_sentences import AnswerSentence, AskedOnPassages, judged_sentences
from project.records.data import Message, Row
from project.records.record import LATER, Record
from project.records.scenarios import Scenario
from project.tool_rendering import of_tools
from project.unicode_words import UNSPACED
from project.written_calls import words_beside, written_calls

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
    parts: list[str] = PIECE.findall(text)
    return parts


def joined(parts: Sequence[str], marks: Words) -> Words:
    """Neighbours that are marked alike as one piece: fewer of them for a reader's program."""
    runs: list[tuple[str, bool]] = []
    for part, (_, new) in zip(parts, marks, strict=True):
        if runs and runs[-1][1] == new:
            runs[-1] = (runs[-1][0] + part, new)
        else:
            runs.append((part, new))
    return tuple(runs)


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
        parts = cut_words(words, [len(sentence.text) for sentence in judged])
        return [MarkedSentence(*pair) for pair in zip(judged, parts, strict=True)]


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


# --- turns ----------------------------------------------------------------------------------------

# Conversations as pages show them: who said what, calls apart from words, and where answers part.
#
# `conversation.html` makes HTML of them. Ids of calls are left out: they may tell who answered.


@dataclass(frozen=True)
class ShownCall:
    name: str | None  # None: nobody can read it
    arguments: Words  # as JSON in lines; where that cannot be read, all that was written
    differs: bool = False  # from the call at its place in the other answer


@dataclass(frozen=True)
class ShownTurn:
    role: str
    words: Words
    calls: tuple[ShownCall, ...] = ()
    tool: str = ""  # of a result: the tool
    # What the model wrote, where its calls were read out of that.
    written: str = field(default="", compare=False)


Turns = tuple[ShownTurn, ...]


class ConversationRun(Record):
    """One of the conversations that a scenario was had as."""

    turns: tuple[Message, ...]  # after the prompt
    # Whether it came to the scenario's goal; None: no scorer looked.
    goal: Annotated[bool | None, LATER] = None


@dataclass(frozen=True)
class ShownRun:
    turns: Turns
    goal: bool | None


@dataclass(frozen=True)
class ShownGoal:
    """What has to be so at the end of a scenario."""

    end: str  # of the tools' world, as JSON; empty: whatever it is
    say: tuple[str, ...]  # what the user has to have heard


@dataclass(frozen=True)
class ShownConversation:
    """An item with answers to it, each by its key."""

    tools: tuple[tuple[str, str], ...]  # each by its name, and all of it as JSON
    asked: Turns
    expected: Turns
    common: Turns  # what all answers begin with, where they are more than a turn
    answers: dict[str, Turns]  # what follows
    runs: dict[str, tuple[ShownRun, ...]]  # of whole conversations all, of which `answers` is one
    goal: ShownGoal | None = None

    @property
    def parts(self) -> bool:
        return any(self.answers.values())

    def turns(self, key: str) -> Turns | None:
        """None of an answer in words alone, which a page shows as any other."""
        turns = self.answers[key]
        alone = not self.common and len(turns) == 1 and not turns[0].calls
        return None if alone else turns


@dataclass(frozen=True)
class GivenAnswer:
    """An answer as a text and, of a whole conversation, as all turns after the prompt."""

    text: str
    turns: Sequence[Message] | None = None
    runs: Sequence[ConversationRun] = ()  # all, of which `turns` are of the first

    @property
    def messages(self) -> Sequence[Message]:
        return self.turns or (Message(role="assistant", content=self.text),)


def conversation_of(
    row: Row, answers: Mapping[str, GivenAnswer], against: str | None = None
) -> ShownConversation | None:
    """An item's conversation, with marks; None of one question with answers in words."""
    if not row.is_conversation and not any(answer.turns for answer in answers.values()):
        return None
    shown = conversation(
        row.prompt, answers, tools=row.tools, expected=row.completion, against=against
    )
    return replace(shown, goal=shown_goal(row.scenario)) if row.scenario else shown


def shown_goal(scenario: Scenario) -> ShownGoal:
    end = argument_lines(scenario.end) if scenario.end else ""
    return ShownGoal(end, tuple(map(str, scenario.say)))


def conversation(
    asked: Sequence[Message],
    answers: Mapping[str, GivenAnswer],
    *,
    tools: Sequence[Mapping[str, Any]] | None = None,
    expected: Sequence[Message] = (),
    against: str | None = None,
    marks: bool = True,
) -> ShownConversation:
    """With `marks`, what differs in the first turn in which answers part is marked: in each against
    the answer `against`, which may be none of them but what is expected, or, of two, in both.
    """
    reads_calls = of_tools([*asked, *expected], tools)

    def after(messages: Sequence[Message]) -> Turns:
        return tuple(shown_turns([*asked, *messages], reads_calls))[len(asked) :]

    given = {key: after(answer.messages) for key, answer in answers.items()}
    common = turns_in_common(list(given.values()))
    rests = {key: turns[len(common) :] for key, turns in given.items()}
    return ShownConversation(
        tools=tuple((tool["function"]["name"], argument_lines(tool)) for tool in tools or ()),
        asked=tuple(shown_turns(asked, reads_calls)),
        expected=after(expected),
        common=common,
        answers=dict(with_marks(rests, against, after(expected))) if marks else rests,
        runs={
            key: tuple(ShownRun(after(run.turns), run.goal) for run in answer.runs)
            for key, answer in answers.items()
        },
    )


def shown_turns(messages: Sequence[Message], reads_calls: bool) -> Iterator[ShownTurn]:
    """`reads_calls`: whether calls that stand in an assistant's words are told apart from them."""
    called = dict[str | None, str]()
    for turn in messages:
        text, calls, written = turn.content, list[ShownCall](), ""
        for call in turn.tool_calls or ():
            called[call.id] = call.name
            calls.append(ShownCall(call.name, whole(argument_lines(call.arguments))))
        if reads_calls and turn.role == "assistant" and not calls:
            calls.extend(read_calls(text))
            if calls:
                text, written = words_beside(text), text
        tool = (turn.name or called.get(turn.tool_call_id, "")) if turn.role == "tool" else ""
        yield ShownTurn(turn.role, whole(text), tuple(calls), tool, written)


def read_calls(text: str) -> Iterator[ShownCall]:
    """What cannot be read is shown once: it is all that was written, maybe of many calls."""
    read = True
    for name, arguments in written_calls(text):
        if arguments is not None:
            yield ShownCall(name, whole(argument_lines(arguments)))
        elif read:
            read = False
            yield ShownCall(name, whole(text))


def whole(text: str) -> Words:
    return ((text, False),) if text else ()


def argument_lines(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def turns_in_common(answers: Sequence[Turns]) -> Turns:
    """What several whole conversations begin with; of single turns nothing."""
    if len(answers) < 2 or max(map(len, answers)) < 2:
        return ()
    together = zip(*answers, strict=False)
    return tuple(turns[0] for turns in takewhile(lambda turns: len(set(turns)) == 1, together))


# --- marks ----------------------------------------------------------------------------------------

LINE_END = re.compile(r"(\n\s*)")


def with_marks(
    answers: Mapping[str, Turns], against: str | None, expected: Turns
) -> Iterator[tuple[str, Turns]]:
    for key, turns in answers.items():
        other = against or next((name for name in answers if name != key), key)
        beside = answers.get(other, expected)
        if other != key and turns and beside and turns[0].role == beside[0].role:
            turns = (marked_turn(turns[0], beside[0]), *turns[1:])
        yield key, turns


def marked_turn(turn: ShownTurn, beside: ShownTurn) -> ShownTurn:
    others = (*beside.calls, *[None] * len(turn.calls))
    calls = (marked_call(*both) for both in zip(turn.calls, others, strict=False))
    return replace(turn, words=marked_words(turn.words, beside.words), calls=tuple(calls))


def marked_call(call: ShownCall, other: ShownCall | None) -> ShownCall:
    told = other.arguments if other and other.name == call.name else ()
    return replace(
        call, arguments=marked_words(call.arguments, told or call.arguments), differs=call != other
    )


def marked_words(words: Words, beside: Words) -> Words:
    text, other = ("".join(part for part, _ in side) for side in (words, beside))
    pieces = marked(other, text)[1] if text else ()
    # Neither a line's end nor what stands before the next one is marked.
    parts = ((part, differs) for piece, differs in pieces for part in LINE_END.split(piece))
    return tuple((part, differs and not part.isspace()) for part, differs in parts if part)
