"""Settings from params.yaml: a frozen model for each section, unknown keys refused by line; and
which version the files are of.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from project.errors import InputError, plain_words
from project.records.record import Record, read_input

PARAMS = Path("params.yaml")
MOST_NODES, MOST_DEEP = 100_000, 100  # in a file, its aliases written out

# The sections of params.yaml, each with the model that reads it: a new one is a model and a line.
SECTIONS = {
    "base": "project.model_pins:BaseChoice",
    "embedder": "project.model_pins:ModelChoice",
    "engine": "project.engine.engine_settings:EngineParams",
    "ray": "project.engine.engine_settings:RayParams",
    "retrieval": "curation.curation_settings:RetrievalParams",
    "curation.collect": "curation.curation_settings:CollectParams",
    "curation.curate": "curation.curation_settings:CurateParams",
    "curation.validate": "curation.curation_settings:ValidateParams",
    "training": "incumbent.mirroring.mirror:MirrorParams",  # beside the sections below it
    "training.adapter": "training.training_settings:AdapterParams",
    "training.domain": "training.training_settings:DomainParams",
    "training.sft": "training.training_settings:SftParams",
    "training.distill": "training.training_settings:DistillParams",
    "training.dpo": "training.training_settings:DpoParams",
    "training.kto": "training.training_settings:KtoParams",
    "training.grpo": "training.training_settings:GrpoParams",
    "training.limits": "training.training_settings:LimitsParams",
    "training.distributed": "training.processes.accelerate_config:DistributedParams",
    "evaluation.decoding": "evaluation.evaluation_settings:Decoding",
    "evaluation.few_shot": "evaluation.evaluation_settings:FewShot",
    "evaluation.generation": "evaluation.evaluation_settings:GenerationParams",
    "evaluation.prices": "evaluation.evaluation_settings:Prices",
    "evaluation.scoring": "evaluation.evaluation_settings:ScoringParams",
    "evaluation.preference": "evaluation.evaluation_settings:PreferenceParams",
    "evaluation.preference_data": "evaluation.evaluation_settings:PreferenceDataParams",
    "evaluation.policy": "evaluation.decision.policy:Policy",
    "search": "incumbent.searching.search_settings:SearchParams",
    "monitoring.traffic": "monitoring.monitoring_settings:TrafficParams",
    "monitoring.drift": "monitoring.monitoring_settings:DriftParams",
    "monitoring.trigger": "monitoring.monitoring_settings:TriggerParams",
    "monitoring.schedule": "monitoring.scheduling.job:ScheduleParams",
    "monitoring.notices": "monitoring.scheduling.notice_delivery:NoticeParams",
    "registry": "registry.registry_settings:RegistryParams",
    "review": "review.review_settings:ReviewParams",
    "serving": "serving.serving_settings:ServingParams",
    "serving.disclosure": "project.disclosure:DisclosureParams",
}


class Values(yaml.SafeLoader):
    """Leaves a date as the text that it is: YAML's own would break off at a 30th of February."""

    def as_text(self, node: yaml.ScalarNode) -> str:
        return self.construct_scalar(node)


Values.add_constructor("tag:yaml.org,2002:timestamp", Values.as_text)


class Settings(Record):
    """A section of params.yaml. Its digest changes exactly when a value does."""


S = TypeVar("S", bound=Settings)


def refuse_no_project() -> None:
    """Raise InputError where the current folder is no project, with the next step."""
    if not PARAMS.exists():
        raise InputError("here is no project: `incumbent init DIR` makes one")


def load(model: type[S], path: Path = PARAMS) -> S:
    """Read a section of params.yaml; a missing one means the defaults.

    Raises InputError naming file, line and field; where the project is older, which may be why, it
    says first how to upgrade it.
    """
    if path == PARAMS:
        refuse_no_project()
    root = parse(path)
    made = path.with_name(PIPELINE).exists()
    if root is None and made:  # the defaults would be another family's, with everybody's roles
        restored = f"`git checkout {path}` brings back what was committed"
        raise InputError(f"is empty: {restored}", file=path)
    version = settings_version(root, path)
    try:
        return section(model, root, path)
    except InputError as error:
        if version == VERSION or not made:
            raise
        raise InputError(f"{upgrade_advice(version)}; until then: {error}") from None


