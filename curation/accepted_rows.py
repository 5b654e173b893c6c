"""Rows that are accepted, and the eval items that stay as they are once a look was taken."""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import floor
from pathlib import Path

from curation.account import NEAR_FROZEN, OF_UNSEEN, REPEATED, SURPLUS
from curation.curation_settings import CurateParams, lot
from curation.document_split import is_of_document
from curation.eval_sets import EVAL_SETS, Changes, Extension, Items, accepted_ids, ids_among
from curation.families import row_lot, side
from curation.kinship import kin_texts
from curation.sources.row_formats import read_row
from project.errors import InputError
from project.near_duplicates import SIMILARITY, near_duplicates, same, word_fingerprint
from project.records.data import ACCEPTED, Row, Split, counted
from project.records.record import read_input

# --- accepted rows --------------------------------------------------------------------------------

# Where accepted rows go: beside the base rows, of which none ever gives way to them.
#
# A row's place depends on the base rows, on what was accepted before, and on what was accepted with
# it, and on nothing that comes later. So what is in dev, sealed or training stays there.

NOTHING: Mapping[str, str] = {}
SOURCES = Path("datasets/sources")

SEEN = "near-duplicates of items or of rows kept for dev and sealed"
BETWEEN = "near-duplicates of rows of two parts"


