"""The core decides and keeps the registry; where an extra is missing, an error says which."""

import ast
import json
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import packages_distributions, version
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from incumbent.cli import app
from incumbent.code import PACKAGES
from incumbent.pipeline import read_pipeline
from project.errors import extra_of, name_missing_extras, normalized, pip_install
from tests.conftest import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
VERBS = [f"incumbent.verbs.{file.stem}" for file in ROOT.glob("incumbent/verbs/[!_]*.py")]

# A process in which no library that an extra brings can be imported, as if it were not installed.
HIDE = """
import sys
from importlib.metadata import Distribution, PackageNotFoundError
from incumbent.pipeline import read_pipeline
from project.errors import extra_of

class Hidden:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if extra_of(name):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def from_name(name, found=Distribution.from_name):
    if extra_of(name):
        raise PackageNotFoundError(name)
    return found(name)

extra_of("torch")  # reads our own metadata, before anything is hidden
sys.meta_path.insert(0, Hidden)
Distribution.from_name = from_name
"""
COMMAND = "from incumbent.cli import main; main()"
# Each command in a process that forks from one: to import what all of them do takes longer.
COMMANDS = """
import json, os, sys, tempfile
from incumbent.cli import main
for arguments in json.loads(sys.argv[1]):
    with tempfile.TemporaryFile("w+") as said:
        sys.stdout.flush()
        if not (child := os.fork()):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(said.fileno(), 2)
            sys.argv = ["incumbent", *arguments]
            main()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        print(json.dumps([code, said.read()]))
"""
IMPORTS = """
import sys
from importlib import import_module
for module in sys.argv[1:]:
    try:
        import_module(module)
    except ModuleNotFoundError:
        print(module)
"""
ENOUGH = [
    ("decide", "--scores", "scores.jsonl"),
    ("decide", "--demo"),
    ("judge", "ballots", "ballots.jsonl"),
    ("status",),
    ("registry", "verify"),
]
OF_TRAFFIC = {"incumbent.verbs.forget", "incumbent.verbs.nightly"}  # which may be Parquet
OF_REPLICAS = {"incumbent.verbs.deploy"}  # which are asked over HTTP


@pytest.fixture(autouse=True)
def project() -> None:
    """A score table, ballots, and a project that has only a registry, in the current folder."""
    Path("params.yaml").write_text("registry: {family: f}\n")
    sides = {"champion": {"rougeL": 0.4}, "challenger": {"rougeL": 0.5}}
    write(Path("scores.jsonl"), [{"item": f"i{i}", **sides} for i in range(30)])
    vote = {"reviewer": "ann", "left": "A", "right": "B", "at": "2026-01-31T12:00:00Z"}
    write(Path("ballots.jsonl"), [vote | {"item": f"i{i}", "choice": "left"} for i in range(9)])


def write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def run(program: str | Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], capture_output=True, text=True)


def without_extras(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-c", HIDE + code, *arguments)


def ends_without_extras(commands: Iterable[Iterable[str]]) -> list[tuple[int, str]]:
    """The exit code of each command, and what it says on stderr."""
    done = without_extras(COMMANDS, json.dumps([*map(list, commands)]))
    assert (done.returncode, done.stderr) == (0, "")
    return [(code, said) for code, said in map(json.loads, done.stdout.splitlines())]


# --- what brings what ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("library", "extra"),
    [
        ("torch", "train"),
        ("great_expectations", "train"),
        ("sklearn", "train"),
        ("scikit-learn", "train"),
        ("pyarrow", "train"),
        ("psycopg", "postgresql"),
        ("lm_eval", "lm-eval"),
        ("mlflow", "mlflow"),  # whose light client is mlflow-skinny
        ("OpenSSL", None),  # registry.signatures reports that itself
        ("yaml", None),
        ("torch.nn", None),
        ("incumbent", None),  # though an extra may include another
        ("a_library_that_does_not_exist", None),
    ],
)
def test_a_library_has_the_extra_that_names_it(library: str, extra: str | None) -> None:
    assert extra_of(library) == extra


def names(requirements: Iterable[str]) -> Iterator[str]:
    """The distributions that requirements name, without our own extras."""
    for requirement in requirements:
        name = requirement.partition("[")[0].partition(">")[0]
        if name != "incumbent":
            yield normalized(name)


def test_no_distribution_is_named_twice() -> None:
    every = Counter(names(chain(PROJECT["dependencies"], *EXTRAS.values())))
    assert [name for name, count in every.items() if count > 1] == []


