"""`incumbent.decide`: the command's verdict, on scores that another program holds."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import incumbent
from project.errors import InputError
from tests.conftest import ROOT
from tests.evaluation.other_logs.decide_from import decide, write_lines

OLD = {f"q{i}": 0.4 + 0.02 * (-1) ** i for i in range(40)}
NEW = {item: score + 0.1 + 0.01 * (i % 3) for i, (item, score) in enumerate(OLD.items())}
PAIRS = [{"item": item, "old": OLD[item], "new": NEW[item]} for item in OLD]
FRAME = pd.DataFrame(PAIRS)
ROWS = [[{"item": item, "acc": score} for item, score in side.items()] for side in (OLD, NEW)]

# What another program does with it, its environment and its modules told afterwards.
ELSEWHERE = """
import os, sys
before = dict(os.environ)
import incumbent, incumbent.pytest_plugin
alone = sorted(sys.modules)
incumbent.decide({"a": 1, "b": 0.5, "c": 0.2}, {"c": 0.3, "b": 0.4, "a": 0})
import json
print(json.dumps([alone, sorted(sys.modules), dict(os.environ) == before]))
"""


def test_the_verdict_is_that_of_the_command_on_the_same_scores(tmp_path: Path) -> None:
    logs = [write_lines(tmp_path / f"{i}.jsonl", rows) for i, rows in enumerate(ROWS)]
    printed = decide("--from", "jsonl", *logs)
    decision = incumbent.decide(*ROWS)
    assert decision.verdict == incumbent.Verdict.PROMOTE
    assert list(decision.reasons) == printed["reasons"]
    assert decision.bounds["acc"].lower == printed["metrics"]["acc"]["lower"]


@pytest.mark.parametrize(
    "given",
    [
        (OLD, NEW),
        (NEW, OLD),
        ({k: {"score": v} for k, v in OLD.items()}, dict(reversed(NEW.items()))),
        (PAIRS,),
        (FRAME,),
        (FRAME.set_index("item"),),
        (
            [
                {
                    "item": p["item"],
                    "champion": {"score": p["old"]},
                    "challenger": {"score": p["new"]},
                }
                for p in PAIRS
            ],
        ),
        ({p["item"]: {"old": p["old"], "new": p["new"]} for p in PAIRS},),
        (
            FRAME.rename(columns={"old": "score"}).drop(columns="new"),
            iter([{"item": k, "score": v} for k, v in NEW.items()]),
        ),
    ],
)
def test_every_form_of_scores_is_read(given: tuple[Any, ...]) -> None:
    decision = incumbent.decide(*given)
    turned = given[0] is NEW
    assert decision.verdict == ("REJECT" if turned else "PROMOTE")
    assert abs(decision.bounds["score"].lower) == pytest.approx(0.1, abs=0.03)


def test_metrics_directions_policy_and_looks_are_those_of_the_command() -> None:
    old = [{"item": i, "acc": 0.5 + 0.1 * (i % 2), "seconds": 2.0 + i % 3} for i in range(30)]
    new = [row | {"seconds": row["seconds"] - 1 - 0.1 * (row["item"] % 2)} for row in old]
    assert incumbent.decide(old, new).verdict == "REJECT"  # of seconds too more is better
    less = incumbent.decide(old, new, metrics=["seconds"], better={"seconds": "less"})
    assert less.verdict == "PROMOTE"
    strict = incumbent.Policy(
        gating=("seconds",), better={"seconds": "less"}, margins={"seconds": 3}
    )
    for policy in (
        strict,
        {"gating": ["seconds"], "better": {"seconds": "less"}, "margins": {"seconds": 3}},
    ):
        assert incumbent.decide(old, new, policy=policy).verdict == "HOLD"
    assert incumbent.decide(OLD, NEW, look=3).opening == 3


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ((5,), "scores are a DataFrame, a list of rows"),
        (("path.jsonl",), "scores are a DataFrame, a list of rows"),
        (([1],), "a row is int: scores are"),
        (([{"item": "a"}],), "scores:1: has not both `old` and `new`"),
        (([{"item": "a"}], [{"score": 1}]), 'new:1: item: lacks "item"'),
        (([{"item": "a", "old": 1, "new": "x"}],), "new:1: scores.score: 'x' is no number"),
        ((OLD, {"q0": 1}), "39 of 40 items cannot be compared"),
        ((OLD, NEW | {"q1": None}), "1 not scored (score)"),
        ((OLD, NEW | {"q1": float("nan")}), "1 not scored (score)"),
        (({"a": {"b": 1}}, {"a": {"c": 1}}), "no metric scores all items"),
    ],
)
def test_scores_that_cannot_be_compared_are_a_value_error(
    given: tuple[Any, ...], problem: str
) -> None:
    with pytest.raises(ValueError) as raised:
        incumbent.decide(*given)
    assert isinstance(raised.value, incumbent.ScoresError)
    assert isinstance(raised.value, InputError)
    assert problem in str(raised.value)


def test_another_program_stays_as_it_is(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    alone, after, same_environment = json.loads(done.stdout)
    assert same_environment
    assert [name for name in alone if name.startswith(("evaluation", "numpy", "scipy"))] == []
    heavy = {"torch", "pandas", "typer", "rich", "datasets", "nltk", "sqlalchemy", "transformers"}
    assert heavy & set(after) == set()


def test_a_folder_that_hides_our_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "__init__.py").touch()
    done = subprocess.run(
        # -S: an editable installation would find the rest of ours
        [sys.executable, "-S", "-c", "import incumbent; incumbent.decide"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join([str(ROOT), *filter(None, sys.path)])},
    )
    told = f"ImportError: {tmp_path}/evaluation hides Incumbent's package 'evaluation': run from"
    assert told in done.stderr


# --- the fixture ----------------------------------------------------------------------------------

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENTRY_POINT = PROJECT["entry-points"]["pytest11"]["incumbent"]
TESTS = """
OLD = {f"q{i}": 0.5 + 0.01 * (i % 5) for i in range(30)}

