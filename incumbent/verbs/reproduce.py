"""`registry reproduce`: whether a version's commit still gives the adapter that it gave."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from incumbent.options import Json, VersionNumber
from incumbent.output import console, print_json, print_table
from incumbent.reproducing.reproducible_version import reproducible
from incumbent.running.running_stage import duration_text
from project.errors import InputError
from project.interruption import ended_by_signals
from project.records.record import short
from registry.reader import RegistryReader

if TYPE_CHECKING:
    from incumbent.reproducing.reproduction import Reproduction

COLUMNS = ("metric", ">original", ">reproduced", ">difference", ">95 % interval", ">items")


def reproduce_version(
    number: VersionNumber,
    keep: Annotated[
        Path | None,
        typer.Option(help="A new folder to work in, which is kept; if left out, none is kept."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a version again from its commit, and say whether the adapter has the same bytes.

    Raises IncumbentError where that fails.
    """
    said = Console(stderr=True, highlight=False, markup=False)
    with RegistryReader.here() as registry, ended_by_signals():
        wanted = reproducible(registry, number)
        # Imported here because it brings libraries that take a second.
        from incumbent.reproducing.reproduction import make_again

        with working_folder(keep) as folder:
            found = make_again(registry, wanted, folder, lambda text: said.print(text, style="dim"))
    if as_json:
        print_json(found.model_dump(mode="json") | {"same": found.same, "kept": keep and str(keep)})
    else:
        print_reproduction(found)
        if keep:
            console.print(f"kept: {keep}", soft_wrap=True)


@contextmanager
def working_folder(keep: Path | None) -> Iterator[Path]:
    """An empty folder: a new one that stays, or one that is gone afterwards, come what may."""
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="incumbent-reproduce-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    if keep.exists() and not (keep.is_dir() and not any(keep.iterdir())):
        raise InputError(f"{keep} is there already: name a new folder", field="--keep")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.resolve()


def print_reproduction(found: "Reproduction") -> None:
    how = "the same bytes" if found.same else "other bytes"
    console.print(
        f"{found.version} was made again from commit {found.commit[:12]}: {how}", soft_wrap=True
    )
    facts = [
        ("adapter", short(found.original)),
        *([] if found.same else [("reproduced", short(found.reproduced))]),
        *([] if found.same else [("its files that differ", ", ".join(found.files))]),
        ("trained in", str(found.numerics or "numerics that were not recorded")),
        ("its stages took", duration_text(found.seconds)),
    ]
    print_table(("", ""), facts)
    print_differences(found)
    if not found.same:
        print_dev(found)


def print_differences(found: "Reproduction") -> None:
    if found.differences:
        console.print("\nwhat differs" + (", and changed nothing" if found.same else ""))
        for line in found.differences:
            console.print(f"  {line}", soft_wrap=True)
    elif not found.same:
        console.print(
            "\nnothing that is on record differs: the number of threads or of GPUs may, or the "
            "model of the processor",
            soft_wrap=True,
        )


def print_dev(found: "Reproduction") -> None:
    if found.not_compared:
        console.print(f"\nthe two were not compared on dev: {found.not_compared}", soft_wrap=True)
        return
    console.print("\non dev, reproduced − original")
    rows = [
        (
            one.metric,
            number(one.original),
            number(one.reproduced),
            f"{one.difference:+.3f}",
            f"{one.interval[0]:+.3f} … {one.interval[1]:+.3f}",
            str(one.items),
        )
        for one in found.dev
    ]
    print_table(COLUMNS, rows)
    if found.beyond_chance:
        told = f"more than chance in {', '.join(found.beyond_chance)}"
    else:
        told = "within chance in every metric"
    console.print(f"\nthey differ {told} (Holm's procedure, 5 % over all metrics)", soft_wrap=True)


def number(mean: float | None) -> str:
    return "" if mean is None else f"{mean:.3f}"
