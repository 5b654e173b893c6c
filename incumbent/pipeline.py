"""The stages: what each one runs, and how dvc.yaml puts them together."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from project.errors import InputError
from project.records.record import Record, read_input

PIPELINE = Path("dvc.yaml")
COMMAND = "incumbent stage "
# The module of each stage, whose `main` is what happens.
STAGES = {
    "code": "incumbent.code",
    "collect": "curation.collect",
    "curate": "curation.curate",
    "validate": "curation.validate",
    "gate": "curation.gate",
    "base": "training.base",
    "train": "training.train",
    "champion": "registry.champion",
    "reward": "evaluation.reward",
    "generate": "evaluation.generate",
    "score": "evaluation.score",
    "compare": "evaluation.compare",
}


def run_stage(name: str) -> None:
    """Run a stage in the current folder. Raises InputError for a name that is none."""
    if name not in STAGES:
        raise InputError(f"there is no stage {name!r}; there are {', '.join(STAGES)}")
    import_module(STAGES[name]).main()


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
    """The stages in the file's order. Raises InputError when there is no dvc.yaml."""
    found = yaml.safe_load(read_input(path))["stages"]
    return tuple(as_stage(name, fields) for name, fields in found.items())


def as_stage(name: str, fields: dict[str, Any]) -> Stage:
    command = str(fields.get("cmd", ""))
    return Stage(
        name=name,
        module=STAGES.get(command.removeprefix(COMMAND)),
        deps=paths(fields.get("deps", ())),
        outs=paths([*fields.get("outs", ()), *fields.get("metrics", ())]),
        always=bool(fields.get("always_changed")),
    )


def paths(entries: Iterable[Any]) -> tuple[str, ...]:
    """A path may stand as a mapping from it to its settings."""
    return tuple(next(iter(e)) if isinstance(e, dict) else str(e) for e in entries)


def after(stage: str, pipeline: Iterable[Stage]) -> list[Stage]:
    """The stages that read what a stage writes, and those that read what they write."""
    known = list(pipeline)
    found = [one for one in known if one.name == stage]
    for one in found:  # it grows on the way
        found += [other for other in known if other not in found and other.follows(one)]
    return [one for one in known if one in found[1:]]
