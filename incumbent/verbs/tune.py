"""`incumbent search tune`, `curve` and `select`: better settings of training, what more labels are
worth, and the best rows; all on dev.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curation.selected_rows import FOLDER, Selection
from incumbent.options import GO_ON, LARGEST, Json, saying_what_stays
from incumbent.output import console, print_json, print_table, say, say_conclusion
from incumbent.searching.label_curve import LabelCurve
from incumbent.searching.label_measuring import CurveData, measure, read_shares
from incumbent.searching.pace import Candidates, estimate, minutes_text, read_candidates
from incumbent.searching.rank_rows import AgainstRandom, compare, rank
from incumbent.searching.search_result import SearchResult, in_words
from incumbent.searching.search_settings import SearchParams
from project.canonical import digest_json
from project.child_processes import ended_by_signals
from project.errors import InputError
from project.files import home
from project.records.data import Row, counted
from project.settings import load
from project.untrusted_input import one_line
from training.training_settings import SftParams

if TYPE_CHECKING:
    from incumbent.searching.trial_loop import Tuning

# --- tune -----------------------------------------------------------------------------------------

PAGE = "search.html"


@saying_what_stays(GO_ON)
def tune(
    trials: Annotated[
        int | None,
        typer.Option(min=1, max=LARGEST, help="Adapters in all; search.trials if left out."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Minutes after which no further trial begins.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for better settings of training, on dev alone; goes on from where it was.

    Raises InputError where there is nothing to search on, or by.

    $ incumbent search tune --trials 10
    """
    given = {"trials": trials, "minutes": minutes}
    wanted = {name: value for name, value in given.items() if value is not None}
    params = load(SearchParams).model_copy(update=wanted)
    # Imported here because Optuna is of an extra.
    from incumbent.searching.trial_loop import Search, Tuning, one_at_a_time

    tuning = Tuning.here(params)
    page = tuning.folder / PAGE
    with one_at_a_time(tuning.folder), ended_by_signals():
        search = Search(tuning.folder, params.settled, tuning.better)
        say_beginning(tuning, done=len(search.trials()))
        first = tuning.own if search.holds(tuning.own) else None
        more = until(params.minutes)
        for trial in search.run(tuning.objective, params.trials, first=first, more=more):
            print(in_words(trial, params.metric), file=sys.stderr)
            tuning.result(search.trials()).write_page(params.settled, page)
        outcome = tuning.result(search.trials())
        outcome.write_page(params.settled, page)
    print_found(outcome, page, as_json=as_json)


def say_beginning(tuning: "Tuning", *, done: int) -> None:
    """Tell people how long it will take, before the first long work."""
    left = tuning.params.trials - done
    kept = f"{counted(done, 'trial')} done before; " if done else ""
    about = f", {minutes_text(tuning.expected(left))}" if left > 0 else ""
    print(f"{kept}{counted(max(0, left), 'trial')} to go{about}", file=sys.stderr)


def until(minutes: float | None) -> Callable[[], bool]:
    """Whether a further trial may begin."""
    end = None if minutes is None else monotonic() + 60 * minutes
    return lambda: end is None or monotonic() < end


def print_found(search_result: SearchResult, page: Path, *, as_json: bool) -> None:
    steps = search_result.next_steps
    if as_json:
        lines, command = steps or (None, None)
        told = {
            "said": search_result.sentences,
            "params": lines,
            "command": command,
            "page": str(page),
        }
        print_json(search_result.model_dump(mode="json") | told)
        return
    say_conclusion(search_result.sentences)
    if steps:
        say(f"\nin params.yaml:\n{steps[0]}")
        command = steps[1].replace(" -S ", " \\\n  -S ")
        say(f"\nor as an experiment:\n{command}")
    say(f"\neach setting, and the score over it:\n{page}")


# --- curve ----------------------------------------------------------------------------------------


@saying_what_stays(GO_ON)
def curve(
    shares: Annotated[
        str, typer.Option(help="Shares of the training rows, separated by commas.")
    ] = "1/8,1/4,1/2,1",
    seeds: Annotated[
        int, typer.Option(min=1, max=LARGEST, help="How often each share is drawn.")
    ] = 3,
    more: Annotated[
        int, typer.Option(min=1, max=LARGEST, help="Say what this many more labels would add.")
    ] = 200,
    at: Annotated[
        int, typer.Option(min=1, max=LARGEST, help="Say what this many labels reach.")
    ] = 250,
    as_json: Json = False,
) -> None:
    """Measure on dev what several numbers of labels reach, and what more labels are worth.

    Raises InputError for shares that are none, and where there are too few rows or items.

    $ incumbent search curve
    """
    labels = CurveData.here(read_shares(shares), seeds)
    say_curve_begins(labels)
    with ended_by_signals():
        measured = measure(labels, more=more, at=at)
        page = home() / "curve" / f"{digest_json([shares, seeds, measured.digest])[:16]}.html"
        measured.write_page(page)
    print_curve(measured, page, as_json=as_json)


