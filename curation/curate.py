"""Stage `curate`: clean rows, one of each, split by group into train, dev and sealed."""

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from curation.curation_settings import CurateParams
from curation.splitting.accepted_rows import Placed, acceptances, extended, place
from curation.splitting.eval_sets import Changes, read_changes, retired_ids
from curation.splitting.lots import lot, side
from project.errors import InputError
from project.files import staged_folder
from project.near_duplicates import near_duplicate_groups
from project.paths import CURATED, RAW, SEEN
from project.records.data import Message, Row, SeenItem, SeenItems, Split
from project.records.record import write_records
from project.settings import load


@dataclass(frozen=True)
class Curated:
    """The parts, and what was done to get them."""

    parts: dict[Split, list[Row]]
    distinct: int  # base rows without repeats
    kept: int  # of those, without surplus near-duplicates
    accepted: list[Placed]
    retired: int  # accepted rows that left with a rotation


def main() -> None:
    params = load(CurateParams)
    raw = Row.read_lines(RAW)
    refuse_unknown_sources(params, raw)
    made = curate(raw, read_changes(), params)
    seen = seen_items(made)
    with staged_folder(CURATED) as draft:
        for part, chosen in made.parts.items():
            write_records(draft / f"{part}.jsonl", chosen)
    SeenItems(items=tuple(seen)).write(SEEN)
    sizes = ", ".join(f"{len(chosen)} {part}" for part, chosen in made.parts.items())
    print(
        f"{len(raw)} rows, {made.distinct} without repeats, {made.kept} without surplus "
        f"near-duplicates; taken: {sizes}"
    )
    for line in said_of_accepted(made, seen):
        print(line)


def curate(raw: Sequence[Row], changes: Changes, params: CurateParams) -> Curated:
    """Split the rows that nobody had to accept, as if there were no others; then add the accepted.

    Pure: the same rows, changes and settings give the same parts. Raises InputError where rows and
    changes do not agree.
    """
    rows = list(map(clean, raw))
    base = [row for row in rows if row.source not in params.accepted]
    distinct = list(unrepeated(corrected(base, params.train_only)))
    lots, grouped = draw(distinct, near_duplicate_groups(distinct, params.similarity), params)
    batches = acceptances([row for row in rows if row.source in params.accepted], changes)
    sides = [(row, side(lots[row.group], params)) for row in grouped]
    placed = place(sides, batches, params)
    families = [*grouped, *(one.row for one in placed)]
    kept = list(thinned(grouped, params))
    parts = split(unretired(kept, families, changes), lots, params)
    retired = 0
    for part, own in parts.items():
        new = [one.row for one in placed if one.part is part]
        there = unretired(new, families, changes)
        retired += len(new) - len(there)
        parts[part] = extended(own, there, part, params)
    return Curated(parts, len(distinct), len(kept), placed, retired)


def refuse_unknown_sources(params: CurateParams, raw: Iterable[Row]) -> None:
    if unknown := sorted(set(params.train_only) - {row.source for row in raw}):
        raise InputError(
            f"no row has the source {unknown[0]!r}",
            file="params.yaml",
            field="curation.curate.train_only",
        )


def seen_items(made: Curated) -> list[SeenItem]:
    """The items of which an accepted row is a near-duplicate, in their order.

    They stay: if traffic could remove an item, users would choose what a model is judged by.
    """
    by: dict[str, list[str]] = {}
    for one in made.accepted:
        for item in one.near:
            by.setdefault(item, []).append(one.row.id)
    return [
        SeenItem(item=row.id, part=part, rows=tuple(by[row.id]))
        for part in (Split.DEV, Split.SEALED)
        for row in made.parts[part]
        if row.id in by
    ]


