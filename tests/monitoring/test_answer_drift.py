"""Answers that got worse while prompts are as usual; and what a night says first."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest
from scipy.stats import ttest_ind

from examples.bank.recorded_nights import situations
from monitoring.drift.answer_attribution import compare_ratings
from monitoring.night import notices
from monitoring.night_context import NightContext
from monitoring.night_page import page_path
from monitoring.night_text import duty, headline, line, what_and_todo
from monitoring.retention import without_words
from monitoring.signals import ANSWER_SIGNALS
from monitoring.trigger.drifted_rows import NO_HARM, is_worse
from monitoring.trigger.labels import LABEL_QUEUE
from project.records.drift import (
    OF_ANSWERS,
    Action,
    DriftVerdict,
    Night,
    SignalReading,
    Topic,
    answers_alone,
)
from project.records.traffic import Feedback, Traffic
from tests.conftest import ROOT
from tests.nights import night_of
from tests.quick_nights import Make, day, opened, rows_of, run, site_of

SORRY = "I am sorry, I cannot help with that."
PLACES = ("desk", "counter", "app", "letter", "phone", "office")


def answered(number: int, bad_share: float = 0.0) -> list[Traffic]:
    """A day whose prompts are as ever; of the answers a share refuses, or is empty."""
    random = Random(number)
    return [
        row.model_copy(update={"response": answer(random, bad_share)}) for row in rows_of(number)
    ]


def answer(random: Random, bad_share: float) -> str:
    if random.random() < bad_share:
        return random.choice((SORRY, SORRY, ""))
    return f"you find it at the {random.choice(PLACES)} by the {random.choice(PLACES)} today."


def rated(number: int, up_share: float, **changed: float) -> list[Traffic]:
    """The same, and half of the users rate."""
    random = Random(100 + number)
    votes = (1 if random.random() < up_share else -1 for _ in range(150))
    said = [Feedback(rating=vote) if random.random() < 0.5 else None for vote in votes]
    rows = zip(answered(number, **changed), said, strict=True)
    return [row.model_copy(update={"feedback": feedback}) for row, feedback in rows]


@pytest.fixture
def context(make_adapter: Make) -> Iterator[NightContext]:
    """A champion whose answers of nine days are known."""
    with opened(make_adapter) as registry:
        made = site_of(registry)
        for number in range(9):
            made.traffic.append(rated(number, 0.8))
        yield made


def test_worse_answers_are_shown_beside_usual_ones_and_nobody_is_asked_for_prompts(
    context: NightContext,
) -> None:
    calm = run(context, 9, rated(9, 0.8))
    assert (calm.verdict, calm.answer_change) == (DriftVerdict.NO_DRIFT, None)
    run(context, 10, rated(10, 0.8, bad_share=0.4))
    night = run(context, 11, rated(11, 0.8, bad_share=0.4))
    assert (night.action, answers_alone(night.readings)) == (Action.LABEL, {"response"})
    change = night.answer_change
    assert change and change.before
    assert change.now.refused > 0.15 * change.now.n > 20
    assert (change.before.refused, change.before.empty, change.before.cut) == (0, 0, 0)
    assert SORRY in [pair.answer for pair in change.furthest]
    assert change.ratings and change.ratings.low < 0 < change.ratings.high
    assert NO_HARM in night.reasons[1]
    assert all(pair.usual_answer and "you find it" in pair.usual_answer for pair in change.furthest)

    first = what_and_todo(night)
    assert first.startswith("Prompts are as usual, answers changed: ")
    assert "are refusals (before: 0 %)" in first
    assert "incumbent gateway deployments" in duty(night)
    assert "incumbent rollback" in duty(night)
    assert "label" not in duty(night).lower()
    (notice,) = notices(night)
    assert notice.text.startswith(f"bank, {night.date}: {first}\n")
    assert line(night).plain.splitlines()[0].endswith(first)
    assert SORRY in page_path("bank", day(11)).read_text()

    queue = [task["data"]["response"] for task in json.loads(LABEL_QUEUE.read_bytes())]
    bad = [said.strip() in (SORRY, "") for said in queue]
    assert all(bad[: sum(bad)])  # the furthest answers come first
    assert SORRY not in without_words(night.canonical().decode())


def test_worse_ratings_of_answers_as_ever_are_told_with_their_interval(
    context: NightContext,
) -> None:
    run(context, 9, rated(9, 0.8))
    run(context, 10, rated(10, 0.4))
    night = run(context, 11, rated(11, 0.4))
    assert answers_alone(night.readings) == {"feedback"}
    shift = night.answer_change and night.answer_change.ratings
    assert shift
    assert shift.low < shift.now - shift.before < shift.high < -0.1
    words = f"Prompts are as usual, users are less content: {shift}. To do: Read the answers"
    assert what_and_todo(night).startswith(words)
    assert night.reasons[1].endswith(" since the drift began")


def changed(rows: list[Traffic], **update: object) -> list[Traffic]:
    return [row.model_copy(update=update) for row in rows]


def test_answers_of_another_adapter_say_nothing_of_the_champion(context: NightContext) -> None:
    """All of them are bad, and in other words; they were another adapter's."""
    bad = {"response": "no", "feedback": Feedback(rating=-1)}
    theirs = run(context, 9, changed(rows_of(9), **bad, adapter="other"))
    assert theirs.verdict is not DriftVerdict.DRIFT
    assert run(context, 10, changed(rows_of(10), **bad)).verdict is DriftVerdict.DRIFT


