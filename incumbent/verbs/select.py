"""`search select`: the best training rows, and whether they beat random ones on dev."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from curation.selected_rows import FOLDER, Selection
from incumbent.options import GO_ON, LARGEST, Json, saying_what_stays
from incumbent.output import console, print_json, print_table
from incumbent.searching.against_random import AgainstRandom, sentences
from incumbent.searching.pace import Candidates, estimate, read_candidates
from project.child_processes import ended_by_signals
from project.errors import InputError
from project.records.data import Row, counted
from project.settings import load
from project.untrusted_input import one_line
from training.training_settings import SftParams

SHOWN = 5  # rows, the best
WIDE = 70  # characters of a row


@saying_what_stays(GO_ON)
def select(
    rows: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many rows to select.")],
    seeds: Annotated[
        int, typer.Option(min=1, max=LARGEST, help="How many random draws to compare with.")
    ] = 1,
    no_compare: Annotated[
        bool, typer.Option("--no-compare", help="Only rank: train and compare nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Rank the training rows, and say by how much the best ones beat random ones on dev.

    The selection is written before the comparison: that may take long, and can be made later.
    Raises InputError where there are not enough rows to choose from.

    $ incumbent search select --rows 200
    """
    candidates = read_candidates()
    if rows >= len(candidates.rows):
        there = counted(len(candidates.rows), "training row")
        raise InputError(f"there are {there} to choose from: ask for fewer", field="--rows")
    draws = range(0 if no_compare else seeds)
    say_estimate(candidates, rows, len(draws))
    with ended_by_signals():
        # Imported here because the estimate comes first, and these bring libraries of seconds.
        from incumbent.searching.rank_rows import rank

        selection, path = rank(candidates, rows), FOLDER / f"best-{rows}.jsonl"
        selection.save(path)
        beside = comparison_of(path)
        if beside.exists() and AgainstRandom.read(beside).selection != selection.digest:
            beside.unlink()
        found = None if no_compare else compared_with_random(candidates, selection, draws)
        if found:
            found.write(comparison_of(path))
    if as_json:
        print_json(as_fields(selection, path, found))
        return
    print_selection(selection, path, candidates)
    if found:
        print_comparison(found)


def compared_with_random(
    candidates: Candidates, selection: Selection, seeds: Sequence[int]
) -> AgainstRandom:
    # Imported here for the same reason.
    from incumbent.searching.compare_on_dev import compare

    return compare(candidates, selection, seeds)


def say_estimate(candidates: Candidates, count: int, draws: int) -> None:
    """Tell people the estimate, before the first long work."""
    expected = estimate(candidates, count)
    about = (
        expected.summary(draws + 1 if draws else 0) if expected else "no estimate for this machine"
    )
    print(f"{counted(count, 'row')} of {len(candidates.rows):,}; {about}", file=sys.stderr)


def comparison_of(path: Path) -> Path:
    """Where the comparison of a selection lies, beside it."""
    return path.with_suffix(".on-dev.json")


def print_selection(selection: Selection, path: Path, candidates: Candidates) -> None:
    head, by_id = selection.head, {row.id: row for row in candidates.rows}
    console.print(f"{head.selected:,} of {head.ranked:,} training rows are in {path}")
    best = [(row, by_id[row.id]) for row in selection.rows[:SHOWN]]
    cells = [(str(r.rank), f"{r.quality:.2f}", in_a_line(row)) for r, row in best]
    print_table((">rank", ">quality", "row"), cells)
    console.print(f"to train on them alone: curation.curate.selection: {path}", soft_wrap=True)
    in_all, limit = head.selected + len(candidates.kept), load(SftParams).rows
    if limit and limit < in_all:
        said = f"training.sft.rows is {limit}, and {in_all} rows would be there: raise it"
        console.print(said, soft_wrap=True)


def print_comparison(found: AgainstRandom) -> None:
    first, *more = sentences(found)
    console.print(f"\n{first}", style="bold", soft_wrap=True)
    for line in more:
        console.print(line, soft_wrap=True)
    cells = [
        (name, f"{m.selected:.3f}", f"{m.random:.3f}", str(m)) for name, m in found.metrics.items()
    ]
    print_table(("on dev", ">selected", ">random", ">better by"), cells)


def in_a_line(row: Row) -> str:
    line = one_line(f"{row.prompt_text} → {row.completion_text}")
    return line if len(line) <= WIDE else f"…{line[-WIDE:]}"


def as_fields(selection: Selection, path: Path, found: AgainstRandom | None) -> dict[str, Any]:
    comparison = found and found.model_dump(mode="json") | {
        "beats": found.beats,
        "loses": found.loses,
        "said": sentences(found),
    }
    return {
        "file": str(path),
        "head": selection.head.model_dump(mode="json"),
        "selected": selection.chosen,
        "comparison": comparison,
    }
