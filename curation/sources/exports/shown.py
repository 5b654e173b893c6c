"""What people were shown: a prompt, and perhaps an answer, or several, to judge."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from curation.curation_settings import ExportFields
from curation.faults.missing_answers import is_more_than_placeholder
from curation.sources.chat_shapes import SPEAKERS, TEXTS, conversation
from curation.sources.exports.export_records import Fields
from curation.sources.row_formats import Made, Read, answerable_in, evidence_in
from curation.sources.table_rows import NO_ANSWER, NO_PASSAGE, NO_PROMPT, NO_TEXT, as_text
from curation.sources.tool_turns import BESIDE, holds_tools, tool_chat
from curation.sources.turns import IN_TABLES, says_something
from project.canonical import digest_json
from project.records.data import EvidencePassage, Message, Origin, evidence_digest
from project.records.tool_calls import sound_tools, tools_in

# The address of a picture, a sound or a video, or the data of one.
MEDIA = re.compile(
    r"data:(?:image|audio|video)/.*"
    r"|\S+\.(?:jpe?g|png|gif|webp|bmp|svg|tiff?|wav|mp3|ogg|flac|m4a|mp4|mov|webm|pdf)(?:\?\S*)?",
    re.I | re.S,
)


@dataclass(frozen=True)
class ShownTask:
    """A task as people saw it."""

    prompt: tuple[Message, ...]
    answer: str | None = None  # the one that was judged
    answers: Mapping[str, str] = field(default_factory=dict)  # by what people choose
    slices: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[EvidencePassage, ...] | None = None
    answerable: bool | None = None
    tools: tuple[dict[str, Any], ...] | None = None

    @property
    def prompt_text(self) -> str:
        return "\n".join(message.text for message in self.prompt)

    @property
    def digest(self) -> str:
        """The digest of what was asked, whoever was asked, and on whichever side an answer
        stood.
        """
        prompt = [message.model_dump() for message in self.prompt]
        shown = [evidence_digest(self.evidence)] if self.evidence else []
        told = [digest_json(self.tools)] if self.tools else []
        return digest_json([prompt, self.answer, sorted(self.answers.values()), *shown, *told])


class NothingShownError(ValueError):
    """A task lacks what people should have seen; it reads well behind a number."""


def texts_in(tasks: Iterable[Fields]) -> list[str]:
    """The fields that hold a text, or a conversation, in one task at least; where a picture or a
    sound lies is none.
    """
    held = [(name, value) for task in tasks for name, value in task.items()]
    names = dict.fromkeys(n for n, v in held if isinstance(v, str) or holds_turns(v))
    media = {n for n, v in held if isinstance(v, str) and MEDIA.fullmatch(v.strip())}
    texts = {n for n, v in held if not isinstance(v, str) or not MEDIA.fullmatch(v.strip())}
    return [name for name in names if name in texts or name not in media]


def holds_turns(value: Any) -> bool:
    """Whether it is a list of turns, to judge by the first."""
    first = value[0] if isinstance(value, list) and value else None
    if not isinstance(first, dict):
        return False
    return any(name in first for name in SPEAKERS) and any(name in first for name in TEXTS)


def shown_task(task: Fields, fields: ExportFields) -> ShownTask:
    """What a task shows. Raises NothingShownError where the prompt, or an answer, is missing."""
    values = {name: as_text(task.get(name)) for name in fields.slices}
    answers = {key: judged_text(task.get(name)) for key, name in fields.answers.items()}
    if not all(answers.values()):
        raise NothingShownError(NO_ANSWERS)
    return ShownTask(
        prompt=prompt_of(task, fields),
        answer=answer_of(task, fields),
        answers={key: answer for key, answer in answers.items() if answer},
        slices={name: text.strip() for name, text in values.items() if text and text.strip()},
    )


def answer_of(task: Fields, fields: ExportFields) -> str | None:
    """The answer that was judged, where one is named; a list of answers is read elsewhere."""
    value = task.get(fields.completion) if fields.completion else None
    if fields.completion is None or (isinstance(value, list) and not holds_turns(value)):
        return None
    if not (text := judged_text(value)):
        raise NothingShownError(NO_ANSWER)
    return text


def judged_text(value: Any) -> str | None:
    """An answer; of a conversation, the last one. Raises NothingShownError for what is no text."""
    if holds_turns(value):
        turns = turns_of(value)
        last = turns[-1] if turns else None
        return last.content.strip() or None if last and last.role == "assistant" else None
    if (text := as_text(value)) is None:
        raise NothingShownError(NO_TEXT)
    return text.strip() if is_more_than_placeholder(text) else None


def prompt_of(task: Fields, fields: ExportFields) -> tuple[Message, ...]:
    values = [task.get(name) for name in fields.prompt]
    if len(values) == 1 and holds_turns(values[0]):
        return question_turns(turns_of(values[0]), fields)
    texts = [as_text(value) for value in values]
    if None in texts:
        raise NothingShownError(NO_TEXT)
    asked = [text.strip() for text in texts if text]
    if not any(map(is_more_than_placeholder, asked)):
        raise NothingShownError(NO_PROMPT)
    prompt = "\n\n".join(filter(None, [fields.instruction, *asked]))
    return question_turns([Message(role="user", content=prompt)], fields)


def question_turns(turns: Sequence[Message], fields: ExportFields) -> tuple[Message, ...]:
    """The turns behind the system prompt of the settings, where they have none of their own."""
    asked = [turn for turn in turns if says_something(turn)]
    if not asked or asked[-1].role not in ("user", "tool"):
        raise NothingShownError(NO_PROMPT)
    if not fields.system or asked[0].role == "system":
        return tuple(asked)
    return (Message(role="system", content=fields.system), *asked)


def turns_of(value: Any) -> list[Message]:
    """Raises NothingShownError for what is no conversation."""
    try:
        return tool_chat(value, {}).messages if holds_tools(value) else conversation(value)
    except ValueError as error:
        why = str(error).removesuffix(IN_TABLES)
        raise NothingShownError(f"no conversation: {why}") from None


def with_all_shown(what: ShownTask, record: Fields) -> ShownTask:
    """The same with the record's tools, and on its passages, where it has some. Raises
    NothingShownError.
    """
    try:
        given = next((record[name] for name in BESIDE if record.get(name)), None)
        tools = sound_tools(tuple(tools_in(given)))
    except ValueError as error:
        raise NothingShownError(str(error)) from None
    what = replace(what, tools=tools or None)
    if record.get("evidence") is None:
        return what
    try:
        evidence = evidence_in([record["evidence"]])
        answerable = answerable_in("answerable", record.get("answerable"))
    except ValueError as error:
        raise NothingShownError(f"{NO_PASSAGE}: {error}") from None
    passages = tuple(EvidencePassage.model_validate(passage) for passage in evidence)
    return replace(what, evidence=passages or None, answerable=answerable)


# --- judgement ------------------------------------------------------------------------------------

# Why nothing was made of a judgement; each reads well behind a number.
CANCELLED = "cancelled"
REJECTED = "rejected"
IGNORED = "ignored"
DRAFT = "drafts"
DISCARDED = "discarded"
REPLACED = "replaced by a newer one of the same person"
NO_ANNOTATION = "without an annotation"
NO_RESULT = "annotated without a result"
TIE = "ties"
NEITHER = "neither good nor bad"
SAME_ANSWERS = "that compare an answer with itself"
NO_ANSWERS = "without the answers that were compared"


@dataclass(frozen=True)
class TaskJudgement:
    """A person's word on a task. Without a verdict nothing was said that counts."""

    file: str  # its name below datasets/sources
    line: int
    task: str | None = None  # its id in its file, which files may share
    asked: str | None = None  # the digest of what was shown: one task, in whatever file
    annotator: str | None = None
    verdict: str | None = None  # in words that can be compared; of a tie too
    # The same with numbers for the answers of a task, as two people may say it of other tasks too.
    category: str | None = None
    written: bool = False  # the verdict is a text of one's own: two people rarely write the same
    made: tuple[Made, ...] = ()
    why: str | None = None  # nothing was made


