"""`incumbent data rotate-eval`: let the items of dev or sealed leave, by a person's hand."""

from collections.abc import Sequence

from curation.curate import curated, read_inputs
from curation.curation_settings import CurateParams
from curation.splitting.eval_sets import (
    EVAL_SETS,
    Rotation,
    append_change,
    changing,
    read_changes,
    retired_ids,
)
from incumbent.output import console
from project.errors import InputError
from project.paths import rows_of
from project.records.data import Row, Split
from project.settings import load
from project.times import stamp
from registry.store import Registry


def rotate_eval(part: Split, reason: str) -> None:
    """Record that the present items of a part leave; the next `dvc repro` fills their places.

    Raises InputError where there is nothing to rotate, no reason, or too little to fill up with,
    and IncumbentError for an actor who may not promote.
    """
    if part is Split.TRAIN or not reason.strip():
        raise InputError("a rotation is of dev or sealed, and needs a --reason")
    with Registry.here() as registry, changing():
        registry.roles.require("promote", registry.actor)
        at, by = stamp(registry.clock()), registry.actor
        present = present_items(part)
        ids = tuple(row.id for row in present)
        rotation = Rotation(at=at, by=by, reason=reason, part=part, rows=ids)
        fresh = items_after(rotation, present)
        # First here: were it missing here, the fresh items would count as the old ones.
        registry.record_rotation(part, len(ids), reason)
        append_change(rotation)
    console.print(f"{len(ids)} items leave {part}, and stay on record in {EVAL_SETS}")
    console.print(f"the next `dvc repro` takes {fresh} rows in their place that were never items")


def present_items(part: Split) -> tuple[Row, ...]:
    """What is in a part now. Raises InputError where that is nothing, or left already."""
    path = rows_of(part)
    if not path.exists():
        raise InputError("nothing is curated yet: run `dvc repro` first", file=path)
    present = Row.read_lines(path)
    if not present:
        raise InputError("has no items that could leave", file=path)
    if retired_ids(read_changes()) & {row.id for row in present}:
        raise InputError("its items left already: run `dvc repro` first", file=path)
    return present


def items_after(rotation: Rotation, present: Sequence[Row]) -> int:
    """How many items the part would have. Raises InputError if fewer base rows than now."""
    params, changes = load(CurateParams), read_changes()
    changes |= {max(changes, default=0) + 1: rotation}
    after = curated(read_inputs(params), changes, params).parts[rotation.part]
    needed, there = (
        sum(r.source not in params.accepted for r in rows) for rows in (present, after)
    )
    if there < needed:
        raise InputError(
            f"only {there} unused rows are there for the {needed} items of {rotation.part} that "
            "would leave: new rows are needed, from the sources in curation.collect.sources"
        )
    return len(after)
