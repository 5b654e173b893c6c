"""Stage `curate`: clean rows, one of each, split by group into train, dev and sealed."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from curation.accepted_rows import (
    NOTHING,
    SYNTHETIC_WAITS,
    Frozen,
    FrozenItems,
    Placed,
    acceptances,
    extended,
    gone_item_lines,
    hold_frozen_items,
    people_first,
    place_batches,
    unaccepted,
    within_share,
)
from curation.account import (
    EVAL_ONLY,
    NEAR_FROZEN,
    OF_UNSEEN,
    PERSONAL,
    RETIRED,
    SPARE,
    SURPLUS,
    TOO_LONG,
    WAITS,
    account_of,
    summary,
    write_account,
)
from curation.checks.relevance import leaving, suite_prompts
from curation.checks.waivers import read_waivers
from curation.curate_others import curate_others, read_others, untaught
from curation.curation_settings import CurateParams
from curation.document_split import apart_by_documents, by_documents, passage_lines, without
from curation.eval_sets import (
    Changes,
    OfItems,
    frozen_items,
    ids_among,
    read_changes,
    retired_ids,
)
from curation.families import (
    Families,
    cut_from_items,
    families,
    filled,
    largest,
    split,
    thinned,
)
from curation.mending import changed, mended
from curation.selected_rows import Selection, selected, unselected
from curation.sifting import (
    accepted_of,
    clean,
    excused_leaks,
    faulty,
    reasons,
    refused_alone,
    refused_beside,
    sifted,
    with_personal_data,
)
from curation.token_lengths import Fitted, TokenLengths, fit
from project.errors import InputError
from project.files import staged_folder
from project.model_pins import BaseChoice, context_window, pinned_folder
from project.paths import (
    BASE,
    CHANGES,
    CURATED,
    CURATED_DOCUMENTS,
    CURATED_PREFERENCES,
    ORIGINS,
    RAW,
    SEEN,
    TOKENS,
)
from project.records.adapters import ModelPin
from project.records.data import ACCEPTED, Origin, Row, SeenItem, SeenItems, Split, TextChange
from project.records.record import write_records
from project.settings import PARAMS, load
from project.untrusted_input import one_line

LARGE_GROUP = 0.2  # of all rows: worth a warning
SHOWN = 60  # characters of a text
SOURCES_SHOWN = 5

Parts = dict[Split, list[Row]]
Stays = Callable[[Iterable[Row]], list[Row]]  # rows without those that a rotation let leave


@dataclass(frozen=True)
class Curated:
    """The parts, and why every other row is in none of them."""

    parts: Parts
    left_out: dict[str, str]  # by the row's id
    accepted: list[Placed]
    largest_group: list[Row]  # of near-duplicates, before surplus ones are left out
    gone: Mapping[Split, int] = field(default_factory=dict)  # frozen items that no source holds


@dataclass(frozen=True)
class Inputs:
    """The rows as stage `collect` left them, cleaned, and as the base can read them."""

    raw: list[Row]
    fitted: Fitted
    unfit: dict[str, str]  # by id, why a row is to go nowhere
    lengths: TokenLengths
    changes: tuple[TextChange, ...] = ()  # what was mended
    selection: Selection | None = None  # of the training rows; None: all
    suites: Sequence[str] = ()  # what they ask
    excused: frozenset[str] = frozenset()  # ids of rows that a person lets stay


def main() -> None:
    params = load(CurateParams)
    inputs = read_inputs(params)
    refuse_unknown_sources(params, inputs.raw)
    made = curated(inputs, read_changes(), params)
    seen = seen_items(made)
    counts = inputs.lengths.count([row for rows in made.parts.values() for row in rows])
    kept_back = untaught(inputs.raw, made.parts, made.left_out)
    others = curate_others(*read_others(), kept_back, read_waivers().ours)
    with staged_folder(CURATED) as draft:
        for part, chosen in made.parts.items():
            write_records(draft / f"{part}.jsonl", chosen)
        write_records(draft / CURATED_PREFERENCES.name, others.preferences)
        write_records(draft / CURATED_DOCUMENTS.name, others.documents)
    write_records(TOKENS, counts)
    SeenItems(items=tuple(seen)).write(SEEN)
    mends = changed(inputs.changes)
    origins = Origin.read_lines(ORIGINS)
    left_out = made.left_out | dict(others.left_out)
    account = account_of(origins, inputs.raw, made.parts, left_out, mends, others.part_of)
    write_records(CHANGES, inputs.changes)
    write_account(account)
    if cut := len(inputs.fitted.cut):
        print(f"warning: {cut} prompts were cut, for their rows to have base.max_length tokens")
    for line in (*large_group_lines(made, params.train_only), *gone_item_lines(made.gone)):
        print(f"warning: {line}")
    for line in passage_lines(made.parts, params):
        print(line)
    for line in accepted_row_lines(made, seen):
        print(line)
    print(summary(account))
    # How many of the training rows are nobody's task, such as those that a project rehearses.
    for source, count in Counter(row.source for row in made.parts[Split.TRAIN]).items():
        if source in params.train_only:
            print(f"of the training rows {count:,} are from {source} (curation.curate.train_only)")


def read_inputs(params: CurateParams) -> Inputs:
    """Raises InputError where base.max_length is more than the base can read."""
    mended_rows = [mended(row) for row in Row.read_lines(RAW)]
    raw = [row for row, _ in mended_rows]
    choice, folder = load(BaseChoice), pinned_folder(ModelPin.read(BASE), "base")
    limit = choice.max_length
    refuse_beyond_window(limit, context_window(folder))
    lengths = TokenLengths(folder, choice.system_prompt, choice.evidence_template)
    fitted = fit(raw, lengths, limit, params.too_long)
    unfit = dict.fromkeys(fitted.left_out, TOO_LONG)
    if params.faulty == "drop":
        unfit |= faulty(raw)
    if params.personal_data == "drop":
        unfit |= dict.fromkeys(with_personal_data(raw, read_waivers().ours), PERSONAL)
    unfit |= refused_alone(accepted_of(fitted.rows, unfit), lengths, limit)
    changes = tuple(change for _, row_changes in mended_rows for change in row_changes)
    selection = Selection.load(params.selection) if params.selection else None
    excused = excused_leaks(raw, read_waivers())
    return Inputs(raw, fitted, unfit, lengths, changes, selection, suite_prompts(), excused)


def curated(
    inputs: Inputs, changes: Changes, params: CurateParams, growing: Split | None = None
) -> Curated:
    """The parts without the accepted rows that would shut the gate beside the others."""
    rows, unfit = inputs.fitted.rows, inputs.unfit
    fixed = {name for items in frozen_items(changes).values() for name in ids_among(rows, items)}
    while True:
        constraints = inputs.selection, inputs.suites, inputs.excused
        made = curate(rows, changes, params, unfit, growing, *constraints)
        refused = refused_beside(made.parts, params, fixed)
        if not refused:
            return made
        unfit = unfit | refused


def curate(
    raw: Sequence[Row],
    changes: Changes,
    params: CurateParams,
    unfit: Mapping[str, str] = NOTHING,
    growing: Split | None = None,
    selection: Selection | None = None,
    suites: Sequence[str] = (),
    excused: frozenset[str] = frozenset(),
) -> Curated:
    """Split the rows that nobody had to accept, as if there were no others; then add the accepted.

    Rows whose ids are in unfit go nowhere, for its reason; what `suites` ask is not taught, but by
    rows that a person `excused`. Frozen items stay; `growing` is a part
    that takes further ones all the same. What would leak then leaves training. Pure: the same rows,
    changes and settings give the same parts. Raises InputError where rows and changes do not agree.
    """
    cleaned = list(map(clean, raw))
    rows = by_documents(cleaned, params)
    unfit = unaccepted(rows) | dict(unfit)
    frozen = frozen_items(changes)
    held = {name for items in frozen.values() for name in ids_among(rows, items)}
    base = [row for row in rows if row.source != ACCEPTED or row.id in held]
    accepted = accepted_of(rows, held)
    batches = acceptances(accepted, changes, elsewhere={row.id for row in base})
    stands, kin, left_out = around_frozen(base, accepted, frozen, params, unfit)
    # Rows may have been trained on for a part that was looked at, now or before.
    if not any(isinstance(change, OfItems) for change in changes.values()):
        # The kinds of questions that each row is of, as far as its slices tell.
        kinds = {row.id: [f"{k}={value}" for k, value in row.slices.items()] for row in kin.free}
        kin = replace(kin, lots=filled(kin.free, kin.lots, params, kinds, kin.cut))
    sides = [*kin.items, *((row, kin.side(row, params)) for row in kin.free)]
    placed = place_batches(sides, batches, params, unfit)
    every = [*(row for row, _ in sides), *(place.row for place in placed)]
    staying = partial(unretired, families=every, changes=changes)
    parts, more = parts_of_families(kin, staying, params, closed=stands.closed - {growing})
    left_out |= more
    if selection:
        taught = parts[Split.TRAIN]
        parts[Split.TRAIN] = selected(taught, selection, params.train_only)
        left_out |= unselected(taught, selection, params.train_only)
    parts, more = joined_by_accepted(parts, placed, staying, params)
    left_out |= more
    parts, more = apart_by_documents(parts, {row.id: row.group for row in cleaned}, held, params)
    left_out |= more
    stay = excused.union(row.id for row in accepted)
    gone = leaving(parts, suites, params.train_only, stay)
    of_scenarios = {row.group for row in cleaned if row.scenario}
    groups = {row.id: row.group for row in cleaned}
    beside = (row.id for row in parts[Split.TRAIN] if groups[row.id] in of_scenarios)
    gone = dict.fromkeys(beside, OF_UNSEEN) | gone
    parts = without(parts, gone)
    left_out |= gone
    return Curated(parts, left_out, placed, largest([row for row, _ in sides]), stands.gone)


def around_frozen(
    base: Sequence[Row],
    accepted: Sequence[Row],
    frozen: Frozen,
    params: CurateParams,
    unfit: Mapping[str, str],
) -> tuple[FrozenItems, Families, dict[str, str]]:
    """Frozen items, the families of all rows that are worth a place, and why the others are not."""
    stands = hold_frozen_items(base, frozen, params, unfit)
    distinct, left_out = sifted(stands.free, params, unfit)
    near = [row for row in base if stands.left_out.get(row.id) == NEAR_FROZEN]
    if back := {row.id for row in cut_from_items(stands.items, near, distinct, params)}:
        stands = stands.without(back, near)
        distinct, left_out = sifted(stands.free, params, unfit)
        near = [row for row in near if row.id not in back]
    kin = families(stands.items, near, distinct, params, accepted)
    return stands, kin, left_out | stands.left_out | kin.tied


def parts_of_families(
    own: Families, staying: Stays, params: CurateParams, closed: Collection[Split]
) -> tuple[Parts, dict[str, str]]:
    """The parts without the accepted rows, and why other rows are in none."""
    free = [
        row
        for row in own.free
        if row.source not in params.eval_only or own.side(row, params) is not Split.TRAIN
    ]
    kept = list(thinned(free, params))
    there = staying(kept)
    parts = split(there, own.lots, params, own.items, closed=closed)
    taken = [row for rows in parts.values() for row in rows]
    why = reasons((EVAL_ONLY, own.free, free), (SURPLUS, free, kept))
    return parts, why | reasons((RETIRED, kept, there), (SPARE, there, taken))


def joined_by_accepted(
    parts: Parts, placed: Sequence[Placed], staying: Stays, params: CurateParams
) -> tuple[Parts, dict[str, str]]:
    """The parts with the accepted rows of each, and why others of these wait or go nowhere."""
    joined, why = Parts(), dict[str, str]()
    for part, rows in parts.items():
        new = [place.row for place in placed if place.part is part]
        kept = people_first(staying(new))
        there = extended(rows, kept, part, params)
        joined[part] = within_share(there, params.synthetic_share)
        why |= reasons((RETIRED, new, kept), (WAITS, kept, there))
        why |= reasons((SYNTHETIC_WAITS, there, joined[part]))
    return joined, why | {place.row.id: place.why for place in placed if place.part is None}


def large_group_lines(made: Curated, train_only: Collection[str]) -> Iterator[str]:
    """A large group goes to one part as a whole, and teaches or examines little.

    Of the rows that may be items: what is only trained on is in one part anyhow.
    """
    group = [row for row in made.largest_group if row.source not in train_only]
    rows = sum(row.source not in train_only for part in made.parts.values() for row in part)
    if len(group) > LARGE_GROUP * rows:
        asked, told = (
            one_line(text)[:SHOWN] for text in (group[0].prompt_text, group[0].completion_text)
        )
        yield (
            f"{len(group):,} of {rows:,} rows share a prompt, an answer or a group, or nearly so, "
            f'and stay together in one part, such as "{asked}" with "{told}"'
        )


def refuse_unknown_sources(params: CurateParams, raw: Iterable[Row]) -> None:
    known = {row.source for row in raw}
    for name in ("train_only", "eval_only"):
        if unknown := sorted(set(getattr(params, name)) - known):
            there = ", ".join(sorted(known)[:SOURCES_SHOWN])
            problem = f"no row has the source {unknown[0]!r}, but {there}"
            raise InputError(problem, file=PARAMS, field=f"curation.curate.{name}")


def refuse_beyond_window(limit: int, window: int | None) -> None:
    if window and limit > window:
        raise InputError(
            f"{limit} tokens are more than this base reads, which is {window}",
            file=PARAMS,
            field="base.max_length",
        )


def seen_items(made: Curated) -> list[SeenItem]:
    """The items of which an accepted row is a near-duplicate, in their order.

    They stay: if traffic could remove an item, users would choose what a model is judged by.
    """
    by: dict[str, list[str]] = {}
    for place in made.accepted:
        for item in place.near:
            by.setdefault(item, []).append(place.row.id)
    return [
        SeenItem(item=row.id, part=part, rows=tuple(by[row.id]))
        for part in (Split.DEV, Split.SEALED)
        for row in made.parts[part]
        if row.id in by
    ]


def accepted_row_lines(made: Curated, seen: Collection[SeenItem]) -> Iterator[str]:
    """What became of the accepted rows, in words; nothing where there are none."""
    if not made.accepted:
        return
    part_of = {row.id: part for part, rows in made.parts.items() for row in rows}
    there = Counter(part_of.get(place.row.id) for place in made.accepted)
    left = Counter(made.left_out[o.row.id] for o in made.accepted if o.row.id in made.left_out)
    yield f"{len(made.accepted)} of them accepted: " + ", ".join(
        f"{there[part]} {part}" for part in Split
    )
    for why, count in left.items():
        yield f"  left out: {count} {why}"
    if seen:
        yield f"  {len(seen)} items were seen in traffic; they stay, and are named in {SEEN}"


def unretired(rows: Iterable[Row], families: Sequence[Row], changes: Changes) -> list[Row]:
    """The rows that no rotation let leave, nor a near-duplicate of theirs.

    What left is not trained on either: a version that had learnt it would be compared on it with
    champions of that time, in `incumbent registry reevaluate` or after a rollback.
    """
    retired = retired_ids(changes, families)
    gone = {row.group for row in families if row.id in retired}
    return [row for row in rows if row.group not in gone]