def reads(judgements: Iterable[TaskJudgement]) -> Iterator[Read]:
    """A read for all that was made of each, or for why nothing was."""
    for judgement in judgements:
        for made in judgement.made:
            yield Read(Origin(file=judgement.file, line=judgement.line, row=made.id), made)
        if not judgement.made:
            yield Read(Origin(file=judgement.file, line=judgement.line, why=judgement.why))


# --- dialogues ------------------------------------------------------------------------------------

# A prompt and an answer to it, however a file of preferences or ratings writes them.

PROMPTS = ("prompt", "question", "conversations", "messages")
DIFFERENT_PROMPTS = "with an answer to another prompt"

Turns = tuple[Message, ...]


def prompt_value(record: Fields, fields: ExportFields) -> Any:
    """What holds the prompt; None where the answer brings it along."""
    if fields.prompt:
        return joined([record.get(name) for name in fields.prompt])
    if "instruction" in record:
        return joined([record["instruction"], record.get("input")])
    return next((record[name] for name in PROMPTS if record.get(name) is not None), None)


def joined(values: Sequence[Any]) -> Any:
    """Texts as one; a value that is none, such as a list of messages, stands alone."""
    if len(values) == 1:
        return values[0]
    texts = [as_text(value) for value in values]
    if None in texts:
        raise NothingShownError(NO_TEXT)
    return "\n\n".join(text.strip() for text in texts if text and text.strip())