def section(model: type[S], node: yaml.Node | None, path: Path) -> S:
    read = ""
    for step in section_of(model).split("."):
        refuse_unknown(node, read, path)
        node, read = (child(node, step) if node else None), f"{read}{step}."
    if sections_below(read):
        refuse_unknown(node, read, path)
    return validated(model, own_keys(node, read), path, read)


def read_settings(model: type[S], path: Path) -> S:
    """Read a whole YAML file. Raises InputError naming file, line and field."""
    return validated(model, parse(path), path)


def section_of(model: type[Settings]) -> str:
    reader_name = f"{model.__module__}:{model.__qualname__}"
    sections = [section for section, reader in SECTIONS.items() if reader == reader_name]
    assert sections, f"{reader_name} is no model of a section: SECTIONS lacks it"
    return sections[0]


def model_of(section: str) -> type[Settings]:
    module, _, name = SECTIONS[section].partition(":")
    settings_class: type[Settings] = getattr(import_module(module), name)
    return settings_class


def validated(model: type[S], node: yaml.Node | None, path: Path, prefix: str = "") -> S:
    try:
        value = Values("").construct_document(node) if node else None
        return model.model_validate_json(json.dumps({} if value is None else value, default=str))
    except yaml.MarkedYAMLError as error:
        raise InputError(str(error.problem), file=path, line=line_of(node, [])[0]) from None
    except ValidationError as error:
        steps, problem = first_fault(error, model)
        line, inner = line_of(node, steps)
        field = f"{prefix}{'.'.join(inner)}".rstrip(".")
        raise InputError(problem, file=path, line=line, field=field) from None


def first_fault(error: ValidationError, model: type[BaseModel]) -> tuple[list[str], str]:
    """The steps to the first value that a model refuses, and why."""
    first = error.errors()[0]
    problem = plain_words(first["msg"])
    if first["type"] == "extra_forbidden":
        *above, name = first["loc"]
        # The steps are keys, numbers in a list and the tags of a union.
        models = {model}
        for step in above:
            fields = [m.model_fields[step] for m in models if step in m.model_fields]
            models = {inner for field in fields for inner in models_in(field.annotation)} or models
        known = sorted({field for candidate in models for field in candidate.model_fields})
        problem = f"no such setting{meant(str(name), known)}"
    return [str(part) for part in first["loc"]], problem


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def meant(name: str, known: Sequence[str]) -> str:
    """What somebody meant who typed a name that there is not, else all that there are."""
    alike = get_close_matches(name, known, n=1)
    return f"; did you mean {alike[0]}?" if alike else f"; there are {', '.join(known)}"


def refuse_unknown(node: yaml.Node | None, prefix: str, path: Path) -> None:
    """Raise InputError for a section that nobody reads: a slip that would mean the defaults."""
    line = node.start_mark.line + 1 if node else None
    if node and not isinstance(node, yaml.MappingNode):
        if node.value:
            raise InputError("must hold sections", file=path, line=line)
        return
    known = sections_below(prefix)
    if prefix.rstrip(".") in SECTIONS:
        known += model_of(prefix.rstrip(".")).model_fields
    for name, _ in node.value if node else ():
        if name.value not in known and f"{prefix}{name.value}" != KEY:
            problem = f"no such section{meant(str(name.value), known)}"
            line = name.start_mark.line + 1
            raise InputError(problem, file=path, line=line, field=f"{prefix}{name.value}")


def sections_below(prefix: str) -> list[str]:
    """The first names of the sections that begin with a prefix, without it."""
    below = (section.removeprefix(prefix) for section in SECTIONS if section.startswith(prefix))
    return list(dict.fromkeys(section.partition(".")[0] for section in below))


def own_keys(node: yaml.Node | None, prefix: str) -> yaml.Node | None:
    """A section without those below it, which have models of their own."""
    below = sections_below(prefix)
    if not below or not isinstance(node, yaml.MappingNode):
        return node
    kept = [(name, value) for name, value in node.value if name.value not in below]
    return yaml.MappingNode(node.tag, kept, node.start_mark, node.end_mark)


