"""A night's page shows whatever there is to show, and what users wrote stays text."""

from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import product

import numpy as np
import pytest

from monitoring.charts import Days, of_signal, overall, scale, steps
from monitoring.drift.reference import Reference
from monitoring.monitoring_settings import quarantine_folder
from monitoring.night_page import Map, PointKind, page, plane, signals
from monitoring.night_text import duty, line, strongest
from monitoring.signals.signal import Batch
from monitoring.signals.vocabulary import SHOWN, beginning
from project.records.drift import (
    Action,
    DriftState,
    DriftVerdict,
    Night,
    RetrainOutcome,
    SignalReading,
    Topic,
)
from project.records.traffic import DayTally

DRIFT, NO_DRIFT, INSUFFICIENT = DriftVerdict
HOSTILE = "</title></svg><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e"
VOID = {"meta", "br", "img", "link"}


def reading(
    signal: str = "novelty",
    p: float = 0.5,
    effect: float = 0.0,
    verdict: DriftVerdict = NO_DRIFT,
    nights: int = 1,
) -> SignalReading:
    return SignalReading(
        signal=signal,
        nights=nights,
        n=300,
        reference_n=1000,
        p=p,
        level=1e-4,
        effect=effect,
        verdict=verdict,
    )


ALARM = reading(p=2.5e-5, effect=0.09, verdict=DRIFT)
NEW = Topic(
    name="torch, tensor", new=True, before=0, now=0.09, z=9, exemplars=("what is a tensor",)
)


def night(day: int = 1, verdict: DriftVerdict = NO_DRIFT, **changed: object) -> Night:
    readings = {DRIFT: (ALARM,), NO_DRIFT: (reading(),), INSUFFICIENT: ()}[verdict]
    values: dict[str, object] = {
        "family": "test",
        "date": f"2026-01-{day:02}",
        "champion": 3,
        "reference": "a" * 64,
        "traffic": "b" * 64,
        "rows": 300,
        "units": 300,
        "set_aside": {},
        "verdict": verdict,
        "readings": readings,
        "topics": (),
        "exemplars": (),
        "new_words": (),
        "state": DriftState.OK,
        "action": Action.NONE,
        "reasons": ("because",),
    }
    return Night.model_validate(values | changed)


