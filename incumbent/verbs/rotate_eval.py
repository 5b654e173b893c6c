"""`data rotate-eval`: what dev and sealed hold, changed by a person alone."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import typer

from curation.curate import curated, read_inputs
from curation.curation_settings import CurateParams
from curation.eval_sets import (
    EVAL_SETS,
    Freeze,
    Rotation,
    append_change,
    changing,
    frozen_items,
    ids_among,
    read_changes,
    retired_ids,
)
from evaluation.decision.policy import Policy
from incumbent.options import Reason
from incumbent.output import console
from incumbent.planning.run_plan import refuse_powerless
from project.canonical import stamp
from project.errors import InputError
from project.paths import rows_of
from project.records.data import Row, Split, counted
from project.settings import load
from registry.store import Registry


def change_eval(
    reason: Reason,
    part: Annotated[
        Literal["sealed", "dev"],
        typer.Option(help="The eval set whose items leave, for rows that were never used."),
    ] = "sealed",
    grow: Annotated[
        bool, typer.Option("--grow", help="No item leaves: rows that wait come in beside them.")
    ] = False,
) -> None:
    """Let all items of an eval set leave, and take rows that were never items in their place.

    $ incumbent data rotate-eval --reason "worn out by looks"
    """
    (grow_eval if grow else rotate_eval)(Split(part), reason)


def rotate_eval(part: Split, reason: str) -> None:
    """Record that the present items of a part leave; the next `dvc repro` fills their places.

    Raises InputError where there is nothing to rotate, no reason, too little to fill up with, or
    where what comes would show too little, and IncumbentError for an actor who may not promote.
    """
    if part is Split.TRAIN or not reason.strip():
        raise InputError("a rotation is of dev or sealed, and needs a --reason")
    with Registry.here() as registry, changing():
        registry.roles.require("promote", registry.actor)
        at, by = stamp(registry.clock()), registry.actor
        present = present_items(part)
        rotation = Rotation.of(present, at=at, by=by, reason=reason, part=part)
        fresh = items_after(rotation, present)
        if part is Split.SEALED:
            refuse_powerless(fresh, load(Policy))
        # First here: were it missing here, the fresh items would count as the old ones.
        registry.record_rotation(part, len(present), reason)
        append_change(rotation)
    console.print(f"{len(present)} items leave {part}, and stay on record in {EVAL_SETS}")
    console.print(f"the next `dvc repro` takes {fresh} rows in their place that were never items")


def grow_eval(part: Split, reason: str) -> None:
    """Record the next version of a frozen part: its items, and rows of its side that wait.

    Raises InputError where it is not frozen, no rows wait, or for want of a reason, and
    IncumbentError for an actor who may not promote.
    """
    if part is Split.TRAIN or not reason.strip():
        raise InputError("dev or sealed can grow, and it needs a --reason")
    with Registry.here() as registry, changing():
        registry.roles.require("promote", registry.actor)
        params, changes = load(CurateParams), read_changes()
        if part not in frozen_items(changes):
            raise InputError(
                f"{part} is not frozen yet: its shares and limits in params.yaml count",
                file=EVAL_SETS,
            )
        made = curated(read_inputs(params), changes, params, growing=part)
        rows = made.parts[part]
        waiting = unaccepted(rows, params)
        if new := len(waiting) - len(ids_among(waiting, frozen_items(changes)[part])):
            at, by = stamp(registry.clock()), registry.actor
            append_change(Freeze.of(rows, at=at, by=by, reason=reason, part=part))
    if not new:
        raise InputError(
            f"no row waits on the side of {part}, or curation.curate.{part} of params.yaml allows "
            "no more items"
        )
    more = f"{counted(new, 'item')} more in {part}, {len(rows):,} in all"
    console.print(f"{more}: the next `dvc repro` takes them")


def unaccepted(rows: Iterable[Row], params: CurateParams) -> list[Row]:
    """Rows that nobody had to accept."""
    return [row for row in rows if row.source not in params.accepted]


def present_items(part: Split) -> tuple[Row, ...]:
    """What is in a part now. Raises InputError where that is nothing, or left already."""
    path = rows_of(part)
    if not path.exists():
        raise InputError("nothing is curated yet: run `dvc repro` first", file=path)
    present = Row.read_lines(path)
    if not present:
        raise InputError("has no items that could leave", file=path)
    if retired_ids(read_changes(), present):
        raise InputError("its items left already: run `dvc repro` first", file=path)
    return present


def items_after(rotation: Rotation, present: Sequence[Row]) -> int:
    """How many items the part would have. Raises InputError if fewer base rows than now."""
    params, changes = load(CurateParams), read_changes()
    changes |= {max(changes, default=0) + 1: rotation}
    after = curated(read_inputs(params), changes, params).parts[rotation.part]
    needed, there = (len(unaccepted(rows, params)) for rows in (present, after))
    if there < needed:
        raise InputError(
            f"only {there} unused rows are there for the {needed} items of {rotation.part} that "
            "would leave: new rows are needed, from the sources in curation.collect.sources"
        )
    return len(after)
