"""Rows of a JSON Lines file, whichever of the usual shapes they come in."""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from curation.sources.tables.decoding import decode
from curation.sources.tables.table import plain_name
from curation.sources.tables.unpacked_file import UNPACK, files_read
from curation.sources.tool_turns import BESIDE, holds_tools, tool_chat
from curation.sources.turns import pairs
from project.canonical import digest_json
from project.errors import InputError
from project.records.data import Document, Origin, Row
from project.records.preferences import PreferencePair, RatedAnswer
from project.records.record import read_object

Fields = dict[str, Any]


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a JSON Lines file; see numbered_rows."""
    return (row for _, row in numbered_rows(path))


def numbered_rows(path: Path, *, encoding: str | None = None) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a JSON Lines file with their lines. Raises InputError naming file, line and
    field. `encoding` is that of a text whose bytes do not tell it.

    A field "about" is for people and is left aside. A row without an id gets one from its text, so
    that equal rows have equal ids.
    """
    seen: dict[str, tuple[int, Row]] = {}
    for number, line in filled_lines(path, encoding):
        row = read_row(line, path, number)
        first, same = seen.setdefault(row.id, (number, row))
        if same != row:
            problem = f"{row.id!r} is another row's on line {first}"
            raise InputError(problem, file=path, line=number, field="id")
        yield number, row


def readable_rows(path: Path, *, encoding: str | None = None) -> Iterator[tuple[int, Row | None]]:
    """The rows of a JSON Lines file with their lines; None for a line that is no row."""
    for number, line in filled_lines(path, encoding):
        try:
            yield number, read_row(line, path, number)
        except InputError:
            yield number, None


def filled_lines(path: Path, encoding: str | None) -> Iterator[tuple[int, bytes]]:
    """The lines, in UTF-8, that are not blank, with their numbers. Raises InputError.

    Lines end at line feeds alone: texts hold other characters that pass for line ends.
    """
    if path.is_file() and path.stat().st_size == 0:
        return
    first, *others = files_read(path)
    if others:
        problem = f"holds {len(others) + 1} files, such as {others[0].path.name!r}: {UNPACK}"
        raise InputError(problem, file=path)
    source = decode(first.data, path, encoding)
    lines = io.StringIO(source.text, newline=source.line_end)
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, line.rstrip("\r\n").encode()


PREFERENCES = {"chosen", "rejected", "label"}


def read_row(line: bytes, path: Path, number: int) -> Row:
    fields = read_object(line, path, number)
    fields.pop("about", None)
    if PREFERENCES & fields.keys():
        problem = "is a preference among rows: put pairs and ratings into a file of their own"
        raise InputError(problem, file=path, line=number)
    for key, convert in SHAPES.items():
        if key in fields:
            try:
                data = json.dumps(complete(convert(fields), path.name)).encode()
            except KeyError as error:
                problem = f"not a row in the {key!r} shape: it has no {error}"
                raise InputError(problem, file=path, line=number, field=key) from None
            except (TypeError, IndexError, ValueError, RecursionError) as error:
                problem = f"not a row in the {key!r} shape: {error}"
                raise InputError(problem, file=path, line=number, field=key) from None
            return Row.parse(data, path, number)
    shapes = ", ".join(repr(key) for key in SHAPES)
    raise InputError(f"a row needs one of the fields {shapes}", file=path, line=number)


def complete(fields: Fields, file: str) -> Fields:
    """Fill in what a canonical row must have and an import may leave out."""
    text = [fields["prompt"], fields["completion"]]
    if fields.get("evidence") is not None:
        fields = fields | {"evidence": evidence_in([fields["evidence"]])}
        text.append(fields["evidence"])
    text += [fields[name] for name in ("tools", "scenario") if fields.get(name)]
    defaults = {"id": digest_json(text)[:16], "source": file}
    fields = defaults | fields
    return {"group": fields["id"]} | fields


def from_instruction(fields: Fields) -> Fields:
    """{instruction, input?, output}, as Alpaca has it."""
    rest = without(fields, "instruction", "input", "output")
    prompt = "\n\n".join(part for part in (fields["instruction"], fields.get("input")) if part)
    return rest | {
        "prompt": turn("user", prompt),
        "completion": turn("assistant", fields["output"]),
    }


def from_messages(fields: Fields) -> Fields:
    """{messages}: the last one is the completion, all before it are the prompt. With tools, as
    OpenAI's files have them, the last answer is that is to be learnt.
    """
    messages = fields["messages"]
    if not holds_tools(messages) and not any(fields.get(name) for name in BESIDE):
        return without(fields, "messages") | {"prompt": messages[:-1], "completion": [messages[-1]]}
    told, tools = tool_chat(messages, fields)
    chat_pairs = pairs(told, "last")
    if not chat_pairs.pairs:
        raise ValueError(chat_pairs.why)
    prompt, completion = chat_pairs.pairs[0]
    rest = without(fields, "messages", *BESIDE, "function_call", "parallel_tool_calls")
    turns = {
        "prompt": [message.model_dump() for message in prompt],
        "completion": [completion.model_dump()],
    }
    return rest | turns | ({"tools": tools} if tools else {})


