"""Public evaluation suites: lm-eval asks one system, and two systems' results become a table."""

import difflib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from math import isfinite
from numbers import Real
from pathlib import Path
from typing import Any

from pydantic import Field, PositiveInt

from project.canonical import digest_json
from project.errors import IncumbentError, InputError, pip_install
from project.records.adapters import Precision
from project.records.record import Digest, Record
from project.records.scores import ItemScore


class Suites(Record):
    """What to run, the same for both sides."""

    tasks: tuple[str, ...] = Field(min_length=1)  # by lm-eval's names; its groups are tasks too
    include: Path | None = None  # a folder with tasks of one's own
    limit: PositiveInt | None = None  # items of each task, the first ones
    batch_size: PositiveInt = 16
    chat: bool = True  # whether questions go through the base model's chat template


class SuiteSample(Record):
    """One item of a task as lm-eval scored it."""

    item: str
    task: str
    asked: Digest  # of the document and the target, whatever a chat template makes of them
    metrics: dict[str, float]  # those of which more is better


def ask(
    base: Path,
    adapter: Path | None,
    suites: Suites,
    precision: Precision,
    system_prompt: str | None = None,
) -> tuple[SuiteSample, ...]:
    """Run the tasks on a base model, bare or with an adapter, under its system prompt.

    Raises InputError for tasks that lm-eval does not know or cannot load.
    """
    if find_spec("lm_eval") is None:
        raise InputError(f"public suites need lm-eval: {pip_install('lm-eval')}")
    # Imported here because lm-eval is optional and takes seconds.
    import torch
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    from evaluation.generation.answering_model import cast_adapter

    tasks = load_tasks(suites)
    model = HFLM(
        str(base),
        peft=str(adapter) if adapter else None,
        dtype=precision,
        device="cuda" if torch.cuda.is_available() else "cpu",
        batch_size=suites.batch_size,
    )
    if adapter:
        cast_adapter(model.model, getattr(torch, precision))
    results = simple_evaluate(
        model,
        tasks=tasks,
        limit=suites.limit,
        bootstrap_iters=0,
        apply_chat_template=suites.chat,
        system_instruction=system_prompt,
    )
    better = results["higher_is_better"]
    return tuple(
        sample_of(task, entries, {name for name, more in better[task].items() if more})
        for task, samples in sorted(results["samples"].items())
        for entries in by_document(samples)
    )


def load_tasks(suites: Suites) -> list[Any]:
    """Make lm-eval's tasks ready, with their data. Raises InputError naming the task."""
    if suites.include and not suites.include.is_dir():
        raise InputError("is no folder", file=suites.include)
    manager = known_tasks(suites.include)
    loaded: dict[str, Any] = {}
    for name in suites.tasks:
        if name not in manager.all_tasks:
            near = ", ".join(difflib.get_close_matches(name, manager.all_tasks))
            raise InputError(f"lm-eval knows no task {name!r}" + (f"; {near}?" if near else ""))
        try:
            loaded |= manager.load(name)["tasks"]
        except (OSError, ValueError, TypeError, ImportError) as error:
            raise InputError(f"lm-eval cannot load task {name!r}: {error}") from None
    return list(loaded.values())


@cache
def known_tasks(include: Path | None) -> Any:
    """lm-eval's TaskManager. It reads thousands of files: once for both sides."""
    from lm_eval.tasks import TaskManager  # as in `ask`

    return TaskManager(include_path=include)


def by_document(samples: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """lm-eval's samples of each document, which has one for every filter of the task."""
    documents: dict[int, list[dict[str, Any]]] = {}
    for sample in samples:
        documents.setdefault(sample["doc_id"], []).append(sample)
    return [documents[document] for document in sorted(documents)]


def metric_name(metric: str, filter_name: str) -> str:
    """The metric's name as lm-eval writes it: "metric,filter" where a task has named filters."""
    return metric if filter_name == "none" else f"{metric},{filter_name}"


def sample_of(task: str, entries: Sequence[dict[str, Any]], better: set[str]) -> SuiteSample:
    """One document's metrics, whatever its filters."""
    metrics = {
        metric_name(name, entry["filter"]): float(entry[name])
        for entry in entries
        for name in entry["metrics"]
        if name in better and isinstance(entry[name], Real)
    }
    item = f"{task}/{entries[0]['doc_id']}"
    if odd := [name for name, value in metrics.items() if not isfinite(value)]:
        raise IncumbentError(f"{item}: {odd[0]} is {metrics[odd[0]]}")
    asked = [entries[0][name] for name in ("doc_hash", "target_hash")]
    return SuiteSample(item=item, task=task, asked=digest_json(asked), metrics=metrics)


def shared_metric(samples: Sequence[SuiteSample], wanted: str | None) -> str:
    """The metric that was wanted, else the first one that all items have. Raises InputError."""
    shared = [m for m in samples[0].metrics if all(m in sample.metrics for sample in samples)]
    if wanted in shared:
        return str(wanted)
    if wanted is None and shared:
        return shared[0]
    by_task = "; ".join(sorted({f"{s.task}: {', '.join(s.metrics) or 'none'}" for s in samples}))
    problem = f"not all items have {wanted!r}" if wanted else "the tasks share no metric"
    raise InputError(f"{problem}: run tasks apart, or choose another ({by_task})", field="metric")


def paired(
    champion: Sequence[SuiteSample], challenger: Sequence[SuiteSample], wanted: str | None = None
) -> tuple[ItemScore, ...]:
    """One metric of both sides as a score table; a slice for each task.

    Raises InputError when the sides were not asked the same, or not all items have the metric.
    """
    if [(s.item, s.asked) for s in champion] != [(s.item, s.asked) for s in challenger]:
        raise InputError("the two sides were not asked the same questions")
    if not champion:
        raise InputError("the tasks hold no items")
    metric = shared_metric(champion, wanted)
    return tuple(
        ItemScore(
            item=ours.item,
            slices=(f"suite={ours.task}",),
            champion={metric: ours.metrics[metric]},
            challenger={metric: theirs.metrics[metric]},
        )
        for ours, theirs in zip(champion, challenger, strict=True)
    )
