"""Stages are found by their name, and those of dvc.yaml by what they read and write."""

from pathlib import Path

import pytest

from incumbent.pipeline import PACKAGES, STAGES, Stage, after, module_of, read_pipeline, run_stage
from incumbent.verbs.submit import stages_to_run
from project.errors import InputError
from tests.conftest import ROOT

PIPELINE = """\
stages:
  train: {cmd: incumbent stage train, outs: [outputs/adapter]}
  generate: {cmd: incumbent stage generate, deps: [outputs/adapter], outs: [outputs/answers]}
  notify: {cmd: ./notify.sh, deps: [outputs/answers], always_changed: true}
  base: {cmd: incumbent stage base, outs: [outputs/base.json: {cache: false}], always_changed: true}
"""


@pytest.fixture
def pipeline() -> tuple[Stage, ...]:
    Path("dvc.yaml").write_text(PIPELINE)
    return read_pipeline()


def test_a_stage_is_a_module_of_its_name() -> None:
    assert module_of("train") == "training.train"
    assert module_of("code") == "incumbent.code"
    assert module_of("nope") is None
    assert module_of("scoring.scorers") is None
    listed = {f"{top}.{name}" for top, names in STAGES.items() for name in names}
    roots = [path for top in PACKAGES for path in (ROOT / top).glob("*.py")]
    mains = {path for path in roots if "\ndef main(" in path.read_text()}
    assert listed == {f"{path.parent.name}.{path.stem}" for path in mains} - {"incumbent.cli"}


@pytest.mark.parametrize("name", ["nope", "evaluation_settings"])
def test_a_name_that_is_no_stage_is_told_with_those_that_are(
    name: str, pipeline: tuple[Stage, ...]
) -> None:
    with pytest.raises(InputError, match=r"no stage '.*'; dvc\.yaml has train, generate, base"):
        run_stage(name)


def test_what_follows_a_stage_reads_what_it_wrote(pipeline: tuple[Stage, ...]) -> None:
    assert [stage.name for stage in after("train", pipeline)] == ["generate", "notify"]


def test_a_version_is_compared_anew_by_our_stages_alone(pipeline: tuple[Stage, ...]) -> None:
    assert [stage.name for stage in stages_to_run(pipeline)] == ["generate", "base"]


def test_in_the_sample_these_are_the_stages_after_training_and_the_pins() -> None:
    ours = read_pipeline(ROOT / "dvc.yaml")
    names = [stage.name for stage in stages_to_run(ours)]
    assert names == ["base", "champion", "generate", "score", "compare"]
    assert all(stage.module for stage in ours)


@pytest.mark.parametrize("text", ["{}", "stages: [a]", "stages: {a: 1}", "{"])
def test_a_file_that_is_no_pipeline_is_named(text: str) -> None:
    Path("dvc.yaml").write_text(text)
    with pytest.raises(InputError, match=r"^dvc\.yaml: is no pipeline"):
        read_pipeline()
