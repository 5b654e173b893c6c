"""The record of what changed the eval sets: which rows were accepted, which items left, and why."""

import fcntl
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from project.erasures import Erased
from project.files import home, make_folder, write_bytes
from project.records.data import Split
from project.records.record import Record, invalid, read_input
from project.times import moment

EVAL_SETS = Path("datasets/eval_sets.jsonl")  # a change a line, oldest first; git tracks it

Words = Annotated[str, Field(pattern=r"\S")]
Ids = Annotated[tuple[str, ...], Field(min_length=1)]
EvalPart = Literal[Split.DEV, Split.SEALED]
EVAL_PARTS: tuple[EvalPart, ...] = (Split.DEV, Split.SEALED)


class Extension(Record):
    """Somebody accepted rows of a source: they extend training, dev and sealed."""

    change: Literal["extend"] = "extend"
    at: Annotated[str, AfterValidator(moment)]
    by: Words
    reason: Words
    source: Words  # the name of the file that holds them
    rows: Ids

    def __str__(self) -> str:
        return f"{self.at}: {self.by} accepted {len(self.rows)} rows: {self.reason}"


class Rotation(Record):
    """Somebody let the items of one part leave: unused rows take their place."""

    change: Literal["rotate"] = "rotate"
    at: Annotated[str, AfterValidator(moment)]
    by: Words
    reason: Words
    part: EvalPart
    rows: Ids

    def __str__(self) -> str:
        return f"{self.at}: {self.by} let {len(self.rows)} {self.part} items leave: {self.reason}"


class Freeze(Record):
    """The items of one part stay, whatever the sources gain, until somebody rotates them.

    The first look at a set freezes it; a later freeze of the same part is its next version.
    """

    change: Literal["freeze"] = "freeze"
    at: Annotated[str, AfterValidator(moment)]
    by: Words
    reason: Words
    part: EvalPart
    rows: Ids  # none of an accepted source: those have places that stay

    def __str__(self) -> str:
        return f"{self.at}: {self.part} is frozen at {len(self.rows)} items: {self.reason}"


AnyChange = Extension | Rotation | Freeze
CHANGE: TypeAdapter[AnyChange] = TypeAdapter(Annotated[AnyChange, Field(discriminator="change")])
Changes = dict[int, AnyChange]  # by the line that each stands on


def read_changes(path: Path = EVAL_SETS) -> Changes:
    """What changed the sets, oldest first, of rows that were not erased; nothing where there is no
    file.

    Raises InputError naming file, line and field.
    """
    lines = read_input(path).split(b"\n") if path.exists() else []
    erased = Erased.here().rows
    changes = {n: parse(line, path, n) for n, line in enumerate(lines, start=1) if line.strip()}
    return {n: without(change, erased) for n, change in changes.items()}


def without(change: AnyChange, erased: Collection[str]) -> AnyChange:
    """A change as if it had never named rows that were erased."""
    rows = tuple(row for row in change.rows if row not in erased)
    return change.model_copy(update={"rows": rows})


def parse(line: bytes, path: Path, number: int) -> AnyChange:
    try:
        return CHANGE.validate_json(line)
    except ValidationError as error:
        raise invalid(error, path, number) from None


@contextmanager
def changing() -> Iterator[None]:
    """Hold the record for whoever reads it, decides, and adds a change; others wait meanwhile."""
    lock = home() / "eval_sets.lock"
    make_folder(lock.parent)
    with lock.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # until it is closed
        yield


def append_change(change: AnyChange, path: Path = EVAL_SETS) -> None:
    """Add a change behind the others, whole or not at all; for whoever is `changing` the record.

    Raises InputError as read_changes.
    """
    read_changes(path)
    before = path.read_bytes() if path.exists() else b""
    ended = before if before.endswith(b"\n") or not before else before + b"\n"
    write_bytes(path, ended + change.canonical() + b"\n")


def accepted_ids(changes: Changes) -> set[str]:
    """The rows that somebody accepted."""
    return ids_of(change for change in changes.values() if isinstance(change, Extension))


def retired_ids(changes: Changes) -> set[str]:
    """The items that somebody let leave."""
    return ids_of(change for change in changes.values() if isinstance(change, Rotation))


def ids_of(changes: Iterable[AnyChange]) -> set[str]:
    return {row for change in changes for row in change.rows}


def frozen_ids(changes: Changes) -> dict[Split, tuple[str, ...]]:
    """The items that each part is frozen at, if it is: its newest freeze since it was rotated."""
    found: dict[Split, tuple[str, ...]] = {}
    for change in changes.values():
        if isinstance(change, Freeze):
            found[change.part] = change.rows
        elif isinstance(change, Rotation):
            found.pop(change.part, None)
    return found
