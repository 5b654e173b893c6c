"""Logs of lm-evaluation-harness: samples_TASK_TIME.jsonl, and results_TIME.json beside them."""

import glob
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Any

from evaluation.other_logs.system_log import (
    REPEATED,
    Sample,
    SystemLog,
    as_score,
    clustered,
    digest_of,
    named_files,
    newest_of_tasks,
    read_json,
    read_rows,
)
from evaluation.scoring.public_suites import metric_name
from project.errors import InputError
from project.records.scores import Better

# --- lm eval files --------------------------------------------------------------------------------

# Which of the files that lm-eval leaves belong together: a results file, and samples of tasks.

MOMENT = r"(?P<at>\d{4}-\d\d-\d\dT[\d.:-]+?)"
SAMPLES = re.compile(rf"samples_(?P<task>.+)_{MOMENT}\.jsonl?")
RESULTS = re.compile(rf"(?:results|.+)_{MOMENT}\.json")
UNNAMED = "samples"  # the task of a file whose name does not tell it


@dataclass(frozen=True)
class TaskFile:
    """The samples of one task."""

    path: Path
    task: str
    at: str | None  # when, as it stands in the file's name
    results: Path | None  # of the same run


def task_files(argument: Path) -> tuple[list[TaskFile], dict[str, list[str]]]:
    """The newest samples of each task, and notes on those that have older ones.

    Raises InputError.
    """
    files = named_files(argument)
    if len(files) == 1 and RESULTS.fullmatch(files[0].name) and not of_samples(files):
        files = [path for path in files[0].parent.iterdir() if at_of(path) == at_of(files[0])]
    samples = of_samples(files)
    if not samples and len(files) == 1 and not argument.is_dir():
        return [TaskFile(files[0], UNNAMED, None, None)], {}
    if not samples:
        raise InputError(what_lacks(files), file=argument)
    refuse_several_folders(samples, argument)
    return newest_of_tasks(samples, lambda f: f.task, lambda f: f.at or "", lambda f: f"of {f.at}")


def of_samples(files: Iterable[Path]) -> list[TaskFile]:
    """The files whose names say that they hold samples."""
    named = ((path, SAMPLES.fullmatch(path.name)) for path in files)
    return [TaskFile(p, m["task"], m["at"], results_of(p, m["at"])) for p, m in named if m]


def results_of(samples: Path, at: str) -> Path | None:
    beside = (path for path in samples.parent.glob(f"*_{glob.escape(at)}.json"))
    return next((path for path in sorted(beside) if not SAMPLES.fullmatch(path.name)), None)


def at_of(path: Path) -> str | None:
    named = SAMPLES.fullmatch(path.name) or RESULTS.fullmatch(path.name)
    return named["at"] if named else None


def what_lacks(files: Sequence[Path]) -> str:
    if any(RESULTS.fullmatch(path.name) or path.name == "results.json" for path in files):
        return "results without samples: run lm-eval with --log_samples"
    return "holds no samples_TASK_TIME.jsonl of lm-eval"


def refuse_several_folders(samples: Sequence[TaskFile], argument: Path) -> None:
    """Raise InputError for samples of several models, each of which has a folder."""
    folders = sorted({file.path.parent for file in samples})
    if len(folders) > 1:
        some = ", ".join(str(folder) for folder in folders[:3])
        raise InputError(
            f"holds results of {len(folders)} systems ({some}{', …' * (len(folders) > 3)}): "
            "name one of these folders",
            file=argument,
        )


@cache
def read_results(path: Path) -> dict[str, Any]:
    """A results file. Raises InputError for one that is none."""
    results = read_json(path)
    if not isinstance(results, dict) or not isinstance(results.get("results"), dict):
        raise InputError("is no results file of lm-eval", file=path)
    return results


# --- lm eval logs ---------------------------------------------------------------------------------

