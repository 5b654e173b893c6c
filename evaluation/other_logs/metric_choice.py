"""Which metrics two logs are compared by: those that the user names, else all that both have."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.other_logs.system_log import SystemLog
from project.errors import InputError
from project.records.scores import Better

MIXED = "score"  # the column of tasks that are each judged by a metric of their own
Columns = dict[str, dict[str, str]]  # by task, then by column of the table: the task's metric


@dataclass(frozen=True)
class Choice:
    """Columns, which way each is better where it is known, and what was left out."""

    columns: Columns
    better: dict[str, Better]
    notes: tuple[str, ...] = ()

    @property
    def directions(self) -> dict[str, Better] | None:
        """Of every column; None where more of each is better, as in anybody's score table."""
        if "less" not in self.better.values():
            return None
        names = [column for metrics in self.columns.values() for column in metrics]
        return {name: self.better.get(name, "more") for name in dict.fromkeys(names)}


def choose(logs: tuple[SystemLog, SystemLog], wanted: Sequence[str]) -> Choice:
    """The metrics to compare by. `wanted` are names, and task=name for a task with its own.

    Raises InputError with what there is.
    """
    there = {task: shared(logs, task) for task in logs[0].tasks if task in logs[1].tasks}
    own = dict(pair for name in wanted if (pair := per_task(name, there)))
    plain = [name for name in wanted if per_task(name, there) is None]
    if own:
        columns = own_columns(there, own, plain)
    elif plain:
        columns = {task: named_columns(task, there, plain) for task in there}
    else:
        return everything(logs, there)
    return Choice(columns, directions(logs, columns))


def per_task(name: str, tasks: Mapping[str, object]) -> tuple[str, str] | None:
    """Task and metric of "task=metric"; None for a metric alone."""
    task, equals, metric = name.partition("=")
    return (task, metric) if equals and task in tasks else None


def shared(logs: tuple[SystemLog, SystemLog], task: str) -> list[str]:
    """The metrics that samples of the task have on both sides, in the champion's order."""
    first, second = (counted(log, task) for log in logs)
    return [name for name in first if name in second]


def counted(log: SystemLog, task: str) -> Counter[str]:
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


def everything(logs: tuple[SystemLog, SystemLog], there: Mapping[str, Sequence[str]]) -> Choice:
    """All metrics that every sample of every task has, and of which more is better."""
    whole = {task: [m for m in names if everywhere(logs, task, m)] for task, names in there.items()}
    common = [m for m in next(iter(whole.values()), []) if all(m in w for w in whole.values())]
    ways = directions(logs, {task: {m: m for m in common} for task in there})
    chosen = [metric for metric in common if ways.get(metric, "more") == "more"]
    if not chosen:
        raise InputError(nothing(there, common))
    seen = dict.fromkeys(m for log in logs for task in there for m in counted(log, task))
    left = [m for m in seen if m not in chosen]
    notes = [f"not compared: {', '.join(left)}; choose by --metric"] if left else []
    columns = {task: {m: m for m in chosen} for task in there}
    return Choice(columns, {m: ways[m] for m in chosen if m in ways}, tuple(notes))


def nothing(there: Mapping[str, Sequence[str]], common: Sequence[str]) -> str:
    if common:
        return f"less is better of all metrics: choose one by --metric{have(there)}"
    if len(there) > 1:
        return (
            "the tasks have no metric in common: choose one for each by --metric TASK=METRIC, "
            f"or tasks by --task{have(there)}"
        )
    return f"no metric scores all items of both logs: choose one by --metric{have(there)}"


def everywhere(logs: tuple[SystemLog, SystemLog], task: str, metric: str) -> bool:
    """Whether each sample of the task that counts has the metric, be it without a value."""
    samples = (s for log in logs for s in log.samples if s.task == task and not s.lost)
    return all(metric in sample.metrics for sample in samples)


def directions(logs: tuple[SystemLog, SystemLog], columns: Columns) -> dict[str, Better]:
    """Which way each column is better, as far as the logs say. Raises InputError for both ways."""
    found: dict[str, Better] = {}
    for log in logs:
        for task, metrics in columns.items():
            for column, metric in metrics.items():
                way = log.better.get(task, {}).get(metric)
                if way and found.setdefault(column, way) != way:
                    raise InputError(f"of {column!r} more is better in one task, less in another")
    return found
