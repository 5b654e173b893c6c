"""Every key of params.yaml changes an output, other than a copy of itself."""

import ast
import gc
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from huggingface_hub import constants

from incumbent.code import Imports
from incumbent.pipeline import PIPELINE, read_pipeline
from incumbent.verbs.upgrade import model_of, parts_of
from project.settings import SECTIONS, Settings
from tests.conftest import ROOT
from tests.incumbent.setting_effects import (
    cost_report_effects,
    curation_effects,
    engine_effects,
    export_effects,
    gateway_effects,
    generation_effects,
    mirror_effects,
    night_effects,
    policy_effects,
    preference_data_effects,
    registry_effects,
    review_effects,
    schedule_effects,
    scoring_effects,
    search_effects,
    serving_effects,
    step_effects,
    training_effects,
    trigger_effects,
)
from tests.incumbent.setting_effects.effect import REFUSED, Effect, ShownBy
from tests.incumbent.setting_effects.models import lay_out_tiny, lay_out_words
from training.recipe import STEPS

TABLE: dict[str, Effect | ShownBy] = {
    **curation_effects.EFFECTS,
    **engine_effects.EFFECTS,
    **export_effects.EFFECTS,
    **training_effects.EFFECTS,
    **mirror_effects.EFFECTS,
    **search_effects.EFFECTS,
    **step_effects.EFFECTS,
    **preference_data_effects.EFFECTS,
    **scoring_effects.EFFECTS,
    **policy_effects.EFFECTS,
    **night_effects.EFFECTS,
    **trigger_effects.EFFECTS,
    **schedule_effects.EFFECTS,
    **registry_effects.EFFECTS,
    **review_effects.EFFECTS,
    **generation_effects.EFFECTS,
    **gateway_effects.EFFECTS,
    **serving_effects.EFFECTS,
    **cost_report_effects.EFFECTS,
}
EFFECTS = {key: row for key, row in TABLE.items() if isinstance(row, Effect)}
SHOWN_BY = {key: row for key, row in TABLE.items() if isinstance(row, ShownBy)}

# What the template of a params.yaml has in place of lines, and in place of values.
TEMPLATE_LINES = re.compile(r"{%.*?%}|^{{.*}}$", re.MULTILINE)
TEMPLATE_VALUES = re.compile(r"{{.*?}}")


def keys(model: type[Settings], prefix: str) -> Iterator[str]:
    """The dotted names of a model's fields, and of the fields of what these hold, at any depth."""
    for name, field in model.model_fields.items():
        yield f"{prefix}.{name}"
        for part in parts_of(field.annotation):
            yield from keys(part, f"{prefix}.{name}")


def every_key() -> set[str]:
    return {key for section in SECTIONS for key in keys(model_of(section), section)}


def test_every_key_has_a_row_and_every_row_a_key() -> None:
    missing, unknown = every_key() - TABLE.keys(), TABLE.keys() - every_key()
    assert not missing, f"nothing shows what these change: {sorted(missing)}"
    assert not unknown, f"no such keys: {sorted(unknown)}"


def named(value: object, prefix: str = "") -> Iterator[str]:
    """The dotted names that stand in a params.yaml."""
    if isinstance(value, list):
        for one in value:
            yield from named(one, prefix)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield f"{prefix}{name}"
            yield from named(inner, f"{prefix}{name}.")


@pytest.mark.parametrize("file", ["params.yaml", "incumbent/init/templates/params.yaml"])
def test_what_a_project_begins_with_is_shown_here(file: str) -> None:
    text = TEMPLATE_VALUES.sub("x", TEMPLATE_LINES.sub("", (ROOT / file).read_text()))
    written = set(named(yaml.safe_load(text))) & every_key()
    assert len(written) > 30
    assert written <= EFFECTS.keys()


@pytest.mark.parametrize("key", SHOWN_BY)
def test_a_test_elsewhere_that_shows_a_key_is_there_and_names_it(key: str) -> None:
    file, _, name = SHOWN_BY[key].test.partition("::")
    tree = ast.parse((ROOT / file).read_bytes())
    (test,) = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
    assert key.rpartition(".")[2] in ast.unparse(test)


# --- what shows a key here ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def words(word_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out_words(word_base, tmp_path_factory.mktemp("words"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = lay_out_tiny(training_effects.TEXTS, tmp_path_factory.mktemp("tiny"))
    training_effects.import_libraries()
    gc.freeze()  # a trainer collects garbage when it ends, among all that libraries hold
    yield folder
    gc.unfreeze()


