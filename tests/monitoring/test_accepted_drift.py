"""A drift that a person accepts: what is refused, what is normal then, and what stays a drift."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random

import numpy as np
import pytest
from typer.testing import CliRunner

from incumbent.cli import app
from monitoring.drift.accepted_drift import accept_drift
from monitoring.drift.accepted_reference import as_accepted, exchanged, partners, with_signals
from monitoring.drift.alarm_budget import NIGHTS
from monitoring.drift.reference import Reference
from monitoring.drift.reference_store import find_or_freeze, night_references
from monitoring.drift.signal_tests import signal_tests
from monitoring.monitoring_settings import DriftParams
from monitoring.night_context import NightContext
from monitoring.night_history import check_job, nightly_of, nights_before
from monitoring.scheduling.outbox import newest_notices
from monitoring.scheduling.runs import claim, finish
from monitoring.signals import PROMPT_SIGNALS
from monitoring.signals.signal import Batch
from monitoring.signals.signal_inputs import times_of
from monitoring.trigger.state_machine import alarming
from project.errors import IncumbentError, InputError
from project.records.drift import DriftState, DriftVerdict, Night, Topic
from project.records.events import DriftAccepted, PromptReference
from project.records.traffic import Feedback, Traffic
from registry.roles import Roles
from registry.storage.database import writing
from registry.store import Registry
from tests.monitoring.test_night_report import DRIFT, NO_DRIFT, night
from tests.places import win
from tests.quick_nights import NEW, OLD, Make, WordEmbeddings, day, opened, run, site_of

FIRST, SECOND = NEW, ("visa", "embassy")
QUIET, USUAL = DriftVerdict.NO_DRIFT, DriftParams(minimum_reference=200)


def asked(number: int, first: float = 0, second: float = 0, *, rows: int = 150) -> list[Traffic]:
    """A day's prompts, of which such shares are about two new topics."""
    random, at = Random(number), day(number)
    shares = (first, second, 1 - first - second)
    words = (random.choice(random.choices((FIRST, SECOND, OLD), shares)[0]) for _ in range(rows))
    return [
        Traffic(
            id=f"{number}-{i}",
            at=f"{at}T{i % 24:02}:00:00Z",
            user=f"user {number} {i}",
            prompt=f"about {word} please",
            response="as you like",
            adapter="bank v1",
        )
        for i, word in enumerate(words)
    ]


@pytest.fixture
def context(make_adapter: Make) -> Iterator[NightContext]:
    """A champion, and a week of traffic before its first night."""
    with opened(make_adapter) as registry:
        made = site_of(registry)
        for number in range(7):
            made.traffic.append(asked(number))
        yield made


def named(night: Night, words: Sequence[str]) -> list[str]:
    """The topics of a night that are about some of the words."""
    grown = [topic.name for topic in night.topics if topic.now > topic.before]
    return [name for name in grown if {*name.split(", ")} & {*words}]


# --- through the nights -------------------------------------------------------------------------


