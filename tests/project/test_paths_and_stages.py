"""The project's shape: what lies where, and that dvc.yaml tells the truth about it."""

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from incumbent.code import PACKAGES
from project import paths
from project.settings import SECTIONS, Settings, load, section_of
from tests.conftest import ROOT

STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_bytes())["stages"]


def test_every_package_of_ours_is_one_whose_code_counts() -> None:
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    listed = found["find"]["include"]
    assert {name.partition(".")[0] for name in listed} == set(PACKAGES)
    assert set(listed) == {name for top in PACKAGES for name in (top, f"{top}.*")}


def test_every_folder_with_python_is_a_package() -> None:
    """A folder without an __init__.py would be left out of a wheel."""
    for top in PACKAGES:
        for file in (ROOT / top).rglob("*.py"):
            assert (file.parent / "__init__.py").exists(), file


def test_the_datasets_folder_holds_no_python() -> None:
    assert list((ROOT / "datasets").rglob("*.py")) == []


def test_hugging_face_datasets_still_imports_from_the_projects_root() -> None:
    code = "import datasets; print(datasets.Dataset.from_list([{'a': 1}]).num_rows)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "code"])
def test_a_stage_depends_on_its_own_code_and_names_none_itself(stage: str) -> None:
    deps = STAGES[stage]["deps"]
    assert f"outputs/code/{stage}.json" in deps
    assert not any(dep.startswith(tuple(f"{package}/" for package in PACKAGES)) for dep in deps)


def test_every_output_is_where_the_layout_says() -> None:
    said = {str(path) for path in vars(paths).values() if isinstance(path, Path)}
    outputs = {
        next(iter(out)) if isinstance(out, dict) else out
        for stage in STAGES.values()
        for key in ("outs", "metrics")
        for out in stage.get(key, [])
    }
    for path in said:
        assert any(path == out or path.startswith(f"{out}/") for out in outputs), path


@pytest.mark.parametrize("section", SECTIONS)
def test_the_projects_own_params_are_valid(section: str) -> None:
    module, _, name = SECTIONS[section].partition(":")
    model: type[Settings] = getattr(import_module(module), name)
    assert section_of(model) == section
    load(model, ROOT / "params.yaml")
