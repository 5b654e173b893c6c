"""Answers on passages: that more of them abstain, or stand on nothing, is drift of the nights."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest

from monitoring.drift.signal_tests import shared_out
from monitoring.night_text import headline
from monitoring.signals.signal_inputs import batch_of
from monitoring.traffic.traffic_store import redacted
from project.records.data import EvidencePassage
from project.records.drift import DriftVerdict
from project.records.traffic import Traffic
from registry.storage.artifact_store import Artifacts, Blobs
from tests.monitoring.test_night_report import night, reading
from tests.monitoring.test_outcomes import CHAMPION, batch, frozen, readings, rows_of
from tests.quick_nights import WordEmbeddings

NEW = ("abstaining", "ungrounded")
PASSAGE = EvidencePassage(id="fees", text="The fee is EUR 9 a year.", source="fees.md")
RIGHT, WRONG, SILENT = "The fee is EUR 9 [1].", "The fee is EUR 99 [1].", "I do not know."


def asked_on_passages(
    number: int, count: int, *, silent: float = 0.1, wrong: float = 0.05
) -> list[Traffic]:
    """So large a share of the answers abstains, and of the others so large a share invents."""
    random = Random(number + 100)

    def said() -> str:
        return SILENT if random.random() < silent else WRONG if random.random() < wrong else RIGHT

    shown = [row.model_copy(update={"outcome": None}) for row in rows_of(number, count)]
    return [row.model_copy(update={"evidence": (PASSAGE,), "response": said()}) for row in shown]


@pytest.mark.parametrize(
    ("worse", "found"),
    [({"silent": 0.3}, {"abstaining"}), ({"wrong": 0.3}, {"ungrounded"}), ({}, set())],
)
def test_more_abstentions_and_less_support_are_drift_each_by_itself(
    worse: dict[str, float], found: set[str]
) -> None:
    told = readings(frozen(asked_on_passages(0, 1_000)), asked_on_passages(1, 500, **worse))
    assert {name for name in NEW if told[name].verdict is DriftVerdict.DRIFT} == found


def test_without_passages_the_levels_of_the_other_signals_stay_as_they_were() -> None:
    plain = frozen(rows_of(0, 400, told=False)).signals
    assert not {signal.name for signal in plain} & {*NEW}
    others = [s for s in frozen(asked_on_passages(0, 400)).signals if s.name not in NEW]
    assert shared_out(0.5, plain) == shared_out(0.5, others)


def test_only_own_answers_to_requests_with_passages_are_looked_at() -> None:
    rows = asked_on_passages(0, 3, silent=0, wrong=0)
    rows[0] = rows[0].model_copy(update={"evidence": None})
    rows[1] = rows[1].model_copy(update={"adapter": "bank v7"})
    found = batch(rows)
    assert found.abstaining is not None and found.ungrounded is not None
    assert np.isfinite(found.abstaining).tolist() == [False, False, True]
    assert found.ungrounded[2] == 0
    assert batch([]).abstaining is None


def values(rows: Sequence[Traffic], *phrasings: str) -> list[tuple[float, float]]:
    store = Artifacts(Blobs(Path("artifacts")))
    found = batch_of(rows, WordEmbeddings(), CHAMPION, store, phrasings=phrasings)
    assert found.abstaining is not None and found.ungrounded is not None
    return list(zip(found.abstaining.tolist(), found.ungrounded.tolist(), strict=True))


def test_an_answer_that_abstains_in_the_projects_own_words_has_no_support_to_lose() -> None:
    row = asked_on_passages(0, 1)[0].model_copy(update={"response": "Das weiß ich nicht."})
    assert values([row]) == [(0, 1)]
    ((silent, support),) = values([row], "weiß ich nicht")
    assert silent == 1 and np.isnan(support)


def test_the_headline_says_what_changed() -> None:
    alarm = reading(signal="abstaining", verdict=DriftVerdict.DRIFT, effect=0.2)
    said = headline(night(verdict=DriftVerdict.DRIFT, readings=(alarm,)))
    assert "answers changed: at least 20 % of answers on passages more say" in said


def test_passages_in_the_log_are_redacted_as_answers_are() -> None:
    told = PASSAGE.model_copy(update={"text": "Write to jane.doe@mail.example for it."})
    row = redacted(asked_on_passages(0, 1)[0].model_copy(update={"evidence": (told,)}))
    assert row.evidence and "jane.doe" not in row.evidence[0].text
    assert Traffic.model_validate_json(row.model_dump_json()) == row
