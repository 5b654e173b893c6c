"""Two people, or `incumbent run` and `incumbent submit`, submit in one folder at the same time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import sleep
from typing import Any

import pytest

from evaluation.sealed_look import SealedItems
from incumbent.output import AT_WORK
from incumbent.submission import SubmissionOutcome, submit
from project.records.data import DataSource
from project.records.events import LookTakenUp
from registry.lineage import trace
from registry.store import Registry
from tests.evaluation.test_llm_judge import likes_exclamations
from tests.judge_server import judge_server
from tests.recorded_project import answer_and_compare, lay_out

SETTINGS = """\
registry: {{family: test}}
evaluation:
  scoring: {{metrics: [length]}}
  preference: {{source: judge, judge: {{url: '{url}', model: m}}}}
  policy: {{gating: [preference]}}
"""


def test_the_second_one_waits_and_finds_the_look_that_the_first_one_took(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taking, taken = Event(), SealedItems.look

    def slow_look(*given: Any, **named: Any) -> Any:
        taking.set()
        sleep(1)  # in which the second one comes
        return taken(*given, **named)

    with judge_server(likes_exclamations) as judge, ThreadPoolExecutor(2) as people:
        lay_out(SETTINGS.format(url=judge.url))
        answer_and_compare()
        monkeypatch.setattr(SealedItems, "look", slow_look)
        first = people.submit(submitted)
        assert taking.wait(60)
        second = people.submit(submitted)
        told = first.result().decided.decision, second.result().decided.decision
    assert told[0] == told[1]
    assert told[0].opening == 1
    with Registry.here() as registry:
        assert len(registry.history(kind="open")) == 1
        assert not registry.history(kind=LookTakenUp.kind)
        assert trace(registry, 1).sources == (
            DataSource(name="datasets/sources/s", licence="CC0-1.0"),
        )
    assert AT_WORK.format("submission") in capsys.readouterr().err


def submitted() -> SubmissionOutcome:
    return submit(promote=False, reason="a test")
