"""Two systems' logs as one score table: which tool wrote each, and an account of every item that
is not in it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, Literal

from evaluation.other_logs.csv_answers import ROLES, read_csv_answers
from evaluation.other_logs.deepeval_logs import is_deepeval, read_deepeval
from evaluation.other_logs.inspect_logs import is_log, read_inspect
from evaluation.other_logs.langfuse_logs import is_langfuse, read_langfuse
from evaluation.other_logs.lm_eval_logs import RESULTS, SAMPLES, read_lm_eval
from evaluation.other_logs.openai_evals_logs import is_openai_evals, read_openai_evals
from evaluation.other_logs.promptfoo_logs import is_promptfoo, read_promptfoo
from evaluation.other_logs.same_evaluation import (
    ABSENT,
    NOT_WRITTEN,
    SIDES,
    ChosenColumns,
    Losses,
    choose,
    count_unwritten,
    of_tasks,
    refuse_losses,
    refuse_one_log,
    refuse_other_tasks,
    refuse_unlike,
    refuse_without_scores,
)
from evaluation.other_logs.system_log import (
    CSV,
    ERROR,
    NOT_SCORED,
    ReadingOptions,
    Sample,
    SystemLog,
    as_score,
    beginning,
    clustered,
    digest_of_words,
    placed,
    read_rows,
    slices_of,
    without_repeats,
)
from project.errors import InputError
from project.records.scores import ItemScore, ScoreTable
from project.untrusted_input import one_line, quoted


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
    refuse_losses(losses, len(items), allowed, challenger.advice)
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
        first = next((s for s in sides if s), None)
        assert first is not None
        columns = choice.columns[first.task]
        if outside(sides, columns.values()):
            losses.outside += 1
            continue
        lost = [why(sample, columns.values()) for sample in sides]
        different = differing(*sides)
        if any(lost) or different:
            count_item(losses, item, lost, different)
        compared = (None, None) if different else sides
        yield item_score(first, compared, columns, several)


def count_item(
    losses: Losses, item: str, lost: Sequence[str | None], different: str | None
) -> None:
    losses.items += 1
    losses.first = losses.first or item
    for side, kind in zip(SIDES, lost, strict=True):
        if kind:
            losses.of_side[side][kind] += 1
    if different:
        losses.different[different] += 1


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
    """What the sides were asked differently; None where one side tells nothing."""
    if ours is None or theirs is None:
        return None
    parts = [p for p in ours.asked if p in theirs.asked and ours.asked[p] != theirs.asked[p]]
    return f"another {' and '.join(parts)}" if parts else None


def item_score(
    sample: Sample,
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
    slices = (f"task={sample.task}",) if several else ()
    return ItemScore.model_validate(
        {
            "item": sample.item,
            "cluster": sample.cluster,
            "slices": (*slices, *sample.slices),
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


# --- scores jsonl ---------------------------------------------------------------------------------

# One system's scores as JSON Lines that any program can write: an item a line.

TASK = "items"
ASKED = ("prompt", "input", "question", "target", "reference", "expected", "choices")
KNOWN = {"item", "cluster", "slices", "scores", "error", *ASKED}
BOTH = "has scores of both sides: give it alone, by --scores"
LeftOut = dict[str, tuple[int, Any]]  # by field: the first line where it is no number, and what
LACKS = 'lacks "item", the name by which both files know it'


def read_scores_jsonl(path: Path, options: ReadingOptions) -> SystemLog:
    """Read {"item", "cluster"?, "slices"?, "error"?, scores} a line, its scores flat or under
    "scores". A score that is null or NaN is missing. Raises InputError naming file, line, field.
    """
    if path.is_dir():
        raise InputError("is a folder: name the file with the system's scores", file=path)
    return log_of_rows(path, read_rows(path), options.metrics)


def log_of_rows(
    path: Path, rows: Iterable[tuple[int, dict[str, Any]]], metrics: Sequence[str] = ()
) -> SystemLog:
    """The same of rows with their numbers, wherever they are from; errors name them by `path`."""
    left_out: LeftOut = {}
    read = [sample_of(row, path, number, left_out) for number, row in rows]
    refuse_texts_among_scores(read, left_out, path, metrics)
    samples = without_repeats(read)
    notes = [f"fields that are no numbers: {', '.join(sorted(left_out))}"] if left_out else []
    grouped = clustered(samples, *ASKED)
    return SystemLog(path=path, system=path.stem, samples=grouped, notes={TASK: notes})


def refuse_texts_among_scores(
    samples: Sequence[Sample], left_out: LeftOut, path: Path, metrics: Sequence[str]
) -> None:
    """Raise InputError for a metric that was chosen, or a field of which most values are numbers,
    where another value is none.
    """
    chosen = {name.rpartition("=")[2] for name in metrics}
    for name, (number, value) in left_out.items():
        scores = sum(name in sample.metrics for sample in samples)
        is_score = name in chosen if chosen else 2 * scores > len(samples)
        if is_score:
            problem = f"{quoted(value)} is no number: a missing score is null"
            raise InputError(problem, file=path, line=number, field=name)


def sample_of(row: dict[str, Any], path: Path, number: int, left_out: LeftOut) -> Sample:
    name, cluster = row.get("item"), row.get("cluster")
    if name is None or isinstance(name, (dict, list)) or not str(name):
        raise InputError(LACKS, file=path, line=number, field="item")
    if {"champion", "challenger"} <= row.keys():
        raise InputError(BOTH, file=path, line=number)
    slices = slices_of(row.get("slices") or (), path, number)
    lost = ERROR if row.get("error") else None
    return Sample(
        item=str(name),
        task=TASK,
        asked=asked_of(row, cluster, slices),
        metrics={} if lost else dict(metrics_of(row, path, number, left_out)),
        cluster=None if cluster is None else str(cluster),
        slices=slices,
        lost=lost,
    )


def asked_of(row: Mapping[str, Any], cluster: object, slices: tuple[str, ...]) -> dict[str, str]:
    """What must be equal on both sides: also where the item belongs."""
    asked = {name: digest_of_words(row[name]) for name in ASKED if name in row}
    return {**asked, **placed(cluster, slices)}


def metrics_of(
    row: Mapping[str, Any], path: Path, number: int, left_out: LeftOut
) -> Iterator[tuple[str, float | None]]:
    """Scores under "scores" must be numbers or null; of flat fields the others are left out."""
    inside = row.get("scores")
    for name, value in (inside or {}).items():
        if value is not None and not isinstance(value, Real):
            problem = f"{quoted(value)} is no number"
            raise InputError(problem, file=path, line=number, field=f"scores.{name}")
        yield name, as_score(value)
    if inside is None:
        for name, value in ((name, row[name]) for name in row if name not in KNOWN):
            if value is None or isinstance(value, Real):
                yield name, as_score(value)
            else:
                left_out.setdefault(name, (number, value))


# --- log readers ----------------------------------------------------------------------------------

# The tools whose logs can be read, and by which of them a file is.

Tool = Literal[
    "lm-eval", "inspect", "promptfoo", "openai-evals", "deepeval", "langfuse", "csv", "jsonl"
]
READERS: dict[Tool, Callable[[Path, ReadingOptions], SystemLog]] = {
    "lm-eval": lambda path, _: read_lm_eval(path),
    "inspect": lambda path, _: read_inspect(path),
    "promptfoo": lambda path, options: read_promptfoo(path, options.system),
    "openai-evals": lambda path, _: read_openai_evals(path),
    "deepeval": lambda path, _: read_deepeval(path),
    "langfuse": read_langfuse,
    "csv": read_csv_answers,
    "jsonl": read_scores_jsonl,
}
# The options that some of them take: several systems in one file, and columns by what they hold.
SEVERAL_SYSTEMS: tuple[Tool, ...] = ("promptfoo", "csv")
COLUMNS: dict[Tool, tuple[str, ...]] = {
    "csv": ROLES,
    "langfuse": ("item",),
}
# By what a file is known: its path, and its first line's value or the whole file's.
LOOKS: tuple[tuple[Tool, Callable[[Path, Any], bool]], ...] = (
    ("inspect", lambda path, value: path.suffix == ".eval" or is_log(value)),
    ("lm-eval", lambda path, value: bool(SAMPLES.fullmatch(path.name)) or has(value, "doc_id")),
    ("promptfoo", lambda _, value: is_promptfoo(value)),
    ("openai-evals", lambda _, value: is_openai_evals(value)),
    ("deepeval", lambda _, value: is_deepeval(value)),
    ("langfuse", lambda _, value: is_langfuse(value)),
    ("csv", lambda path, value: path.suffix in CSV and isinstance(value, dict)),
    ("jsonl", lambda _, value: has(value, "item")),
    ("lm-eval", lambda path, _: bool(RESULTS.fullmatch(path.name))),
)
READABLE = (".eval", ".json", ".jsonl", *CSV)


def read_log(tool: Tool, path: Path, options: ReadingOptions) -> SystemLog:
    """Read one system's log. Raises InputError; for another tool's log it names that tool."""
    try:
        log = read_as(tool, path, options)
        if not log.samples:
            raise InputError("holds no sample", file=path)
    except InputError as error:
        if (other := tool_of(path)) and other != tool:
            problem = f"this is a log of {other}, not of {tool}: --from {other} reads it"
            raise InputError(problem, file=path) from error
        raise
    return log


def read_as(tool: Tool, path: Path, options: ReadingOptions) -> SystemLog:
    """Read a log that may hold anything: what has another shape than the tool's is refused."""
    try:
        return READERS[tool](path, options)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        told = one_line(f"{type(error).__name__}: {error}")
        raise InputError(f"is not as {tool} writes it ({told})", file=path) from error


def tool_of(path: Path) -> Tool | None:
    """The tool that wrote a file, or the first file of a folder that any of them did."""
    if path.is_dir():
        files = (file for file in sorted(path.rglob("*")) if file.is_file())
        return next((tool for file in files if (tool := tool_of_file(file))), None)
    return tool_of_file(path) if path.is_file() else None


def tool_of_file(path: Path) -> Tool | None:
    if path.suffix not in READABLE:
        return None
    value = None if path.suffix == ".eval" else beginning(path)
    return next((tool for tool, looks_so in LOOKS if looks_so(path, value)), None)


def has(value: Any, name: str) -> bool:
    return isinstance(value, dict) and name in value