def test_a_new_champions_own_answers_are_watched_as_soon_as_there_is_a_week_of_them(
    context: NightContext, make_adapter: Make
) -> None:
    champion = context.registry.submit(*make_adapter("b"), "test")
    context.registry.promote(champion.number, "test", force=True)
    good = {"response": "gladly", "adapter": champion.label, "feedback": Feedback(rating=1)}
    nights = [run(context, number, changed(rows_of(number), **good)) for number in range(9, 17)]
    assert [bool(night.answers) for night in nights] == [False] * 7 + [True]
    assert {night.verdict for night in nights} == {DriftVerdict.NO_DRIFT}
    worse = good | {"feedback": Feedback(rating=-1)}
    readings = run(context, 17, changed(rows_of(17), **worse)).readings
    assert {one.signal for one in readings if one.p < one.level} == {"feedback"}


def test_answers_of_nobody_that_is_named_are_not_the_new_champions(make_adapter: Make) -> None:
    """They were given before it became champion."""
    with opened(make_adapter) as registry:
        context = site_of(registry)
        unnamed = [changed(rows_of(number), adapter=None) for number in range(9)]
        nights = [run(context, number, rows) for number, rows in enumerate(unnamed)]
    assert {night.answers for night in nights} == {None}


# --- ratings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("users", [10, 40, 200])
@pytest.mark.parametrize("shares", [(0.9, 0.0, 0.1), (0.3, 0.3, 0.4), (0.05, 0.0, 0.95)])
def test_random_ratings_are_called_harm_on_one_night_of_a_hundred_at_most(
    users: int, shares: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(users)
    seeds, kinds = 600, np.array([-1.0, 0.0, 1.0])
    found = [
        is_worse(compare_ratings(rng.choice(kinds, users, p=shares), usual))
        for usual in (rng.choice(kinds, 300, p=shares) for _ in range(seeds))
    ]
    assert sum(found) <= 0.01 * seeds


def test_ratings_that_fell_by_much_are_called_harm() -> None:
    rng = np.random.default_rng(0)
    usual, now = (rng.choice([-1.0, 1.0], n, p=p) for n, p in ((500, (0.2, 0.8)), (60, (0.5, 0.5))))
    shift = compare_ratings(now, usual)
    assert is_worse(shift)
    assert shift.low < shift.now - shift.before < shift.high < 0


def test_the_interval_of_ratings_is_welchs_with_a_user_more_at_either_end() -> None:
    now, usual = np.repeat([-1.0, 0.0, 1.0], 20), np.repeat([-1.0, 0.0, 1.0], 300)
    shift = compare_ratings(now, usual)
    sides = (np.append(side, (-1.0, 1.0)) for side in (now, usual))
    # The usual side's variance is raised by a thousandth, to that of all users.
    welch = ttest_ind(*sides, equal_var=False).confidence_interval(shift.level)
    assert (shift.low, shift.high) == pytest.approx((welch.low, welch.high), abs=1e-3)


# --- first line -----------------------------------------------------------------------------------


def alarm(signal: str, effect: float = 0.05) -> SignalReading:
    return SignalReading(
        signal=signal,
        nights=1,
        n=300,
        reference_n=900,
        p=1e-6,
        level=1e-4,
        effect=effect,
        verdict=DriftVerdict.DRIFT,
    )


def topic(name: str, before: float, now: float, *exemplars: str, new: bool = False) -> Topic:
    return Topic(name=name, new=new, before=before, now=now, z=9, exemplars=exemplars)


BABY = topic("immune, delivery, factors", 0, 0.3, "is a vaccine safe?", new=True)
QUOTED = topic("“what did Ann Smith pay?”", 0, 0.04, "what did Ann Smith pay?", new=True)
CYRILLIC = topic("картка", 0, 0.12, "де моя картка?", new=True)
SAVINGS = topic("savings, rate", 0.08, 0.004)
LOANS, CARDS = topic("loan", 0.1, 0.16), topic("card", 0.2, 0.15)
FIRST_LINES = {
    "About 34 % of prompts are new: immune, delivery, factors; another topic.": (
        ("novelty", "topics"),
        (BABY, QUOTED),
    ),
    "About 4 % of prompts are new.": (("novelty",), (QUOTED,)),
    "About 12 % of prompts are new and in Cyrillic script: картка.": (("script",), (CYRILLIC,)),
    "About 8 % of prompts are gone: savings, rate.": (("topics",), (SAVINGS,)),
    "About 6 % of prompts moved to: loan; about 8 % of prompts are gone: savings, rate.": (
        ("topics",),
        (LOANS, CARDS, SAVINGS),
    ),
    "At least 5 % of prompts are longer or shorter.": (("length",), ()),
    "At least 5 % of prompts changed (vanished).": (("vanished",), ()),  # a signal that is to come
    "Prompts are as usual, answers changed: at least 5 % of answers are unlike those before.": (
        ("response",),
        (LOANS,),
    ),
    "Prompts are as usual, users are less content: at least 5 % of cases more go to a person.": (
        ("escalated",),
        (),
    ),
    "About 30 % of prompts are new: immune, delivery, factors; answers changed: "
    "at least 5 % of answers are worse to the reward model.": (("novelty", "judge"), (BABY,)),
}


@pytest.mark.parametrize("expected", FIRST_LINES)
def test_the_first_line_says_what_changed_by_how_much_and_where(expected: str) -> None:
    names, topics = FIRST_LINES[expected]
    night = night_of(
        "bank",
        day(1),
        rows=300,
        verdict=DriftVerdict.DRIFT,
        action=Action.LABEL,
        readings=tuple(map(alarm, names)),
        topics=topics,
    )
    assert headline(night) == expected
    assert ("no longer asked" in duty(night)) == (topics == (SAVINGS,))
    assert ("Read its answers too." in duty(night)) == (names == ("novelty", "judge"))
    (notice,) = notices(night)
    assert "Ann Smith" not in notice.text  # what names a topic may be what one user wrote


def test_a_calm_night_says_why_and_no_drift_is_told_of_topics_that_vary() -> None:
    night = night_of("bank", day(1), topics=(SAVINGS,), rows=9)
    assert what_and_todo(night) == "Because. To do: Nothing."


def test_the_signals_of_answers_are_told_apart_by_their_names() -> None:
    assert {signal.name for signal in ANSWER_SIGNALS} == OF_ANSWERS


def test_the_documentation_tells_each_situation_as_its_night_does() -> None:
    told = " ".join(Path(ROOT, "docs/explain/drift.md").read_text().split())
    for name, (night, _) in situations(champion=1).items():
        assert f"picture situation-{name}:" in told
        assert headline(night).rstrip(".") in told, name


def test_a_night_stored_before_there_were_answers_to_show_is_read_as_it_was() -> None:
    night = night_of("bank", day(1))
    assert b"answer_change" not in night.canonical()
    assert Night.model_validate_json(night.canonical()) == night
