"""A prompt and an answer to it, however a file of preferences or ratings writes them."""

from collections.abc import Sequence
from typing import Any

from curation.curation_settings import ExportFields
from curation.faults.placeholders import said
from curation.sources.exports.export_records import Fields
from curation.sources.exports.judgements.shown import NothingShownError, opened, turns_of
from curation.sources.table_rows import NO_ANSWER, NO_PROMPT, NO_TEXT, as_text
from project.records.data import Message

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
    if not said(text):
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
    if last.role != "assistant" or not said(last.content):
        raise NothingShownError(NO_ANSWER)
    asked = before if prompt is None else agreed(prompt, before)
    return behind_system(asked, record, fields), last.content.strip()


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
    plain = [turn.content.strip() for turn in prompt]
    whole = [turn.content.strip() for turn in before]
    if plain == whole[: len(plain)] or plain == whole[-len(plain) :]:
        return before
    raise NothingShownError(DIFFERENT_PROMPTS)


def behind_system(turns: Sequence[Message], record: Fields, fields: ExportFields) -> Turns:
    """The turns behind the record's own system prompt, or that of the settings."""
    own = record.get("system")
    has_own = turns and turns[0].role == "system"
    if isinstance(own, str) and own.strip() and not has_own:
        turns = [Message(role="system", content=own.strip()), *turns]
    return opened(instructed(turns, fields), fields)


def instructed(turns: Sequence[Message], fields: ExportFields) -> list[Message]:
    """With the instruction before the first question."""
    first = next((i for i, turn in enumerate(turns) if turn.role == "user"), None)
    if first is None or not fields.instruction:
        return list(turns)
    asked = f"{fields.instruction}\n\n{turns[first].content}"
    return [*turns[:first], Message(role="user", content=asked), *turns[first + 1 :]]
