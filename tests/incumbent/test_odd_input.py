"""What is odd, huge or twisted is refused in a line, and never a traceback."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from curation.sources.row_formats import read_rows
from evaluation import Policy, decide, read_score_table
from evaluation.decision.statistics import paired
from evaluation.preference.ballots.ballot_statistics import rate
from incumbent.cli import app
from incumbent.verbs.show import moment
from project.errors import IncumbentError, InputError
from project.records.ballots import Ballot
from project.records.evidence import Verdict
from project.records.scores import ScoreTable
from project.settings import read_settings
from registry.store import Registry
from tests.evaluation.test_decision import BETTER, table

SOUND = {"item": "a", "champion": {"m": 1}, "challenger": {"m": 2}}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            '{"item": "a", "item": "b", "champion": {"m": 1}, "challenger": {"m": 2}}',
            "'item' twice",
        ),
        ('{"item": "a", "champion": {"m": 1, "m": 3}, "challenger": {"m": 2}}', "'m' twice"),
        (json.dumps(SOUND | {"champion": {"m": True}}), r"champion\.m: .*valid number"),
        (json.dumps(SOUND | {"champion": {"m": "0.5"}}), r"champion\.m: .*valid number"),
        (json.dumps(SOUND | {"champion": {"m": 1e200}}), r"champion\.m: .*1e\+200 is too large"),
    ],
)
def test_a_score_is_a_number_and_a_key_is_there_once(line: str, complaint: str) -> None:
    Path("scores.jsonl").write_text(f"{line}\n")
    with pytest.raises(InputError, match=rf"^scores\.jsonl:1: .*{complaint}"):
        read_score_table(Path("scores.jsonl"))


def test_a_key_of_a_row_is_there_once() -> None:
    Path("rows.jsonl").write_text('{"prompt": "a", "completion": "b", "prompt": "c"}\n')
    with pytest.raises(InputError, match=r"^rows\.jsonl:1: has the key 'prompt' twice"):
        list(read_rows(Path("rows.jsonl")))


def test_a_byte_order_mark_is_no_fault() -> None:
    Path("scores.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(SOUND).encode())
    assert len(read_score_table(Path("scores.jsonl")).items) == 1


def bomb(levels: int) -> str:
    """Ten to the power of so many values, in as many lines."""
    lines = ["l0: &l0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (bomb(9), r":\d: its aliases stand for too much"),
        ("gating: &g [*g]", r":1: its aliases stand for too much"),
        ("alpha: 0.01\nalpha: 0.2", r":2: has the key 'alpha' twice"),
        ("effect: 1.0e-300", r":1: effect: .*greater than or equal to"),
    ],
)
def test_a_twisted_policy_is_refused_with_its_line(text: str, complaint: str) -> None:
    Path("policy.yaml").write_text(text)
    with pytest.raises(InputError, match=rf"^policy\.yaml{complaint}"):
        read_settings(Policy, Path("policy.yaml"))


def test_an_alias_that_stands_for_little_is_read() -> None:
    Path("policy.yaml").write_text("margins: &m {rougeL: 0.01}\nfloors: *m\n")
    assert read_settings(Policy, Path("policy.yaml")).floors == {"rougeL": 0.01}


@pytest.mark.parametrize("look", [0, -1, 10**155])
def test_a_look_that_nobody_can_have_had_is_refused(look: int) -> None:
    with pytest.raises(InputError, match="looks are counted from 1"):
        decide(table(BETTER), Policy(), look)


@pytest.mark.parametrize(
    "arguments", [("registry", "show", "9" * 20), ("decide", "--scores", "s", "--look", "9" * 200)]
)
def test_a_number_that_no_database_has_is_bad_usage(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_times_at_the_ends_of_the_calendar_are_refused_and_letters_may_be_small() -> None:
    with pytest.raises(InputError, match="is no date or time"):
        moment("0001-01-01T00:00+14:00")
    assert moment("2026-01-01t10:00z") == moment("2026-01-01T10:00Z")


def test_a_terminal_without_a_letter_gets_another_one() -> None:
    rows = (SOUND | {"item": f"i{i}", "challenger": {"m": 2 + i}} for i in range(9))
    Path("scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [Path(sys.executable).with_name("incumbent"), "decide", "--scores", "scores.jsonl"]
    done = subprocess.run(command, env={"PYTHONIOENCODING": "latin-1"}, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u2026" in done.stdout


def renamed(ids: list[str]) -> ScoreTable:
    items = [
        item.model_copy(update={"item": f"i{i}", "cluster": name})
        for i, (item, name) in enumerate(zip(table(BETTER).items, ids, strict=False))
    ]
    return ScoreTable(pins=None, items=tuple(items))


def test_a_cluster_with_an_odd_or_a_long_name_is_one_of_its_own() -> None:
    ids = ["a", "a\0", "b" * 20_000, *(f"c{i}" for i in range(40))]
    policy = Policy(gating=("rougeL",))
    plain = [f"d{i:02}" for i in range(len(ids))]
    odd, usual = (decide(renamed(names), policy).bounds["rougeL"] for names in (ids, plain))
    assert (odd.lower, odd.upper) == pytest.approx((usual.lower, usual.upper))


def test_equal_differences_measure_nothing_at_any_scale() -> None:
    import numpy as np

    before = np.linspace(1e6, 2e6, 60)
    assert paired(before + 0.1 - before, [f"i{i}" for i in range(60)]).se > 0  # of a scale of 0.1
    same = (before * 1.1 + 1e6) - (before * 1.1)
    assert paired(same, [f"i{i}" for i in range(60)]).se == 0


def test_a_preference_has_a_floor_too() -> None:
    policy = Policy(floors={"preference": 0.9})
    decision = decide(table(BETTER), policy)
    assert decision.verdict is Verdict.REJECT
    assert "preference is 0.700, under the least" in decision.reasons[0]


def test_a_reason_of_many_lines_is_one_line_of_the_history(
    registry: Registry, make_adapter: Any
) -> None:
    adapter, folder = make_adapter("a")
    forged = "fine\n2026-01-01T00:00:00Z promote v9 somebody: looks good\x1b[2K"
    registry.submit(adapter, folder, forged)
    (event,) = registry.history()
    assert str(event).splitlines() == [str(event)]
    assert "\x1b" not in str(event)


def test_a_stored_folder_names_no_file_outside_of_it(registry: Registry, tmp_path: Path) -> None:
    blob = registry.artifacts.put(b"x")
    digest = registry.artifacts.put(json.dumps({"../outside": blob}).encode())
    with pytest.raises(IncumbentError, match="outside its folder"):
        registry.artifacts.copy(digest, tmp_path / "inside")
    assert not (tmp_path / "outside").exists()


def test_more_versions_than_anybody_would_wait_for_are_refused() -> None:
    at = "2026-01-01T00:00:00Z"
    ballots = [
        Ballot(item="i", reviewer=f"r{i}", left=f"v{i}", right=f"v{i + 1}", choice="tie", at=at)
        for i in range(300)
    ]
    with pytest.raises(InputError, match="301 versions, and at most 200 can be rated"):
        rate(ballots)
