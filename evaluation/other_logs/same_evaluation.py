"""Whether two logs are of one evaluation: the same tasks, asked and scored in the same way."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from evaluation.other_logs.system_log import REPEATED, SystemLog
from project.canonical import digest_file
from project.errors import InputError
from project.records.scores import Better
from project.untrusted_input import one_line

# --- metric choice --------------------------------------------------------------------------------

# Which metrics two logs are compared by: those that the user names, else all that both have.

MIXED = "score"  # the column of tasks that are each judged by a metric of their own
Columns = dict[str, dict[str, str]]  # by task, then by column of the table: the task's metric


@dataclass(frozen=True)
class ChosenColumns:
    """Columns, which way each is better where it is known, and what was left out."""

    columns: Columns
    better: dict[str, Better]
    notes: tuple[str, ...] = ()

    @property
    def directions(self) -> dict[str, Better] | None:
        """The direction of every column; None where more of each is better, as in anybody's score
        table.
        """
        if "less" not in self.better.values():
            return None
        names = [column for metrics in self.columns.values() for column in metrics]
        return {name: self.better.get(name, "more") for name in dict.fromkeys(names)}


def choose(logs: tuple[SystemLog, SystemLog], wanted: Sequence[str]) -> ChosenColumns:
    """The metrics to compare by. `wanted` are names, and task=name for a task with its own.

    Raises InputError with what there is.
    """
    there = {task: shared(logs, task) for task in logs[0].tasks if task in logs[1].tasks}
    by_task = dict(pair for name in wanted if (pair := per_task(name, there)))
    plain = [name for name in wanted if per_task(name, there) is None]
    if by_task:
        columns = own_columns(there, by_task, plain)
    elif plain:
        columns = {task: named_columns(task, there, plain) for task in there}
    else:
        return everything(logs, there)
    return ChosenColumns(columns, directions(logs, columns))


def per_task(name: str, tasks: Mapping[str, object]) -> tuple[str, str] | None:
    """Task and metric of "task=metric"; None for a metric alone."""
    task, equals, metric = name.partition("=")
    return (task, metric) if equals and task in tasks else None


def shared(logs: tuple[SystemLog, SystemLog], task: str) -> list[str]:
    """The metrics that samples of the task have on both sides, in the champion's order."""
    first, second = (metrics_counted(log, task) for log in logs)
    return [name for name in first if name in second]


def metrics_counted(log: SystemLog, task: str) -> Counter[str]:
    """How many samples have each metric, be it without a value."""
    return Counter(name for s in log.samples if s.task == task for name in s.metrics)


def own_columns(
    there: Mapping[str, Sequence[str]], own: Mapping[str, str], plain: Sequence[str]
) -> Columns:
    if len(plain) > 1:
        raise InputError("beside TASK=METRIC only one metric can be named, for all other tasks")
    columns = {}
    for task in there:
        metric = own.get(task) or (plain[0] if plain else None)
        if metric is None:
            raise InputError(f"name a metric for {task} too: --metric {task}=METRIC{have(there)}")
        refuse_missing(task, metric, there)
        columns[task] = {MIXED: metric}
    return columns


def named_columns(
    task: str, there: Mapping[str, Sequence[str]], names: Sequence[str]
) -> dict[str, str]:
    for name in names:
        refuse_missing(task, name, there)
    return {name: name for name in names}


def refuse_missing(task: str, metric: str, there: Mapping[str, Sequence[str]]) -> None:
    if metric not in there[task]:
        where = f"{task} has no metric" if len(there) > 1 else "both logs must have the metric"
        advice = "; choose tasks by --task" if len(there) > 1 else ""
        raise InputError(f"{where} {metric!r}{have(there)}{advice}")


def have(there: Mapping[str, Sequence[str]]) -> str:
    """What there is to choose from, of the first few tasks."""
    some = list(there.items())[:5]
    told = "; ".join(f"{task}: {', '.join(names) or 'none'}" for task, names in some)
    return f" ({told}{'; …' * (len(there) > len(some))})"


def everything(
    logs: tuple[SystemLog, SystemLog], there: Mapping[str, Sequence[str]]
) -> ChosenColumns:
    """All metrics that every sample of every task has, and of which more is better; of a log that
    says which of them decide, these.
    """
    whole = {task: [m for m in names if everywhere(logs, task, m)] for task, names in there.items()}
    common = [m for m in next(iter(whole.values()), []) if all(m in w for w in whole.values())]
    ways = directions(logs, {task: {m: m for m in common} for task in there})
    chosen = [metric for metric in common if ways.get(metric, "more") == "more"]
    if not chosen:
        if len(common) > 1 or not common:
            raise InputError(nothing(logs, there, common))
        chosen = common  # the one that there is, though less of it is better
    chosen = [metric for metric in chosen if metric in logs[0].deciding] or chosen
    seen = dict.fromkeys(m for log in logs for task in there for m in metrics_counted(log, task))
    left = [m for m in seen if m not in chosen]
    notes = [f"not compared: {', '.join(left)}; choose by --metric"] if left else []
    columns = {task: {m: m for m in chosen} for task in there}
    return ChosenColumns(columns, {m: ways[m] for m in chosen if m in ways}, tuple(notes))


