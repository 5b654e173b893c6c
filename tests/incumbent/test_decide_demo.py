"""`incumbent decide --demo`, and what its help shows."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from incumbent.cli import app
from project.errors import InputError


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["decide", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_the_demo_writes_logs_and_decides_on_them_by_commands_that_can_be_typed() -> None:
    printed = run("--demo")
    files = sorted(path.as_posix() for path in Path("incumbent-demo").iterdir())
    assert files == [f"incumbent-demo/{s}-{n}.csv" for s in ("few-shot", "tuned") for n in (20, 60)]
    assert (
        printed.index("HOLD")
        < printed.index("about 1131 more eval items")
        < printed.index("PROMOTE")
    )
    assert run("--demo") == printed
    commands = [line for line in printed.splitlines() if line.startswith("$ incumbent decide ")]
    assert len(commands) == 2
    for command in commands:
        assert run(*command.split()[3:]) in printed
    larger = json.loads(run("--demo", "elsewhere", "--json"))
    assert (larger["verdict"], larger["logs"]["items"]) == ("PROMOTE", 60)


def test_the_demo_does_not_overwrite_and_takes_one_folder() -> None:
    Path("mine").mkdir()
    Path("mine/tuned-20.csv").write_text("my own\n")
    with pytest.raises(InputError, match=r"mine/tuned-20.csv: holds something else: name another"):
        run("--demo", "mine")
    for wrong in (("a", "b"), ("--from", "csv", "a"), ("--scores", "a")):
        with pytest.raises(InputError, match="--demo takes no --from"):
            run("--demo", *wrong)


def test_the_help_shows_what_to_type() -> None:
    shown = run("--help")
    assert "Say whether the new system is better" in shown
    assert shown.count("$ incumbent decide --") == 3
