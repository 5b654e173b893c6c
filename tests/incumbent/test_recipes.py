"""`incumbent search recipes` lists the named recipes, shows one, and puts one into params.yaml."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from incumbent.verbs.recipes import OF_THE_PROJECT, flat, names, read_recipe, with_recipe
from project.errors import InputError
from project.settings import load, model_of
from project.yaml_text import with_value
from tests.conftest import ROOT
from tests.incumbent.tiny_project import printed_by
from training.training_settings import AdapterParams, DpoParams, SftParams

STEPS = ("adapter", "domain", "sft", "distill", "dpo", "kto", "grpo")
PARAMS = Path("params.yaml")
SAMPLE = (ROOT / "params.yaml").read_text()
SETTINGS = """\
# of a bank
base: {model: embedded}   # odd   blanks


training: # how it learns
  # first the rows
  sft:
      rows: 200 # enough
      epochs:   2 # twice
      patience: 3
  adapter: {start: champion, r: 8}

monitoring:
  trigger: {promote: review}
"""


def printed(*arguments: str) -> str:
    return printed_by("search", "recipes", *arguments)


def values(text: str) -> dict[str, Any]:
    return flat(yaml.safe_load(text)["training"])


def test_each_recipe_is_listed_with_a_line_about_it() -> None:
    assert {"brief", "sample", "domain-sft-dpo", "domain-sft-kto"} <= set(names())
    assert json.loads(printed("--json")).keys() == set(names())
    assert all(name in printed() for name in names())


@pytest.mark.parametrize("name", names())
def test_every_recipe_is_valid_says_of_each_step_whether_it_is_taken_and_is_shown(
    name: str,
) -> None:
    recipe = read_recipe(name)
    assert len(recipe.description) <= 100
    assert {
        f"{step}.epochs" for step in ("domain", "sft", "dpo", "kto")
    } <= recipe.named_keys.keys()
    assert json.loads(printed(name, "--json"))["description"] == recipe.description
    assert recipe.description in printed(name)


@pytest.mark.parametrize("name", names())
def test_a_recipe_leaves_alone_what_is_about_the_data_and_the_machine(name: str) -> None:
    recipe = read_recipe(name)
    assert OF_THE_PROJECT.isdisjoint(recipe.values)
    assert "sft.rows" not in recipe.named_keys


def test_the_samples_own_settings_are_the_recipe_sample() -> None:
    own, recipe = values(SAMPLE), read_recipe("sample")
    assert with_recipe(SAMPLE, recipe) == SAMPLE
    assert {name: own[name] for name in recipe.named_keys} == recipe.named_keys


def test_the_briefs_recipe_has_the_briefs_numbers() -> None:
    said = read_recipe("brief").named_keys
    wanted = {"adapter.r": 16, "adapter.alpha": 32, "sft.epochs": 3, "sft.batch_size": 4}
    assert said == said | wanted | {"sft.learning_rate": 2e-5}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [("breif", "there is no recipe 'breif'; there are brief, "), ("--write", "say which recipe")],
)
def test_a_recipe_that_nobody_knows_is_refused(arguments: str, problem: str) -> None:
    assert problem in printed_by("search", "recipes", arguments, code=2)


def test_a_recipe_goes_into_the_settings_and_all_else_keeps_its_bytes() -> None:
    PARAMS.write_text(SETTINGS)
    shown = printed("brief", "--write")
    assert "-      epochs:   2 # twice\n" in shown and "+      epochs:   3 # twice\n" in shown
    written = PARAMS.read_text()
    before, after = SETTINGS.split("  sft:\n"), written.split("  sft:\n")
    assert after[0] == before[0]
    assert after[1].startswith("      rows: 200 # enough\n      epochs:   3 # twice\n")
    assert after[1].endswith("\n\nmonitoring:\n  trigger: {promote: review}\n")
    assert load(SftParams).learning_rate == 2e-5
    assert load(AdapterParams) == AdapterParams(start="champion")
    assert load(DpoParams).epochs == 0


def test_what_a_recipe_does_not_name_gets_its_default_where_the_file_has_it() -> None:
    written = values(with_recipe(SETTINGS, read_recipe("brief")))
    assert written["sft.patience"] is None
    assert written["sft.rows"] == 200
    assert "adapter.schedule" not in written


def test_the_same_recipe_again_changes_nothing() -> None:
    PARAMS.write_text(SETTINGS)
    printed("domain-sft-kto", "--write")
    once = PARAMS.read_bytes()
    assert printed("domain-sft-kto", "--write") == (
        "params.yaml has the values of domain-sft-kto already\n"
    )
    assert PARAMS.read_bytes() == once


@pytest.mark.parametrize(
    "text",
    [
        SAMPLE,
        SETTINGS,
        "",
        "# nothing\n",
        "base: {model: embedded}",
        "training:\n",
        "training: # nothing yet\nregistry: {family: a}\n",
        "training: {}\n",
        "training: {sft: {epochs: 2}, dpo: {}}\n",
        "training:\n  dpo:\n  sft:\n    epochs: 2",
        "training:\n  adapter:\n    target_modules:\n    - q_proj # one\n    - v_proj\n    r: 4\n",
        "training:\n  adapter:\n    target_modules: [q_proj,\n      v_proj]\n",
        "training:\r\n  sft:\r\n    epochs: 2 # twice\r\nregistry:\r\n  family: a\r\n",
        "training:\n  sft:\n    learning_rate: 2e-5\n    epochs: '3'\n",
        "training:\n  adapter: null # nothing\n  sft: ~\n",
    ],
)
def test_whatever_the_settings_look_like_the_recipe_is_in_them(text: str) -> None:
    for name in names():
        recipe = read_recipe(name)
        written = with_recipe(text, recipe)
        PARAMS.write_bytes(written.encode())
        found = {step: load(model_of(f"training.{step}")) for step in STEPS}
        said = flat({step: settings.model_dump(mode="json") for step, settings in found.items()})
        assert said | recipe.values == said
        assert written.count("#") == text.count("#") or "- q_proj # one" in text
        assert written.count("\r") in (0, written.count("\n"))


def test_settings_that_share_a_value_by_an_anchor_are_left_to_a_person() -> None:
    text = "training:\n  sft: {epochs: &once 1}\n  dpo: {epochs: *once}\n"
    with pytest.raises(InputError, match=r"put in by hand .*training\.sft\.epochs: 3"):
        with_recipe(text, read_recipe("brief"))


def test_settings_that_are_wrong_already_are_told_and_stay() -> None:
    PARAMS.write_text("training:\n  sft:\n    epoch: 3\n")
    with pytest.raises(InputError, match=r"params\.yaml:3: training\.sft\.epoch: "):
        printed("brief", "--write")
    assert PARAMS.read_text() == "training:\n  sft:\n    epoch: 3\n"


def test_numbers_are_written_without_an_exponent() -> None:
    assert with_value("", ["a"], 2e-5) == "a: 0.00002\n"
    assert with_value("a: 1e-3 # slow", ["a"], 32.0) == "a: 32 # slow"