def parse(path: Path) -> yaml.Node | None:
    """The nodes of a YAML file. Raises InputError naming file and line, for a doubled key and for
    aliases that stand for an endless or a huge file too.
    """
    try:
        node = yaml.compose(read_input(path), Loader=yaml.CSafeLoader)  # ten times as fast
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError(error.problem or "not YAML", file=path, line=line) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"not YAML: {error}", file=path) from None
    if node:
        refuse_twisted(node, path)
    return node


def refuse_twisted(root: yaml.Node, path: Path) -> None:
    """Walk through all that the nodes stand for: an alias stands for a copy."""
    waiting: list[tuple[yaml.Node, int]] = [(root, 0)]
    for count in itertools.count(1):
        if not waiting:
            return
        node, depth = waiting.pop()
        line = node.start_mark.line + 1
        if count > MOST_NODES or depth > MOST_DEEP:
            raise InputError("its aliases stand for too much", file=path, line=line)
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for name, value in node.value:
                if str(name.value) in seen:
                    line = name.start_mark.line + 1
                    raise InputError(f"has the key {name.value!r} twice", file=path, line=line)
                seen.add(str(name.value))
                waiting.append((value, depth + 1))
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(value, depth + 1) for value in node.value]


def child(node: yaml.Node, key: str) -> yaml.Node | None:
    """The value under a key of a mapping or an index of a list; None when there is none."""
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    if isinstance(node, yaml.SequenceNode) and key.isdigit():
        return node.value[int(key)] if int(key) < len(node.value) else None
    return None


def line_of(node: yaml.Node | None, steps: list[str]) -> tuple[int | None, list[str]]:
    """The line of the deepest step that the file has, and the steps that name a key.

    A step that the file lacks is the last one, a missing key, or pydantic's tag of a union.
    """
    named = []
    for i, step in enumerate(steps):
        inner = child(node, step) if node else None
        node = inner or node
        if inner or i == len(steps) - 1:
            named.append(step)
    return (node.start_mark.line + 1 if node else None), named


def setting_error(problem: str, *steps: str) -> InputError:
    """The error of a setting, with its line where params.yaml has one."""
    line, _ = line_of(parse(PARAMS), list(steps)) if PARAMS.exists() else (None, [])
    return InputError(problem, file=PARAMS, line=line, field=".".join(steps))


# --- project version ------------------------------------------------------------------------------

# Which version a project's files are of: params.yaml says it, and so does dvc.yaml.

VERSION = 2  # what this Incumbent makes, and what it brings an older project to
FIRST = 1  # of a project that names none
KEY = "version"  # of params.yaml
PIPELINE = "dvc.yaml"
PIPELINE_KEY = "pipeline_version"  # of dvc.yaml, in the list `vars`: DVC allows it nowhere else


def settings_version(root: yaml.Node | None, file: Path) -> int:
    """What params.yaml says. Raises InputError for what is no version, and for a newer one."""
    return stated(below(root, KEY), KEY, file)


def pipeline_version(root: yaml.Node | None, file: Path) -> int:
    """What dvc.yaml says. Raises InputError for what is no version, and for a newer one."""
    return stated(variable(root, PIPELINE_KEY), PIPELINE_KEY, file)


def variable(root: yaml.Node | None, name: str) -> yaml.Node | None:
    """The value of one of dvc.yaml's variables."""
    listed = below(root, "vars")
    entries = listed.value if isinstance(listed, yaml.SequenceNode) else []
    return next((place for entry in entries if (place := below(entry, name))), None)


def below(node: yaml.Node | None, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == name), None)


def stated(node: yaml.Node | None, key: str, file: Path) -> int:
    if node is None:
        return FIRST
    line = node.start_mark.line + 1
    if not (isinstance(node, yaml.ScalarNode) and node.value.isdecimal() and int(node.value)):
        problem = f"must be a whole number, {VERSION} in a new project"
        raise InputError(problem, file=file, line=line, field=key)
    if int(node.value) > VERSION:
        problem = f"is {node.value}, and this Incumbent knows {VERSION}: "
        problem += "the project was made by a newer Incumbent: install that one"
        raise InputError(problem, file=file, line=line, field=key)
    return int(node.value)


def upgrade_advice(version: int) -> str:
    """What is to be done with an older project."""
    return (
        f"this project is of version {version}, made by an older Incumbent: "
        f"`incumbent project upgrade` brings it to version {VERSION}"
    )