def test_a_topic_is_accepted_and_a_second_drift_in_the_first_is_told_and_stays_one(
    context: NightContext,
) -> None:
    registry = context.registry
    nights = [run(context, 7, asked(7))]
    nights += [run(context, number, asked(number, 0.3)) for number in range(8, 12)]
    nights += [run(context, number, asked(number, 0.3, 0.15)) for number in range(12, 16)]
    told = [sent.notice.key[-10:] for sent in newest_notices(registry.engine, 50)][::-1]
    assert told == ["2026-03-10", "2026-03-11", "2026-03-14"], "it begins, is confirmed, changes"
    assert {*named(nights[-1], SECOND)} == {"visa", "embassy"}

    accept_drift(registry, context.drift, "we sell coins", topics=named(nights[-1], FIRST))
    after = [run(context, number, asked(number, 0.3, 0.15)) for number in (16, 17)]
    assert {night.verdict for night in after} == {DRIFT}
    assert [night.state for night in after] == [DriftState.WATCH, DriftState.CONFIRMED]
    assert not [*named(after[0], FIRST), *named(after[1], FIRST)]
    assert named(after[1], SECOND)
    assert after[0].notes[0].endswith("tester accepted on 2026-03-31: we sell coins")

    Path("params.yaml").write_text("registry: {family: bank}\n")
    names = [word for name in named(after[1], SECOND) for word in ("--topic", name)]
    asked_for = ["drift", "accept", *names, "--reason", "and travel", "--json"]
    done = CliRunner().invoke(app, asked_for)
    assert json.loads(done.stdout)["detail"]["topics"], done.output
    calm = [run(context, number, asked(number, 0.3, 0.15)) for number in (18, 19)]
    assert {(night.verdict, night.state) for night in calm} == {(QUIET, DriftState.OK)}
    more = run(context, 20, asked(20, 0.7, 0.15))
    assert more.verdict is DRIFT and named(more, FIRST), "what was accepted is watched too"

    # Accepting adds no alarms: each night has its part of the year's, whatever the reference is.
    budget = context.drift.false_alarms_per_year / NIGHTS
    spent = [sum(one.level for one in night.readings) for night in (*nights, *after, *calm)]
    assert max(spent) <= budget * (1 + 1e-9)
    assert spent[9] < budget, "the windows begin anew, and their part is not made up for"

    # Each night is still explained by what it was compared with, and nothing was frozen twice.
    kept = [e.told(PromptReference) for e in registry.history(kind="watch")]
    assert [one.first for one in kept] == [str(day(number)) for number in (7, 16, 18)]
    assert [one.days for one in kept] == [7, 7, 7]
    assert [one.instead_of for one in kept] == [None, kept[0].reference, kept[1].reference]
    assert night_references(context, nights[-1]).prompts.digest == kept[0].reference
    before = nights_before(registry.engine, "bank", day(16))
    champion = registry.champion()
    assert champion
    known = find_or_freeze(context, champion, day(15), before)
    assert not isinstance(known, str)
    again, _ = as_accepted(context, champion, day(16), before, known)
    assert again.prompts.digest != known.prompts.digest
    assert len(registry.history(kind="watch")) == 3


def test_an_accepted_signal_is_normal_and_the_others_alarm_as_before(make_adapter: Make) -> None:
    """Prompts become longer, and ratings worse: the one is of prompts, the other of answers."""

    def rated(number: int, longer: bool = False) -> list[Traffic]:
        rows, random = asked(number), Random(number)
        liked = 0.4 if longer else 0.9
        return [
            row.model_copy(
                update={
                    "prompt": f"{row.prompt} {row.prompt} {row.id}" if longer else row.prompt,
                    "feedback": Feedback(rating=1 if random.random() < liked else -1),
                }
            )
            for row in rows
        ]

    with opened(make_adapter) as registry:
        context = site_of(registry)
        for number in range(7):
            context.traffic.append(rated(number))
        nights = [run(context, number, rated(number, True)) for number in range(7, 15)]
        assert {"length", "feedback", "embeddings"} <= alarming(nights[-1])
        accept_drift(registry, context.drift, "a new client", signals=("length", "feedback"))
        after = run(context, 15, rated(15, True))
        assert alarming(after) == alarming(nights[-1]) - {"length", "feedback"}
        assert (after.reference, after.answers) != (nights[-1].reference, nights[-1].answers)
        accept_drift(registry, context.drift, "all of it")
        assert run(context, 16, rated(16, True)).verdict is QUIET
        assert "embeddings" in alarming(run(context, 17, rated(17)))


def test_an_acceptance_that_cannot_be_followed_changes_nothing_and_is_told(
    context: NightContext,
) -> None:
    run(context, 7, asked(7))
    nights = [run(context, number, asked(number, 0.3)) for number in range(8, 16)]
    accept_drift(context.registry, context.drift, "normal", topics=named(nights[-1], FIRST))
    # The traffic from before the drift goes.
    for number in range(7):
        (folder,) = Path("traffic").glob(str(day(number)))
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    after = run(context, 16, asked(16, 0.3))
    assert after.reference == nights[-1].reference
    assert after.notes[0] == (
        "what tester accepted on 2026-03-31 is not in the reference, for only 150 rows of 1 "
        "day are there for it; `incumbent drift accept` takes other days, or all that changed"
    )


# --- what is refused ----------------------------------------------------------------------------

COIN = Topic(name="coin, token", new=True, before=0, now=0.2, z=9, exemplars=("a coin",))
CARD = Topic(name="card, token", new=False, before=0.1, now=0.2, z=4, exemplars=())
Ask = dict[str, object]