# What a row holds besides its metrics. Rows of before the end of 2024 do not list their metrics.
ABOUT = {
    *("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"),
    *("doc_hash", "prompt_hash", "target_hash"),
}
NO_METRICS = {"bypass"}  # what lm-eval writes where nothing was scored
# Of runs without a results file, which says it.
LESS = {"perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte", "ter", "brier_score"}
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def read_lm_eval(argument: Path) -> SystemLog:
    """Read what lm-eval left: a samples file, a results file, a folder, or a pattern of files.

    Raises InputError naming file and line.
    """
    files, notes = task_files(argument)
    runs = {file.task: read_results(file.results) if file.results else {} for file in files}
    samples: dict[str, list[Sample]] = {}
    for file in files:
        samples[file.task], odd = samples_of(file, runs[file.task])
        task_notes = notes.setdefault(file.task, [])
        task_notes += limits(runs[file.task], file.task)
        if not file.results:
            task_notes.append(
                "no results file is there: of most metrics more is taken to be better"
            )
        if odd:
            task_notes.append(f"no number for each item: {', '.join(odd)}")
    first = runs[files[0].task]
    return SystemLog(
        path=files[0].path if len(files) == 1 else argument,
        system=system_of(first),
        samples=clustered([sample for group in samples.values() for sample in group], "document"),
        scorers={task: scorers_of(run, task) for task, run in runs.items()},
        settings={task: settings_of(run, task) for task, run in runs.items()},
        better={task: directions(runs[task], task, group) for task, group in samples.items()},
        setup=setup_of(first),
        absent=sum(unwritten(runs[task], task, len(group)) for task, group in samples.items()),
        notes=notes,
    )


# --- samples --------------------------------------------------------------------------------------


@dataclass
class LoggedDocument:
    """What the rows of one document said so far; there is a row for each filter."""

    asked: dict[str, str]
    prompt: str | None
    metrics: dict[str, float | None] = field(default_factory=dict)
    rows: int = 0
    repeated: bool = False

    def add(self, metrics: Mapping[str, float | None], asked: Mapping[str, str]) -> None:
        self.repeated |= bool(self.metrics.keys() & metrics.keys()) or self.asked != asked
        self.metrics.update(metrics)


def samples_of(file: TaskFile, results: Mapping[str, Any]) -> tuple[list[Sample], list[str]]:
    """The samples of a task, and which of its metrics are no numbers. Raises InputError."""
    filters = filter_names(results, file.task)
    documents: dict[str, LoggedDocument] = {}
    odd: set[str] = set()  # metrics that are no numbers
    for number, row in read_rows(file.path):
        if "doc_id" not in row:
            raise InputError("is no sample of lm-eval", file=file.path, line=number, field="doc_id")
        asked = asked_of(row)
        document = documents.setdefault(str(row["doc_id"]), LoggedDocument(asked, prompt_of(row)))
        name = str(row.get("filter") or nth(filters, document.rows))
        document.rows += 1
        document.add({metric_name(m, name): v for m, v in scores_of(row, odd)}, asked)
    return [sample_of(file.task, *pair) for pair in documents.items()], sorted(odd)


def sample_of(task: str, name: str, document: LoggedDocument) -> Sample:
    return Sample(
        item=f"{task}/{name}",
        task=task,
        asked=document.asked,
        metrics=document.metrics,
        prompt=document.prompt,
        lost=REPEATED if document.repeated else None,
    )


def scores_of(row: Mapping[str, Any], odd: set[str]) -> Iterator[tuple[str, float | None]]:
    """The row's metrics that are numbers; the names of the others are added to `odd`.

    One that is null or no finite number has None. Of corpus metrics such as f1 a row holds what
    they are computed from, [gold, predicted].
    """
    listed = row["metrics"] if "metrics" in row else [name for name in row if name not in ABOUT]
    for name in (name for name in listed if name not in NO_METRICS):
        value = row.get(name)
        if value is None or isinstance(value, Real):
            yield name, as_score(value)
        else:
            odd.add(name)