def moved(by):
    return {item: score + by * (1 + i % 3) for i, (item, score) in enumerate(OLD.items())}

def test_better(incumbent_decide):
    assert incumbent_decide(OLD, moved(0.1)).verdict == "PROMOTE"

def test_not_worse(incumbent_decide):
    incumbent_decide(OLD, moved(0.0), fail_on="reject")

def test_as_good(incumbent_decide):
    incumbent_decide(OLD, moved(0.0))

def test_worse(incumbent_decide):
    incumbent_decide(OLD, moved(-0.1), fail_on="reject")

def test_mistyped(incumbent_decide):
    incumbent_decide(OLD, moved(0.1), fail_on="REJECT")
"""


def test_a_teams_test_fails_with_the_reasons_of_the_verdict(tmp_path: Path) -> None:
    """As pytest finds the fixture where Incumbent is installed: by the entry point."""
    metadata = tmp_path / "site" / "incumbent_entry-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: incumbent-entry\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[pytest11]\nincumbent = {ENTRY_POINT}\n")
    (tmp_path / "test_prompt.py").write_text(TESTS)
    path = [str(tmp_path / "site"), *filter(None, sys.path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_prompt.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(path)},
    )
    assert "3 failed, 2 passed" in done.stdout, done.stdout
    assert "Incumbent says HOLD\n  score differs by +0.000" in done.stdout
    assert "Incumbent says REJECT\n  score" in done.stdout
    assert "fail_on is 'REJECT', and not 'reject' or 'hold'" in done.stdout


SLOWER = [
    [{"item": row["item"], "acc": row["acc"], "seconds": seconds} for row in side]
    for side, seconds in zip(ROWS, (1.0, 2.0), strict=True)
]


def test_a_metric_of_which_less_is_better_decides_where_it_is_named() -> None:
    told = {"metrics": ["acc", "seconds"], "better": {"seconds": "less"}}
    assert incumbent.decide(*SLOWER, **told).verdict != incumbent.Verdict.PROMOTE
    assert incumbent.decide(*SLOWER, better=told["better"]).verdict == incumbent.Verdict.PROMOTE


@pytest.mark.parametrize(
    ("given", "options", "problem"),
    [
        (SLOWER, {"better": {"second": "less"}}, "better names 'second', but there are acc, secon"),
        (SLOWER, {"better": {"seconds": "lower"}}, "better of 'seconds' is 'lower': say more, les"),
        (SLOWER, {"metrics": "acc"}, r"metrics is one text: say \['acc'\]"),
        (SLOWER, {"allow_missing": 5}, "allow_missing is 5: it is a share, from 0 to 1"),
        (([], []), {}, "old: holds no item"),
    ],
)
def test_a_slip_in_what_is_given_is_said(given: Any, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        incumbent.decide(*given, **options)


def test_a_table_is_never_written_over_a_log(tmp_path: Path) -> None:
    logs = [write_lines(tmp_path / f"{i}.jsonl", rows) for i, rows in enumerate(ROWS)]
    before = Path(logs[1]).read_bytes()
    with pytest.raises(InputError, match="is one of the logs"):
        decide("--from", "jsonl", *logs, "--write", str(logs[1]))
    assert Path(logs[1]).read_bytes() == before