def keep_days(
    registry: Registry, first: int, last: int, verdict: DriftVerdict, **more: object
) -> None:
    """Nights of December 2025, which is over on the registry's clock."""
    for number in range(first, last + 1):
        values = {"date": f"2025-12-{number:02}", "champion": 1, "topics": (COIN, CARD), **more}
        values["state"] = DriftState.CONFIRMED if verdict is DRIFT else DriftState.OK
        one, now = night(1, verdict, **values), registry.clock()
        when, hour = date.fromisoformat(one.date), timedelta(hours=1)
        own = claim(registry.engine, check_job("test"), when, "h", now, hour)
        assert own
        with writing(registry.engine) as connection:
            finish(connection, own, now, one.canonical().decode())


def december(first: int, last: int) -> tuple[date, date]:
    return date(2025, 12, first), date(2025, 12, last)


@pytest.mark.parametrize(
    ("nights", "ask", "kind", "words"),
    [
        (8, {"topics": ["loans"]}, InputError, "2025-12-09 has 1: coin, token; 2: card, token"),
        (8, {"topics": ["token"]}, InputError, "several: coin, token; card, token; write"),
        (8, {"topics": ["2025-12-09/3"]}, InputError, "is called '2025-12-09/3'"),
        (8, {"signals": ["length"]}, InputError, "in this drift: novelty"),
        (8, {"days": december(1, 9)}, InputError, "after 2025-12-02, the day of its first alarm"),
        (8, {"days": december(9, 3)}, InputError, "are not days of this drift"),
        (9, {"days": december(3, 5)}, IncumbentError, "3 days of traffic: choose 7 at least"),
        (5, {}, IncumbentError, "has 4 days .* and 7 are needed: accept it from 2025-12-10 on"),
        (8, {"reason": " – "}, InputError, "a reason is needed"),
    ],
)
def test_what_cannot_be_accepted_is_refused_with_what_to_do(
    nights: int,
    ask: Ask,
    kind: type[IncumbentError],
    words: str,
    registry: Registry,
    tmp_path: Path,
) -> None:
    win(registry, "a", tmp_path)
    keep_days(registry, 1, 1, NO_DRIFT)
    keep_days(registry, 2, nights + 1, DRIFT)
    accept: Callable[..., object] = accept_drift
    with pytest.raises(kind, match=words) as refused:
        accept(registry, USUAL, **{"reason": "why", **ask})
    assert type(refused.value) is kind
    assert len(registry.history(kind="accept")) == 0


def test_a_topic_is_called_by_its_words_one_of_them_or_its_number(
    registry: Registry, tmp_path: Path
) -> None:
    win(registry, "a", tmp_path)
    keep_days(registry, 2, 9, DRIFT)
    for name in ("Coin, Token", "coin", "1", "2025-12-09/1"):
        told = accept_drift(registry, USUAL, "why", topics=[name]).told(DriftAccepted)
        assert told.topics == ("2025-12-09/1",), name
        assert (told.first, told.last) == ("2025-12-03", "2025-12-09")


def test_nothing_is_accepted_without_a_drift_or_users_while_a_night_works_or_without_the_role(
    registry: Registry, tmp_path: Path
) -> None:
    def refused(words: str) -> None:
        with pytest.raises(IncumbentError, match=words):
            accept_drift(registry, USUAL, "why")

    refused("no drift is going on")
    win(registry, "a", tmp_path)
    keep_days(registry, 1, 8, NO_DRIFT)
    refused("no drift is going on")
    keep_days(registry, 9, 16, DRIFT, units=3)
    refused("have 21 users, and a reference needs 200")
    now = registry.clock()
    claim(registry.engine, nightly_of("test"), date(2025, 12, 17), "h", now, timedelta(hours=1))
    refused("night of 2025-12-17 is at work: accept the drift when it is done")
    registry.roles = Roles(promote=("ann",))
    refused("may not promote: that is for ann")


# --- what a reference is made of ------------------------------------------------------------------

EMBEDDINGS, REPEATED, CHANCE = WordEmbeddings(), 30, 0.2


def batch_of(rows: Sequence[Traffic]) -> Batch:
    prompts = [row.prompt_text for row in rows]
    return Batch(prompts=prompts, vectors=EMBEDDINGS.encode(prompts))