def say_curve_begins(labels: CurveData) -> None:
    """Tell people how long it will take, before the first long work."""
    adapters = counted(len(labels.draws) * len(labels.shares), "adapter")
    rows = counted(len(labels.found.rows), "row")
    about = f"{minutes_text(labels.expected())}; less for what is known already"
    print(f"{adapters} on up to {rows}: {about}", file=sys.stderr)


def print_curve(label_curve: LabelCurve, page: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(
            label_curve.model_dump(mode="json") | {"said": label_curve.sentences, "page": str(page)}
        )
        return
    curves = [label_curve.metrics[name] for name in label_curve.judged_by]
    rows = [("none: the base", "0", *(f"{metric.base:.3f}" for metric in curves))]
    rows += [
        (point.share, f"{point.rows:,.0f}", *(metric.points[i].score.plain for metric in curves))
        for i, point in enumerate(curves[0].points)
    ]
    print_table(("share", ">labels", *(f">{name}" for name in label_curve.judged_by)), rows)
    say(*label_curve.sentences)
    say(f"drawn: {page}")


# --- select ---------------------------------------------------------------------------------------

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
        selection, path = rank(candidates, rows), FOLDER / f"best-{rows}.jsonl"
        selection.save(path)
        beside = comparison_of(path)
        if beside.exists() and AgainstRandom.read(beside).selection != selection.digest:
            beside.unlink()
        comparison = None if no_compare else compare(candidates, selection, draws)
        if comparison:
            comparison.write(comparison_of(path))
    if as_json:
        print_json(as_fields(selection, path, comparison))
        return
    print_selection(selection, path, candidates)
    if comparison:
        print_comparison(comparison)


def say_estimate(candidates: Candidates, count: int, draws: int) -> None:
    """Tell people how long it will take, before the first long work."""
    about = minutes_text(estimate(candidates, count, draws + 1 if draws else 0))
    what = f"{counted(count, 'row')} of {len(candidates.rows):,}"
    print(f"{what}; {about}; less for what is known already", file=sys.stderr)


def comparison_of(path: Path) -> Path:
    """Where the comparison of a selection lies, beside it."""
    return path.with_suffix(".on-dev.json")


def print_selection(selection: Selection, path: Path, candidates: Candidates) -> None:
    head, by_id = selection.head, {row.id: row for row in candidates.rows}
    console.print(f"{head.selected:,} of {head.ranked:,} training rows are in {path}")
    best = [(row, by_id[row.id]) for row in selection.rows[:SHOWN]]
    cells = [(str(r.rank), f"{r.quality:.2f}", in_a_line(row)) for r, row in best]
    print_table((">rank", ">quality", "row"), cells)
    say(f"to train on them alone: curation.curate.selection: {path}")
    in_all, limit = head.selected + len(candidates.kept), load(SftParams).rows
    if limit and limit < in_all:
        note = f"training.sft.rows is {limit}, and {in_all} rows would be there: raise it"
        say(note)


def print_comparison(comparison: AgainstRandom) -> None:
    console.print()
    say_conclusion(comparison.sentences)
    cells = [
        (name, f"{m.selected:.3f}", f"{m.random:.3f}", str(m))
        for name, m in comparison.metrics.items()
    ]
    print_table(("on dev", ">selected", ">random", ">better by"), cells)


def in_a_line(row: Row) -> str:
    line = one_line(f"{row.prompt_text} → {row.completion_text}")
    return line if len(line) <= WIDE else f"…{line[-WIDE:]}"


def as_fields(selection: Selection, path: Path, found: AgainstRandom | None) -> dict[str, Any]:
    comparison = found and found.model_dump(mode="json") | {
        "beats": found.beats,
        "loses": found.loses,
        "said": found.sentences,
    }
    return {
        "file": str(path),
        "head": selection.head,
        "selected": selection.chosen,
        "comparison": comparison,
    }
