"""A wheel is enough: it has all that a project needs, and no folder of a user shadows its code."""

import base64
import csv
import hashlib
import shutil
import sys
import tomllib
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from incumbent.code import Code
from incumbent.pipeline import PACKAGES
from incumbent.project_files import copy_project
from project.canonical import digest_file
from tests.conftest import ROOT
from tests.incumbent.test_project_files import files_in
from tests.wheel import Installed, build, call, shadow

pytestmark = pytest.mark.slow

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ABOUT = f"incumbent-{PROJECT['version']}.dist-info/"
SDIST = "from setuptools.build_meta import build_sdist; build_sdist('../sdist')"
COPY = """\
from pathlib import Path
from incumbent.project_files import copy_project
copy_project(Path(), sample={sample})
"""
SOURCE = "{kind: file, path: datasets/sources/rehearsal.jsonl}"


# --- what is in it ------------------------------------------------------------------------------


def test_it_holds_our_packages_and_nothing_else(source: Path, wheel: Path) -> None:
    """Templates, migrations, the documentation and the files of a project among them; no tests, no
    outputs.
    """
    ours = {f"{top}/{name}" for top in PACKAGES for name in files_in(source / top)}
    docs = source / "docs"  # whose folders are links in incumbent/pages, which are not gone into
    ours |= {f"incumbent/pages/{page.relative_to(docs)}" for page in docs.rglob("*.md")}
    assert {n for n in zipfile.ZipFile(wheel).namelist() if not n.startswith(ABOUT)} == ours


def test_its_record_lists_every_file_with_its_digest(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        lines = csv.reader(opened.read(f"{ABOUT}RECORD").decode().splitlines())
        recorded = {name: digest for name, digest, _ in lines}
        assert recorded == {name: recorded_digest(opened, name) for name in opened.namelist()}


def recorded_digest(wheel: zipfile.ZipFile, name: str) -> str:
    if name == f"{ABOUT}RECORD":
        return ""
    digest = hashlib.sha256(wheel.read(name)).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def test_it_names_its_dependencies_and_those_of_each_extra(wheel: Path) -> None:
    about = PathDistribution(zipfile.Path(wheel, ABOUT))
    extras: dict[str, list[str]] = PROJECT["optional-dependencies"]
    expected = [*PROJECT["dependencies"]]
    expected += [f'{one}; extra == "{extra}"' for extra, names in extras.items() for one in names]
    assert set(map(Requirement, about.requires or ())) == set(map(Requirement, expected))
    assert set(about.metadata.get_all("Provides-Extra", ())) == extras.keys()


def test_a_wheel_out_of_a_source_distribution_is_the_same(source: Path, wheel: Path) -> None:
    call(sys.executable, "-c", SDIST, folder=source)
    sdist = next((source.parent / "sdist").glob("*.tar.gz"))
    again = build(sdist, source.parent / "from-sdist")
    one, other = zipfile.ZipFile(wheel), zipfile.ZipFile(again)
    assert set(one.namelist()) == set(other.namelist())
    assert [name for name in one.namelist() if one.read(name) != other.read(name)] == []


# --- what it can do -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def project(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that the wheel made, with a user's folders in it."""
    folder = tmp_path_factory.mktemp("bank")
    installed.run(folder, "python", "-c", COPY.format(sample=False))
    (folder / "params.yaml").write_text(f"curation: {{collect: {{sources: [{SOURCE}]}}}}\n")
    shadow(folder)
    installed.run(folder, "git", "init", "--quiet")
    installed.run(folder, "dvc", "init", "--quiet")
    return folder


def test_it_is_the_wheel_that_runs(installed: Installed, tmp_path: Path) -> None:
    for package in PACKAGES:
        code = f"import {package}; print({package}.__file__)"
        file = installed.packages / package / "__init__.py"
        assert installed.run(tmp_path, "python", "-c", code) == f"{file}\n"
    said = installed.run(tmp_path, "incumbent", "--version")
    assert said == f"incumbent {PROJECT['version']}\n"
    assert "promote" in installed.run(tmp_path, "incumbent", "--help")


def test_its_sample_is_a_project_whose_gate_opens(
    warm_installed: Installed, tmp_path: Path
) -> None:
    """`incumbent init --sample demo && cd demo && incumbent run`, up to where training begins."""
    warm_installed.run(tmp_path, "incumbent", "init", "--sample", "demo")
    copy_project(tmp_path / "copied", sample=True)
    assert files_in(tmp_path / "copied").items() <= files_in(tmp_path / "demo").items()
    assert warm_installed.run(tmp_path / "demo", "git", "status", "--short") == ""
    warm_installed.run(tmp_path / "demo", "incumbent", "run", "--until", "gate")
    assert (tmp_path / "demo/outputs/dataset.json").exists()
    (base,) = (tmp_path / "demo/.incumbent/models").iterdir()
    assert base.is_symlink()


def test_a_users_folders_shadow_nothing(installed: Installed, project: Path) -> None:
    installed.run(project, "incumbent", "stage", "code")
    for file in (project / "outputs/code").iterdir():
        for name, digest in Code.read(file).files.items():
            assert digest == digest_file(installed.packages / name), name
    installed.run(project, "incumbent", "stage", "collect")
    assert (project / "datasets/raw/rows.jsonl").stat().st_size


@pytest.mark.parametrize("dvc", ["dvc", "python -m dvc"])
def test_nor_do_they_where_dvc_runs_the_stages(
    dvc: str, installed: Installed, project: Path
) -> None:
    shutil.rmtree(project / "outputs", ignore_errors=True)
    said = installed.run(project, *dvc.split(), "repro", "--force", "collect")
    assert "Running stage 'code'" in said
    assert "Running stage 'collect'" in said
    assert (project / "outputs/code/collect.json").exists()


def test_it_keeps_a_registry(installed: Installed, project: Path) -> None:
    installed.run(project, "incumbent", "registry", "verify")
    assert installed.run(project, "incumbent", "registry", "versions", "--json") == "[]\n"
