"""A project of an older version is brought to this one, by steps that are made up here."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from incumbent.pipeline import project_version
from incumbent.verbs import upgrade
from incumbent.verbs.upgrade import ByHand, Texts, UpgradeStep, checked, write_version
from project.settings import PARAMS, VERSION
from project.yaml_text import with_value
from tests.conftest import ROOT
from tests.incumbent.test_project_files import files_in
from tests.incumbent.tiny_project import called

pytestmark = pytest.mark.usefixtures("warm")

Capture = pytest.CaptureFixture[str]
AUTHOR = ("-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false")


def rename(texts: Texts) -> Texts:
    """A value of the older version has another name now."""
    text = texts["params.yaml"]
    wanted = yaml.safe_load(text)
    if wanted["base"]["model"] != "built-in":
        return {}
    wanted["base"]["model"] = "embedded"
    return {"params.yaml": checked(with_value(text, ["base", "model"], "embedded"), wanted)}


def tell(texts: Texts) -> Texts:
    """What only a person can do."""
    if "crawl.py" in texts["dvc.yaml"]:
        raise ByHand("stage crawl: take it out")
    return {}


STEPS = (
    UpgradeStep(VERSION, "embedded", "The base in the package is called so now.", rename),
    UpgradeStep(VERSION, "stages that you have edited", "Nobody crawls any more.", tell),
)


class Terminal(io.StringIO):
    """Where somebody sits who types these answers."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def old(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A committed project that says no version, so it is of the first, in the current folder."""
    monkeypatch.setattr(upgrade, "STEPS", STEPS)
    params = (ROOT / "params.yaml").read_text().replace("model: embedded", "model: built-in", 1)
    PARAMS.write_text(re.sub(r"version: \d.*\n\n", "", params))
    pipeline = (ROOT / "dvc.yaml").read_text()
    Path("dvc.yaml").write_text(re.sub(r"vars:\n.*\n\n", "", pipeline))
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "as it was"]):
        subprocess.run(["git", *AUTHOR, *arguments], check=True)


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def type_answers(*answers: str) -> None:
        monkeypatch.setattr(sys, "stdin", Terminal("".join(f"{one}\n" for one in answers)))

    return type_answers


def files() -> dict[str, bytes]:
    """All but git's."""
    return {name: data for name, data in files_in(Path()).items() if not name.startswith(".git/")}


def said() -> tuple[str, str]:
    return PARAMS.read_text(), Path("dvc.yaml").read_text()


def test_it_becomes_what_its_steps_make_of_it(capsys: Capture) -> None:
    stages = yaml.safe_load(said()[1])["stages"]
    code, printed, _ = called(capsys, "project", "upgrade", "--yes")
    assert (code, project_version()) == (0, VERSION)
    assert "step 1: embedded" in printed
    assert "undo:    git checkout -- params.yaml dvc.yaml\n" in printed
    assert said()[0] == (ROOT / "params.yaml").read_text()
    assert yaml.safe_load(said()[1])["stages"] == stages
    before = files()
    code, printed, _ = called(capsys, "project", "upgrade")
    assert (code, printed) == (0, f"nothing to do: this project is of version {VERSION}\n")
    assert files() == before  # nothing is left to do


@pytest.mark.parametrize("answer", ["n", ""])
def test_who_refuses_a_first_step_has_the_project_as_it_was(
    answer: str, capsys: Capture, type_in: Callable[..., None]
) -> None:
    before = files()
    type_in(answer)
    code, printed, _ = called(capsys, "project", "upgrade")
    assert code == 0
    assert "nothing was changed" in printed
    assert files() == before


def test_a_dry_run_shows_every_step_and_changes_nothing(capsys: Capture) -> None:
    before = files()
    code, printed, _ = called(capsys, "project", "upgrade", "--dry-run")
    assert code == 0
    assert f"+version: {VERSION}" in printed
    assert printed.endswith("nothing was changed: this was a dry run\n")
    assert files() == before


def test_a_refused_step_holds_back_those_behind_it_and_is_offered_again(
    capsys: Capture, type_in: Callable[..., None]
) -> None:
    type_in("n")
    _, printed, _ = called(capsys, "project", "upgrade")
    assert "left:    embedded; `incumbent project upgrade` offers it again" in printed
    assert project_version() == 1
    type_in(*"yy")
    called(capsys, "project", "upgrade")
    assert project_version() == VERSION


def test_a_step_that_only_a_person_can_take_holds_back_what_is_behind_it(capsys: Capture) -> None:
    crawl = "stages:\n  crawl:\n    cmd: python crawl.py\n"
    Path("dvc.yaml").write_text(said()[1].replace("stages:\n", crawl))
    code, printed, complaint = called(capsys, "project", "upgrade", "--yes")
    assert code == 1
    assert "by hand:\n  stage crawl: take it out" in printed
    assert (
        "left for you: stages that you have edited; then `incumbent project upgrade`" in complaint
    )
    assert "undo:    git checkout -- params.yaml\n" in printed
    assert called(capsys, "project", "upgrade", "--dry-run")[0] == 0
    assert project_version() == 1
    Path("dvc.yaml").write_text(said()[1].replace(crawl, "stages:\n"))
    assert called(capsys, "project", "upgrade", "--yes")[0] == 0
    assert project_version() == VERSION