def said_of_accepted(made: Curated, seen: Collection[SeenItem]) -> Iterator[str]:
    """What became of the accepted rows, in words; nothing where there are none."""
    if not made.accepted:
        return
    taken = {row.id for rows in made.parts.values() for row in rows}
    there = Counter(o.part for o in made.accepted if o.part and o.row.id in taken)
    left = Counter(o.why for o in made.accepted if not o.part)
    left["that left with a rotation"] = made.retired
    left["that wait: accepted_share allows no more of them"] = (
        len(made.accepted) - there.total() - left.total()
    )
    yield f"{len(made.accepted)} of them accepted: " + ", ".join(
        f"{there[part]} {part}" for part in Split
    )
    for why, count in left.items():
        if count:
            yield f"  left out: {count} {why}"
    if seen:
        yield f"  {len(seen)} items were seen in traffic; they stay, and are named in {SEEN}"


def unretired(rows: Iterable[Row], families: Sequence[Row], changes: Changes) -> list[Row]:
    """The rows that no rotation let leave, nor a near-duplicate of theirs.

    What left is not trained on either: a version that had learnt it would be compared on it with
    champions of that time, in `incumbent reevaluate` or after a rollback.
    """
    retired = retired_ids(changes)
    gone = {row.group for row in families if row.id in retired}
    return [row for row in rows if row.group not in gone]


def clean(row: Row) -> Row:
    """Unicode NFC, no blanks around a message."""
    return row.model_copy(
        update={"prompt": cleaned(row.prompt), "completion": cleaned(row.completion)}
    )


def cleaned(messages: Iterable[Message]) -> tuple[Message, ...]:
    return tuple(
        Message(role=m.role, content=unicodedata.normalize("NFC", m.content).strip())
        for m in messages
    )


def corrected(rows: Iterable[Row], train_only: Collection[str]) -> list[Row]:
    """Drop the rows that ask what a row for training only asks too: it is their correction."""
    known = list(rows)
    asked = {row.prompt_text for row in known if row.source in train_only}
    return [r for r in known if r.source in train_only or r.prompt_text not in asked]


def unrepeated(rows: Iterable[Row]) -> Iterator[Row]:
    """Pass on the first of the rows that ask and answer the same."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        text = (row.prompt_text, row.completion_text)
        if text not in seen:
            seen.add(text)
            yield row


def thinned(rows: Iterable[Row], params: CurateParams) -> Iterator[Row]:
    """Pass on at most max_per_group rows of a group: those for training only, then by lots."""
    taken: Counter[str] = Counter()

    def rank(row: Row) -> tuple[bool, float]:
        return row.source not in params.train_only, lot(params.seed, row.id)

    for row in sorted(rows, key=rank):
        taken[row.group] += 1
        if params.max_per_group is None or taken[row.group] <= params.max_per_group:
            yield row


def draw(
    rows: Sequence[Row], groups: Sequence[str], params: CurateParams
) -> tuple[dict[str, float], list[Row]]:
    """The lot of each family, and the rows with their family as group.

    A family has the highest lot of its groups. So as the data grow and families merge, a row keeps
    its side or moves towards training: what a champion was trained on is never an eval item. A row
    for training only takes its family there.
    """
    lots: dict[str, float] = {}
    for row, family in zip(rows, groups, strict=True):
        own = 1.0 if row.source in params.train_only else lot(params.seed, row.group)
        lots[family] = max(lots.get(family, 0.0), own)
    pairs = zip(rows, groups, strict=True)
    return lots, [row.model_copy(update={"group": family}) for row, family in pairs]


def split(
    rows: Iterable[Row], lots: Mapping[str, float], params: CurateParams
) -> dict[Split, list[Row]]:
    """Deal whole groups by their lots, then take the asked number of rows of each part."""
    parts: dict[Split, list[Row]] = {part: [] for part in Split}
    for row in rows:
        parts[side(lots[row.group], params)].append(row)
    limits = {Split.TRAIN: params.train, Split.DEV: params.dev, Split.SEALED: params.sealed}
    return {part: chosen[: limits[part]] for part, chosen in parts.items()}
