"""The verb: what it prints, what it starts, and how it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from incumbent.rendering import RentedMachine, found_sky, run_sky
from incumbent.verbs.launch import Incumbent, incumbent_here, make_wheel
from project.errors import IncumbentError, InputError
from tests.conftest import ROOT
from tests.incumbent.launching.conftest import commit_and_push, settle, task
from tests.incumbent.tiny_project import called

# Stands for `sky`, which needs a cloud: it says what it was called with, and ends with a code.
SKY = """\
#!/bin/sh
echo "sky $*"
exit {code}
"""


def sky(folder: Path, code: int = 0, script: str = SKY) -> str:
    program = folder / "sky"
    program.write_text(script.format(code=code))
    program.chmod(0o755)
    return str(program)


# --- the task -----------------------------------------------------------------------------------


def test_a_dry_run_prints_the_task_and_how_it_would_be_started(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("INCUMBENT_DATABASE", "postgresql://u:hush@db.example.com/r")
    code, printed, said = called(
        capsys, "project", "launch", "--gpus", "H100", "--spot", "--dry-run"
    )
    assert (code, said) == (0, "")
    task = yaml.safe_load(printed)
    assert printed.startswith(f"# sky jobs launch --name {task['name']} --secret GIT_TOKEN ")
    assert list(task["secrets"]) == ["GIT_TOKEN", "INCUMBENT_DATABASE", "AWS_SECRET_ACCESS_KEY"]
    assert task["envs"]["INCUMBENT_ACTOR"] == "tester"
    assert "for stage in domain sft distill dpo kto grpo generate compare;" in task["run"]
    assert "hush" not in printed and "a-token" not in printed
    assert not Path("home").exists()


def test_gpus_that_would_train_nothing_are_warned_of(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    launch = ("project", "launch", "--gpus", "H100:4", "--dry-run")
    _, _, said = called(capsys, *launch)
    assert said.startswith("warning: one process trains, on one of the 4 GPUs: set training.dist")
    settle({"training": {"distributed": {"processes": "gpus"}}})
    commit_and_push()
    assert called(capsys, *launch)[2] == ""


def test_a_dry_run_is_json_for_programs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = called(capsys, "project", "launch", "--cloud", "gcp", "--dry-run", "--json")
    found = json.loads(printed)
    assert (code, found["task"]["resources"]["infra"]) == (0, "gcp")
    assert found["command"][:3] == ["sky", "launch", "--down"]


def test_a_store_brings_what_reads_it_and_a_hub_model_brings_no_package(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, printed, _ = called(capsys, "project", "launch", "--dry-run")
    assert "dvc-s3" in printed and "--no-deps" not in printed
    assert "+cpu" not in printed


def test_nobody_is_asked_where_nobody_is(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = called(capsys, "project", "launch")
    assert code == 2 and "--yes rents unasked" in said


# --- the program --------------------------------------------------------------------------------


def test_a_missing_skypilot_is_told_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INCUMBENT_SKY", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match=r"environment of its own.*'skypilot\[gcp\]==0.14"):
        found_sky("gcp")
    monkeypatch.setenv("INCUMBENT_SKY", "/nowhere/sky")
    with pytest.raises(InputError, match=r"\$INCUMBENT_SKY: there is no program /nowhere/sky"):
        found_sky(None)


def test_what_it_prints_is_shown_and_a_failed_job_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_sky([sky(tmp_path), "launch"], task(), aside=False)
    assert capfd.readouterr() == ("sky launch\n", "")
    with pytest.raises(
        IncumbentError, match=r"100 \(the job failed\); `sky status` .*`sky down incumb"
    ):
        run_sky([sky(tmp_path, code=100), "launch"], task(), aside=True)
    assert capfd.readouterr() == ("", "sky launch\n")
    with pytest.raises(
        IncumbentError, match=r"exit code 7; `sky jobs queue` .*`sky jobs cancel --name i"
    ):
        run_sky([sky(tmp_path, code=7), "jobs"], task(RentedMachine(None, None, True)), aside=False)


def test_an_interruption_is_for_sky_which_says_what_goes_on(tmp_path: Path) -> None:
    """As Ctrl-C in a terminal: it goes to both, and neither leaves the other behind."""
    script = "#!/bin/sh\ntrap 'echo still running; exit 101' INT\necho ready\nread line\n"
    code = """
import sys
from incumbent.rendering import run_sky
from project.errors import IncumbentError
from tests.incumbent.launching.conftest import commit_and_push, settle, task
try:
    run_sky(sys.argv[1:], task(), aside=False)
except IncumbentError as error:
    print(error)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, sky(tmp_path, script=script)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        said = process.stdout.read()
    assert said.startswith("still running\nsky ended with exit code 101 (the job is not finished)")


# --- the installation ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "requirement"),
    [
        (None, "incumbent[train]==0.1.0"),
        (
            {"url": "https://e.com/i.whl", "archive_info": {}},
            "incumbent[train] @ https://e.com/i.whl",
        ),
        (
            {"url": "https://e.com/i", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "incumbent[train] @ git+https://e.com/i@abc",
        ),
        ({"url": "file://HERE/incumbent-0.1.0-py3-none-any.whl", "archive_info": {}}, "[train]"),
        ({"url": "file://HERE", "dir_info": {"editable": True}}, "[train]"),
    ],
    ids=["from an index", "from an address", "from a commit", "from a wheel", "from a folder"],
)
def test_the_machine_gets_what_is_installed_here(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    note: dict[str, object] | None,
    requirement: str,
) -> None:
    wheel = tmp_path / "incumbent-0.1.0-py3-none-any.whl"
    wheel.touch()
    install(tmp_path, json.dumps(note).replace("HERE", str(tmp_path)) if note else None)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    found = incumbent_here()
    assert found.requirement(["train"]) == requirement
    assert (found.sent is not None) == (requirement == "[train]")


def test_a_wheel_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, json.dumps({"url": "file:///nowhere/i.whl", "archive_info": {}}))
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with pytest.raises(InputError, match=r"installed from /nowhere/i.whl, which is not there"):
        incumbent_here()


def install(folder: Path, note: str | None) -> None:
    """What pip notes of an installation, before all that is installed here."""
    about = folder / "incumbent-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: incumbent\nVersion: 0.1.0\n")
    if note:
        (about / "direct_url.json").write_text(note)


@pytest.mark.slow
def test_a_wheel_is_made_of_a_folder_and_nothing_is_left_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip reads it as "no isolation"
    source = tmp_path / "source"
    source.mkdir()
    (source / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "incumbent").mkdir()
    (source / "incumbent/__init__.py").touch()
    before = sorted(source.rglob("*"))
    incumbent = Incumbent("0.1.0", folder=source)
    make_wheel(incumbent)
    assert incumbent.sent is not None
    assert "incumbent/__init__.py" in zipfile.ZipFile(incumbent.sent).namelist()
    assert sorted(source.rglob("*")) == before
    assert [path.name for path in incumbent.sent.parent.iterdir()] == [incumbent.sent.name]
    (source / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'none'\n"
    )
    with pytest.raises(IncumbentError, match=r"no wheel could be made of .*source: "):
        make_wheel(incumbent)