@dataclass(frozen=True)
class Placed:
    """A row, with its family as group, and where it goes."""

    row: Row
    part: Split | None  # None: nowhere
    base: bool
    why: str = ""  # it goes nowhere
    near: tuple[str, ...] = ()  # the ids of the rows for whose sake it goes nowhere

    @cached_property
    def prints(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Prompt and answer, as near-duplicates are told by."""
        texts = kin_texts(self.row)
        return word_fingerprint(texts.prompt), word_fingerprint(texts.answer)


def acceptances(
    rows: Sequence[Row], changes: Changes, elsewhere: Collection[str] = ()
) -> list[list[Row]]:
    """The rows of accepted sources, as they were accepted together, oldest first.

    What another source says too, under an id of `elsewhere`, is that source's row. Raises
    InputError for a row that nobody accepted, and for an accepted one that is not there.
    """
    known = {row.id: row for row in rows}
    refuse_unaccepted(known, accepted_ids(changes))
    batches, seen = [], set[str]()
    for line, change in changes.items():
        if isinstance(change, Extension):
            old = seen.union(elsewhere)
            new = [name for name in dict.fromkeys(change.rows) if name not in old]
            refuse_missing(new, known, change, line)
            batches.append([known[name] for name in new])
            seen.update(new)
    return batches


def place_batches(
    base: Sequence[tuple[Row, Split]],
    batches: Iterable[Sequence[Row]],
    params: CurateParams,
    unfit: Mapping[str, str] = NOTHING,
) -> list[Placed]:
    """The place of each accepted row, given the base rows with their sides.

    Rows whose ids are in unfit go nowhere, for its reason.
    """
    fixed = [Placed(row, part, base=True) for row, part in base]
    places: list[Placed] = []
    for batch in batches:
        before = [place for place in places if place.part]  # what went nowhere binds nobody
        places += [Placed(r, None, base=False, why=unfit[r.id]) for r in batch if r.id in unfit]
        new = [Placed(row, None, base=False) for row in batch if row.id not in unfit]
        near = neighbours([*before, *new], [*fixed, *before, *new], SIMILARITY)
        there = [*fixed, *before]
        for unplaced, positions in zip(new, near[len(before) :], strict=True):
            earlier = [there[i] for i in positions if i < len(there) and there[i].part]
            there.append(place_row(unplaced.row, earlier, params))
        places += there[len(fixed) + len(before) :]
    return places


def place_row(row: Row, near: Sequence[Placed], params: CurateParams) -> Placed:
    """The place of a row, given its near-duplicates among the rows that have a place.

    What a model wrote is trained on or goes nowhere, and says nothing of what users ask.
    """
    if row.scenario:
        if any((o.row.texts, o.row.scenario) == (row.texts, row.scenario) for o in near):
            return Placed(row, None, base=False, why=REPEATED)
        return Placed(row, side(row_lot(row, params), params), base=False)
    tied = is_of_document(row, params) and any(other.row.group == row.group for other in near)
    if row.synthetic and any(other.part is not Split.TRAIN for other in near):
        return Placed(row, None, base=False, why=OF_UNSEEN if tied else SEEN)
    if not near:
        part = Split.TRAIN if row.synthetic else side(lot(params.seed, row.group), params)
        return Placed(row, part, base=False)
    kept = tuple(o.row.id for o in near if o.base and o.part is not Split.TRAIN)
    if kept:
        return Placed(row, None, base=False, why=OF_UNSEEN if tied else SEEN, near=kept)
    if len({other.part for other in near}) > 1:
        return Placed(row, None, base=False, why=BETWEEN)
    if any(other.row.texts == row.texts for other in near):
        return Placed(row, None, base=False, why=REPEATED)
    most = None if tied else params.max_per_group
    if sum(not other.base for other in near) >= (most or len(near) + 1):
        return Placed(row, None, base=False, why=SURPLUS)
    grouped = row.model_copy(update={"group": near[0].row.group})
    return Placed(grouped, near[0].part, base=False)


def neighbours(
    own: Sequence[Placed], every: Sequence[Placed], similarity: float
) -> list[list[int]]:
    """For each of our rows, the positions of its near-duplicates among all, in their order.

    Rows are near-duplicates where their groups are the same, or prompts or answers are near. Words
    that many of our rows share are left out beside those that many of all do: an instruction that
    stands before the questions of a new topic alone makes no two of them alike.
    """
    links = same([p.row.group for p in own], [p.row.group for p in every])
    for text, few_words in ((0, True), (1, False)):
        ours, theirs = [p.prints[text] for p in own], [p.prints[text] for p in every]
        links += near_duplicates(ours, theirs, similarity, few_words=few_words)
    positions: list[list[int]] = [[] for _ in own]
    for i, j in sorted(zip(*(c.tolist() for c in links.tocoo().coords), strict=True)):
        positions[i].append(j)
    return positions


def extended(
    base: Sequence[Row], accepted: Sequence[Row], part: Split, params: CurateParams
) -> list[Row]:
    """A part with its accepted rows: at most accepted_share of it, in training of every beginning.

    The rest waits until there are more base rows. An eval set's old items come first, with those
    that were accepted before it was frozen.
    """
    if part is not Split.TRAIN:
        old = sum(row.source == ACCEPTED for row in base)
        return [*base, *accepted[: max(0, most(len(base) - old, params) - old)]]
    rows: list[Row] = []
    for count, row in enumerate(base, start=1):
        rows += [row, *accepted[most(count - 1, params) : most(count, params)]]
    return rows


def most(base: int, params: CurateParams) -> int:
    """How many accepted rows may be beside so many base rows."""
    share = params.accepted_share
    return floor(base * share / (1 - share) + 1e-9)  # 0.75 / 0.25 may come out below 3


# --- share ----------------------------------------------------------------------------------------

# Rows that a model wrote, in training: only what a person accepted, and no more than a share.

# Why a row is in no part; each reads well behind a number.
UNACCEPTED = "that a model wrote and nobody accepted"
SYNTHETIC_WAITS = "that wait: synthetic_share allows no more that a model wrote"


def unaccepted(rows: Iterable[Row]) -> dict[str, str]:
    """The rows that a model wrote and that are not in the source of accepted rows, by their id."""
    return {r.id: UNACCEPTED for r in rows if r.synthetic and r.source != ACCEPTED}


def people_first(rows: Iterable[Row]) -> list[Row]:
    """The rows of people, then those of models, each in their order: who waits is a model's row."""
    return sorted(rows, key=lambda row: row.synthetic is not None)


def within_share(rows: Iterable[Row], share: float) -> list[Row]:
    """The rows, those of models being at most this share of every beginning; the rest waits.

    Of every beginning, because training may take the first rows alone. A row of a model that comes
    too early comes behind the next rows of people; the others keep their order.
    """
    kept: list[Row] = []
    waiting: deque[Row] = deque()
    written = 0
    for row in rows:
        (waiting if row.synthetic else kept).append(row)
        while waiting and written + 1 <= share * (len(kept) + 1) + 1e-9:  # 0.2 * 5 may be below 1
            kept.append(waiting.popleft())
            written += 1
    return kept


# --- what the record and the sources must agree on ----------------------------------------------


def refuse_unaccepted(known: dict[str, Row], accepted: set[str]) -> None:
    """A row that was left out in silence would be a label that somebody wrote for nothing."""
    for row in known.values():
        if row.id not in accepted:
            file, line = origin(row)
            raise InputError(
                f"nobody accepted row {row.id}: run `incumbent data labels {file}`, which accepts "
                "all of them in your name, or take it out",
                file=file,
                line=line,
                field="id",
            )


def refuse_missing(names: Sequence[str], known: dict[str, Row], by: Extension, line: int) -> None:
    """An item leaves by a rotation alone, not with its row."""
    if gone := [name for name in names if name not in known]:
        raise InputError(
            f"row {gone[0]} was accepted and is not in {by.source} any more: put it back, and name "
            "the file in curation.collect.sources of params.yaml",
            file=EVAL_SETS,
            line=line,
            field="rows",
        )


def origin(row: Row) -> tuple[Path, int | None]:
    """The file and line that a row was read from, as far as its source tells."""
    file = SOURCES / row.source
    lines = read_input(file).splitlines() if file.exists() else []
    for number, line in enumerate(lines, start=1):
        if line.strip() and read_row(line, file, number).id == row.id:
            return file, number
    return file, None


# --- frozen items ---------------------------------------------------------------------------------

Frozen = Mapping[Split, Items]


@dataclass(frozen=True)
class FrozenItems:
    """Frozen items as the sources hold them, and what that means for the other rows."""

    items: list[tuple[Row, Split]]
    free: list[Row]  # rows that are near no item
    left_out: dict[str, str] = field(default_factory=dict)  # by id, why
    gone: dict[Split, int] = field(default_factory=dict)  # items that are not there any more

    def without(self, back: Collection[str], near: Sequence[Row]) -> "FrozenItems":
        """The same items where some of the rows near them are free."""
        free = [*self.free, *(row for row in near if row.id in back)]
        left_out = {name: why for name, why in self.left_out.items() if name not in back}
        return replace(self, free=free, left_out=left_out)

    @property
    def closed(self) -> set[Split]:
        """The parts that are frozen."""
        return set(self.gone)


def hold_frozen_items(
    rows: Sequence[Row], frozen: Frozen, params: CurateParams, unfit: Collection[str] = ()
) -> FrozenItems:
    """Hold the frozen items among the rows; a row that is a near-duplicate of one is left out.

    So an item stays, whatever is added, and so does a training row that a new row would tie to an
    item: the new row goes. An item of dev leaves for its correction, a row for training only;
    an item of the sealed set does not.
    """
    if not frozen:
        return FrozenItems([], list(rows))
    part_of = {name: part for part, items in frozen.items() for name in ids_among(rows, items)}
    known = {row.id: row for row in rows}
    there = [known[name] for name in part_of if name not in unfit]
    others = [row for row in rows if row.id not in part_of and row.id not in unfit]
    near = near_items([row for row in others if not row.scenario], there, SIMILARITY)
    corrected = {
        item.id
        for row in others
        if row.source in params.train_only
        and all(part_of[item.id] is Split.DEV for item in near.get(row.id, ()))
        for item in near.get(row.id, ())
    }
    held = [(row, part_of[row.id]) for row in there if row.id not in corrected]
    left_out = {
        row.id: why_beside(row, items, params)
        for row in others
        if (items := [item for item in near.get(row.id, ()) if item.id not in corrected])
    }
    taken = left_out.keys() | {row.id for row, _ in held}
    counts = Counter(part_of[name] for name in corrected | {row.id for row, _ in held})
    gone = {part: len(items) - counts[part] for part, items in frozen.items()}
    return FrozenItems(held, [row for row in rows if row.id not in taken], left_out, gone)


def why_beside(row: Row, items: Sequence[Row], params: CurateParams) -> str:
    """Why a row is left out that is near these frozen items."""
    if any(row.texts == item.texts for item in items):
        return REPEATED
    tied = is_of_document(row, params) and any(row.group == item.group for item in items)
    return OF_UNSEEN if tied else NEAR_FROZEN


def near_items(
    rows: Sequence[Row], items: Sequence[Row], similarity: float
) -> dict[str, list[Row]]:
    """The items of which each row is a near-duplicate, by the row's id."""
    places = [Placed(row, None, base=True) for row in items]
    every = [Placed(row, None, base=True) for row in rows]
    near: dict[str, list[Row]] = {}
    for item, positions in zip(items, neighbours(places, every, similarity), strict=True):
        for i in positions:
            near.setdefault(rows[i].id, []).append(item)
    return near


def gone_item_lines(gone: Mapping[Split, int]) -> Iterator[str]:
    for part, count in gone.items():
        if count:
            yield (
                f"{counted(count, 'item')} of the frozen {part} set left the sources, or ask "
                "something else now, or are unfit"
            )
