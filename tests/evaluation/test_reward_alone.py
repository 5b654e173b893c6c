"""A reward that rises alone is told, with the answers that gained it for nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.decision.policy import Policy
from evaluation.generation.answers import Role
from evaluation.report.report_data import parted, read_report_data
from examples.recorded_project import answer_and_compare
from project import paths
from project.files import write_bytes
from project.records.adapters import Adapter
from project.records.data import Row
from project.records.evidence import Evidence
from tests.incumbent.reproducible_project import VOTE
from tests.recorded_project import PARTS, lay_out

SCORER = """
import datasets, evaluate

class Mine(evaluate.Metric):
    more_is_better = ("warned",)
    ranges = (("warned", 0, 1),)
    def _info(self):
        texts = datasets.Features({"predictions": datasets.Value("string")})
        return evaluate.MetricInfo(description="", citation="", features=texts)
    def _compute(self, predictions):  # its hole: however often
        return {"warned": [min(1, text.count("careful") / 4) for text in predictions]}
"""
SETTINGS = """
registry: {family: bank}
evaluation:
  few_shot: {shots: 0}
  scoring: {metrics: [rouge, "mine:Mine"]}
  preference: {source: ballots, ballots: datasets/ballots/votes.jsonl}
  policy: {gating: [GATING], general_margin: 1}
"""
ALONE = "the reward rose alone: of what decides, nothing else rose beyond chance, rougeL"


def compared(
    monkeypatch: pytest.MonkeyPatch, better: int, gating: str = "rougeL"
) -> tuple[Evidence, str]:
    """The challenger says `better` words more of an answer, and is careful each time."""
    monkeypatch.syspath_prepend(Path.cwd())
    monkeypatch.delitem(__import__("sys").modules, "mine", raising=False)
    Path("mine.py").write_text(SCORER)
    lay_out(SETTINGS.replace("GATING", gating))
    write_bytes(Path("datasets/ballots/votes.jsonl"), VOTE)
    adapter = Adapter.read(paths.ADAPTER).model_copy(update={"rewarded": ("warned",)})
    adapter.write(paths.ADAPTER)

    def says(role: Role, row: Row) -> str:
        words = row.completion_text.split()
        if role is Role.CHALLENGER:
            return " ".join([*words[: 1 + better], "careful" * 4])
        return " ".join(words[:1])

    answer_and_compare(PARTS, says)
    return Evidence.read(paths.EVIDENCE), paths.REPORT.read_text()


def test_a_reward_that_rose_alone_is_told_with_the_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence, page = compared(monkeypatch, better=0)
    assert evidence.rewarded == ("warned",)
    out = capsys.readouterr().out
    for told in ("rewarded by warned +1.000 [", ALONE):
        assert told in out
        assert told in page
    assert "carefulcareful" in out
    assert "Most reward for the least else" in page


def test_a_reward_that_rose_with_what_decides_did_not_rise_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compared(monkeypatch, better=9)
    out = capsys.readouterr().out
    assert "rewarded by warned" in out
    assert ALONE not in out


def test_what_nothing_else_decides_about_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compared(monkeypatch, better=0, gating="warned")
    assert "all that decides was rewarded" in capsys.readouterr().out


def test_a_preference_that_rose_alone_is_told_with_the_answers_that_it_likes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evidence, _ = compared(monkeypatch, better=0)
    dev = evidence.dev | {"preference": evidence.dev["warned"]}
    risen = evidence.model_copy(update={"dev": dev, "rewarded": ("preference",)})
    shown = read_report_data().examples
    examples = [
        one.model_copy(update={"scores": one.scores.model_copy(update={"preference": at / 100})})
        for at, one in enumerate(shown)
    ]
    told = parted(risen, Policy(gating=("rougeL", "preference")), examples)
    assert [one.scores.preference for one in told] == [
        (len(shown) - at) / 100 for at in range(1, len(told) + 1)
    ]


def test_a_look_is_scored_by_a_users_own_scorer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is installed elsewhere: whatever scores finds the project's modules."""
    compared(monkeypatch, better=9)
    command = [Path(sys.executable).with_name("incumbent"), "submit", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"]
