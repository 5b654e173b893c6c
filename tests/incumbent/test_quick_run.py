"""`run --quick` stops a recipe that is clearly worse than the champion's early on.

The recipes learn for real, on a base of three layers.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from incumbent.reproducing import quick_run
from incumbent.reproducing.quick_run import (
    NotComparedError,
    QuickComparison,
    better_by,
    compare_with_champion,
)
from project import paths
from project.records.adapters import AdapterVersion
from project.records.data import DatasetVersion
from registry.lineage import recipe_of
from registry.reader import RegistryReader
from registry.store import Registry
from tests.incumbent.reproducible_project import lay_out_reproducible, train_and_register
from tests.incumbent.setting_effects.effect import put
from tests.incumbent.tiny_project import called

pytestmark = pytest.mark.slow
RATE = "training.sft.learning_rate"


@pytest.fixture(scope="module")
def champions_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With a champion that learnt, and its curated rows in DVC's cache."""
    folder = tmp_path_factory.mktemp("quick")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("INCUMBENT_HOME", str(folder / "home"))
        patch.setenv("INCUMBENT_ACTOR", "tester")
        lay_out_reproducible(training__sft__learning_rate=0.01, training__sft__epochs=6)
        revision = yaml.safe_load(Path("datasets/curated.dvc").read_text())["outs"][0]["md5"]
        dataset = DatasetVersion.read(paths.DATASET)
        dataset.model_copy(update={"dvc_revision": revision}).write(paths.DATASET)
        version = train_and_register()
        with Registry.here() as registry:
            registry.promote(version.number, "first", force=True)
        yield folder


@pytest.fixture
def project(champions_project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of it, to change."""
    folder = tmp_path / "copy"
    shutil.copytree(champions_project, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("INCUMBENT_HOME", str(folder / "home"))
    return folder


def set_params(**values: Any) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    for name, value in values.items():
        put(params, name.replace("__", "."), value)
    Path("params.yaml").write_text(yaml.safe_dump(params))


def test_a_recipe_that_makes_the_champions_adapter_is_not_worse_nor_trained_twice(
    project: Path,
) -> None:
    with pytest.raises(NotComparedError, match="these are the recipe and the rows of bank v1"):
        compare_with_champion()
    set_params(training__sft__evaluations=2)
    found = compare_with_champion()
    assert (found.over.diff, found.stops, found.items, found.clusters) == (0, False, 20, 10)
    (adapter,) = Path("home/selection/adapters").iterdir()
    assert json.loads((adapter / "recipe.json").read_bytes())["sft"]["params"]["epochs"] == 2


def test_no_number_of_items_makes_the_chance_of_a_seed_a_clear_difference() -> None:
    before, groups = [2.0] * 9_000, [str(i) for i in range(9_000)]
    equal = better_by([2.02] * 9_000, before, groups)  # 1 %, as one seed of ten differs
    assert equal.diff == pytest.approx(-0.02) and equal.high > 0
    assert better_by([2.05] * 9_000, before, groups).high < 0


def test_a_recipe_that_learns_nothing_stops_the_run_before_it_trains(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_params(training__sft__learning_rate=1e-9)
    before = paths.ADAPTER.read_bytes()
    code, printed, said = called(capsys, "run", "--until", "start", "--quick", "--json")
    assert (code, json.loads(printed)["stops"]) == (0, True), said  # as a night asks
    code, printed, said = called(capsys, "run", "--quick", "--exit-verdict", "--json")
    assert code == 10, said
    assert "the run stops: after a third of the steps of bank v1 the loss on dev is" in said
    (kept,) = Path("home/quick").iterdir()
    found = QuickComparison.read(kept)
    assert json.loads(printed)["quick"] == json.loads(kept.read_bytes())
    assert found.stops and found.over.high < 0 < found.recipe - found.of_champion
    assert paths.ADAPTER.read_bytes() == before
    with Registry.here() as registry:
        assert [one.number for one in registry.versions()] == [1]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"training__dpo__epochs": 1}, "more than step sft makes this adapter or that of bank v1"),
        ({"training__adapter__start": "champion"}, "more than step sft makes"),
        ({"base__system_prompt": "Be brief."}, "bank v1 has another base or other texts"),
    ],
)
def test_recipes_that_differ_in_more_than_rows_and_settings_are_not_compared(
    values: dict[str, Any], said: str, project: Path
) -> None:
    set_params(**values)
    with pytest.raises(NotComparedError, match=said):
        compare_with_champion()


def test_a_champion_with_settings_that_are_gone_is_not_compared(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_an_older_program(registry: RegistryReader, champion: AdapterVersion) -> dict[str, Any]:
        recipe = recipe_of(registry, champion)
        return {**recipe, "adapter": {**recipe["adapter"], "flavour": "plain"}}

    monkeypatch.setattr(quick_run, "recipe_of", of_an_older_program)
    with pytest.raises(NotComparedError, match="bank v1 has settings that there are no more"):
        compare_with_champion()


def test_without_the_champion_or_its_rows_nothing_is_compared(project: Path) -> None:
    shutil.rmtree(".dvc/cache")
    with pytest.raises(NotComparedError, match="the rows of bank v1 are not in DVC's cache"):
        compare_with_champion()
    with Registry.here() as registry:
        registry.withdraw(1, "no longer")
    with pytest.raises(NotComparedError, match="there is no champion that was trained here"):
        compare_with_champion()
