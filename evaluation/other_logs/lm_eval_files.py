"""Which of the files that lm-eval leaves belong together: a results file, and samples of tasks."""

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evaluation.other_logs.json_files import read_json
from project.errors import InputError

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


def named_files(argument: Path) -> list[Path]:
    """A file, all files below a folder, or those that a pattern names. Raises InputError."""
    if argument.is_dir():
        return sorted(path for path in argument.rglob("*") if path.is_file())
    if argument.exists():
        return [argument]
    anchor = Path(argument.anchor)
    pattern = str(argument.relative_to(anchor))
    if glob.has_magic(pattern) and (
        found := sorted(p for p in anchor.glob(pattern) if p.is_file())
    ):
        return found
    raise InputError("No such file or directory", file=argument)


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
    return newest(samples)


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


def newest(samples: Sequence[TaskFile]) -> tuple[list[TaskFile], dict[str, list[str]]]:
    """The newest file of each task; times in names sort as texts."""
    by_task: dict[str, list[TaskFile]] = {}
    for file in samples:
        by_task.setdefault(file.task, []).append(file)
    chosen = {task: max(files, key=lambda f: f.at or "") for task, files in by_task.items()}
    notes = {
        task: [f"was run {len(files)} times; taken is the newest, of {chosen[task].at}"]
        for task, files in by_task.items()
        if len(files) > 1
    }
    return [chosen[task] for task in sorted(chosen)], notes


@cache
def read_results(path: Path) -> dict[str, Any]:
    """A results file. Raises InputError for one that is none."""
    found = read_json(path)
    if not isinstance(found, dict) or not isinstance(found.get("results"), dict):
        raise InputError("is no results file of lm-eval", file=path)
    return found
