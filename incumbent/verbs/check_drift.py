"""`incumbent drift check`: one comparison of two files of prompts, without a project."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from rich.text import Text

from incumbent.output import EXIT_CODES, coloured, console, print_json, print_table
from project.errors import InputError
from project.records.data import Message
from project.records.drift import Topic
from project.records.record import read_input, read_object

if TYPE_CHECKING:
    from monitoring.drift.compare_sets import DriftResult

MESSAGES = TypeAdapter(list[Message])


@dataclass(frozen=True)
class PromptFile:
    """One file's prompts, and what each belongs to."""

    texts: list[str]
    blocks: list[str]


def check_drift(
    reference: Path,
    current: Path,
    *,
    text_field: str,
    block_field: str | None,
    alpha: float,
    seed: int,
    as_json: bool,
) -> int:
    """Compare and print; returns the verdict's exit code. Raises InputError with its place."""
    from monitoring.drift.compare_sets import compare

    before, now = (read(path, text_field, block_field) for path in (reference, current))
    blocks = (before.blocks, now.blocks)
    found = compare(before.texts, now.texts, alpha=alpha, blocks=blocks, seed=seed)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        print_found(found, before, now)
    return EXIT_CODES[found.verdict.value]


def read(path: Path, text_field: str, block_field: str | None) -> PromptFile:
    """The prompts of a JSON Lines file, and what each belongs to; by itself where it has no such
    field. A prompt is a text or a list of messages.
    """
    found = PromptFile([], [])
    for number, line in enumerate(read_input(path).splitlines(), start=1):
        if line.strip():
            row = read_object(line, path, number)
            found.texts.append(text_of(row, text_field, path, number))
            block = row.get(block_field) if block_field else None
            found.blocks.append(f"row {number}" if block is None else f"block {block}")
    if not found.texts:
        raise InputError("holds no rows", file=path)
    return found


def text_of(row: dict[str, Any], field: str, path: Path, number: int) -> str:
    if field not in row:
        there = ", ".join(row) or "none"
        problem = f"is not there; name the prompt's field with --text-field, there are: {there}"
        raise InputError(problem, file=path, line=number, field=field)
    try:
        text = row[field]
        if not isinstance(text, str):
            text = "\n".join(message.content for message in MESSAGES.validate_python(text))
        text.encode()
    except ValidationError:
        problem = "must be a text or a list of messages"
        raise InputError(problem, file=path, line=number, field=field) from None
    except UnicodeEncodeError:
        raise InputError("is no Unicode text", file=path, line=number, field=field) from None
    return str(text)


def print_found(found: "DriftResult", before: PromptFile, now: PromptFile) -> None:
    sizes = f"{len(now.texts)} prompts against {len(before.texts)}"
    console.print(Text.assemble(coloured(found.verdict.value), f": {sizes}, alpha {found.alpha:g}"))
    if not found.signals:
        console.print("too few to compare: at least 50 users now, and 100 in the reference")
        return
    console.print()
    readings = [
        (r.signal, f"{r.p:.2g}", f"{r.level:.2g}", f"{r.effect:.1%}", coloured(r.verdict.value))
        for r in found.signals.values()
    ]
    print_table(("signal", ">p", ">level", ">moved", "verdict"), readings)
    if found.topics:
        console.print()
        print_table(("topic", ">before", ">now", "such as"), [topic_cells(t) for t in found.topics])
    if found.new_words:
        console.print(f"\nwords that the reference lacks: {', '.join(found.new_words)}")


def topic_cells(topic: Topic) -> tuple[str, str, str, str]:
    name = f"{topic.name} (new)" if topic.new else topic.name
    return name, f"{topic.before:.1%}", f"{topic.now:.1%}", next(iter(topic.exemplars), "")