def from_prompt(fields: Fields) -> Fields:
    """{prompt, completion}, each a text or a list of messages: the canonical row."""
    prompt, completion = fields["prompt"], fields["completion"]
    return fields | {
        "prompt": turn("user", prompt) if isinstance(prompt, str) else prompt,
        "completion": turn("assistant", completion) if isinstance(completion, str) else completion,
    }


SHAPES: dict[str, Callable[[Fields], Fields]] = {
    "instruction": from_instruction,
    "messages": from_messages,
    "prompt": from_prompt,
}


def turn(role: str, content: str) -> list[Fields]:
    return [{"role": role, "content": content}]


def without(fields: Fields, *keys: str) -> Fields:
    return {key: value for key, value in fields.items() if key not in keys}


# --- reading --------------------------------------------------------------------------------------

Made = Row | PreferencePair | RatedAnswer | Document


class Read(NamedTuple):
    """A record, and what was made of it, if anything was; else its origin says why not."""

    origin: Origin
    made: Made | None = None


# --- rows of answers ------------------------------------------------------------------------------

# Rows out of answers that people found good: what a project of pairs or ratings alone learns.


def row_of(made: Made | None) -> Row | None:
    """The better answer of a pair, or a good one, as a row; None of all else."""
    if isinstance(made, PreferencePair):
        answer = made.chosen
    elif isinstance(made, RatedAnswer) and made.label:
        answer = made.completion
    else:
        return None
    turns = [message.model_dump() for message in made.messages or ()]
    fields = {
        "prompt": turns or turn("user", made.prompt),
        "completion": turn("assistant", answer),
        "annotator": made.annotator,
        "evidence": [passage.model_dump() for passage in made.evidence] if made.evidence else None,
        "answerable": made.answerable,
    }
    return Row.model_validate(complete(fields, made.source or ""))


# --- passages -------------------------------------------------------------------------------------

TEXT = ("text", "content", "passage", "paragraph_text", "page_content", "body")
SOURCE = ("source", "title", "url", "document", "document_id")
# Columns that say the contrary of "answerable".
CONTRARY = frozenset({"isimpossible", "impossible", "unanswerable", "noanswer"})
YES = frozenset({"true", "yes", "1", "y", "answerable"})
NO = frozenset({"false", "no", "0", "n", "unanswerable"})


def evidence_in(values: Iterable[Any]) -> list[Fields]:
    """The passages of a record's columns, in their order, each with an id. Raises ValueError for a
    value that holds none.

    A value is a text; a list of texts, or of objects with a text (SQuAD's `paragraphs` are records
    of their own already); pairs of a title and its sentences (HotpotQA); or titles beside lists of
    sentences (HotpotQA and RAFT as `datasets` has them). A list or an object may stand there as
    JSON, as in a CSV file.
    """
    passages = [passage for value in values for passage in passages_in(value)]
    named = ({"id": str(number)} | passage for number, passage in enumerate(passages, start=1))
    return [passage for passage in named if passage["text"].strip()]


def passages_in(value: Any) -> Iterator[Fields]:
    value = parsed(value)
    if isinstance(value, str):
        yield {"text": value}
    elif isinstance(value, Mapping):
        yield from one_of(value) if named(value, TEXT) else titled(value)
    elif isinstance(value, Sequence):
        for element in value:
            yield from passages_in(joined(element))
    elif value is not None:
        raise ValueError(f"no passage: {json.dumps(value)[:40]}")


def parsed(value: Any) -> Any:
    """A list or an object that stands in a text as JSON."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def one_of(value: Mapping[str, Any]) -> Iterator[Fields]:
    about = {"id": value.get("id"), "source": named(value, SOURCE)}
    told = {key: str(field) for key, field in about.items() if field is not None}
    yield {"text": str(named(value, TEXT)), **told}


def joined(value: Any) -> Any:
    """A title and its sentences, as one passage; all else as it is."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], list):
        return {"text": as_one(value[1]), "source": str(value[0])}
    return value


def titled(value: Mapping[str, Any]) -> Iterator[Fields]:
    sentences, titles = value.get("sentences"), value.get("title") or []
    if not isinstance(sentences, list) or not isinstance(titles, list):
        raise ValueError(f"an object without a text: it has {', '.join(value) or 'nothing'}")
    if len(sentences) == 1 and all(isinstance(element, list) for element in (*sentences, *titles)):
        sentences, titles = sentences[0], titles[0] if titles else []  # RAFT: one level more
    for text, title in zip_longest(sentences, titles[: len(sentences)]):
        yield {"text": as_one(text), **({"source": str(title)} if title else {})}


def as_one(sentences: Any) -> str:
    return " ".join(
        str(part).strip() for part in ([sentences] if isinstance(sentences, str) else sentences)
    )


def named(value: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((value[name] for name in names if value.get(name)), None)


def answerable_in(column: str, value: Any) -> bool | None:
    """What a column says of whether the passages hold an answer; None: nothing. Raises ValueError
    for another word.
    """
    word = str(value).strip().casefold() if value is not None else ""
    if not word:
        return None
    if word not in YES | NO:
        raise ValueError(f"{word[:40]!r} is neither true nor false")
    return (word in YES) != (plain_name(column) in CONTRARY)
