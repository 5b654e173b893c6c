"""`training.report_to` stands beside the sections of `training`, and DVC knows nothing of it."""

from pathlib import Path

import pytest
import yaml

from incumbent.mirroring.mirror import MirrorParams
from incumbent.verbs.recipes import read_recipe, with_recipe
from project.errors import InputError
from project.settings import load
from tests.conftest import ROOT
from training.training_settings import SftParams


def params(text: str) -> None:
    Path("params.yaml").write_text(text)


def test_it_is_read_beside_the_sections_and_they_beside_it() -> None:
    params("training:\n  report_to: [mlflow, wandb]\n  sft: {epochs: 3}\n")
    assert load(MirrorParams).report_to == ("mlflow", "wandb")
    assert load(SftParams).epochs == 3


@pytest.mark.parametrize("text", ["", "training:\n", "training: {sft: {epochs: 3}}\n"])
def test_without_it_nobody_is_told(text: str) -> None:
    params(text)
    assert load(MirrorParams).report_to == ()


def test_an_unknown_tracker_is_refused_with_its_line() -> None:
    params("training:\n  sft: {epochs: 3}\n  report_to: [tensorboard]\n")
    with pytest.raises(InputError, match=r"params.yaml:3: training.report_to.*'mlflow' or 'wandb'"):
        load(MirrorParams)


def test_a_slip_beside_it_is_refused_with_its_line() -> None:
    params("training:\n  report_to: [mlflow]\n  stf: {epochs: 3}\n")
    for model in (MirrorParams, SftParams):
        with pytest.raises(
            InputError, match=r":3: training.stf: no such section; did you mean sft"
        ):
            load(model)


def test_no_stage_depends_on_it() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    every = [name for stage in stages.values() for name in stage.get("params", ())]
    assert "training" not in every and "training.report_to" not in every


def test_a_named_recipe_leaves_it_alone() -> None:
    text = "training:\n  report_to: [mlflow]\n  sft:\n    epochs: 7\n"
    new = yaml.safe_load(with_recipe(text, read_recipe("sample")))["training"]
    assert new["report_to"] == ["mlflow"] and new["sft"]["epochs"] != 7