def test_what_was_taken_before_an_interruption_stays(
    capsys: Capture, type_in: Callable[..., None]
) -> None:
    type_in("y")  # and then the terminal is gone
    code, _, complaint = called(capsys, "project", "upgrade")
    assert code == 130
    assert "the steps taken so far stay" in complaint
    assert "model: embedded" in said()[0]


def test_without_a_terminal_somebody_has_to_say_yes(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    before = files()
    code, _, complaint = called(capsys, "project", "upgrade")
    assert code == 2
    assert "--dry-run shows the steps, --yes takes all" in complaint
    assert files() == before


def test_changes_that_git_could_not_bring_back_are_told_first_and_no_undo_is_promised(
    capsys: Capture, type_in: Callable[..., None]
) -> None:
    PARAMS.write_text(said()[0] + "# mine\n")
    before = files()
    type_in("n")
    code, printed, _ = called(capsys, "project", "upgrade")
    assert code == 2
    assert "params.yaml: no commit has this as it is, so git could not undo it" in printed
    assert files() == before
    _, printed, _ = called(capsys, "project", "upgrade", "--yes")
    assert "undo:    git checkout -- dvc.yaml" in printed
    assert "no undo: params.yaml: git has no commit of what was there" in printed


def test_links_modes_comments_and_line_ends_of_files_stay(capsys: Capture, tmp_path: Path) -> None:
    shared = tmp_path / "shared.yaml"
    Path("dvc.yaml").rename(shared)
    Path("dvc.yaml").symlink_to(shared)
    windows = said()[0].replace("model: built-in", "model: built-in # ours").replace("\n", "\r\n")
    PARAMS.write_bytes(windows.encode())
    PARAMS.chmod(0o600)
    called(capsys, "project", "upgrade", "--yes")
    assert Path("dvc.yaml").is_symlink() and "pipeline_version" in shared.read_text()
    assert PARAMS.stat().st_mode & 0o777 == 0o600
    settings = PARAMS.read_bytes().decode()
    assert "  model: embedded # ours" in settings
    assert settings.count("\n") == settings.count("\r\n")


def test_what_a_program_cannot_edit_is_for_a_person(capsys: Capture) -> None:
    PARAMS.write_text("base: {model: &m built-in}\nembedder: {model: *m}\n")
    code, printed, _ = called(capsys, "project", "upgrade", "--yes")
    assert code == 1
    assert "params.yaml: cannot be edited by a program. Write it so that it says:" in printed


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("params.yaml", "- a\n", "params.yaml:1: must hold sections"),
        ("dvc.yaml", "- a\n", "dvc.yaml:1: must hold stages"),
        ("dvc.yaml", "", "dvc.yaml: is empty: it must hold stages"),
    ],
)
def test_what_is_no_project_is_told_in_a_line(
    name: str, text: str, problem: str, capsys: Capture
) -> None:
    Path(name).write_text(text)
    code, _, complaint = called(capsys, "project", "upgrade", "--dry-run")
    assert (code, complaint) == (2, f"error: {problem}\n")


@pytest.mark.parametrize(
    "variables",
    ["", "vars:\n  - shared.yaml\n", "vars: [shared.yaml]\n", "vars:\n- pipeline_version: 1\n"],
)
def test_the_version_stands_in_both_files_once(variables: str) -> None:
    params, dvc = "# ours\nbase: {}\n", f"# ours\n{variables}stages:\n  a:\n    cmd: b\n"
    change = write_version({"params.yaml": params, "dvc.yaml": dvc})
    assert change["params.yaml"].startswith(f"# ours\nversion: {VERSION} #")
    listed = yaml.safe_load(change["dvc.yaml"])["vars"]
    assert [one for one in listed if one != "shared.yaml"] == [{"pipeline_version": VERSION}]
    assert write_version(change) == {}


@pytest.mark.parametrize("verb", [("run",), ("plan",), ("stage", "collect")], ids=lambda v: v[-1])
def test_settings_that_are_gone_are_told_with_the_way_out(
    verb: tuple[str, ...], capsys: Capture
) -> None:
    PARAMS.write_text(f"{said()[0]}\ngone: {{}}\n")
    code, _, complaint = called(capsys, *verb)
    assert code == 2
    assert complaint.startswith("error: this project is of version 1")
    assert "`incumbent project upgrade` brings it to version" in complaint
    assert complaint.count("\n") == 1


def test_status_says_that_the_project_is_older(capsys: Capture) -> None:
    assert "`incumbent project upgrade` brings it to" in called(capsys, "status")[1].splitlines()[0]


@pytest.mark.parametrize("verb", [("run",), ("status",), ("project", "upgrade"), ("stage", "code")])
def test_a_newer_project_wants_a_newer_incumbent(verb: tuple[str, ...], capsys: Capture) -> None:
    PARAMS.write_text(f"# ours\nversion: {VERSION + 1}\n")
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