ON_GPUS = {"deepspeed", "liger"}  # of no use without a GPU, and large or compiled there


def test_all_is_every_extra_but_those_for_gpus_and_dev_has_all() -> None:
    others = sorted(EXTRAS.keys() - {"all", "dev"} - ON_GPUS)
    assert EXTRAS["all"] == [f"incumbent[{','.join(others)}]"]
    assert "incumbent[all]" in EXTRAS["dev"]


def imported() -> set[str]:
    """The libraries that our code names in an import, be it in a function."""
    found = set()
    for file in (file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
    tops = {name.partition(".")[0] for name in found}
    # pytest itself loads the one module that names it, incumbent/pytest_plugin.py.
    return tops - set(PACKAGES) - sys.stdlib_module_names - {"pytest"}


def test_what_the_code_imports_is_in_the_core_or_in_an_extra() -> None:
    core = {*names(PROJECT["dependencies"]), "pydantic-core"}  # which is pydantic's own
    sources = packages_distributions()
    elsewhere = [name for name in imported() if extra_of(name) in (None, "dev")]
    assert [n for n in elsewhere if not core & {normalized(s) for s in sources.get(n, ())}] == []


# --- what goes without an extra -----------------------------------------------------------------


def test_the_version_is_printed() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"incumbent {version('incumbent')}\n")


def test_every_verb_but_those_of_traffic_and_replicas_loads_without_an_extra() -> None:
    done = without_extras(IMPORTS, *VERBS)
    assert done.returncode == 0
    assert set(done.stdout.split()) == OF_TRAFFIC | OF_REPLICAS


def test_a_stage_without_an_extra_runs_or_says_in_a_line_what_it_lacks() -> None:
    names = [stage.name for stage in read_pipeline(ROOT / "dvc.yaml")]
    for name, (code, said) in zip(
        names, ends_without_extras(("stage", name) for name in names), strict=True
    ):
        assert code in (0, 2), (name, said)
        assert [line[:7] for line in said.splitlines()] == ["error: "] * bool(code), (name, said)


def test_the_core_needs_no_extra() -> None:
    assert ends_without_extras(ENOUGH) == [(0, "")] * len(ENOUGH)


# --- what an error says where one is missing ----------------------------------------------------


def test_a_command_that_lacks_a_library_says_what_to_install() -> None:
    lacking = {
        ("nightly",): ("apscheduler", "monitor"),
        ("gateway", "deploy", "1"): ("httpx2", "http"),  # it asks replicas
        ("stage", "validate"): ("pandas", "train"),
        ("stage", "code"): ("grimp", "train"),
    }
    assert ends_without_extras(lacking) == [
        (2, f"error: this needs {library}, which is not installed: {pip_install(extra)}\n")
        for library, extra in lacking.values()
    ]


@pytest.mark.parametrize("module", ["a_library_that_does_not_exist", "prometheus_client.moved"])
def test_a_module_that_no_extra_brings_stays_a_traceback(module: str) -> None:
    with pytest.raises(ModuleNotFoundError), name_missing_extras():
        import_module(module)


# --- a real installation ------------------------------------------------------------------------


@pytest.fixture
def core(tmp_path: Path) -> Path:
    """An environment with Incumbent as a wheel and its core alone."""
    source, environment = tmp_path / "source", tmp_path / "core"
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, source / package, ignore=ignored)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    python = sys.executable
    subprocess.run([python, "-m", "venv", "--without-pip", environment], check=True)
    constraints = ROOT / "requirements" / "constraints.txt"
    pip(environment, "install", "--quiet", "--constraint", str(constraints), str(source))
    return environment


def pip(environment: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pip", "--python", str(environment), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.mark.slow
def test_the_core_alone_decides_counts_and_keeps_the_registry(core: Path) -> None:
    there = {package["name"].lower() for package in json.loads(pip(core, "list", "--format=json"))}
    assert "torch" not in there
    assert len(there) <= 33
    loaded = run(core / "bin" / "python", "-c", IMPORTS, *VERBS)
    assert loaded.returncode == 0
    assert set(loaded.stdout.split()) == OF_TRAFFIC | OF_REPLICAS
    incumbent = core / "bin" / "incumbent"
    for arguments in ENOUGH:
        done = run(incumbent, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
    done = run(incumbent, "nightly")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: this needs apscheduler, which is not installed: pip install"
    )
    assert "pip install 'incumbent[train]" in run(incumbent, "project", "doctor").stdout
