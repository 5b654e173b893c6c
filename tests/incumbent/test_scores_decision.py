"""`incumbent.decide`: the command's verdict, on scores that another program holds."""

import json
import math
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
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
                {"item": k, "champion": {"score": OLD[k]}, "challenger": {"score": NEW[k]}}
                for k in OLD
            ],
        ),
        ({p["item"]: {"old": p["old"], "new": p["new"]} for p in PAIRS},),
        (
            FRAME.rename(columns={"old": "score"}).drop(columns="new"),
            iter([{"item": k, "score": v} for k, v in NEW.items()]),
        ),
        (list(OLD.values()), tuple(NEW.values())),
        (iter(OLD.values()), np.array(list(NEW.values()))),
        (pd.Series(OLD), pd.Series(NEW).sample(frac=1, random_state=1)),
        (OLD, pd.Series(NEW)),
        (
            FRAME.rename(columns={"item": "id", "old": "score"}).drop(columns="new"),
            # in another order, as no index tells
            FRAME.rename(columns={"item": "id", "new": "score"})
            .drop(columns="old")
            .sample(frac=1, random_state=1)
            .reset_index(drop=True),
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
    strict = {"gating": ["seconds"], "better": {"seconds": "less"}, "margins": {"seconds": 3}}
    for policy in (strict, incumbent.Policy.model_validate(strict, strict=False)):
        assert incumbent.decide(old, new, policy=policy).verdict == "HOLD"
    assert incumbent.decide(OLD, NEW, look=3).opening == 3


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ((5,), "scores are a mapping such as"),
        (("path.jsonl",), "scores are a mapping such as"),
        ((["a"],), "a row is str: scores are"),
        (([1.0],), "scores of one system: give the new ones as second argument"),
        (({0.5, 0.6}, {0.7, 0.8}), "a set has no order to pair by, and equal scores once: scores"),
        (({"acc": [1, 0]}, {"acc": [1, 1]}), "old: 'acc' holds several values, and is no item"),
        ((OLD, {"acc": np.ones(3)}), "new: 'acc' holds several values, and is no item"),
        (
            (OLD, pd.DataFrame({"acc": [1, 0]}, index=["a", "a"])),
            "new: the index names item 'a' tw",
        ),
        (
            (
                [{"item": i, "acc": i} for i in range(4)],
                [{"item": i, "acc": "x"} for i in range(4)],
            ),
            "new: no sample of it has a score",
        ),
        (
            (ROWS[0], [*ROWS[1][:-1], ROWS[1][-1] | {"acc": "x"}]),
            "new:40: acc: 'x' is no number: a missing score is null",
        ),
        (([0.5] * 3, [0.5] * 2), "there are 3 old and 2 new numbers, which are paired by their p"),
        (([0.5] * 3, NEW), "one side is a list of numbers, which names no item: give both as map"),
        (([{"item": "a"}],), "scores:1: has not both `old` and `new`"),
        (([{"item": "a"}], [{"score": 1}]), 'new:1: item: lacks "item"'),
        (([{"item": "a", "old": 1, "new": "x"}],), "new:1: scores.score: 'x' is no number"),
        ((OLD, {"q0": 1}), "weigh these as the challenger's worst by allow_missing=0.98; above"),
        ((OLD, NEW | {"q1": None}), "1 not scored (score)"),
        ((OLD, NEW | {"q1": float("nan")}), "1 not scored (score)"),
        (({"a": {"b": 1}}, {"a": {"c": 1}}), "no metric is in both: champion has b, challenger "),
        (
            ([{"item": "a", "b": 1}, {"item": "c", "d": 1}],) * 2,
            "all items of both: choose one by m",
        ),
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


@pytest.mark.parametrize("hides", ["evaluation/__init__.py", "project.py"])
def test_what_hides_our_package_is_named(hides: str, tmp_path: Path) -> None:
    place = tmp_path / hides
    place.parent.mkdir(exist_ok=True)
    place.touch()
    done = subprocess.run(
        # -S: an editable installation would find the rest of ours
        [sys.executable, "-S", "-c", "import incumbent; incumbent.decide"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join([str(ROOT), *filter(None, sys.path)])},
    )
    named = hides.removesuffix("/__init__.py")
    package = named.removesuffix(".py")
    told = f"ImportError: {tmp_path}/{named} hides Incumbent's package '{package}': run from"
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
    assert incumbent.decide(NEW, OLD, better={"score": "less"}).verdict == incumbent.Verdict.PROMOTE


@pytest.mark.parametrize(
    ("given", "options", "problem"),
    [
        (SLOWER, {"better": {"second": "less"}}, "better names 'second', but there are acc, secon"),
        (SLOWER, {"better": {"seconds": "lower"}}, "better of 'seconds' is 'lower': say more, les"),
        (SLOWER, {"metrics": "acc"}, r"metrics is one text: say \['acc'\]"),
        (SLOWER, {"allow_missing": 5}, "allow_missing is 5: it is a share, from 0 to 1"),
        (([], []), {}, "old: holds no item"),
        ((OLD, NEW), {"better": "less"}, "better is 'less': say which metric, as in {'seconds'"),
        ((OLD, NEW), {"look": "2"}, "look is '2': it is a whole number"),
        ((OLD, NEW), {"policy": "guarded"}, "policy is 'guarded': say {'alpha': 0.1"),
        (
            (OLD, NEW),
            {"policy": {"alfa": 0.1}},
            r"policy\.alfa: no such setting; did you mean alpha\?",
        ),
    ],
)
def test_a_slip_in_what_is_given_is_said(given: Any, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        incumbent.decide(*given, **options)


def test_a_decision_cannot_be_taken_for_true() -> None:
    held = incumbent.decide(OLD, OLD | {"q0": 0.5})
    assert (held.promotes, incumbent.decide(OLD, NEW).promotes) == (False, True)
    with pytest.raises(TypeError, match=r"this one is HOLD: ask decision\.promotes"):
        bool(held)
    assert isinstance(held, incumbent.Decision)


def test_a_policy_that_says_nothing_of_what_gates_is_about_the_metrics_that_there_are() -> None:
    lenient = incumbent.decide(*SLOWER, policy={"alpha": 0.2, "better": {"seconds": "less"}})
    assert (lenient.verdict, set(lenient.bounds)) == ("PROMOTE", {"acc", "seconds"})
    assert lenient.alpha == pytest.approx(0.2 * 6 / math.pi**2)
    guarded = incumbent.decide(
        *SLOWER, policy={"better": {"seconds": "less"}, "guards": {"seconds": 0.1}}
    )
    assert guarded.verdict == "REJECT"


@pytest.mark.parametrize(("policy", "verdict"), [("strict", "PROMOTE"), ("mine.yaml", "HOLD")])
def test_a_policy_is_a_file_or_the_default_one_by_its_name(policy: str, verdict: str) -> None:
    logs = [write_lines(Path(f"{i}.jsonl"), rows) for i, rows in enumerate(ROWS)]
    Path("mine.yaml").write_text("margins: {acc: 0.5}\ngating: [acc]\n")
    assert decide("--from", "jsonl", *logs, "--policy", policy)["verdict"] == verdict
    with pytest.raises(InputError, match="guarded: is no file: a policy is a YAML file with li"):
        decide("--from", "jsonl", *logs, "--policy", "guarded")


@pytest.mark.parametrize("look", [552, 1_000_000])
def test_so_late_a_look_that_no_bound_is_known_is_a_hold(look: int) -> None:
    """Of a metric with a range, bounds are known down to an alpha of 1e-7."""
    rows = [
        {"item": str(i), "old": {"rougeL": 0.2}, "new": {"rougeL": 0.9 + 0.001 * (i % 7)}}
        for i in range(30)
    ]
    held = incumbent.decide(rows, look=look)
    assert (held.verdict, held.bounds, held.needed) == ("HOLD", {}, None)
    assert "at so small an alpha no lower bound of it is known" in held.reasons[0]
    assert "worn out by looks" in held.reasons[1]
    logs = [
        write_lines(Path(f"{side}.jsonl"), [{"item": row["item"], **row[side]} for row in rows])
        for side in ("old", "new")
    ]
    printed = decide("--from", "jsonl", *logs, "--look", str(look))
    assert printed["metrics"]["rougeL"]["lower"] is None


def test_a_table_is_written_over_an_older_one_and_never_over_another_file_or_a_log() -> None:
    logs = [write_lines(Path(f"{i}.jsonl"), rows) for i, rows in enumerate(ROWS)]
    Path("notes.txt").write_text("mine")
    for name, problem in (
        ("notes.txt", r"notes\.txt: is there, and no score table"),
        ("1.jsonl", r"1\.jsonl: is one of the logs"),
    ):
        before = Path(name).read_bytes()
        with pytest.raises(InputError, match=problem):
            decide("--from", "jsonl", *logs, "--write", name)
        assert Path(name).read_bytes() == before
    for _ in range(2):
        decide("--from", "jsonl", *logs, "--write", "table.jsonl")