def prompt_turns(value: Any) -> list[Message]:
    """Raises NothingShownError for what is neither a text nor a conversation."""
    if isinstance(value, list | dict):
        return turns_of(value)
    text = as_text(value) or ""
    if not is_more_than_placeholder(text):
        raise NothingShownError(NO_PROMPT)
    return [Message(role="user", content=text.strip())]


def dialogue(record: Fields, answer: Any, fields: ExportFields) -> tuple[Turns, str]:
    """The prompt, and the answer to it. An answer may be a text, a turn, or the whole
    conversation, which then must begin as the prompt does.

    Raises NothingShownError.
    """
    value = prompt_value(record, fields)
    prompt = None if value is None else prompt_turns(value)
    turns = answer_turns(answer, alone=prompt is None)
    before, last = turns[:-1], turns[-1]
    if last.role != "assistant" or not is_more_than_placeholder(last.text):
        raise NothingShownError(NO_ANSWER)
    asked = before if prompt is None else agreed(prompt, before)
    return behind_system(asked, record, fields), last.text.strip()


def answer_turns(answer: Any, *, alone: bool) -> list[Message]:
    """The turns of an answer; a text is one, unless it stands alone and has marks in it."""
    if isinstance(answer, dict):
        return turns_of([answer])
    if isinstance(answer, list) or (alone and isinstance(answer, str)):
        return turns_of(answer)
    text = as_text(answer)
    if text is None:
        raise NothingShownError(NO_TEXT)
    return [Message(role="assistant", content=text)]


def agreed(prompt: list[Message], before: list[Message]) -> list[Message]:
    """The prompt, or the longer one of both where an answer repeats it and goes on."""
    if not before:
        return prompt
    plain = [turn.text.strip() for turn in prompt]
    whole = [turn.text.strip() for turn in before]
    if plain == whole[: len(plain)] or plain == whole[-len(plain) :]:
        return before
    raise NothingShownError(DIFFERENT_PROMPTS)


def behind_system(turns: Sequence[Message], record: Fields, fields: ExportFields) -> Turns:
    """The turns behind the record's own system prompt, or that of the settings."""
    system = record.get("system")
    has_own = turns and turns[0].role == "system"
    if isinstance(system, str) and system.strip() and not has_own:
        turns = [Message(role="system", content=system.strip()), *turns]
    return question_turns(instructed(turns, fields), fields)


def instructed(turns: Sequence[Message], fields: ExportFields) -> list[Message]:
    """The turns with the instruction before the first question."""
    first = next((i for i, turn in enumerate(turns) if turn.role == "user"), None)
    if first is None or not fields.instruction:
        return list(turns)
    asked = f"{fields.instruction}\n\n{turns[first].content}"
    return [*turns[:first], Message(role="user", content=asked), *turns[first + 1 :]]
