"""Whether two logs are of one evaluation: the same tasks, asked and scored in the same way."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from evaluation.other_logs.losses import counted
from evaluation.other_logs.metric_choice import Choice
from evaluation.other_logs.system_log import SystemLog
from project.canonical import digest_file
from project.errors import InputError
from project.untrusted_input import one_line

BRIEF = 100  # characters of a setting in a message


def refuse_one_log(champion: SystemLog, challenger: SystemLog) -> None:
    """Raise InputError for one system twice, be it as a copy of its file."""
    paths = champion.path, challenger.path
    same = paths[0].resolve() == paths[1].resolve()
    if all(path.is_file() for path in paths):
        same = same or digest_file(paths[0]) == digest_file(paths[1])
    if same and champion.system == challenger.system:
        problem = "champion and challenger are one log: name the log of another system"
        raise InputError(problem, file=challenger.path)


def of_tasks(log: SystemLog, tasks: Sequence[str]) -> SystemLog:
    """The log's samples of these tasks alone. Raises InputError for a task that it lacks."""
    if not tasks:
        return log
    if missing := [task for task in tasks if task not in log.tasks]:
        raise InputError(f"holds no task {missing[0]!r}, but {listed(log.tasks)}", file=log.path)
    kept = tuple(sample for sample in log.samples if sample.task in tasks)
    return replace(log, samples=kept, absent=0 if len(kept) < len(log.samples) else log.absent)


def refuse_other_tasks(champion: SystemLog, challenger: SystemLog) -> None:
    """Raise InputError for logs without a common task, or of which one has more tasks."""
    ours, theirs = champion.tasks, challenger.tasks
    common = [task for task in ours if task in theirs]
    if not common:
        raise InputError(
            f"the logs are of different tasks: {listed(ours)} in {champion.path}, {listed(theirs)} "
            f"in {challenger.path}"
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


def refuse_unlike(champion: SystemLog, challenger: SystemLog, choice: Choice) -> None:
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


def unlike_scorers(champion: SystemLog, challenger: SystemLog, choice: Choice) -> Iterator[str]:
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


def listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def brief(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= BRIEF else f"{line[:BRIEF]}…"
