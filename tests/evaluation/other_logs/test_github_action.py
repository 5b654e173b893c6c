"""The GitHub Action in deploy/: its YAML, and its steps as a runner would start them."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from evaluation.other_logs.pair_logs import READERS
from tests.conftest import ROOT
from tests.evaluation.other_logs.decide_from import LOGS, write_lines

ACTION = ROOT / "deploy" / "github-action"


@pytest.fixture
def runner(tmp_path: Path, warm: None) -> Any:
    """Runs decide.sh on a challenger that gains so much; returns exit code, summary, outputs."""
    (tmp_path / "incumbent").mkdir()
    (tmp_path / "incumbent" / "bin").symlink_to(Path(sys.executable).parent)

    def run(gain: float, fail_on: str = "reject", **variables: str) -> tuple[int, str, str]:
        sides = []
        for name, more in (("champion", 0.0), ("challenger", gain)):
            rows = [{"item": i, "acc": 0.5 + 0.01 * (i % 2) + more * (i % 3)} for i in range(30)]
            sides.append(str(write_lines(tmp_path / f"the {name}.jsonl", rows)))
        given = {
            "FROM": "jsonl",
            "CHAMPION": sides[0],
            "CHALLENGER": sides[1],
            "OPTIONS": "",
            "FAIL_ON": fail_on,
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
        }
        done = subprocess.run(
            ["bash", ACTION / "decide.sh"], env=os.environ | given | variables, capture_output=True
        )
        texts = [tmp_path / name for name in ("summary", "output")]
        summary, output = (path.read_text() if path.exists() else "" for path in texts)
        return done.returncode, summary, output

    return run


@pytest.mark.parametrize(
    ("gain", "fail_on", "verdict", "code"),
    [
        (0.1, "reject", "PROMOTE", 0),
        (-0.1, "reject", "REJECT", 1),
        (-0.1, "never", "REJECT", 0),
    ],
)
def test_the_check_fails_as_it_was_asked(
    runner: Any, gain: float, fail_on: str, verdict: str, code: int
) -> None:
    returned, summary, output = runner(gain, fail_on)
    assert (returned, output) == (code, f"verdict={verdict}\n")
    assert summary.startswith(f"### Incumbent: {verdict}\n\n````text\n")
    assert "30 of 30 items compared" in summary


def test_a_hold_fails_only_where_it_is_to(runner: Any) -> None:
    assert [runner(0.0, fail_on)[0] for fail_on in ("reject", "hold")] == [0, 1]


def test_logs_that_cannot_be_compared_fail_with_the_reason_in_the_summary(runner: Any) -> None:
    code, summary, output = runner(0.1, CHALLENGER="nowhere.jsonl")
    assert (code, output) == (2, "")
    assert "### Incumbent: no verdict" in summary
    assert "error: nowhere.jsonl: No such file or directory" in summary


def test_options_are_handed_on_and_nothing_is_run_that_a_log_is_called(runner: Any) -> None:
    assert "policy strict on acc" in runner(0.1, OPTIONS="--metric acc --look 2")[1]
    code, summary, _ = runner(0.1, CHAMPION="--help $(touch here)")
    assert (code, Path("here").exists()) == (2, False)
    assert "--help $(touch here): No such file" in summary
    assert runner(0.1, "sometimes")[0] == 2


def test_folders_of_another_tool_are_taken_by_the_check(runner: Any) -> None:
    sides = (LOGS / "deepeval" / system for system in ("bare", "tuned"))
    named = dict(zip(("CHAMPION", "CHALLENGER"), map(str, sides), strict=True))
    code, summary, output = runner(0.0, "never", FROM="deepeval", **named)
    assert (code, "16 of 16 items compared" in summary) == (0, True), summary
    assert output.startswith("verdict=")


def test_the_check_says_which_tools_there_are() -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    assert [tool for tool in READERS if tool not in action["inputs"]["from"]["description"]] == []


@pytest.mark.parametrize(("gain", "code"), [(0.1, 0), (0.0, 0), (-0.1, 11)])
def test_the_hook_stops_a_commit_of_results_that_are_clearly_worse(
    gain: float, code: int, warm: None
) -> None:
    """As pre-commit runs it: the entry, then the args of a project."""
    hooks = {
        hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    }
    hook = hooks["incumbent-decide"]
    for name, more in (("old", 0.0), ("new", gain)):
        rows = [{"item": i, "acc": 0.5 + 0.01 * (i % 2) + more * (i % 3)} for i in range(30)]
        write_lines(Path(f"results/{name}.jsonl"), rows)
    program, *entry = hook["entry"].split()
    given = ["--from", "jsonl", "results/old.jsonl", "results/new.jsonl"]
    command = [Path(sys.executable).with_name(program), *entry, *given]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, hook["pass_filenames"]) == (code, False), done.stdout
    assert re.search(hook["files"], "results/new.jsonl")


def test_the_action_hands_every_input_to_its_steps_as_a_variable() -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    assert action["runs"]["using"] == "composite"
    steps = [step for step in action["runs"]["steps"] if "run" in step]
    for step in steps:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"
        assert (ACTION / step["run"].rpartition("/")[2].rstrip('"')).is_file()
    handed = " ".join(value for step in steps for value in step["env"].values())
    assert [name for name in action["inputs"] if f"inputs.{name} " not in handed] == []


def test_the_example_names_inputs_that_the_action_has() -> None:
    inputs = yaml.safe_load((ACTION / "action.yml").read_text())["inputs"]
    workflow = yaml.safe_load((ACTION / "example-workflow.yml").read_text())
    used = workflow["jobs"]["compare"]["steps"][-1]["with"]
    needed = {name for name, about in inputs.items() if about.get("required")}
    assert needed <= used.keys() <= inputs.keys()
