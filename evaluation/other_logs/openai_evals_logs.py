"""Logs of OpenAI evals, the JSON Lines of its recorder: an item for each sample id."""

import json
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from evaluation.other_logs.system_log import (
    ERROR,
    NOT_SCORED,
    REPEATED,
    Sample,
    SystemLog,
    as_score,
    clustered,
    digest_of,
    only_file,
    read_rows,
    scores_once,
)
from project.errors import InputError

ADVICE = "write them by `oaieval MODEL EVAL --record_path results.jsonl`"
ACCURACY = "accuracy"  # as the final report calls the share of matches
MODEL_GRADED = "evals.elsuite.modelgraded."
EventsByKind = Mapping[str, Sequence[Mapping[str, Any]]]


def read_openai_evals(argument: Path) -> SystemLog:
    """Read a recorder's file: {"spec"}, events with a sample_id, {"final_report"}.

    Of `metrics` all that are numbers are metrics; a `match` is accuracy, 1 or 0, where they have
    none. Raises InputError naming file and line.
    """
    path = only_file(argument, is_openai_evals, "OpenAI evals", ADVICE)
    spec, ended, samples = read_events(path)
    task = str(spec["eval_name"])
    scored = [sample_of(name, task, sample) for name, sample in samples.items()]
    metrics = dict.fromkeys(name for sample in scored for name in sample.metrics)
    return SystemLog(
        path=path,
        system=str(spec["completion_fns"][0]),
        samples=clustered(scored, "input", "expected"),
        scorers={task: dict.fromkeys(metrics, judge_of(spec))},
        settings={task: settings_of(spec)},
        notes={task: [] if ended else ["the run has no final report: it was stopped"]},
    )


def is_openai_evals(value: Any) -> bool:
    """Whether a file that begins so is a recorder's."""
    spec = value.get("spec") if isinstance(value, dict) else None
    return isinstance(spec, dict) and "completion_fns" in spec


def read_events(path: Path) -> tuple[Mapping[str, Any], bool, dict[str, EventsByKind]]:
    """The run's spec, whether it came to its end, and its samples. Raises InputError."""
    spec: Mapping[str, Any] | None = None
    ended, samples = False, dict[str, dict[str, list[Mapping[str, Any]]]]()
    for number, row in read_rows(path):
        if is_openai_evals(row):
            if spec is not None:
                problem = "a second run begins here: give each run a file of its own"
                raise InputError(problem, file=path, line=number, field="spec")
            spec = row["spec"]
        elif "final_report" in row:
            ended = True
        elif row.get("sample_id") is None or not isinstance(row.get("data"), dict):
            problem = "is no event of OpenAI evals, which has both"
            raise InputError(problem, file=path, line=number, field="sample_id, data")
        else:
            events = samples.setdefault(str(row["sample_id"]), {})
            events.setdefault(str(row["type"]), []).append(row["data"])
    if spec is None:
        raise InputError("has no line with the run's spec: it is no log of OpenAI evals", file=path)
    return spec, ended, dict(samples)


def sample_of(name: str, task: str, events: EventsByKind) -> Sample:
    metrics, repeated = scores_once(recorded(events))
    if repeated:
        lost = REPEATED
    elif not metrics:
        lost = ERROR if "error" in events else NOT_SCORED
    else:
        lost = None
    return Sample(name, task, asked=asked_of(events), metrics=metrics, lost=lost)


def asked_of(events: EventsByKind) -> dict[str, str]:
    """What was expected, and the last message of the first prompt: a system message before it may
    be a contestant's own.
    """
    asked: dict[str, str] = {}
    for data in events.get("match", ())[:1]:
        asked["expected"] = digest_of(data.get("expected"))
    for data in events.get("sampling", ())[:1]:
        prompt = data.get("prompt")
        last = prompt[-1] if isinstance(prompt, list) and prompt else prompt
        asked["input"] = digest_of(last.get("content") if isinstance(last, dict) else last)
    return asked


def recorded(events: EventsByKind) -> Iterator[tuple[str, float | None]]:
    metrics = [pair for data in events.get("metrics", ()) for pair in data.items()]
    for name, value in metrics:
        if value is None or isinstance(value, Real):  # a grader's choice is a text
            yield str(name), as_score(value)
    if ACCURACY not in dict(metrics):
        yield from ((ACCURACY, as_score(data.get("correct"))) for data in events.get("match", ()))


def judge_of(spec: Mapping[str, Any]) -> str:
    """What scores: the eval's class and, of a model-graded one, the last of the models."""
    eval_spec = (spec.get("run_config") or {}).get("eval_spec") or {}
    told: dict[str, Any] = {"class": eval_spec.get("cls")}
    if str(eval_spec.get("cls")).startswith(MODEL_GRADED):
        told["grader"] = spec["completion_fns"][-1]
    return json.dumps(told, sort_keys=True)


def settings_of(spec: Mapping[str, Any]) -> dict[str, str]:
    run = spec.get("run_config") or {}
    return {
        "arguments of the eval": json.dumps(
            (run.get("eval_spec") or {}).get("args"), sort_keys=True
        ),
        "seed and number of samples": f"{run.get('seed')}, {run.get('max_samples')}",
    }
