"""The stages: what each one runs, and how dvc.yaml puts them together."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from project.child_processes import ended_by_signals
from project.engine.ray_cluster import cluster_kept
from project.errors import IncumbentError, InputError
from project.progress import StageReport, tell
from project.records.record import Record, read_input
from project.settings import (
    PARAMS,
    VERSION,
    parse,
    pipeline_version,
    settings_version,
    upgrade_advice,
)

PIPELINE = Path("dvc.yaml")
COMMAND = "incumbent stage "
PACKAGES = (
    "curation",
    "evaluation",
    "incumbent",
    "monitoring",
    "project",
    "registry",
    "retrieval",
    "review",
    "serving",
    "training",
)
# The stages of each package: a stage's module lies at the root of its package, and has its name.
STAGES = {
    "incumbent": ("code", "grpo"),
    "curation": ("index", "collect", "curate", "validate", "gate"),
    "training": ("base", "start", "domain", "sft", "distill", "dpo", "kto", "train"),
    "evaluation": ("reward", "preference_data", "generate", "score", "compare"),
    "registry": ("champion",),
}


def run_stage(name: str) -> None:
    """Run a stage in the current folder. Raises InputError for a name that is none.

    SIGTERM interrupts it as Ctrl-C does, so that it leaves no draft behind.
    """
    with reported_stage(os.environ.get("DVC_STAGE", name)), ended_by_signals(), cluster_kept():
        module = module_of(name)
        if module is None:
            known = ", ".join(stage.name for stage in read_pipeline() if stage.module)
            raise InputError(f"there is no stage {name!r}; {PIPELINE} has {known}")
        import_module(module).main()


@contextmanager
def reported_stage(stage: str) -> Iterator[None]:
    """Tell the run that watches, if there is one, that a stage begins, and how it ends."""
    tell(StageReport(stage))
    code = 1
    try:
        yield
        code = 0
    except IncumbentError as error:
        code = error.exit_code
        raise
    finally:
        sys.stdout.flush()  # what it printed comes before its end
        tell(StageReport(stage, code))


def module_of(stage: str) -> str | None:
    """The module that a stage of ours runs; None for a name that is none."""
    return next((f"{top}.{stage}" for top, names in STAGES.items() if stage in names), None)


def project_version() -> int | None:
    """Of the project here: the older one of those that its two files name; None where there is no
    project. Raises InputError for a newer one than this Incumbent knows.
    """
    if not (PARAMS.exists() and PIPELINE.exists()):
        return None
    return min(settings_version(parse(PARAMS), PARAMS), pipeline_version(parse(PIPELINE), PIPELINE))


def older_project() -> str | None:
    """What to say where the project here is of an older version."""
    version = project_version() or VERSION
    return upgrade_advice(version) if version < VERSION else None


class Stage(Record):
    name: str
    module: str | None  # that its command runs; None: a program of the user's
    deps: tuple[str, ...]
    outs: tuple[str, ...]  # files and folders, metrics among them
    always: bool  # whether it runs each time, for what it looks at lies outside the project

    def follows(self, other: "Stage") -> bool:
        """Whether it reads what the other one writes."""
        return any(Path(dep).is_relative_to(out) for dep in self.deps for out in other.outs)


def read_pipeline(path: Path = PIPELINE) -> tuple[Stage, ...]:
    """The stages in the file's order. Raises InputError for a file that is no pipeline."""
    try:
        stages = yaml.safe_load(read_input(path))["stages"]
        return tuple(as_stage(name, fields) for name, fields in stages.items())
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"is no pipeline of DVC's with stages: {error}", file=path) from None


def stage_names(incomplete: str) -> list[str]:
    """The names of stages for a shell that completes; none where there is no pipeline to read."""
    with suppress(InputError, OSError):
        return [stage.name for stage in read_pipeline() if stage.name.startswith(incomplete)]
    return []


def as_stage(name: str, fields: dict[str, Any]) -> Stage:
    command = str(fields.get("cmd", ""))
    ours = command.startswith(COMMAND)
    return Stage(
        name=name,
        module=module_of(command.removeprefix(COMMAND)) if ours else None,
        deps=paths(fields.get("deps", ())),
        outs=paths([*fields.get("outs", ()), *fields.get("metrics", ())]),
        always=bool(fields.get("always_changed")),
    )


def paths(entries: Iterable[Any]) -> tuple[str, ...]:
    """A path may stand as a mapping from it to its settings."""
    return tuple(next(iter(e)) if isinstance(e, dict) else str(e) for e in entries)


def needed_for(stage: str, pipeline: Iterable[Stage]) -> list[Stage]:
    """A stage, those that write what it reads, and those that write what they read."""
    return linked(stage, list(pipeline), Stage.follows)


def after(stage: str, pipeline: Iterable[Stage]) -> list[Stage]:
    """The stages that read what a stage writes, and those that read what they write."""
    readers = linked(stage, list(pipeline), lambda writer, reader: reader.follows(writer))
    return [reader for reader in readers if reader.name != stage]


def linked(
    stage: str, pipeline: list[Stage], leads_to: Callable[[Stage, Stage], bool]
) -> list[Stage]:
    """A stage and every one that `leads_to` reaches from it, in the pipeline's order."""
    reached = [step for step in pipeline if step.name == stage]
    for near in reached:  # it grows on the way
        reached += [other for other in pipeline if other not in reached and leads_to(near, other)]
    return [step for step in pipeline if step in reached]