def nothing(
    logs: tuple[SystemLog, SystemLog], there: Mapping[str, Sequence[str]], common: Sequence[str]
) -> str:
    if common:
        return f"less is better of all metrics: choose one by --metric{have(there)}"
    if len(there) > 1:
        return (
            "the tasks have no metric in common: choose one for each by --metric TASK=METRIC, "
            f"or tasks by --task{have(there)}"
        )
    if any(there.values()):
        return f"no metric scores all items of both logs: choose one by --metric{have(there)}"
    (task,) = there
    ours, theirs = (", ".join(metrics_counted(log, task)) for log in logs)
    return f"no metric is in both logs: {SIDES[0]} has {ours}, {SIDES[1]} has {theirs}"


def everywhere(logs: tuple[SystemLog, SystemLog], task: str, metric: str) -> bool:
    """Whether each sample of the task that counts has the metric, be it without a value."""
    samples = (s for log in logs for s in log.samples if s.task == task and not s.lost)
    return all(metric in sample.metrics for sample in samples)


def directions(logs: tuple[SystemLog, SystemLog], columns: Columns) -> dict[str, Better]:
    """Which way each column is better, as far as the logs say. Raises InputError for both ways."""
    better: dict[str, Better] = {}
    for log in logs:
        for task, metrics in columns.items():
            for column, metric in metrics.items():
                way = log.better.get(task, {}).get(metric)
                if way and better.setdefault(column, way) != way:
                    raise InputError(f"of {column!r} more is better in one task, less in another")
    return better


# --- same evaluation ------------------------------------------------------------------------------

BRIEF = 100  # characters of a setting in a message


def refuse_one_log(champion: SystemLog, challenger: SystemLog) -> None:
    """Raise InputError for one system twice, be it as a copy of its file."""
    paths = champion.path, challenger.path
    same = paths[0].resolve() == paths[1].resolve()
    if all(path.is_file() for path in paths):
        same = same or digest_file(paths[0]) == digest_file(paths[1])
    if same and champion.system == challenger.system:
        problem = f"champion and challenger are one log, and both {champion.system!r}: name another"
        raise InputError(problem, file=challenger.path)


def of_tasks(log: SystemLog, tasks: Sequence[str]) -> SystemLog:
    """The log's samples of these tasks alone. Raises InputError for a task that it lacks."""
    if not tasks:
        return log
    if missing := [task for task in tasks if task not in log.tasks]:
        raise InputError(
            f"holds no task {missing[0]!r}, but {first_names(log.tasks)}", file=log.path
        )
    kept = tuple(sample for sample in log.samples if sample.task in tasks)
    return replace(log, samples=kept, absent=0 if len(kept) < len(log.samples) else log.absent)


def refuse_other_tasks(champion: SystemLog, challenger: SystemLog) -> None:
    """Raise InputError for logs without a common task, or of which one has more tasks."""
    ours, theirs = champion.tasks, challenger.tasks
    for log, there in ((champion, ours), (challenger, theirs)):
        if not there:
            raise InputError("holds no item", file=log.path)
    common = [task for task in ours if task in theirs]
    if not common:
        raise InputError(
            f"the logs are of different tasks: {first_names(ours)} in {champion.path}, "
            f"{first_names(theirs)} in {challenger.path}"
        )
    if odd := [task for task in (*ours, *theirs) if task not in common]:
        chosen = " ".join(f"--task {task}" for task in common[:3])
        lacks = challenger.path if odd[0] in ours else champion.path
        raise InputError(f"{lacks} lacks task {odd[0]!r}: compare the others by {chosen}")


def refuse_without_scores(log: SystemLog) -> None:
    """Raise InputError for a log of which no sample counts."""
    if all(sample.lost or not sample.metrics for sample in log.samples):
        kinds = Counter(sample.lost or "without any number" for sample in log.samples)
        notes = "".join(
            f"; {task}: {note}" for task in log.tasks for note in log.notes.get(task, ())
        )
        raise InputError(f"no sample of it has a score: {counted(kinds)}{notes}", file=log.path)


