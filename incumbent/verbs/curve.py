"""`incumbent curve`: dev scores at several numbers of labels, and what more labels are worth."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from incumbent.output import console, print_json, print_table
from project.canonical import digest_json
from project.files import home
from project.interruption import ended_by_signals
from project.records.data import counted

if TYPE_CHECKING:
    from incumbent.searching.label_curve import LabelCurve
    from incumbent.searching.label_measuring import Labels


def curve(shares: str, seeds: int, *, more: int, at: int, as_json: bool) -> None:
    """Measure the shares of the rows that training takes, and say what the curve tells.

    Raises InputError for shares that are none, and where there are too few rows or items.
    """
    # Imported here because it brings libraries of an extra, and takes a while.
    from incumbent.searching.label_curve import write_page
    from incumbent.searching.label_measuring import Labels, measure, read_shares

    labels = Labels.here(read_shares(shares), seeds)
    say_beginning(labels)
    with ended_by_signals():
        found = measure(labels, more=more, at=at)
        page = home() / "curve" / f"{digest_json([shares, seeds, found.digest])[:16]}.html"
        write_page(found, page)
    print_found(found, page, as_json=as_json)


def say_beginning(labels: "Labels") -> None:
    """To people, before the first long work."""
    from incumbent.selecting.pace import said  # as above

    adapters = counted(len(labels.draws) * len(labels.shares), "adapter")
    rows = counted(len(labels.found.rows), "row")
    about = f"{said(labels.expected())}; less for what is known already"
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
