"""Two systems' logs as one score table, with an account of every item that is not in it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.other_logs.same_evaluation import (
    ABSENT,
    NOT_WRITTEN,
    SIDES,
    ChosenColumns,
    Losses,
    choose,
    count_item,
    count_unwritten,
    of_tasks,
    refuse_losses,
    refuse_one_log,
    refuse_other_tasks,
    refuse_unlike,
    refuse_without_scores,
)
from evaluation.other_logs.system_log import NOT_SCORED, Sample, SystemLog
from project.records.scores import ItemScore, ScoreTable
from project.untrusted_input import one_line


@dataclass(frozen=True)
class Pairing:
    """The table of all items, and what is to be said beside its verdict. What an item lacks on
    either side is `unread` there, so that it counts as the challenger's worst.
    """

    table: ScoreTable
    losses: Losses
    notes: tuple[str, ...]

    @property
    def total(self) -> int:
        """Items of either log, and those that should be there."""
        return len(self.table.items)

    @property
    def compared(self) -> list[ItemScore]:
        """The items that both sides have all scores of."""
        return [item for item in self.table.items if not item.unread]


def pair_logs(
    champion: SystemLog,
    challenger: SystemLog,
    *,
    metrics: Sequence[str] = (),
    tasks: Sequence[str] = (),
    allowed: float | None = None,
) -> Pairing:
    """Match the logs item by item.

    `metrics` and `tasks` name what to compare, all if empty. `allowed` is the share of items that
    may be left out for whatever reason; None allows FEW of them, and none that speaks for two
    different evaluations. Raises InputError where the logs cannot be compared.
    """
    refuse_one_log(champion, challenger)
    logs = of_tasks(champion, tasks), of_tasks(challenger, tasks)
    refuse_other_tasks(*logs)
    for log in logs:
        refuse_without_scores(log)
    choice = choose(logs, metrics)
    refuse_unlike(*logs, choice)
    losses = Losses()
    items = list(paired_items(logs, choice, losses))
    unwritten = count_unwritten(logs, losses)
    items += [nothing_of(f"{NOT_WRITTEN} ({i + 1})", choice) for i in range(unwritten)]
    refuse_losses(losses, len(items), allowed)
    return Pairing(
        table=ScoreTable(pins=None, items=tuple(items), better=choice.directions),
        losses=losses,
        notes=tuple(one_line(note) for note in notes_on(logs, choice, losses)),
    )


def paired_items(
    logs: tuple[SystemLog, SystemLog], choice: ChosenColumns, losses: Losses
) -> Iterator[ItemScore]:
    """All items of which a metric says something; what is missing is counted in `losses`."""
    ours, theirs = ({sample.item: sample for sample in log.samples} for log in logs)
    several = len(choice.columns) > 1
    for item in dict.fromkeys([*ours, *theirs]):
        sides = ours.get(item), theirs.get(item)
        found = next((s for s in sides if s), None)
        assert found is not None
        columns = choice.columns[found.task]
        if outside(sides, columns.values()):
            losses.outside += 1
            continue
        lost = [why(sample, columns.values()) for sample in sides]
        different = differing(*sides)
        if any(lost) or different:
            count_item(losses, item, lost, different)
        compared = (None, None) if different else sides
        yield item_score(found, compared, columns, several)


def outside(sides: Iterable[Sample | None], metrics: Iterable[str]) -> bool:
    """Whether the item is there on both sides, and has none of the metrics on either."""
    wanted = set(metrics)
    return all(s and not s.lost and not wanted & s.metrics.keys() for s in sides)


def why(sample: Sample | None, metrics: Iterable[str]) -> str | None:
    """Why one side's sample has no scores to compare."""
    if sample is None:
        return ABSENT
    if sample.lost:
        return sample.lost
    if missing := [m for m in metrics if sample.metrics.get(m) is None]:
        return f"{NOT_SCORED} ({missing[0]})"
    return None


def differing(ours: Sample | None, theirs: Sample | None) -> str | None:
    """In what the sides were asked differently; None where one side tells nothing."""
    if ours is None or theirs is None:
        return None
    parts = [p for p in ours.asked if p in theirs.asked and ours.asked[p] != theirs.asked[p]]
    return f"another {' and '.join(parts)}" if parts else None


def item_score(
    found: Sample,
    sides: Sequence[Sample | None],
    columns: Mapping[str, str],
    several: bool,
) -> ItemScore:
    # Columns are sorted, as they are in a table that was written: one order, one verdict.
    champion, challenger = (
        {column: score_of(side, metric) for column, metric in sorted(columns.items())}
        for side in sides
    )
    unread = [column for column in champion if None in (champion[column], challenger[column])]
    slices = (f"task={found.task}",) if several else ()
    return ItemScore.model_validate(
        {
            "item": found.item,
            "cluster": found.cluster,
            "slices": (*slices, *found.slices),
            "champion": champion | dict.fromkeys(unread, 0.0),
            "challenger": challenger | dict.fromkeys(unread, 0.0),
            "unread": unread or None,
        }
    )


def score_of(side: Sample | None, metric: str) -> float | None:
    return None if side is None or side.lost else side.metrics.get(metric)


def nothing_of(item: str, choice: ChosenColumns) -> ItemScore:
    """An item that is in neither log."""
    columns = sorted(next(iter(choice.columns.values())))
    zeros = dict.fromkeys(columns, 0.0)
    return ItemScore(item=item, champion=zeros, challenger=zeros, unread=tuple(columns))


def notes_on(
    logs: tuple[SystemLog, SystemLog], choice: ChosenColumns, losses: Losses
) -> Iterator[str]:
    yield from notes_of_logs(logs)
    yield from choice.notes
    if losses.outside:
        yield f"{losses.outside} further items have none of the metrics on either side"
    champion, challenger = logs
    if unlike := [n for n in champion.setup if champion.setup[n] != challenger.setup.get(n)]:
        yield f"the sides differ in: {', '.join(unlike)}"
    theirs = {sample.item: sample.prompt for sample in challenger.samples}
    other = sum(s.prompt != theirs.get(s.item, s.prompt) for s in champion.samples)
    if other:
        yield f"another prompt text was read on {other} items: it is part of what is compared"


def notes_of_logs(logs: tuple[SystemLog, SystemLog]) -> Iterator[str]:
    """Each log's notes on its tasks; what both say, once."""
    ours, theirs = ([f"{t}: {n}" for t in log.tasks for n in log.notes.get(t, ())] for log in logs)
    yield from (f"{note}, on both sides" for note in ours if note in theirs)
    yield from (f"{SIDES[0]}, {note}" for note in ours if note not in theirs)
    yield from (f"{SIDES[1]}, {note}" for note in theirs if note not in ours)