class Bench:
    """Makes an effect's outputs, each in a project of its own, and those of equal settings once."""

    seen: ClassVar[dict[tuple[object, ...], object]] = {}  # many rows have one value in common

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self.request = request
        self.folder = folder
        self.patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")

    def outcome(self, effect: Effect, params: str) -> object:
        known = effect.output, effect.shown, params
        if known not in self.seen:
            self.seen[known] = self.made(effect, params)
        return self.seen[known]

    def made(self, effect: Effect, params: str) -> object:
        project = self.folder / f"project-{len(list(self.folder.glob('project-*')))}"
        project.mkdir()
        (project / "params.yaml").write_text(params)
        if effect.models:
            models: Path = self.request.getfixturevalue(effect.models)
            (project / "models").symlink_to(models)
            self.patch.setattr(constants, "HF_HUB_CACHE", str(models / "hub"))
            self.patch.setenv("HF_HUB_OFFLINE", "1")  # stage `base` lets the Hub be asked
        home = project / ".incumbent"
        if effect.models == "tiny":  # one measurement of this machine is enough
            home.mkdir()
            (home / "machines").symlink_to(project / "models" / "machines")
        self.patch.chdir(project)
        self.patch.setenv("INCUMBENT_HOME", str(home))
        return effect.seen()


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return Bench(request, tmp_path)


def rows_of(keys: Collection[str]) -> list[Any]:
    """A row for each key, those that compute with a model among the slow tests."""
    slow = {key for key in keys if EFFECTS[key].models == "tiny"}
    return [pytest.param(key, marks=[pytest.mark.slow] if key in slow else []) for key in keys]


@pytest.mark.parametrize("key", rows_of(EFFECTS))
def test_another_value_gives_another_output(key: str, bench: Bench) -> None:
    effect = EFFECTS[key]
    one, other = (bench.outcome(effect, effect.params(key, value)) for value in effect.values)
    assert one != other
    assert [str(seen).startswith(REFUSED) for seen in (one, other)] == [effect.refused, False]


OUTPUTS = {effect.output: key for key, effect in EFFECTS.items() if not effect.refused}


@pytest.mark.parametrize("key", rows_of(OUTPUTS.values()))
def test_the_same_value_gives_the_same_output(key: str, bench: Bench) -> None:
    """Else whatever comes out would seem to be the work of the key."""
    effect = EFFECTS[key]
    params = effect.params(key, effect.values[0])
    assert bench.outcome(effect, params) == bench.made(effect, params)


# --- what DVC has to know -------------------------------------------------------------------------

# The registry says where an adapter lies, and not what it is: its digest is in what they depend on.
# What training may cost changes no adapter; in how many processes it is computed, none by more than
# the order of sums.
NOT_DECLARED: dict[str, set[str]] = {
    **{stage: {"registry"} for stage in ("generate", "reward", "preference_data")},
    **{step: {"training.limits", "training.distributed"} for step in STEPS},
    "gate": {"curation.curate", "curation.validate", "registry"},  # it runs each time
}
ENGINES = {"engine", "ray"}  # from either the same comes out
READERS = {place.partition(":")[2]: section for section, place in SECTIONS.items()}


def sections_read(files: Iterable[Path]) -> set[str]:
    """The sections that code reads: those whose models it gives to `load` by name."""
    calls = [
        node
        for file in files
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "load" and node.args
    ]
    named = (call.args[0] for call in calls)
    # A variable's name begins small: what is planned reads all that the pipeline reads.
    models = {model.id for model in named if isinstance(model, ast.Name) and model.id[0].isupper()}
    return {READERS[model] for model in models}


def test_a_stage_declares_the_sections_that_its_code_reads_and_no_others() -> None:
    """Else DVC would take a result of other settings for a stage's."""
    imports = Imports()
    declared = yaml.safe_load((ROOT / PIPELINE).read_text())["stages"]
    for stage, module in modules().items():
        read = sections_read(imports.of([module]).values()) - NOT_DECLARED.get(stage, set())
        read -= ENGINES
        assert set(declared[stage].get("params", ())) == read, stage


def test_every_section_is_read_by_a_stage_or_a_verb() -> None:
    """Some effects above read their section themselves."""
    named = ("nightly", "review", "run", "serve", "submit", "tune")
    verbs = [f"incumbent.verbs.{name}" for name in named]
    read = sections_read(Imports().of([*modules().values(), *verbs]).values())
    assert read == set(SECTIONS)


def modules() -> dict[str, str]:
    """Of each stage, but for `code`, which runs each time."""
    found = {stage.name: stage.module for stage in read_pipeline(ROOT / PIPELINE) if stage.module}
    return {name: module for name, module in found.items() if name != "code"}