def frozen(rows: Sequence[Traffic], seed: int) -> Reference:
    users = [row.user or "" for row in rows]
    return Reference.freeze(
        batch_of(rows), users, times_of(rows), rng=np.random.default_rng(seed), kinds=PROMPT_SIGNALS
    )


def alarms(reference: Reference, rows: Sequence[Traffic], seed: int, level: float) -> set[str]:
    units = reference.units_of(batch_of(rows), [row.user or "" for row in rows], times_of(rows))
    levels, rng = {one.name: level for one in reference.signals}, np.random.default_rng(seed)
    tests = signal_tests(
        reference.signals, units, reference.units, levels, nights=1, minimum_effect=0, rng=rng
    )
    return {test.signal.name for test in tests if test.p <= level}


def on_first(rows: Sequence[Traffic]) -> np.ndarray:
    return np.array([any(word in row.prompt_text for word in FIRST) for row in rows])


def of_days(numbers: range, first: float, second: float = 0, rows: int = 100) -> list[Traffic]:
    return [row for number in numbers for row in asked(number, first, second, rows=rows)]


def test_after_an_acceptance_p_is_valid_and_what_came_beside_is_seen() -> None:
    """The chosen days hold a second new topic. Nights that lack it are as normal, so that p is at
    most CHANCE about as often as it says; on one that has it, it is not.
    """
    counts = dict.fromkeys(("novelty", "topics", "embeddings", "vocabulary"), 0)
    seen = 0
    for number in range(REPEATED):
        start = 1_000 * (number + 1)
        before = of_days(range(start, start + 7), 0)
        chosen = of_days(range(start + 7, start + 14), 0.3, 0.1)
        rows = exchanged(chosen, before, on_first, ("sat", "sun"))
        reference = frozen(rows, number)
        calm = alarms(reference, asked(start + 14, 0.3, rows=200), number, CHANCE)
        counts = {name: count + (name in calm) for name, count in counts.items()}
        if number < 3:
            seen += bool(alarms(reference, asked(start + 15, 0.3, 0.1, rows=200), number, 1e-2))
    most = REPEATED * CHANCE + 3 * (REPEATED * CHANCE * (1 - CHANCE)) ** 0.5
    assert max(counts.values()) <= most, counts
    assert seen == 3


def test_a_day_keeps_its_rows_and_has_a_partner_of_its_weekday_or_kind() -> None:
    monday = date(2026, 3, 2)
    week = [monday + timedelta(days=number) for number in range(7)]
    later = [monday + timedelta(days=number) for number in (7, 8, 12, 13, 14)]
    found = partners(later, week, ("sat", "sun"))
    assert [found[day] for day in later] == [week[0], week[1], week[5], week[6], week[2]]
    assert partners(later[2:3], week[:5], ("sat", "sun")) == {}, "a Saturday is no workday"

    rows = exchanged(of_days(range(7, 9), 0.3), of_days(range(2), 0, 0.2), on_first, ())
    topical = [row for row, there in zip(rows, on_first(rows), strict=True) if there]
    assert {row.id for row in rows if row not in topical} <= {
        f"{n}-{i}" for n in (0, 1) for i in range(100)
    }
    assert {row.id.split("-")[0] for row in topical} == {"7", "8"}
    assert len(rows) == 200 and {row.at[:10] for row in rows} == {str(day(7)), str(day(8))}
    chosen = of_days(range(7, 9), 0.3)
    assert len(topical) == on_first(chosen).sum()


def test_a_signal_that_is_accepted_has_the_units_of_the_chosen_days_alone() -> None:
    reference = frozen(of_days(range(7), 0), 0)
    long, tonight = (
        [row.model_copy(update={"prompt": f"{row.prompt_text} {'card ' * 9}"}) for row in rows]
        for rows in (of_days(range(7, 14), 0), asked(14))
    )
    users = [row.user or "" for row in long]
    units = reference.units_of(batch_of(long), users, times_of(long))
    changed = Reference.from_bytes(with_signals(reference, ["length"], units).to_bytes())
    before, after = (alarms(one, tonight, 0, 1e-3) for one in (reference, changed))
    assert before - after == {"length"}
    assert "embeddings" in after
