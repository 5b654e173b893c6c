"""Stage `curate`: clean rows, one of each, split by group into train, dev and sealed."""

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from curation.curation_settings import CurateParams
from project.canonical import digest_json
from project.errors import InputError
from project.files import staged_folder
from project.near_duplicates import near_duplicate_groups
from project.paths import CURATED, RAW
from project.records.data import Message, Row, Split
from project.records.record import write_records
from project.settings import load


def main() -> None:
    params = load(CurateParams)
    raw = Row.read_lines(RAW)
    if unknown := sorted(set(params.train_only) - {row.source for row in raw}):
        raise InputError(
            f"no row has the source {unknown[0]!r}",
            file="params.yaml",
            field="curation.curate.train_only",
        )
    distinct = list(unrepeated(corrected(map(clean, raw), params.train_only)))
    lots, grouped = draw(distinct, near_duplicate_groups(distinct, params.similarity), params)
    kept = list(thinned(grouped, params))
    parts = split(kept, lots, params)
    with staged_folder(CURATED) as draft:
        for part, chosen in parts.items():
            write_records(draft / f"{part}.jsonl", chosen)
    sizes = ", ".join(f"{len(chosen)} {part}" for part, chosen in parts.items())
    print(
        f"{len(raw)} rows, {len(distinct)} without repeats, {len(kept)} without surplus "
        f"near-duplicates; taken: {sizes}"
    )


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
    """Pass on at most max_per_group rows of a group: those for training only, then the sources
    that come first, then by lots.
    """
    taken: Counter[str] = Counter()

    def rank(row: Row) -> tuple[bool, bool, float]:
        source, own = row.source, lot(params.seed, row.id)
        return source not in params.train_only, source not in params.first, own

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


def side(lot: float, params: CurateParams) -> Split:
    """Low lots are sealed, high ones train: see `draw` for why in this order."""
    if lot < params.sealed_share:
        return Split.SEALED
    return Split.DEV if lot < params.sealed_share + params.dev_share else Split.TRAIN


def lot(seed: int, name: str) -> float:
    """A number in [0, 1) that is a function of seed and name, spread evenly over names."""
    return int(digest_json([seed, name])[:13], 16) / 16**13
