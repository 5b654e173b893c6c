"""Which code a stage runs: all of it and no more, a user's scorers and packages among it."""

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from incumbent import code
from incumbent.code import PYTHON, Code, Imports, changed_files, code_of, stages
from project.canonical import digest_file
from project.errors import InputError
from project.paths import CODE
from project.settings import VERSION
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("warm")

FILE = "{kind: file, path: datasets/sources/rows.jsonl}"


@pytest.fixture(autouse=True)
def pipeline() -> None:
    """The project's own pipeline, in an empty folder."""
    Path("dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    set_params()


def set_params(*, metrics: str = "[rouge]", source: str = FILE) -> None:
    Path("params.yaml").write_text(
        f"version: {VERSION}\n"
        f"curation: {{collect: {{sources: [{source}]}}}}\n"
        f"evaluation: {{scoring: {{metrics: {metrics}}}}}\n"
    )


def run_stage() -> dict[str, Code]:
    code.main()
    return {path.stem: Code.read(path) for path in CODE.iterdir()}


def stages_with(file: str) -> set[str]:
    return stages_with_each(file)[file]


def stages_with_each(*files: str) -> dict[str, set[str]]:
    imports = Imports()
    codes = {name: code_of(module, imports).files for name, module in stages().items()}
    return {file: {name for name in codes if file in codes[name]} for file in files}


def test_every_stage_but_this_one_has_a_file_that_holds_its_module() -> None:
    codes = run_stage()
    assert codes.keys() == stages().keys()
    assert "code" not in codes
    for stage, module in stages().items():
        assert f"{module.replace('.', '/')}.py" in codes[stage].files


def test_an_edit_touches_the_stages_that_run_the_file() -> None:
    answering = {"generate", "reward", "preference_data"}
    readers_of_registry = {"gate", "start", "distill", "champion", *answering}
    expected = {
        "training/model/lora.py": {"domain", "sft", "distill", "dpo", "kto", "grpo"},
        "training/precision.py": {"base", "domain", "sft", "distill", "dpo", "kto", "grpo"},
        "curation/sources/row_formats.py": {"collect", "curate", "index", "validate"},
        "evaluation/report/report_page.py": {"compare"},
        "evaluation/generation/batch_reader.py": {"reward", "preference_data", "grpo", "generate"},
        "evaluation/report/templates/comparison.html": {"compare"},
        "project/templates/page.html": {"gate", "compare"},
        "registry/storage/tables.py": readers_of_registry,
        "incumbent/init/templates/params.yaml": set(),  # project/settings.py means another file
        "monitoring/night.py": set(),
        "incumbent/cli.py": set(),
    }
    assert stages_with_each(*expected) == expected


def test_packages_above_a_module_run_too_and_types_alone_do_not() -> None:
    files = code_of("evaluation.generate", Imports()).files
    assert "evaluation/__init__.py" in files
    assert "evaluation/decision/rule.py" not in files  # evaluation names it for type checkers only


def test_only_the_scorers_that_are_chosen_count() -> None:
    rouge, token_f1 = "evaluation/metrics/rouge.py", "evaluation/metrics/token_f1.py"
    assert stages_with_each(rouge, token_f1) == {rouge: {"score"}, token_f1: set()}
    set_params(metrics="[token_f1]")
    assert stages_with_each(rouge, token_f1) == {rouge: set(), token_f1: {"score"}}


def test_a_users_scorer_counts_with_what_it_imports_of_the_project(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(Path.cwd())
    set_params(metrics="['bank.polite:Polite']")
    Path("bank").mkdir()
    Path("bank/__init__.py").write_text("raise RuntimeError('imported')")
    Path("bank/polite.py").write_text(
        "import json, numpy as np\n"
        "from evaluation.metrics.per_item import PerItem\n"
        "from . import words\n"
        "from phrases import GREETINGS\n"
    )
    Path("bank/words.py").write_text("")
    Path("bank/unused.py").write_text("")
    Path("phrases.py").write_text("GREETINGS = ()")
    files = code_of("evaluation.score", Imports()).files
    own = {name for name in files if not name.startswith(("evaluation/", "project/"))}
    assert own == {"bank/__init__.py", "bank/polite.py", "bank/words.py", "phrases.py"}
    assert "evaluation/metrics/per_item.py" in files
    assert "bank/polite.py" not in code_of("evaluation.generate", Imports()).files


def test_a_users_scorer_counts_when_the_stage_is_run_as_dvc_runs_it() -> None:
    """The command is installed elsewhere; the project's modules are found in its folder, last."""
    set_params(metrics="['mine:Mine']")
    Path("mine.py").write_text("import evaluation\n")
    Path("evaluation").mkdir()
    Path("evaluation/__init__.py").write_text("raise RuntimeError('shadowed')")
    command = [Path(sys.executable).with_name("incumbent"), "stage", "code"]
    subprocess.run(command, check=True)
    files = Code.read(CODE / "score.json").files
    assert "mine.py" in files
    assert files["evaluation/__init__.py"] == digest_file(ROOT / "evaluation" / "__init__.py")


def test_a_file_that_a_scorers_option_names_counts() -> None:
    Path("schema.json").write_text("{}")
    set_params(metrics="[{metric: json, options: {schema: schema.json}}]")
    assert stages_with("schema.json") == {"score"}


def test_the_tools_that_conversations_are_had_with_count() -> None:
    Path("tools.py").write_text("")
    params, named = Path("params.yaml"), "generation: {conversations: {tools: tools.py}}"
    params.write_text(params.read_text().replace("evaluation: {", f"evaluation: {{{named}, "))
    assert stages_with("tools.py") == {"generate"}


def packages_source(package: str) -> str:
    return f"{{kind: python-api, packages: [{package}]}}"


def install(version: str, site: Path) -> None:
    """As pip does it: the package's folder, and beside it what says which version it is."""
    (site / "bank_api").mkdir(parents=True, exist_ok=True)
    (site / "bank_api" / "__init__.py").write_text("raise RuntimeError('imported')")
    for old in site.glob("*.dist-info"):
        shutil.rmtree(old)
    about = site / f"a_bank-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Name: a-bank\nVersion: {version}\n")
    (about / "RECORD").write_text(f"bank_api/__init__.py,,\n{about.name}/METADATA,,\n")


def test_another_version_of_a_package_that_is_a_source_makes_collect_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "elsewhere"
    install("1.0", site)
    monkeypatch.syspath_prepend(site)
    set_params(source=packages_source("bank_api"))
    first, same = run_stage(), run_stage()
    assert first == same
    assert stages_with(f"{PYTHON}/a_bank-1.0.dist-info/METADATA") == {"collect"}
    assert "bank_api/__init__.py" not in first["collect"].files
    install("1.1", site)
    run_stage()
    names = ", ".join(f"{PYTHON}/a_bank-{one}.dist-info/METADATA" for one in ("1.0", "1.1"))
    assert capsys.readouterr().out == f"collect will run again: {names} changed\n"


def test_a_package_is_found_by_the_name_that_python_imports() -> None:
    set_params(source=packages_source("sklearn"))
    about = f"scikit_learn-{version('scikit-learn')}.dist-info/METADATA"
    assert stages_with(f"{PYTHON}/{about}") == {"collect"}


def test_of_a_package_that_nobody_installed_the_modules_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "own_api" / "inner").mkdir(parents=True)
    (tmp_path / "elsewhere" / "own_api" / "inner" / "loans.py").write_text("")
    set_params(source=packages_source("own_api"))
    assert stages_with("own_api/inner/loans.py") == {"collect"}


def test_files_alone_as_sources_and_a_missing_package_add_nothing() -> None:
    without = code_of("curation.collect", Imports())
    set_params(source=packages_source("not_installed"))
    assert code_of("curation.collect", Imports()) == without
    assert {Path(name).suffix for name in without.files} == {".py", ".txt"}  # and a table of ours


def test_what_changed_is_told_by_stage_and_file(capsys: pytest.CaptureFixture[str]) -> None:
    first = run_stage()
    assert capsys.readouterr().out == ""
    assert run_stage() == first
    assert capsys.readouterr().out == ""
    set_params(metrics="[rouge, length]")
    run_stage()
    told = "score will run again: evaluation/metrics/answer_length.py changed\n"
    assert capsys.readouterr().out == told


def test_files_that_came_went_or_changed_differ() -> None:
    old = Code(files={"same": "1", "changed": "1", "gone": "1"})
    new = Code(files={"same": "1", "changed": "2", "new": "1"})
    assert changed_files(old, new) == ["changed", "gone", "new"]


def test_without_a_pipeline_it_is_told() -> None:
    Path("dvc.yaml").unlink()
    with pytest.raises(InputError, match=r"dvc\.yaml: No such file"):
        stages()