def refuse_unlike(champion: SystemLog, challenger: SystemLog, choice: ChosenColumns) -> None:
    """Raise InputError for a task that was asked, or a metric that was scored, in two ways."""
    unlike = (*unlike_tasks(champion, challenger), *unlike_scorers(champion, challenger, choice))
    if unlike:
        raise InputError(unlike[0])


def unlike_tasks(champion: SystemLog, challenger: SystemLog) -> Iterator[str]:
    """Settings of a task that both logs tell, and that differ."""
    for task in champion.tasks:
        ours, theirs = champion.settings.get(task, {}), challenger.settings.get(task, {})
        for name in ours.keys() & theirs.keys():
            if ours[name] != theirs[name]:
                values = f"{brief(ours[name])} and {brief(theirs[name])}"
                yield f"{task}: another {name} on either side, {values}: run both the same way"


def unlike_scorers(
    champion: SystemLog, challenger: SystemLog, choice: ChosenColumns
) -> Iterator[str]:
    """Metrics that were scored in another way, by another judge for one."""
    for task, metrics in choice.columns.items():
        for metric in metrics.values():
            ours, theirs = (scorer(log, task, metric) for log in (champion, challenger))
            if ours and theirs and ours != theirs:
                yield (
                    f"{task}: {metric} was scored in another way on either side, {brief(ours)} and "
                    f"{brief(theirs)}: score both the same way, or choose others by --metric"
                )


def scorer(log: SystemLog, task: str, metric: str) -> str | None:
    """How a metric was scored; a scorer with several values has one entry."""
    scorers = log.scorers.get(task, {})
    return scorers.get(metric) or scorers.get(metric.partition("/")[0])


def first_names(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def brief(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= BRIEF else f"{line[:BRIEF]}…"


# --- losses ---------------------------------------------------------------------------------------

# What became of the items that lack a score, and how many of them are too many.

Side = Literal["champion", "challenger"]
SIDES: tuple[Side, Side] = ("champion", "challenger")
# Of items that an error or a missing score took, so many are weighed as missing unasked.
FEW = 0.02
ABSENT = "not in its log"
NOT_WRITTEN = "run, and in neither log"
# What no share excuses: the two logs may be about different things.
MISMATCHES = (ABSENT, REPEATED)


@dataclass
class Losses:
    """Items that lack a score: of each side what happened to how many, and what differs."""

    of_side: dict[Side, Counter[str]] = field(
        default_factory=lambda: {side: Counter() for side in SIDES}
    )
    different: Counter[str] = field(default_factory=Counter)  # asked differently, and in what
    items: int = 0
    outside: int = 0  # items that the chosen metrics say nothing about, on either side
    first: str | None = None  # an item to look at

    def told(self) -> list[str]:
        """A line for each side, and one for what differs."""
        lines = [f"{side}: {counted(c)}" for side, c in self.of_side.items() if c]
        return [*lines, *([f"asked differently: {counted(self.different)}"] * bool(self.different))]


def count_unwritten(logs: tuple[SystemLog, SystemLog], losses: Losses) -> int:
    """Count what neither log holds, though one says that it was run; returns how many items that
    is. Two logs that were cut at one place lack the same items.
    """
    unknown = []
    for side, log in zip(SIDES, logs, strict=True):
        counts = losses.of_side[side]
        unknown.append(max(0, log.absent - counts[ABSENT]))
        counts.update({NOT_WRITTEN: unknown[-1]})
        losses.of_side[side] = +counts  # without what is zero
    losses.items += max(unknown)
    return max(unknown)


def refuse_losses(losses: Losses, total: int, allowed: float | None, advice: str) -> None:
    """Raise InputError where more is missing than may be."""
    share = losses.items / total if total else 0
    told = "; ".join(losses.told())
    if losses.different.total() == total:
        advice = "both sides must be asked the same and expect the same"
    if losses.items == total:
        raise InputError(f"no item can be compared ({told}){': ' * bool(advice)}{advice}")
    example = f", such as {losses.first}" if losses.first else ""
    problem = f"{losses.items} of {total} items cannot be compared{example} ({told})"
    if allowed is not None and share > allowed:
        raise InputError(f"{problem}: that is {share:.1%}, and {allowed:.1%} may be missing")
    if allowed is None and (
        share > FEW
        or losses.different
        or any(c[kind] for c in losses.of_side.values() for kind in MISMATCHES)
    ):
        least = -(-losses.items * 100 // total) / 100
        raise InputError(
            f"{problem}: mend the runs, or weigh these as the challenger's worst by "
            f"--allow-missing {least:.2f}; above the policy's unjudged_cap that is a HOLD"
        )


def counted(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in kinds.items())
