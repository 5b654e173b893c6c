"""The record of what changed the eval sets: which rows were accepted, which items left, and why."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from project.canonical import moment
from project.erasures import Erased
from project.files import home, locked, write_bytes
from project.item_prompts import prompt_digest
from project.paths import rows_of
from project.records.data import Row, Split
from project.records.record import LATER, Digest, Record, invalid, read_input

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


class OfItems(Record):
    """Items of one part, by their ids, and by what they ask: an id may come to mean another row."""

    at: Annotated[str, AfterValidator(moment)]
    by: Words
    reason: Words
    part: EvalPart
    rows: Ids
    # Of each row, prompt_digest; None where it was not noted.
    prompts: Annotated[tuple[Digest | None, ...] | None, LATER] = None

    @model_validator(mode="after")
    def has_a_prompt_for_each_row(self) -> Self:
        if self.prompts is not None and len(self.prompts) != len(self.rows):
            raise ValueError("as many prompts as rows are needed")
        return self

    @classmethod
    def of(cls, rows: Iterable[Row], old: "Items | None" = None, **fields: Any) -> Self:
        """Of rows, behind `old` items, which may be among them."""
        items = dict(old or {}) | {row.id: prompt_digest(row.prompt_text) for row in rows}
        return cls(rows=tuple(items), prompts=tuple(items.values()), **fields)

    @property
    def items(self) -> "Items":
        return dict(zip(self.rows, self.prompts or [None] * len(self.rows), strict=True))


class Rotation(OfItems):
    """Somebody let the items of one part leave: unused rows take their place."""

    change: Literal["rotate"] = "rotate"

    def __str__(self) -> str:
        return f"{self.at}: {self.by} let {len(self.rows)} {self.part} items leave: {self.reason}"


class Freeze(OfItems):
    """The items of one part stay, whatever the sources gain, until somebody rotates them.

    The first look at a set freezes it; a later freeze of the same part is its next version. Rows
    that were accepted are among them: else a source could take them to training.
    """

    change: Literal["freeze"] = "freeze"

    def __str__(self) -> str:
        return f"{self.at}: {self.part} is frozen at {len(self.rows)} items: {self.reason}"


AnyChange = Extension | Rotation | Freeze
CHANGE: TypeAdapter[AnyChange] = TypeAdapter(Annotated[AnyChange, Field(discriminator="change")])
Changes = dict[int, AnyChange]  # by the line that each stands on
Items = Mapping[str, Digest | None]  # by their ids, what they ask; None: that was not noted


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
    if isinstance(change, Extension) or change.prompts is None:
        return change.model_copy(update={"rows": rows})
    prompts = tuple(prompt for row, prompt in change.items.items() if row not in erased)
    return change.model_copy(update={"rows": rows, "prompts": prompts})


def parse(line: bytes, path: Path, number: int) -> AnyChange:
    try:
        return CHANGE.validate_json(line)
    except ValidationError as error:
        raise invalid(error, path, number) from None


@contextmanager
def changing() -> Iterator[None]:
    """Hold the record for whoever reads it, decides, and adds a change; others wait meanwhile."""
    with locked(home() / "eval_sets.lock"):
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
    accepted = (change for change in changes.values() if isinstance(change, Extension))
    return {row for change in accepted for row in change.rows}


def retired_ids(changes: Changes, rows: Sequence[Row]) -> set[str]:
    """The rows that are items which somebody let leave."""
    rotations = (change for change in changes.values() if isinstance(change, Rotation))
    return {name for change in rotations for name in ids_among(rows, change.items)}


def ids_among(rows: Sequence[Row], items: Items) -> list[str]:
    """The ids of the rows that are items, in the items' order: by what is asked, whatever their ids
    are now; of two that ask the same, the one that has its id. Where it was not noted what is
    asked, by the id alone.
    """
    if not any(items.values()):
        known = {row.id for row in rows}
        return [name for name in items if name in known]
    asked = {row.id: prompt_digest(row.prompt_text) for row in rows}
    by_id = {name for name, asks in items.items() if name in asked and asks in (None, asked[name])}
    others: dict[Digest | None, list[str]] = {}
    for name, asks in asked.items():
        if name not in by_id:
            others.setdefault(asks, []).append(name)
    return [
        name if name in by_id else others[asks].pop(0)
        for name, asks in items.items()
        if name in by_id or others.get(asks)
    ]


def frozen_items(changes: Changes) -> dict[Split, Items]:
    """The items that each part is frozen at, if it is: its newest freeze since it was rotated."""
    frozen: dict[Split, Items] = {}
    for change in changes.values():
        if isinstance(change, Freeze):
            frozen[change.part] = change.items
        elif isinstance(change, Rotation):
            frozen.pop(change.part, None)
    return frozen


def freeze(*, at: str, by: str) -> tuple[Split, ...]:
    """Record that the items of dev and sealed stay, with those that were accepted since they were
    frozen; which ones were not frozen before.
    """
    with changing():
        frozen = frozen_items(read_changes())
        for part in EVAL_PARTS:
            rows, old = Row.read_lines(rows_of(part)), frozen.get(part, {})
            known = set(ids_among(rows, old))
            if new := [row for row in rows if row.id not in known]:
                reason = "accepted, and looked at" if old else "the first look at its items"
                append_change(Freeze.of(new, old, at=at, by=by, reason=reason, part=part))
    return tuple(part for part in EVAL_PARTS if part not in frozen and rows_of(part).stat().st_size)
