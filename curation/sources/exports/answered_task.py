"""What a person said of a task, as rows, preference pairs or rated answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import Any, Literal

from curation.curation_settings import ExportFields
from curation.faults.missing_answers import is_more_than_placeholder
from curation.sources.exports.export_records import ExportRecord, Fields
from curation.sources.exports.good_or_bad import Praise
from curation.sources.exports.shown import (
    NEITHER,
    NO_ANSWERS,
    SAME_ANSWERS,
    TIE,
    ShownTask,
    TaskJudgement,
)
from curation.sources.row_formats import Made
from curation.sources.table_rows import NO_ANSWER, UNREADABLE
from project.canonical import canonical_json, digest_json
from project.records.data import Message, Row
from project.records.preferences import PreferencePair, RatedAnswer

# Some tools do not tell a text that was written from one that was chosen ("text"), nor several
# choices from a ranking ("several"); `kinds_of` does.
Kind = Literal["written", "chosen", "side", "rated", "ranked", "text", "several", "proposed"]
# What was chosen, of an answer that was judged, or of the prompt; "proposed" is a class that a task
# shows, for a person to accept or to refuse.
CHOICES = ("chosen", "rated", "proposed")
COMPARED = ("side", "ranked")  # what makes no sense without the answers


@dataclass(frozen=True)
class ControlAnswer:
    """Texts that were written, what was chosen, or names of answers with the best ones first."""

    kind: Kind
    values: tuple[tuple[str, ...], ...]  # of a ranking a place each, which several may share

    @classmethod
    def wrote(cls, texts: Iterable[str]) -> "ControlAnswer":
        return cls("written", tuple((text.strip(),) for text in texts))

    @classmethod
    def chose(cls, choices: Iterable[str]) -> "ControlAnswer":
        return cls("chosen", tuple((choice.strip(),) for choice in choices))

    def and_also(self, other: "ControlAnswer") -> "ControlAnswer":
        """What else the same control holds; of another kind it is left aside."""
        if self.kind != other.kind:
            return self
        return replace(self, values=self.values + other.values)

    @property
    def flat(self) -> list[str]:
        return [value for place in self.values for value in place]


def judged(
    judgement: TaskJudgement, said_of: ControlAnswer, what: ShownTask, words: Praise | None
) -> TaskJudgement:
    """A judgement with what was made of it, or with why nothing was.

    `words` tell a good answer, where one was shown to be judged.
    """
    judgement = replace(judgement, asked=what.digest)
    if said_of.kind in COMPARED and not what.answers:
        return filled(judgement, [], None, NO_ANSWERS)
    if said_of.kind == "written":
        return wrote(judgement, said_of, what)
    if what.answers:
        return preferred(judgement, places(said_of, what), what)
    if what.answer is not None:
        return rated(judgement, words.of(said_of.flat) if words else None, what)
    label = ", ".join(filter(None, said_of.flat))
    if said_of.kind == "proposed":
        judgement = replace(judgement, asked=replace(what, answer=label).digest)
        return filled(judgement, [row(judgement, what, label)] if label else [], "good", NO_ANSWER)
    return filled(
        judgement, [row(judgement, what, label)] if label else [], label or None, NO_ANSWER
    )


def wrote(judgement: TaskJudgement, said_of: ControlAnswer, what: ShownTask) -> TaskJudgement:
    texts = [text for text in said_of.flat if is_more_than_placeholder(text)]
    rows = [row(judgement, what, text) for text in texts]
    if texts == [what.answer]:  # it was shown, and accepted as it stands
        return filled(judgement, rows, "good", NO_ANSWER)
    made = filled(judgement, rows, "\n\n".join(texts) or None, NO_ANSWER)
    return replace(made, written=True)


def rated(judgement: TaskJudgement, good: bool | None, what: ShownTask) -> TaskJudgement:
    assert what.answer is not None, "an answer was judged"
    if good is None:
        return filled(judgement, [], "neither", NEITHER)
    return filled(
        judgement, [rating(judgement, what, what.answer, good)], "good" if good else "bad", ""
    )


def places(said_of: ControlAnswer, what: ShownTask) -> list[list[str]]:
    """The answers, best first; what was chosen is before the rest, and a tie is one place."""
    if said_of.kind == "ranked":
        ranked = [[what.answers[n] for n in place if n in what.answers] for place in said_of.values]
        return [place for place in ranked if place]
    chosen = [name for name in said_of.flat if name in what.answers]
    rest = [name for name in what.answers if name not in chosen]
    both = [[what.answers[name] for name in names] for names in (chosen, rest)]
    return [place for place in both if place]


def preferred(
    judgement: TaskJudgement, ordered: Sequence[Sequence[str]], what: ShownTask
) -> TaskJudgement:
    """A pair for every two answers of different places."""
    pairs = [
        PreferencePair(chosen=chosen, rejected=rejected, **asked_of(judgement, what))
        for better, worse in combinations(ordered, 2)
        for chosen, rejected in product(better, worse)
        if chosen != rejected
    ]
    if len(ordered) < 2:
        return filled(judgement, pairs, "tie", TIE)
    # The order, as texts, and by the places that these have among each other; a place has none.
    known = sorted(what.answers.values())
    order = [sorted(known.index(text) for text in place) for place in ordered]
    judgement = replace(judgement, category=canonical_json(order).decode())
    spelt = canonical_json([sorted(place) for place in ordered]).decode()
    return filled(judgement, pairs, spelt, SAME_ANSWERS)


def filled(
    judgement: TaskJudgement, made: Sequence[Made], verdict: str | None, why: str
) -> TaskJudgement:
    return replace(judgement, made=tuple(made), verdict=verdict, why=None if made else why)


def row(judgement: TaskJudgement, what: ShownTask, text: str) -> Row:
    """Its id is of the file and the text: ids of tasks are used again in other files."""
    prompt = [message.model_dump() for message in what.prompt]
    made = digest_json([judgement.file, prompt, text])[:16]
    return Row(
        id=made,
        prompt=what.prompt,
        completion=(Message(role="assistant", content=text),),
        slices=dict(what.slices),
        group=digest_json([judgement.file, prompt])[:16],
        source=judgement.file,
        annotator=judgement.annotator,
    )


def rating(judgement: TaskJudgement, what: ShownTask, text: str, label: bool) -> RatedAnswer:
    return RatedAnswer(completion=text, label=label, **asked_of(judgement, what))


def asked_of(judgement: TaskJudgement, what: ShownTask) -> dict[str, Any]:
    """What a pair and a rating have in common: who was asked what."""
    plain = len(what.prompt) == 1 and what.prompt[0].role == "user"
    return {
        "prompt": what.prompt_text,
        "messages": None if plain else what.prompt,
        "source": judgement.file,
        "annotator": judgement.annotator,
        "evidence": what.evidence,
        "answerable": what.answerable,
        "tools": what.tools,
    }


def reject(judgement: TaskJudgement, text: str, what: ShownTask) -> TaskJudgement:
    """An answer that a person rejected: a negative example."""
    refused = replace(what, answer=text)
    return rated(replace(judgement, asked=refused.digest), False, refused)


# --- answered -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AnsweredTask:
    """A task with what one person said of it, by the control that it was said with."""

    one: TaskJudgement  # with a reason where nothing was said that counts
    task: Fields = field(default_factory=dict)  # its data fields
    said: Mapping[str, ControlAnswer] = field(default_factory=dict)
    # The answers that were compared, by their names, where the task itself lists them.
    answers: Mapping[str, str] = field(default_factory=dict)
    rejected: bool = False  # the person refused what the control holds
    # What else was said, in a kind that is not read: "spans", by the control; "" has no control.
    unsupported: Mapping[str, str] = field(default_factory=dict)


def unread(record: ExportRecord) -> AnsweredTask:
    return AnsweredTask(TaskJudgement(file=record.file, line=record.line, why=UNREADABLE))


# --- kinds ----------------------------------------------------------------------------------------

LONGEST_CHOICE = 60  # characters; a longer text was written, and so was a sentence
SENTENCE_ENDS = (".", "!", "?", "。", "！", "？")


def kinds_of(everything: Sequence[ControlAnswer], fields: ExportFields) -> Mapping[Kind, Kind]:
    """What texts and lists of texts are that a control holds."""
    texts = [answer for answer in everything if answer.kind == "text"]
    several: Kind = "ranked" if fields.answers else "chosen"
    return {"text": "written" if are_written(texts, fields) else "chosen", "several": several}


def are_written(texts: Iterable[ControlAnswer], fields: ExportFields) -> bool:
    """A judgement of an answer is chosen, however long its words are."""
    if fields.answers or fields.completion:
        return False
    return any(
        len(text) > LONGEST_CHOICE or (" " in text and text.endswith(SENTENCE_ENDS))
        for answer in texts
        for text in answer.flat
    )


def could_be_rankings(everything: Iterable[ControlAnswer], fields: ExportFields) -> bool:
    """Whether lists, which may be labels, all hold the same texts: that is what rankings do."""
    lists = [answer for answer in everything if answer.kind == "several"]
    different = {frozenset(answer.flat) for answer in lists}
    is_open = not fields.answers and fields.options != "classes"
    return is_open and len(different) == 1 and len(lists[0].values) > 1


def with_known_kind(answer: ControlAnswer, kinds: Mapping[Kind, Kind]) -> ControlAnswer:
    return replace(answer, kind=kinds.get(answer.kind, answer.kind))
