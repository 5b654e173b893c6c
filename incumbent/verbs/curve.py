"""`search curve`: dev scores at several numbers of labels, and what more labels are worth."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from incumbent.options import GO_ON, LARGEST, Json, saying_what_stays
from incumbent.output import console, print_json, print_table
from project.canonical import digest_json
from project.files import home
from project.interruption import ended_by_signals
from project.records.data import counted

if TYPE_CHECKING:
    from incumbent.searching.label_curve import LabelCurve
    from incumbent.searching.label_measuring import CurveData


@saying_what_stays(GO_ON)
def curve(
    shares: Annotated[
        str, typer.Option(help="Of the training rows, with commas between.")
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
    """Scores on dev at several numbers of labels, and what more labels are worth.

    Raises InputError for shares that are none, and where there are too few rows or items.
    """
    # Imported here because it brings libraries of an extra, and takes a while.
    from incumbent.searching.label_curve import write_page
    from incumbent.searching.label_measuring import CurveData, measure, read_shares

    labels = CurveData.here(read_shares(shares), seeds)
    say_beginning(labels)
    with ended_by_signals():
        found = measure(labels, more=more, at=at)
        page = home() / "curve" / f"{digest_json([shares, seeds, found.digest])[:16]}.html"
        write_page(found, page)
    print_found(found, page, as_json=as_json)


def say_beginning(labels: "CurveData") -> None:
    """To people, before the first long work."""
    from incumbent.selecting.pace import minutes_text  # as above

    adapters = counted(len(labels.draws) * len(labels.shares), "adapter")
    rows = counted(len(labels.found.rows), "row")
    about = f"{minutes_text(labels.expected())}; less for what is known already"
    print(f"{adapters} on up to {rows}: {about}", file=sys.stderr)


def print_found(found: "LabelCurve", page: Path, *, as_json: bool) -> None:
    from incumbent.searching.label_curve import sentences  # as above

    if as_json:
        print_json(found.model_dump(mode="json") | {"said": sentences(found), "page": str(page)})
        return
    curves = [found.metrics[name] for name in found.judged_by]
    rows = [("none: the base", "0", *(f"{one.base:.3f}" for one in curves))]
    rows += [
        (point.share, f"{point.rows:,.0f}", *(one.points[i].score.plain for one in curves))
        for i, point in enumerate(curves[0].points)
    ]
    print_table(("share", ">labels", *(f">{name}" for name in found.judged_by)), rows)
    for line in sentences(found):
        console.print(line, soft_wrap=True)
    console.print(f"drawn: {page}", soft_wrap=True)