class Outline(HTMLParser):
    """The tags of a page, which must close in the order in which they open, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.words = ""
        self.feed(html)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in VOID:
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def days_of(nights: Sequence[Night]) -> Days:
    return Days.around(nights, width=100)


TALLY = DayTally(
    hours=(*range(23), 1_500),
    worse=4,
    neutral=1,
    better=20,
    corrected=3,
    empty=1,
    median_ms=420.0,
    p95_ms=1_300.0,
)


# --- the page -----------------------------------------------------------------------------------


def test_the_day_is_told_in_counts_and_by_its_hours() -> None:
    outline = Outline(page(night(tally=TALLY), [], None))
    assert outline.tags.count("rect") >= 24
    assert "23:00: 1,500 rows" in outline.words
    told = "ratings: 20 up, 1 neutral, 4 down; 3 corrected; 1 empty answer; latency 420 ms"
    assert told in outline.words


def test_the_verdict_and_what_to_do_come_before_all_else() -> None:
    won = night(verdict=DRIFT, action=Action.RETRAIN, outcome=RetrainOutcome.REVIEW, challenger=4)
    shown = Outline(page(won, [], None)).words
    order = ["incumbent promote 4", "DRIFT", "because", "Evidence", "What was done"]
    places = [shown.index(part, shown.index("Night of 2026-01-01")) for part in order]
    assert places == sorted(places)


@pytest.mark.parametrize("verdict", DriftVerdict)
def test_whatever_was_found_and_done_makes_lines_with_a_duty(verdict: DriftVerdict) -> None:
    for state, action, outcome in product(DriftState, Action, [None, *RetrainOutcome]):
        one = night(verdict=verdict, state=state, action=action, outcome=outcome)
        assert duty(one) in line(one).plain


@pytest.mark.parametrize("state", DriftState)
@pytest.mark.parametrize("verdict", DriftVerdict)
def test_every_verdict_and_state_makes_a_page(verdict: DriftVerdict, state: DriftState) -> None:
    one = night(verdict=verdict, state=state, action=list(Action)[list(DriftState).index(state)])
    assert f"To do: {duty(one)}" in Outline(page(one, [night(2)], None)).words


def test_what_users_wrote_stays_text_wherever_it_stands() -> None:
    topic = NEW.model_copy(update={"name": HOSTILE, "exemplars": (HOSTILE,)})
    one = night(
        verdict=DRIFT,
        topics=(topic,),
        exemplars=(HOSTILE,),
        new_words=(HOSTILE,),
        reasons=(HOSTILE,),
        set_aside={HOSTILE: 1},
    )
    vectors = np.eye(3, dtype=np.float32)
    places = Map.of(vectors, vectors, np.array([True, False, False]), [HOSTILE] * 3)
    shown = Outline(page(one, [one], places))
    assert shown.tags.count("script") == 1  # ours, for the map
    assert "img" not in shown.tags
    assert not any(name.startswith("on") for name in shown.attributes)
    # The first line, the name, its prompts, a word, a reason and a cause; and three points.
    assert (shown.words.count(HOSTILE), shown.words.count(beginning(HOSTILE))) == (6, 3)


def test_the_first_night_is_a_point_and_needs_no_comparison_and_no_page_loads_anything() -> None:
    drifted = page(night(verdict=DRIFT, topics=(NEW,)), [night()], None)
    assert not any(word in drifted for word in ("src=", "href=", "@import", "url("))
    shown = page(night(), [], None)
    assert shown.count("<circle") == 1
    assert "nights as a table" not in shown


def test_a_night_without_traffic_claims_nothing_about_it() -> None:
    notes = ("no traffic since 2026-01-01",)
    shown = page(night(verdict=INSUFFICIENT, rows=0, units=0, notes=notes), [], None)
    assert "See whether the gateway logs traffic" in shown
    assert notes[0] in Outline(shown).words
    assert "<svg" not in shown
    assert "What the traffic is about" not in shown


def test_one_row_that_no_signal_could_test_is_told_so() -> None:
    one = reading(p=1.0, verdict=INSUFFICIENT)
    shown = page(night(verdict=INSUFFICIENT, rows=1, units=1, readings=(one,)), [night(2)], None)
    assert "1 row from 1 user" in shown
    assert "1 row from 1 users" not in shown
    assert "None had enough users" in shown


def test_a_topic_shows_what_is_known_of_it() -> None:
    old = Topic(name="pandas", new=False, before=0.2, now=0.1, z=-4, exemplars=(), rating=-0.5)
    shown = Outline(page(night(verdict=DRIFT, topics=(NEW, old)), [], None)).words
    for told in ("torch, tensor NEW", "9.0 %", "+9.0", "-0.50"):
        assert told in shown
    assert "Perplexity" not in shown


def test_signals_that_say_most_tonight_come_first_and_none_is_left_out() -> None:
    before = night(1, readings=(reading("length"), reading("script")))
    tonight = night(2, DRIFT, readings=(reading("length"), ALARM))
    assert signals([before, tonight]) == ["novelty", "length", "script"]


def test_what_people_should_know_beside_the_verdict_stands_with_the_reasons() -> None:
    one = night(notes=("one user sent most of it",), cut=3, set_aside={"not JSON": 1_200})
    shown = Outline(page(one, [], None)).words
    assert shown.index("Because.") < shown.index("one user sent most of it")
    assert "of 3 prompts only a part was read: the rest is too long" in shown
    listed = f"1,200 not JSON; see {quarantine_folder() / '2026-01-01.jsonl'}"
    assert f"set aside: {listed}" in shown
    told = line(one).plain
    assert "  note      one user sent most of it" in told
    assert f"  set aside {listed}" in told


def test_what_alarmed_and_was_tested_again_is_shown_apart() -> None:
    again = ALARM.model_copy(update={"nights": 2})
    one = night(verdict=DRIFT, confirming=(again,))
    assert "Tested again on the days since the drift began" in Outline(page(one, [], None)).words
    assert "again     novelty over 2 nights" in line(one).plain
    assert "Tested again" not in page(night(verdict=DRIFT), [], None)


# --- its charts ---------------------------------------------------------------------------------


def test_evidence_stands_on_a_log_scale_and_what_is_beyond_it_at_its_edge() -> None:
    up = scale(50)
    assert [up.at(value) for value in (10, 1, 0.1, 1e-4)] == [0, 10, 20, 50]
    assert (up.at(1e9), up.at(0)) == (0, 50)


def test_a_missed_day_keeps_its_place_and_tonight_is_at_the_right() -> None:
    field = days_of([night(1), night(20)])
    assert field.x("2026-01-20") == 100 - field.day / 2
    assert field.x("2026-01-11") - field.x("2026-01-01") == pytest.approx(10 * field.day)


def test_a_night_that_could_not_be_tested_breaks_the_line() -> None:
    nights = [night(1), night(2), night(3, INSUFFICIENT), night(4, DRIFT)]
    days = days_of(nights)
    for series in (overall(nights, days, 50), of_signal("novelty", nights, days, 50)):
        assert [len(points.split()) for points in series.lines] == [2, 1]
        assert [mark.shape for mark in series.marks] == ["dot", "dot", "diamond"]
        assert series.note == "1 alarm in 3 nights"


def test_a_trivial_shift_stays_below_the_line_however_small_its_p() -> None:
    trivial = night(readings=(reading(p=1e-5, effect=0.001),))
    (mark,) = overall([trivial], days_of([trivial]), 50).marks
    assert mark.y >= scale(50).at(1)
    assert mark.shape == "dot"


def test_the_timeline_rises_with_the_state_and_says_what_was_done() -> None:
    nights = [night(1), night(2, DRIFT, state=DriftState.ACT, action=Action.RETRAIN)]
    found = steps(nights, days_of(nights))
    assert [(step.level, step.letter) for step in found] == [(1, ""), (4, "R")]


# --- its map ------------------------------------------------------------------------------------


def cloud(
    count: int, middle: float, seed: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    noise = np.random.default_rng(seed).normal(scale=0.1, size=(count, 8))
    noise[:, 0] += middle
    return noise.astype(np.float32)


def test_prompts_from_far_away_lie_apart_on_the_map() -> None:
    tonight = np.concatenate([cloud(280, 0, 1), cloud(20, 3, 2)])
    grown = np.arange(300) >= 280
    found = Map.of(cloud(1000, 0, 3), tonight, grown, [f"prompt {i}" for i in range(300)])
    x = {kind: [point.x for point in found.points if point.kind == kind] for kind in PointKind}
    assert min(x[PointKind.GROWN]) > max(x[PointKind.TONIGHT] + x[PointKind.REFERENCE])
    assert {point.text for point in found.points if point.kind is PointKind.GROWN} == {
        f"prompt {i}" for i in range(280, 300)
    }


def test_the_map_keeps_its_limit_and_texts_short_in_any_order_of_the_rows() -> None:
    vectors, same = cloud(50, 0, 1), np.ones((1, 4), np.float32)
    assert plane(vectors[::-1])[::-1] == pytest.approx(plane(vectors))
    alike = Map.of(same, same, np.array([False]), None)
    assert {(point.x, point.y, point.text) for point in alike.points} == {(0, 0, "")}
    grown = np.arange(500) < 250
    found = Map.of(cloud(900, 0, 1), cloud(500, 0, 2), grown, ["long " * 100] * 500, limit=60)
    assert [found.count(kind) for kind in PointKind] == [20, 20, 20]
    assert max(len(point.text) for point in found.points) == SHOWN + 1


def test_topics_that_grew_stand_out_and_a_night_without_embeddings_has_no_map() -> None:
    texts = [f"how does function {i} work" for i in range(60)]
    before, now = Batch(prompts=texts, vectors=cloud(60, 0, 1)), Batch(prompts=texts)
    reference = Reference.freeze(
        before, texts, np.zeros(60, np.int64), rng=np.random.default_rng(0)
    )
    assert Map.of_night(reference, now, ()) is None
    far = Batch(prompts=texts, vectors=cloud(60, 3, 2))
    nowhere = len(reference.topic_names)  # the number of what is new
    found, shrunk = (Map.of_night(reference, far, grown) for grown in ([nowhere], [0]))
    assert found is not None and shrunk is not None
    assert (found.count(PointKind.GROWN), found.count(PointKind.TONIGHT)) == (60, 0)
    assert shrunk.count(PointKind.GROWN) == 0


# --- the terminal -------------------------------------------------------------------------------


def test_each_signal_speaks_once_and_drift_speaks_first() -> None:
    loud = reading("topics", p=1e-5, effect=0.001)
    found = strongest(
        [reading(), ALARM, loud, reading("script", verdict=INSUFFICIENT), reading(nights=7)]
    )
    assert found == [ALARM, loud]


def test_the_lines_tell_verdict_reason_evidence_topics_and_action() -> None:
    one = night(
        verdict=DRIFT,
        topics=(NEW,),
        state=DriftState.ACT,
        action=Action.RETRAIN,
        outcome=RetrainOutcome.PROMOTED,
        challenger=4,
    )
    assert line(one).plain.splitlines() == [
        "2026-01-01  DRIFT  About 9 % of prompts are new: torch, tensor. "
        "To do: Nothing: the challenger won, and is the champion now.",
        "  test v3, state act",
        "  because",
        "  evidence  novelty over 1 night: 4 (1 is an alarm), 9.0% of traffic moved",
        "  topic     torch, tensor (new): 9.0%",
        "  done      a retrain: promoted, v4",
    ]
