"""A project that an older Incumbent made is brought to this one; verdicts stay."""

import io
import subprocess
import sys
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

from incumbent.pipeline import project_version, read_pipeline, run_stage
from incumbent.upgrading.every_step import STEPS
from project.project_version import VERSION
from project.settings import PARAMS, SECTIONS, load, model_of
from registry.store import Registry
from tests.conftest import ROOT
from tests.incumbent.test_project_files import files_in
from tests.incumbent.tiny_project import called
from tests.projects.make import lay_out_base
from tests.projects.unpacked import OLD, unpack

pytestmark = pytest.mark.usefixtures("warm")

Capture = pytest.CaptureFixture[str]
FIRST = pytest.mark.parametrize("old", ["first-init"], indirect=True)
STAGE = "\n  publish:\n    cmd: python publish.py # ours\n    deps: [outputs/report.html]\n"


class Terminal(io.StringIO):
    """Where somebody sits who types these answers."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(params=OLD)
def old(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an old project, which lies in the current folder."""
    monkeypatch.setenv("INCUMBENT_HOME", ".incumbent")
    unpack(request.param)
    return str(request.param)


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def type_answers(*answers: str) -> None:
        monkeypatch.setattr(sys, "stdin", Terminal("".join(f"{one}\n" for one in answers)))

    return type_answers


def files() -> dict[str, bytes]:
    """All but git's."""
    return {name: data for name, data in files_in(Path()).items() if not name.startswith(".git/")}


def said() -> tuple[str, str]:
    return Path("params.yaml").read_text(), Path("dvc.yaml").read_text()


def pipeline(text: str) -> dict[str, dict[str, object]]:
    stages: dict[str, dict[str, object]] = yaml.safe_load(text)["stages"]
    return {name: {k: v for k, v in one.items() if k != "desc"} for name, one in stages.items()}


def test_there_is_one_of_each_form_that_projects_had() -> None:
    assert OLD == ["before-versions", "first-init"]


def test_it_becomes_what_this_incumbent_makes(old: str, capsys: Capture) -> None:
    code, printed, _ = called(capsys, "upgrade", "--yes")
    assert (code, project_version()) == (0, VERSION)
    assert "undo:    git checkout -- " in printed
    assert pipeline(said()[1]) == pipeline((ROOT / "dvc.yaml").read_text())
    for section in SECTIONS:
        load(model_of(section))


def test_afterwards_there_is_nothing_to_do(old: str, capsys: Capture) -> None:
    called(capsys, "upgrade", "--yes")
    before = files()
    code, printed, _ = called(capsys, "upgrade")
    assert (code, printed) == (0, f"nothing to do: this project is of version {VERSION}\n")
    assert files() == before


def test_its_verdicts_stay_byte_for_byte_and_verify(old: str, capsys: Capture) -> None:
    before = stored_decisions()
    assert len(before) == 3
    called(capsys, "upgrade", "--yes")
    assert stored_decisions() == before
    code, printed, _ = called(capsys, "verify")
    assert code == 0
    assert "3 decisions made again from their evidence: the same bytes" in printed


def stored_decisions() -> list[bytes]:
    with Registry.here() as registry:
        found = [registry.decision(version.number) for version in registry.versions()]
        digests = [one.digest for one in found if one]
        return [registry.artifacts.get(digest) for digest in digests]


@pytest.mark.parametrize("answer", ["n", ""])
def test_who_refuses_every_step_has_the_project_as_it_was(
    old: str, answer: str, capsys: Capture, type_in: Callable[..., None]
) -> None:
    before = files()
    type_in(*[answer] * len(STEPS))
    code, printed, _ = called(capsys, "upgrade")
    assert code == 0
    assert "nothing was changed" in printed
    assert files() == before


def test_a_dry_run_shows_every_step_and_changes_nothing(old: str, capsys: Capture) -> None:
    before = files()
    code, printed, _ = called(capsys, "upgrade", "--dry-run")
    assert code == 0
    assert f"+version: {VERSION}" in printed
    assert printed.endswith("nothing was changed: this was a dry run\n")
    assert files() == before


