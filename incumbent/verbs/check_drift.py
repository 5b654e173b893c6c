"""`drift check`: one comparison of two files of prompts, without a project."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from incumbent.options import Json
from incumbent.output import EXIT_CODES, coloured, console, print_json, print_table
from project.errors import InputError
from project.records.data import Message, counted
from project.records.drift import Topic

if TYPE_CHECKING:
    from monitoring.drift.compare_sets import DriftResult


# Its first line passes for the names of columns, and each comma in it for a border.
PLAIN = (
    "is no column of this text: write each line as a row, for instance by "
    "jq -R '{prompt: .}' FILE.txt > FILE.jsonl"
)


@dataclass(frozen=True)
class PromptFile:
    """One file's prompts, and the block that each belongs to; None: to none."""

    path: Path
    fields: tuple[str, ...]
    texts: list[str]
    blocks: list[object]


def check_drift(
    reference: Annotated[
        Path, typer.Option(help="Prompts as they were: JSON Lines, CSV or Parquet.")
    ],
    current: Annotated[Path, typer.Option(help="Prompts as they are now.")],
    text_field: Annotated[str, typer.Option(help="The field with a row's prompt.")] = "prompt",
    block_field: Annotated[
        str | None,
        typer.Option(help="A field such as user: rows with the same value are not independent."),
    ] = None,
    alpha: Annotated[
        float, typer.Option(help="The chance of a false alarm, over all signals.")
    ] = 0.01,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the resampling.")] = 0,
    as_json: Json = False,
    exit_verdict: Annotated[
        bool,
        typer.Option("--exit-verdict", help="Exit with 0: no drift, 10: insufficient, 11: drift."),
    ] = False,
) -> None:
    """Compare two files of anybody's prompts; needs no project.

    $ incumbent drift check --reference june.jsonl --current july.jsonl
    """
    from monitoring.drift.compare_sets import compare

    before, now = (read(path, text_field, block_field) for path in (reference, current))
    notes = notes_on_blocks(before, now, block_field)
    blocks = (before.blocks, now.blocks)
    comparison = compare(before.texts, now.texts, alpha=alpha, blocks=blocks, seed=seed)
    comparison = comparison.model_copy(update={"notes": (*notes, *comparison.notes)})
    if as_json:
        print_json(comparison)
    else:
        print_found(comparison, before, now)
    raise typer.Exit(EXIT_CODES[comparison.verdict.value] if exit_verdict else 0)


def read(path: Path, text_field: str, block_field: str | None) -> PromptFile:
    """What is asked in the prompts of a JSON Lines, JSON, CSV or Parquet file, packed by gzip or
    not. A prompt is a text or a list of messages, of which the last one of the user is taken.
    """
    # Imported here because --help need not wait for pyarrow.
    from curation.sources.tables.read_table import read_table

    table = read_table(path, skip=True)
    if table.unreadable:
        raise InputError(table.unreadable[0].why, file=path, line=table.unreadable[0].line)
    if not table.rows:
        problem = "holds no rows: write a row for each prompt"
        raise InputError(problem, file=path, field=text_field)
    texts = [text_of(row.fields, text_field, path, row.line) for row in table.rows]
    blocks = [row.fields.get(block_field) if block_field else None for row in table.rows]
    return PromptFile(path, table.columns, texts, blocks)


def text_of(row: dict[str, Any], field: str, path: Path, number: int) -> str:
    if field not in row:
        if path.suffix == ".txt":
            raise InputError(PLAIN, file=path, line=1, field=field)
        there = ", ".join(row) or "none"
        problem = f"is not there; name the prompt's field with --text-field, there are: {there}"
        raise InputError(problem, file=path, line=number, field=field)
    text = readable_prompt(row[field])
    if text is None:
        problem = "must be a text or a list of messages"
        raise InputError(problem, file=path, line=number, field=field)
    return text


def readable_prompt(prompt: object) -> str | None:
    """None: it is neither a text nor messages."""
    from monitoring.traffic.chat import UnfitRecordError, prompt_of
    from monitoring.traffic.voices import asked_text

    if isinstance(prompt, str):
        return prompt
    if not isinstance(prompt, list):
        return None
    try:
        read = prompt_of(prompt)
    except UnfitRecordError:
        return None
    if isinstance(read, str):
        return None
    return asked_text([Message.model_validate(turn) for turn in read])


def notes_on_blocks(before: PromptFile, now: PromptFile, field: str | None) -> tuple[str, ...]:
    """Raises InputError where no row of either file has the field."""
    if field is None:
        return ()
    without = [file for file in (before, now) if field not in file.fields]
    if len(without) == 2:
        there = ", ".join(dict.fromkeys((*before.fields, *now.fields)))
        problem = f"no row has it; name another one with --block-field, there are: {there}"
        raise InputError(problem, file=now.path, field=field)
    return tuple(
        f"no row of {file.path} has the field {field}: each counts as one of its own"
        for file in without
    )


def print_found(drift_result: "DriftResult", before: PromptFile, now: PromptFile) -> None:
    sizes = f"{counted(len(now.texts), 'prompt')} against {len(before.texts)}"
    console.print(
        Text.assemble(
            coloured(drift_result.verdict.value), f": {sizes}, alpha {drift_result.alpha:g}"
        )
    )
    for note in drift_result.notes:
        console.print(note)
    if not drift_result.signals:
        there = f"{voices(now)} now (at least 50), {voices(before)} before (at least 100)"
        blocks = {*now.blocks, *before.blocks} != {None}
        once = "; rows of one --block-field count once" if blocks else ""
        console.print(f"too few to compare: {there}{once}")
        return
    console.print()
    readings = [
        (r.signal, f"{r.p:.2g}", f"{r.level:.2g}", f"{r.effect:.1%}", coloured(r.verdict.value))
        for r in drift_result.signals.values()
    ]
    print_table(("signal", ">p", ">level", ">moved", "verdict"), readings)
    if drift_result.topics:
        console.print()
        print_table(
            ("topic", ">before", ">now", "such as"), [topic_cells(t) for t in drift_result.topics]
        )
    if drift_result.new_words:
        console.print(f"\nnew words: {', '.join(drift_result.new_words)}")


def voices(file: PromptFile) -> int:
    """Rows that count: one of each block, and each that belongs to none."""
    return len({str(b) for b in file.blocks if b is not None}) + file.blocks.count(None)


def topic_cells(topic: Topic) -> tuple[str, str, str, str]:
    name = f"{topic.name} (new)" if topic.new else topic.name
    before = "–" if topic.new else f"{topic.before:.1%}"
    return name, before, f"{topic.now:.1%}", next(iter(topic.exemplars), "")