def asked_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Digests of document and target, as lm-eval makes them; early logs have none."""
    document = row.get("doc_hash") or digest_of(
        json.dumps(row.get("doc"), indent=2, ensure_ascii=False)
    )
    return {
        "document": str(document),
        "target": str(row.get("target_hash") or digest_of(str(row.get("target")))),
    }


def prompt_of(row: Mapping[str, Any]) -> str | None:
    return str(row["prompt_hash"]) if "prompt_hash" in row else None


# --- what the results file says ---------------------------------------------------------------


def filter_names(results: Mapping[str, Any], task: str) -> list[str]:
    """The task's filters, in their order: early logs do not name them."""
    listed = (results.get("configs", {}).get(task) or {}).get("filter_list") or ()
    return [str(entry["name"]) for entry in listed]


def nth(filters: Sequence[str], number: int) -> str:
    """The filter of a document's row by its number. A row too many repeats the last filter's."""
    if filters:
        return filters[min(number, len(filters) - 1)]
    return "none" if number == 0 else f"filter {number + 1}"


def directions(results: Mapping[str, Any], task: str, samples: list[Sample]) -> dict[str, Better]:
    """Which way each metric is better, by its name with the filter."""
    higher = (results.get("higher_is_better") or {}).get(task) or {}
    better: dict[str, Better] = {}
    for name in dict.fromkeys(name for sample in samples for name in sample.metrics):
        plain = name.partition(",")[0]
        if higher.get(plain) is not None:
            better[name] = "more" if higher[plain] else "less"
        elif plain in LESS:
            better[name] = "less"
    return better


def unwritten(results: Mapping[str, Any], task: str, there: int) -> int:
    """How many documents were asked of which no sample is there."""
    count = (results.get("n-samples") or {}).get(task) or {}
    return max(0, int(count.get("effective") or 0) - there)


def limits(results: Mapping[str, Any], task: str) -> list[str]:
    """A note where only a part of the task was run."""
    count = (results.get("n-samples") or {}).get(task) or {}
    asked, all_of_it = count.get("effective"), count.get("original")
    if asked is None or all_of_it is None or asked >= all_of_it:
        return []
    return [f"{asked} of its {all_of_it} documents were run"]


def scorers_of(results: Mapping[str, Any], task: str) -> dict[str, str]:
    """By metric: its own settings, and the steps of the filter before it."""
    config = (results.get("configs") or {}).get(task) or {}
    filters = {str(entry["name"]): entry["filter"] for entry in config.get("filter_list") or ()}
    scorers = {}
    for metric in config.get("metric_list") or ():
        settings = {key: value for key, value in metric.items() if key != "aggregation"}
        for name in filters or {"none": []}:
            told = json.dumps({"metric": settings, "filter": filters.get(name, [])}, sort_keys=True)
            scorers[metric_name(str(metric["metric"]), name)] = ADDRESS.sub("", told)
    return scorers


def settings_of(results: Mapping[str, Any], task: str) -> dict[str, str]:
    named = {"version of the task": "versions", "few-shot examples": "n-shot"}
    return {
        name: str(results[key][task])
        for name, key in named.items()
        if task in (results.get(key) or {})
    }


def system_of(results: Mapping[str, Any]) -> str:
    """What kind of model and its arguments; by its name alone two contestants may be alike."""
    config = results.get("config") or {}
    arguments = config.get("model_args") or results.get("model_name") or ""
    if isinstance(arguments, dict):
        arguments = ",".join(f"{key}={value}" for key, value in arguments.items())
    return f"{config.get('model') or ''} {arguments}".strip()


def setup_of(results: Mapping[str, Any]) -> dict[str, str]:
    config = results.get("config") or {}
    return {
        "chat template": str(results.get("chat_template_sha")),
        "system prompt": str(results.get("system_instruction_sha")),
        "generation settings": str(config.get("gen_kwargs")),
    }