@FIRST
def test_a_refused_step_holds_back_what_needs_it_and_is_offered_again(
    old: str, capsys: Capture, type_in: Callable[..., None]
) -> None:
    pipeline_before = said()[1]
    type_in("n", *"yyyy")
    _, printed, _ = called(capsys, "upgrade")
    assert printed.count("not offered: it needs what was left out: training in sections") == 3
    assert "left:    training in sections, sections that stages read" in printed
    assert Path("datasets/safety/harmful.jsonl").exists()
    assert (said()[1], project_version()) == (pipeline_before, 1)
    type_in("y", *"yyyy")  # first, to files that are not committed
    called(capsys, "upgrade")
    assert project_version() == VERSION


@FIRST
def test_what_was_taken_before_an_interruption_stays(
    old: str, capsys: Capture, type_in: Callable[..., None]
) -> None:
    type_in("y")  # and then the terminal is gone
    code, _, complaint = called(capsys, "upgrade")
    assert code == 130
    assert "the steps taken so far stay" in complaint
    assert "sft" in yaml.safe_load(said()[0])["training"]


def test_without_a_terminal_somebody_has_to_say_yes(
    old: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    before = files()
    code, _, complaint = called(capsys, "upgrade")
    assert code == 2
    assert "--dry-run shows the steps, --yes takes all" in complaint
    assert files() == before


@FIRST
def test_changes_that_git_could_not_bring_back_are_told_first(
    old: str, capsys: Capture, type_in: Callable[..., None]
) -> None:
    Path("params.yaml").write_text(said()[0] + "# mine\n")
    before = files()
    type_in("n")
    code, printed, _ = called(capsys, "upgrade")
    assert code == 2
    assert "params.yaml: no commit has this as it is, so git could not undo it" in printed
    assert files() == before


@FIRST
def test_no_undo_is_promised_that_would_lose_what_no_commit_has(old: str, capsys: Capture) -> None:
    Path("params.yaml").write_text(said()[0] + "# mine\n")
    _, printed, _ = called(capsys, "upgrade", "--yes")
    assert "git checkout -- params.yaml" not in printed
    assert "undo:    git checkout -- .gitignore dvc.yaml" in printed
    assert "no undo: params.yaml: git has no commit of what was there" in printed


@FIRST
def test_links_and_modes_of_files_stay(old: str, capsys: Capture, tmp_path: Path) -> None:
    shared, suite = tmp_path / "shared.yaml", tmp_path / "suite"
    Path("dvc.yaml").rename(shared)
    Path("dvc.yaml").symlink_to(shared)
    Path("params.yaml").chmod(0o600)
    suite.mkdir()
    Path("datasets/safety").symlink_to(suite)
    called(capsys, "upgrade", "--yes")
    assert Path("dvc.yaml").is_symlink() and "pipeline_version" in shared.read_text()
    assert Path("params.yaml").stat().st_mode & 0o777 == 0o600
    assert not list(suite.iterdir())


@FIRST
@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("params.yaml", "- a\n", "params.yaml:1: must hold sections"),
        ("dvc.yaml", "stages:\n  a: b\n", "dvc.yaml: stages.a: is no stage of DVC's"),
    ],
    ids=["params", "stage"],
)
def test_what_is_no_project_is_told_in_a_line(
    name: str, text: str, problem: str, old: str, capsys: Capture
) -> None:
    Path(name).write_text(text)
    code, _, complaint = called(capsys, "upgrade", "--dry-run")
    assert (code, complaint) == (2, f"error: {problem}\n")


@FIRST
def test_a_stage_of_ones_own_and_an_edited_one_of_ours_stay(old: str, capsys: Capture) -> None:
    edited = "      - outputs/adapter.json\n    params: [registry]"
    own = said()[1].replace(edited, f"      - outputs/mine.txt # mine\n{edited}")
    Path("dvc.yaml").write_text(own.replace("\nplots:", f"{STAGE}\nplots:"))
    code, printed, complaint = called(capsys, "upgrade", "--yes")
    assert code == 1
    assert "stage champion: add deps: outputs/base.json" in printed
    assert "stage champion: add params: base" in printed
    assert "left for you: stages that you have edited" in complaint
    text, now = said()[1], pipeline(said()[1])
    assert STAGE in text
    assert "outputs/mine.txt # mine" in text
    assert now["sft"] == pipeline((ROOT / "dvc.yaml").read_text())["sft"]
    assert project_version() == 1
    by_hand = text.replace(edited, edited.replace("registry]", "registry, base]"))
    mended = by_hand.replace("mine.txt # mine\n", "mine.txt # mine\n      - outputs/base.json\n")
    Path("dvc.yaml").write_text(mended)
    assert called(capsys, "upgrade", "--yes")[0] == 0
    assert project_version() == VERSION
    assert "outputs/mine.txt # mine" in said()[1]


