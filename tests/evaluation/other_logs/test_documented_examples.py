"""The examples in docs/other-evaluations.md print what the page says."""

import re
import shlex

import pytest
from typer.testing import CliRunner

from incumbent.cli import app
from tests.conftest import ROOT
from tests.evaluation.other_logs.decide_from import LOGS

PAGE = (ROOT / "docs" / "other-evaluations.md").read_text()
EXAMPLES = re.findall(r"^\$ incumbent (decide .*)\n((?:(?!```).*\n)+)```", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("command", "printed"), EXAMPLES)
def test_an_example_prints_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch, command: str, printed: str
) -> None:
    monkeypatch.chdir(LOGS)
    monkeypatch.setattr("incumbent.output.console.width", 80)
    done = CliRunner().invoke(app, shlex.split(command))
    told = done.stdout if done.exit_code == 0 else f"error: {done.exception}"
    said = [line.rstrip() for line in told.splitlines()]
    assert said == printed.splitlines()


def test_there_is_an_example_of_each_tool() -> None:
    tools = {command.split()[2] for command, _ in EXAMPLES}
    assert tools >= {"lm-eval", "inspect", "promptfoo"}