@FIRST
def test_comments_line_ends_and_files_of_ones_own_survive(old: str, capsys: Capture) -> None:
    params, stages = said()
    params = params.replace("  r: 16", "  # as we measured\n  r: 4 # of 16")
    stages = stages.replace("  train:\n", "  train:\n    # on the big machine\n")
    Path("params.yaml").write_bytes(params.replace("\n", "\r\n").encode())
    Path("dvc.yaml").write_text(stages)
    Path("datasets/safety").mkdir()
    Path("datasets/safety/ours.jsonl").write_text("")
    called(capsys, "upgrade", "--yes")
    settings = Path("params.yaml").read_bytes().decode()
    assert "    # as we measured\r\n    r: 4 # of 16\r\n" in settings
    assert settings.count("\n") == settings.count("\r\n")
    assert "  # on the big machine\n  train:\n" in said()[1]
    assert [path.name for path in Path("datasets/safety").iterdir()] == ["ours.jsonl"]


@FIRST
@pytest.mark.parametrize("verb", [("run",), ("plan",), ("stage", "sft")], ids=lambda v: v[-1])
def test_settings_that_are_gone_are_told_with_the_way_out(
    old: str, verb: tuple[str, ...], capsys: Capture
) -> None:
    code, _, complaint = called(capsys, *verb)
    assert code == 2
    assert complaint.startswith("error: this project is of version 1")
    assert "`incumbent upgrade` brings it to version" in complaint
    assert complaint.count("\n") == 1


def test_status_says_that_the_project_is_older(old: str, capsys: Capture) -> None:
    assert "`incumbent upgrade` brings it to" in called(capsys, "status")[1].splitlines()[0]


@pytest.mark.parametrize("verb", [("run",), ("status",), ("upgrade",), ("stage", "code")])
def test_a_newer_project_wants_a_newer_incumbent(verb: tuple[str, ...], capsys: Capture) -> None:
    PARAMS.write_text(f"# ours\nversion: {VERSION + 1}\n")
    Path("dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    code, _, complaint = called(capsys, *verb)
    assert code == 2
    assert complaint.startswith(f"error: params.yaml:2: version: is {VERSION + 1}, and this")
    assert "made by a newer Incumbent: install that one" in complaint


@pytest.mark.parametrize("value", ["two", "0", "2.5", "[2]"])
def test_what_is_no_version_is_told_with_its_line(value: str, capsys: Capture) -> None:
    PARAMS.write_text(f"version: {value}\n")
    code, _, complaint = called(capsys, "status")
    assert code == 2
    assert complaint.startswith("error: params.yaml:1: version: must be a whole number")


@FIRST
def test_dvc_reads_the_upgraded_pipeline_and_wants_no_more_settings(
    old: str, capsys: Capture
) -> None:
    called(capsys, "upgrade", "--yes")
    command = [sys.executable, "-m", "dvc", "status"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "outputs/code/sft.json" in done.stdout


@pytest.mark.slow
@FIRST
def test_the_whole_pipeline_runs_after_an_upgrade(
    old: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, in DVC's order: a process a stage takes six times as long.

    Against the bare base: the champion of the old registry stands on a base that nobody has.
    """
    called(capsys, "upgrade", "--yes")
    fewer = said()[0].replace("  sft:\n", "  sft:\n    rows: 40\n")
    PARAMS.write_text(fewer.replace("shots: 3", "shots: 0"))
    monkeypatch.setenv("INCUMBENT_HOME", "elsewhere")
    lay_out_base(Path())
    stages = read_pipeline()
    order = {one.name: [other.name for other in stages if one.follows(other)] for one in stages}
    for stage in TopologicalSorter(order).static_order():
        run_stage(stage)
    assert Path("outputs/evidence.json").is_file()
