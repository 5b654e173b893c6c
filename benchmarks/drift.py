"""How often the nightly drift check is wrong, and how soon it sees what has changed.

    python -m benchmarks.drift [--clinc data_full.json] [--only MEASURE…] [--results FILE]
    python -m benchmarks.drift --jsonl FILE [--text-field T] [--label-field L] [--out-label OUT]

Without a file: prompts of the sample task, with torch and transformers as what is out of scope. A
simulated year freezes a new reference of 2,000 rows, in season of as many as the default, and
checks 365 nights, all ten signals on. All
rows are drawn with replacement, the reference's and the nights': else a year would use up the rows
that there are, and the rest of them would differ from the reference, which long windows would see.
An alarm is a night of drift after one without. Each simulation has a seed of its own; with a file
for results, a run that was cut off goes on where it stopped.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from scipy.stats import binomtest, chi2, norm, t
from tqdm import tqdm

from benchmarks.drift_voices import NOBODY, sampled
from curation.sources.python_api import read_package
from monitoring.drift.alarm_budget import night_tests
from monitoring.drift.compare_sets import compare, packaged_embedder
from monitoring.drift.reference import ALWAYS, FINEST, Reference, Season
from monitoring.drift.reference_rows import is_due
from monitoring.drift.signal_tests import MINIMUM_UNITS
from monitoring.drift.user_days import UserDays, numbered
from monitoring.monitoring_settings import DriftParams
from monitoring.night_context import USERS_A_NIGHT
from monitoring.signals import SIGNALS
from monitoring.signals.answer_signals import TOOL_SIGNALS, Abstaining, Ungrounded
from monitoring.signals.signal import Batch, Floats, Ints, Signal, Times
from project.errors import InputError
from project.files import home
from project.model_pins import ModelChoice, pin
from project.records.drift import DriftVerdict
from project.records.record import read_input
from retrieval.embedder import Embeddings

PARAMS = DriftParams()
REFERENCE = 2_000
WEEK, MONTH, YEAR = 7, 28, 365  # days
MONDAY = date(2020, 1, 6)  # day 0
CHANGED_ROWS = 500  # a night
CALM = 10  # nights before a change
PATIENCE = 30  # nights after it
LANGUAGE = 0.05  # of the rows are in German
PHRASES = (
    "could you please tell me, {}",
    "hi there, i was wondering: {}",
    "i have a quick question for you. {}",
    "{} thanks a lot for your help",
)
JOB = "write a one line summary of this ticket for the morning report: {}"
JOB_ROWS = (100, 300)  # a night
GERMAN = Path(__file__).with_name("german_questions.txt")
EVERY = 5  # of so many rows inside one may be a ticket, and one is there in other words

# What can be measured, beside YEARS.
CHANGES, IN_SEASON, COMPARISON = "changes", "changes, in season", "comparison"
NAMELESS = "changes, no row tells a user"
SMALL = "small populations"
GROUNDED = "answers on passages"
ANSWERS_A_NIGHT = 200  # of those that are asked with passages
# The share of answers that abstain, and of the others' sentences that no passage bears out: in the
# reference, and after a change of one of them.
BEFORE = (0.1, 0.1)
STANDING = {
    "nothing": BEFORE,
    "15% abstain": (0.15, 0.1),
    "20% abstain": (0.2, 0.1),
    "30% abstain": (0.3, 0.1),
    "15% not borne out": (0.1, 0.15),
    "20% not borne out": (0.1, 0.2),
    "30% not borne out": (0.1, 0.3),
}
FULL = "a night in full drift"
TEXTS = "drift check of 20,000 prompts against 5,000"
FEW = "drift check of 150 prompts against 300"

Generator = np.random.Generator
Outcome = dict[str, Any]
Key = tuple[str, str, int]  # the data's name, what is simulated, and which one
Simulated = Callable[[str, int, Callable[[Generator], Outcome]], list[Outcome]]


def main() -> None:
    given = arguments()
    name, pairs = labelled(given)
    years = {name: kind for name, kind in YEARS.items() if name in given.only}
    if not given.years:
        known = known_outcomes(given.results)
        print_false_alarms((kind, outcomes_of(known, name, kind)) for kind in years)
        return
    if GROUNDED in given.only:
        print_grounded(partial(simulations, given.results, name), given.runs)
    if [*given.only] == [GROUNDED]:
        return
    rows = Rows.of(pairs, given.out_label)
    print(f"{len(rows.inside)} prompts of {len(rows.labels)} labels, {len(rows.outside)} others")
    simulated = partial(simulations, given.results, name)
    if years:
        print_false_alarms(
            (name, simulated(name, given.years, partial(simulated_year, rows, kind)))
            for name, kind in years.items()
        )
    for name in (CHANGES, IN_SEASON, NAMELESS):
        if name in given.only:
            print_nights_until_alarm(rows, name, simulated, given.runs)
    if SMALL in given.only:
        print_small_populations(rows, simulated, given.runs)
    if COMPARISON in given.only:
        print_comparisons(rows)
    if FULL in given.only:
        print_full_drift(rows)
    if TEXTS in given.only:
        print_check_of_texts(rows)
    if FEW in given.only:
        print_checks_of_few(rows, simulated, given.runs)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--clinc", type=Path)
    source.add_argument("--jsonl", type=Path)
    parser.add_argument("--text-field", default="prompt")
    parser.add_argument("--label-field", default="label")
    parser.add_argument("--out-label", default="oos", help="of rows that are out of scope")
    measures = (*YEARS, CHANGES, IN_SEASON, NAMELESS, SMALL, GROUNDED, COMPARISON, FULL, TEXTS, FEW)
    parser.add_argument("--only", nargs="+", choices=measures, default=measures, metavar="MEASURE")
    parser.add_argument(
        "--years", type=int, default=100, help="of each kind; 0: print those that the results hold"
    )
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--results", type=Path, help="keeps each simulation's outcome")
    return parser.parse_args()


# --- prompts with labels -------------------------------------------------------------------------


def labelled(given: argparse.Namespace) -> tuple[str, list[tuple[str, str]]]:
    """The data's name, and (text, label) of each row."""
    if given.clinc:
        parts = json.loads(read_input(given.clinc))
        return "clinc", [(text, label) for part in parts.values() for text, label in part]
    if given.jsonl:
        return given.jsonl.name, list(read_lines(given.jsonl, given.text_field, given.label_field))
    return "sample", [*sample_task(given.out_label)]


def read_lines(path: Path, text: str, label: str) -> Iterable[tuple[str, str]]:
    for number, line in enumerate(read_input(path).splitlines(), start=1):
        try:
            row = json.loads(line)
            yield str(row[text]), str(row[label])
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"no row with a text and a label: {error}", file=path, line=number
            ) from None


def sample_task(out_label: str) -> Iterable[tuple[str, str]]:
    """Prompts about Python APIs by the module that they are in."""
    for package in ("numpy", "pandas", "scipy", "sklearn", "torch", "transformers"):
        for row in read_package(package):
            name = row.prompt_text.rpartition("\n")[2].partition("(")[0]
            module = ".".join(name.split(".")[:2])
            yield row.prompt_text, out_label if package in ("torch", "transformers") else module


@dataclass(frozen=True)
class Rows:
    """What nights are drawn from: each row a prompt, with all that a night knows of it."""

    # Those inside by label, those outside, some inside in other words, the tickets of a job, and
    # questions in German.
    batch: Batch
    labels: tuple[Ints, ...]  # the rows inside of each label
    outside: Ints
    german: Ints

    @classmethod
    def of(cls, labelled: Iterable[tuple[str, str]], out_label: str) -> "Rows":
        ordered = sorted(labelled, key=lambda row: (row[1] == out_label, row[1]))
        names = np.array([label for _, label in ordered])
        labels = [np.flatnonzero(names == label) for label in np.unique(names)]
        outside = np.flatnonzero(names == out_label)
        inside = len(ordered) - len(outside)
        texts = [text for text, _ in ordered]
        reworded = [PHRASES[i % len(PHRASES)].format(texts[i]) for i in range(0, inside, EVERY)]
        tickets = [JOB.format(text) for text in texts[:inside:EVERY]]
        answers = answered(labels, len(texts))
        answers = np.concatenate([answers, *[answers[:inside:EVERY]] * 2])
        german = GERMAN.read_text().splitlines()
        answers = np.concatenate([answers, len(answers) + np.arange(len(german))])
        batch = completed([*texts, *reworded, *tickets, *german], answers, len(german))
        own = tuple(own for own in labels if own[0] < inside)
        return cls(batch, own, outside, np.arange(len(batch) - len(german), len(batch)))

    @property
    def inside(self) -> Ints:
        return np.concatenate(self.labels)

    @property
    def prompts(self) -> Ints:
        """Those inside, then those outside: neither in other words nor a job's."""
        return np.arange(len(self.inside) + len(self.outside))

    def tickets(self, labels: Ints) -> Ints:
        """What a job asks about tickets of these labels."""
        inside = np.concatenate([self.labels[label] for label in labels])
        first = int(self.german[0]) - -(-len(self.inside) // EVERY)
        tickets: Ints = first + inside[inside % EVERY == 0] // EVERY
        return tickets

    def picked(self, rows: Ints) -> Batch:
        """A batch of these rows, which may be the same ones several times."""

        def own(column: Any) -> Any:
            if column is None or isinstance(column, np.ndarray):
                return None if column is None else column[rows]
            return [column[i] for i in rows]

        return Batch(**{name: own(column) for name, column in vars(self.batch).items()})


def answered(labels: Sequence[Ints], count: int) -> Ints:
    """For each row, the row whose prompt stands for its answer: one of the same label."""
    rng = np.random.default_rng(0)
    answers = np.empty(count, np.int64)
    for own in labels:
        answers[own] = rng.choice(own, len(own))
    return answers


def completed(texts: list[str], answers: Ints, german: int) -> Batch:
    """What prompts alone do not tell is made up: answers, a rating of some, a surprise and a
    judge's score of all. The last ones are in German."""
    cache = home() / "benchmarks" / "embeddings.db"
    vectors = Embeddings(pin(ModelChoice(), "embedder"), cache).encode(texts)
    rng = np.random.default_rng(0)
    made_up = [
        (
            rng.choice([-1, 0, 1, np.nan], count, p=[0.05, 0.1, 0.15, 0.7]),
            1 + rng.pareto(2.5, count),  # a heavy tail
            rng.normal(size=count),
        )
        for count in (len(texts) - german, german)  # the others' stay as they were without it
    ]
    ratings, surprise, scores = (
        np.concatenate(parts).astype(np.float32) for parts in zip(*made_up, strict=True)
    )
    return Batch(
        prompts=texts,
        vectors=vectors,
        responses=[texts[i] for i in answers],
        response_vectors=vectors[answers],
        ratings=ratings,
        surprise=surprise,
        scores=scores,
    )


@dataclass(frozen=True)
class Asked:
    """Rows that were asked, whose they are, and when, in hours since a Monday [n]."""

    rows: Ints
    users: Ints
    times: Times

    @classmethod
    def on(cls, day: int, rows: Ints, users: Ints | None = None) -> "Asked":
        """All over one day; users who are not named are of that day alone."""
        numbers = np.arange(len(rows))
        times = 24 * (day + numbers / max(len(rows), 1))
        new_users = (day + MONTH) * 1_000_000 + numbers
        return cls(rows, new_users if users is None else users, times)

    @classmethod
    def joined(cls, days: Iterable["Asked"]) -> "Asked":
        parts = [(day.rows, day.users, day.times) for day in days]
        return cls(*map(np.concatenate, zip(*parts, strict=True)))


# --- a watched reference -------------------------------------------------------------------------


@dataclass(frozen=True)
class Watch:
    """A frozen reference, and what each of its signals says of the rows that nights may have.

    A fitted signal is a fixed function of a row, so it is asked once for each.
    """

    reference: Reference
    columns: Mapping[str, Floats]

    @classmethod
    def over(
        cls, rows: Rows, frozen: "Asked", nightly: Ints, rng: Generator, *, seasonal: bool = False
    ) -> "Watch":
        """Freeze some rows; nightly is 0, 1, … up to the last row of any night."""
        least = MINIMUM_UNITS
        weekend = PARAMS.weekend
        season = Season.fit(frozen.times, FINEST, least, weekend) if seasonal else ALWAYS
        users = [str(user) for user in frozen.users.tolist()]
        batch, nights = rows.picked(frozen.rows), rows.picked(nightly)
        reference = Reference.freeze(batch, users, frozen.times, rng=rng, season=season)
        return cls(reference, {s.name: s.columns(nights) for s in reference.signals})

    def night(self, asked: "Asked") -> UserDays:
        """One night's units: of each user one row, which a night chooses at random."""
        _, first = np.unique(asked.users, return_index=True)
        users = numbered(str(user) for user in asked.users[first].tolist())
        columns = {name: column[asked.rows[first]] for name, column in self.columns.items()}
        strata = self.reference.season.strata(asked.times[first])
        return UserDays(columns, strata, users).without(self.reference.index_users)

    def drifted(
        self, nights: Sequence[UserDays], rng: Generator, *, goes_on: bool = False
    ) -> list[str]:
        """The signals, each with its window, that say drift on the last night; of a drift that may
        go on the first one, for all of them take long.
        """
        tests = night_tests(self.reference.signals, nights, self.reference.units, PARAMS, rng)
        drifted = (test for test in tests if test.verdict is DriftVerdict.DRIFT)
        return [
            f"{test.signal.name} {test.nights}" for test in islice(drifted, 1 if goes_on else None)
        ]


Traffic = Callable[[int, int], Asked]  # of a day so many rows

# --- years in which nothing changes --------------------------------------------------------------


@dataclass(frozen=True)
class Year:
    """What the nights of a year are like; they are like the reference throughout."""

    rows: int = 200
    repeated: Literal["", "one", "nightly"] = ""  # a user asks one query in a tenth of the rows
    by_user: bool = False  # whether those rows say that they are one user's
    people: int = 0  # who come back, each with three labels of their own; 0: everybody comes once
    replaced: float = 0.0  # the share of the people whose place another one takes each day
    weekly: bool = False  # at weekends, half of the labels are three times as frequent
    seasonal: bool = False
    moods: float = 0.0  # the coefficient of variation of each label's share from day to day
    special: range = range(0)  # days that the settings name, which nobody compares
    young: bool = False  # the reference is of three days, until there are more
    job: bool = False  # one that tells no user asks each night about other tickets
    nameless: bool = False  # whether no row tells a user
    honest: str = ""  # how days differ in a year on which nothing is wrong: a name in HONEST

    @property
    def heard(self) -> bool:
        """Whether rows tell no user, so that it is asked which of them are one voice."""
        return self.job or self.nameless


# --- honest traffic -----------------------------------------------------------------------------

# Days that are unlike others although nothing is wrong. Topics have a rate each day, of which the
# rows of that day are drawn; a change of rows alone is one of how many users there are.

CHECK_ROWS = 1_440  # a day, of a bot's health check without a user
PEAK, PEAK_DAYS, MONTH_DAYS = 3.0, 3, 30  # times as often, on the last days of each month
HOLIDAY = range(200, 207)  # days of the year
NEAR = 10  # rows outside that are about one thing

Rates = Callable[[int, int], Floats]  # of each label on a day, by the number of labels and the day


def month_end(labels: int, day: int) -> Floats:
    """A fifth of the labels is asked more often at a month's end, as bills are."""
    rates = np.ones(labels, np.float32)
    rates[: labels // 5] = PEAK if day % MONTH_DAYS >= MONTH_DAYS - PEAK_DAYS else 1
    return rates


def holidays(labels: int, day: int) -> Floats:
    """In one week of the year half of the labels is asked about half as often, a tenth twice."""
    rates = np.ones(labels, np.float32)
    if day in HOLIDAY:
        rates[: labels // 2], rates[-(labels // 10) :] = 0.5, 2
    return rates


def slow_seasons(labels: int, day: int) -> Floats:
    """Each label is asked up to half more and half less often, at a time of the year of its own."""
    phases = np.arange(labels) * 2 * np.pi * 0.618  # spread evenly
    return np.asarray(1 + np.sin(2 * np.pi * day / YEAR + phases) / 2, np.float32)


@dataclass(frozen=True)
class Honest:
    """What days are like: the labels' rates, and what part of some days' rows is news."""

    rates: Rates = lambda labels, day: np.ones(labels, np.float32)
    news: float = 0.0  # the part of a day about one thing that was not asked before
    weekly: bool = False  # on one day of the week only
    growth: float = 1.0  # how many times as many users there are at the year's end

    def traffic(self, rows: Rows, rng: Generator) -> Traffic:
        """Which label has which rate is drawn anew for each year."""
        labels = [rows.labels[i] for i in rng.permutation(len(rows.labels))]
        sizes = [len(own) for own in labels]
        inside = np.concatenate(labels)

        def asked(day: int, count: int) -> Asked:
            count = round(count * (1 + (self.growth - 1) * max(day, 0) / YEAR))
            told = 0 if self.weekly and day % WEEK != 1 else round(self.news * count)
            chances = np.repeat(self.rates(len(labels), day) / np.array(sizes), sizes)
            usual = rng.choice(inside, count - told, p=chances / chances.sum())
            new = rng.choice(about_one_thing(rows, rng), told)
            return Asked.on(day, rng.permutation(np.concatenate([usual, new])))

        return asked


def about_one_thing(rows: Rows, rng: Generator) -> Ints:
    """A row outside, chosen at random, and those nearest to it."""
    vectors = cast(Floats, rows.batch.vectors)[rows.outside]
    near = vectors @ vectors[rng.integers(len(vectors))]
    return rows.outside[np.argpartition(-near, NEAR)[:NEAR]]


HOLIDAYS, NAMED = "a holiday week", "a holiday week in special_days"
GROWING = "users grow threefold beside a bot"
HONEST = {
    "month-end peaks": Honest(month_end),
    HOLIDAYS: Honest(holidays),
    "slow seasons, ±50 % over a year": Honest(slow_seasons),
    "a weekly newsletter on a new product": Honest(news=0.15, weekly=True),
    "6 % of each day about something new": Honest(news=0.06),
    "12 % of each day about something new": Honest(news=0.12),
}
GROWTH = Honest(growth=3.0)


YEARS = {
    "200 rows": Year(),
    "2,000 rows": Year(rows=2_000),
    "one user's query": Year(repeated="one", by_user=True),
    "one user's query, another each night": Year(repeated="nightly", by_user=True),
    "100 users who come back": Year(rows=100, people=100),
    "100 users, one in 100 replaced a day": Year(rows=100, people=100, replaced=0.01),
    "1,000 users who come back": Year(people=1_000),
    "the same, one in 100 replaced a day": Year(people=1_000, replaced=0.01),
    "weekdays and weekends, in season": Year(weekly=True, seasonal=True),
    "weekdays and weekends, one stratum": Year(weekly=True),
    "topics differ by day, CV 0.3": Year(rows=2_000, moods=0.3, seasonal=True),
    "topics differ by day, one stratum": Year(rows=2_000, moods=0.3),
    "weekends, from a reference of three days on": Year(rows=500, weekly=True, young=True),
    "a nightly job without a user": Year(rows=500, job=True),
    "a nightly job, no row tells a user": Year(rows=500, job=True, nameless=True),
    "no row tells a user": Year(rows=500, nameless=True),
    **{name: Year(rows=500, seasonal=True, honest=name) for name in HONEST},
    NAMED: Year(rows=500, seasonal=True, honest=HOLIDAYS, special=HOLIDAY),
    GROWING: Year(rows=150, seasonal=True, honest=GROWING, job=True),
}


def simulated_year(rows: Rows, kind: Year, rng: Generator) -> Outcome:
    """Its alarms, and how often each signal said drift over each window."""
    if kind.young:
        return young_year(rows, kind, rng)
    asked = traffic_of(rows, kind, rng)
    count = PARAMS.reference_rows if kind.seasonal or kind.moods else REFERENCE
    asked = heard(rows, kind, asked, rng) if kind.heard else asked
    month = whole_month(rows, kind, asked, count) if kind.heard else a_month(asked, count)
    asked_ever = rows.prompts if kind.honest else rows.inside
    nightly = np.arange(len(rows.batch)) if kind.job else asked_ever
    watch = Watch.over(rows, month, nightly, rng, seasonal=kind.seasonal)
    repeated = repeating(rows, kind, rng)
    nights: list[UserDays] = []
    alarms, before, told = 0, False, list[str]()
    for day in range(YEAR):
        tonight = repeated(asked(day, kind.rows))
        if day in kind.special:
            continue
        tonight = voices(rows, {day: tonight}, USERS_A_NIGHT) if kind.heard else tonight
        nights = [*nights, watch.night(tonight)][-MONTH:]
        found = watch.drifted(nights, rng, goes_on=before)
        alarms += bool(found) and not before
        before = bool(found)
        told += found
    return {"alarms": alarms, "told": told}


def traffic_of(rows: Rows, kind: Year, rng: Generator) -> Traffic:
    if kind.honest:
        return HONEST.get(kind.honest, GROWTH).traffic(rows, rng)
    return people(rows, kind, rng) if kind.people else new_users(rows, kind, rng)


def young_year(rows: Rows, kind: Year, rng: Generator) -> Outcome:
    """The same from a reference of Wednesday to Friday on, frozen anew when the product's is."""
    asked, none = new_users(rows, kind, rng), list[UserDays]()
    days = {day: asked(day, kind.rows) for day in (-5, -4, -3)}
    watch, known, nights = frozen_of(rows, days, rng), len(days), none
    alarms, before, told = 0, False, list[str]()
    for day in range(-2, YEAR):
        last = {one: days[one] for one in sorted(days)[-MONTH:]}
        if not before and is_due(known, [MONDAY + timedelta(days=one) for one in last]):
            watch, known, nights = frozen_of(rows, last, rng), len(last), none
        tonight = asked(day, kind.rows)
        nights = [*nights, watch.night(tonight)][-MONTH:]
        found = watch.drifted(nights, rng, goes_on=before)
        days |= {} if found else {day: tonight}
        alarms += bool(found) and not before
        before = bool(found)
        told += found
    return {"alarms": alarms, "told": told}


def frozen_of(rows: Rows, days: Mapping[int, Asked], rng: Generator) -> Watch:
    """A reference of some of the rows of these days."""
    every = Asked.joined(days.values())
    some = rng.permutation(len(every.rows))[: PARAMS.reference_rows]
    chosen = Asked(every.rows[some], every.users[some], every.times[some])
    return Watch.over(rows, chosen, rows.inside, rng, seasonal=True)


def a_month(asked: Traffic, count: int) -> Asked:
    """So many rows of a reference, evenly over the days before the first night."""
    counts = np.diff(np.arange(MONTH + 1) * count // MONTH).tolist()
    return Asked.joined(asked(day - MONTH, a_day) for day, a_day in enumerate(counts))


def whole_month(rows: Rows, kind: Year, asked: Traffic, count: int) -> Asked:
    """A sample of the days before the first night, each with all of its rows."""
    return voices(rows, {day: asked(day, kind.rows) for day in range(-MONTH, 0)}, count)


def heard(rows: Rows, kind: Year, asked: Traffic, rng: Generator) -> Traffic:
    """The same at the hours at which people ask, with what does not tell its user."""

    def of_day(day: int, count: int) -> Asked:
        honest = asked(day, count)
        hours = 24 * (day + rng.beta(3, 3, len(honest.rows)))
        users = np.full_like(honest.users, NOBODY) if kind.nameless else honest.users
        people = Asked(honest.rows, users, hours)
        jobs = [nightly_job(rows, day, rng)] if kind.job else []
        jobs += [health_check(rows, day)] if kind.honest else []
        return Asked.joined([people, *jobs])

    return of_day


def nightly_job(rows: Rows, day: int, rng: Generator) -> Asked:
    """From 2:00 to 2:20, about the tickets of three labels."""
    about = rows.tickets(rng.choice(len(rows.labels), 3, replace=False))
    asked = rng.choice(about, rng.integers(*JOB_ROWS))
    hours = 24 * day + 2 + rng.random(len(asked)) / 3
    return Asked(asked, np.full(len(asked), NOBODY), hours)


def health_check(rows: Rows, day: int) -> Asked:
    """Each minute the same."""
    asked = np.full(CHECK_ROWS, rows.outside[0])
    hours = 24 * (day + (np.arange(CHECK_ROWS) + 0.5) / CHECK_ROWS)
    return Asked(asked, np.full(CHECK_ROWS, NOBODY), hours)


def voices(rows: Rows, days: Mapping[int, Asked], limit: int) -> Asked:
    """One row of each voice of these days, as a night chooses them."""
    asked = Asked.joined(days.values())
    prompts = cast(Sequence[str], rows.batch.prompts)
    texts = [prompts[row] for row in asked.rows.tolist()]
    chosen = sampled(texts, asked.users, asked.times, limit)
    own = (1 + min(days) + MONTH) * 1_000_000 - 1 - np.arange(len(asked.rows))
    users = np.where(asked.users == NOBODY, own, asked.users)
    return Asked(asked.rows[chosen], users[chosen], asked.times[chosen])


def new_users(rows: Rows, kind: Year, rng: Generator) -> Traffic:
    if kind.moods:
        return moody(rows, kind.moods, rng)
    decks = weekly_decks(rows, rng) if kind.weekly else [rows.inside] * WEEK
    return lambda day, count: Asked.on(day, rng.choice(decks[day % WEEK], count))


def moody(rows: Rows, variation: float, rng: Generator) -> Traffic:
    """New users each day, who ask more about some labels than on other days."""
    sizes = [len(own) for own in rows.labels]

    def asked(day: int, count: int) -> Asked:
        factors = np.repeat(rng.gamma(variation**-2, variation**2, len(sizes)), sizes)
        chances = factors / factors.sum()
        return Asked.on(day, rng.choice(rows.inside, count, p=chances))

    return asked


def people(rows: Rows, kind: Year, rng: Generator) -> Traffic:
    """Each day some of the same people, each about labels of their own; called day by day."""
    tastes = rng.integers(len(rows.labels), size=(kind.people, 3))
    names = np.arange(kind.people)

    def asked(day: int, count: int) -> Asked:
        leaving = np.flatnonzero(rng.random(kind.people) < kind.replaced)
        tastes[leaving] = rng.integers(len(rows.labels), size=(len(leaving), 3))
        names[leaving] = names.max() + 1 + np.arange(len(leaving))
        who = rng.choice(kind.people, count, replace=False)
        labels = tastes[who, rng.integers(3, size=count)]
        drawn = np.array([rng.choice(rows.labels[label]) for label in labels])
        return Asked.on(day, drawn, names[who])

    return asked


def repeating(rows: Rows, kind: Year, rng: Generator) -> Callable[[Asked], Asked]:
    """What becomes of a night's rows where a user repeats a query in a tenth of them."""
    query = rng.choice(rows.inside)

    def repeated(asked: Asked) -> Asked:
        nonlocal query
        if not kind.repeated:
            return asked
        query = rng.choice(rows.inside) if kind.repeated == "nightly" else query
        tenth = np.arange(len(asked.rows)) < len(asked.rows) // 10
        users = np.where(tenth, -1, asked.users) if kind.by_user else asked.users
        return Asked(np.where(tenth, query, asked.rows), users, asked.times)

    return repeated


def weekly_decks(rows: Rows, rng: Generator) -> list[Ints]:
    """What each day's rows are drawn from, evenly."""
    favoured = half_of(rows.labels, rng)
    weekend = np.concatenate([rows.inside, favoured, favoured])
    return [rows.inside] * 5 + [weekend] * 2


def half_of(labels: Sequence[Ints], rng: Generator) -> Ints:
    """The rows of half of the labels."""
    return np.concatenate([labels[i] for i in rng.permutation(len(labels))[: len(labels) // 2]])


def print_false_alarms(found: Iterable[tuple[str, Sequence[Outcome]]]) -> None:
    """Of each kind of year."""
    print(f"\n{'false alarms a year':<44}years   mean  95 % interval  at most  without  by")
    for name, outcomes in found:
        if outcomes:
            alarms = np.array([outcome["alarms"] for outcome in outcomes])
            low, high = garwood(int(alarms.sum()), len(alarms))
            figures = f"{len(alarms):>5}{alarms.mean():>7.2f}    {low:>5.2f}–{high:<5.2f}"
            figures += f"{at_most(alarms):>9.2f}"
            told = most_often(outcome["told"] for outcome in outcomes)
            print(f"{name:<44}{figures}{(alarms == 0).mean():>9.0%}  {told}")


def at_most(alarms: Ints) -> float:
    """The one-sided 95 % bound of their mean: the larger of Student's t over the years, as they may
    differ, and Garwood's exact bound of a Poisson rate (1936), as alarms are few.
    """
    years = len(alarms)
    error = alarms.std(ddof=1) / years**0.5 if years > 1 else 0.0
    by_years = alarms.mean() + t.ppf(0.95, max(years - 1, 1)) * error
    return float(max(by_years, chi2.ppf(0.95, 2 * (alarms.sum() + 1)) / 2 / years))


def garwood(alarms: int, years: int) -> tuple[float, float]:
    """The exact 95 % interval of a Poisson rate a year (Garwood 1936, Biometrika 28: 437)."""
    low = chi2.ppf(0.025, 2 * alarms) / 2 if alarms else 0.0
    return float(low / years), float(chi2.ppf(0.975, 2 * alarms + 2) / 2 / years)


def most_often(told: Iterable[Iterable[str]]) -> str:
    """The signals, each with its window, that said drift most often."""
    counts = Counter(name for names in told for name in names)
    return ", ".join(f"{name} ×{count}" for name, count in counts.most_common(3))


# --- nights until a change is seen ---------------------------------------------------------------


Night = Callable[[int], Ints]  # so many rows of a night


def changes(rows: Rows, rng: Generator) -> dict[str, Night]:
    """Each kind of changed traffic; which labels it is about is drawn anew."""

    def out_of_scope(share: float) -> Night:
        def night(n: int) -> Ints:
            strange = round(share * n)
            inside = rng.choice(rows.inside, n - strange)
            return np.concatenate([inside, rng.choice(rows.outside, strange)])

        return night

    def evenly(deck: Ints) -> Night:
        return lambda n: rng.choice(deck, n)

    order = rng.permutation(len(rows.labels))
    kept, most = order[: len(order) * 2 // 3], order[: len(order) - len(order) * 8 // 100]

    def in_german(n: int) -> Ints:
        foreign = round(LANGUAGE * n)
        usual = rng.choice(rows.inside, n - foreign)
        return np.concatenate([usual, rng.choice(rows.german, foreign)])

    reworded = len(rows.inside) + len(rows.outside) + np.arange(-(-len(rows.inside) // EVERY))
    doses = (0.02, 0.05, 0.1, 0.2) if len(rows.outside) else ()
    return {
        **{f"{share:.0%} out of scope": out_of_scope(share) for share in doses},
        "two thirds of the labels": evenly(np.concatenate([rows.labels[i] for i in kept])),
        "8% of the labels gone": evenly(np.concatenate([rows.labels[i] for i in most])),
        "half of the labels doubled": evenly(
            np.concatenate([rows.inside, half_of(rows.labels, rng)])
        ),
        "all in other words": evenly(reworded),
        f"{LANGUAGE:.0%} in another language": in_german,
    }


def nights_until_alarm(rows: Rows, name: str, rng: Generator) -> Outcome:
    """Nights of each change until the first that says drift, 31 where none of 30 does."""
    kind = Year(rows=CHANGED_ROWS, seasonal=name == IN_SEASON, nameless=name == NAMELESS)
    every, asked = np.arange(len(rows.batch)), new_users(rows, kind, rng)
    count = PARAMS.reference_rows if kind.seasonal else REFERENCE

    def listened(asked: Traffic) -> Traffic:
        if not kind.nameless:
            return asked
        told = heard(rows, kind, asked, rng)
        return lambda day, count: voices(rows, {day: told(day, count)}, USERS_A_NIGHT)

    month = a_month(asked, count)
    if kind.nameless:
        month = whole_month(rows, kind, heard(rows, kind, asked, rng), count)
    watch = Watch.over(rows, month, every, rng, seasonal=kind.seasonal)
    calm = [watch.night(listened(asked)(day, CHANGED_ROWS)) for day in range(CALM)]
    found = {}
    for change, night in changes(rows, rng).items():
        # What is new at any time of the day.
        changed = partial(lambda own, day, n: Asked.on(day, rng.permutation(own(n))), night)
        found[change] = first_alarm(watch, calm, listened(changed), rng)
    return found


def first_alarm(watch: Watch, calm: Sequence[UserDays], asked: Traffic, rng: Generator) -> Outcome:
    nights = list(calm)
    for count in range(1, PATIENCE + 1):
        nights = [*nights, watch.night(asked(CALM + count, CHANGED_ROWS))][-MONTH:]
        if found := watch.drifted(nights, rng):
            return {"nights": count, "told": found}
    return {"nights": PATIENCE + 1, "told": []}


def print_nights_until_alarm(rows: Rows, name: str, simulated: Simulated, count: int) -> None:
    outcomes = simulated(name, count, partial(nights_until_alarm, rows, name))
    within = (1, 2, 3, 5, 10, 20, PATIENCE)
    print(f"\n{f'{name}: alarm within … nights':<42}" + "".join(f"{limit:>6}" for limit in within))
    for change in outcomes[0]:
        nights = np.array([outcome[change]["nights"] for outcome in outcomes])
        shares = "".join(f"{(nights <= limit).mean():>6.0%}" for limit in within)
        told = most_often(outcome[change]["told"] for outcome in outcomes)
        print(f"{change:<42}{shares}  {told}")


# --- small populations ---------------------------------------------------------------------------

POPULATIONS = (30, 50, 80, 150)  # regular users
COMING = 0.8  # of them come each day
TASTES = 3  # labels of each user
NEW_SHARES = (0.1, 0.25, 0.5, 1.0)  # of what each user asks about other labels from a night on


def nights_of_regulars(rows: Rows, users: int, rng: Generator) -> Outcome:
    """Nights until the first alarm, 31 where none of 30 has one, for each share of new topics.

    Half of the labels is known before; what is new is about the others.
    """
    labels = rng.permutation(len(rows.labels))
    known, new = np.array_split(labels, 2)
    tastes = [rng.choice(known, (users, TASTES)), rng.choice(new, (users, TASTES))]

    def asked(share: float) -> Traffic:
        def of_day(day: int, count: int) -> Asked:
            who = np.flatnonzero(rng.random(users) < COMING)
            strange = (rng.random(len(who)) < share).astype(int)
            chosen = [tastes[s][u, rng.integers(TASTES)] for s, u in zip(strange, who, strict=True)]
            return Asked.on(day, np.array([rng.choice(rows.labels[i]) for i in chosen]), who)

        return of_day

    month = Asked.joined(asked(0)(day, users) for day in range(-MONTH, 0))
    watch = Watch.over(rows, month, rows.inside, rng, seasonal=True)
    calm = [watch.night(asked(0)(day, users)) for day in range(CALM)]
    return {f"{share:.0%}": first_alarm(watch, calm, asked(share), rng) for share in NEW_SHARES}


def print_small_populations(rows: Rows, simulated: Simulated, count: int) -> None:
    """Of each number of users and share of new topics, how many runs alarm within 30 nights, and
    the median of nights.
    """
    print(f"\n{SMALL}: nights, and runs seen" + "".join(f"{share:>14.0%}" for share in NEW_SHARES))
    for users in POPULATIONS:
        name = f"{users} regular users"
        found = simulated(name, count, partial(nights_of_regulars, rows, users))
        cells = []
        for change in found[0]:
            nights = np.array([outcome[change]["nights"] for outcome in found])
            seen = (nights <= PATIENCE).mean()
            cells.append(f"{f'{np.median(nights):.0f}, {seen:.0%}':>14}")
        print(f"{name:<40}" + "".join(cells))


# --- answers on passages ------------------------------------------------------------------------


def print_grounded(simulated: Simulated, count: int) -> None:
    """Of each change, the runs in which one of both signals alarms within 30 nights of 200 answers,
    and the median of nights until then. They have their share of the budget beside all others.
    """
    print(f"\n{GROUNDED:<30}{'nights':>8}{'seen':>8}")
    for name, after in STANDING.items():
        found = simulated(f"{GROUNDED}, {name}", count, partial(nights_of_answers, after))
        nights = np.array([one["nights"] for one in found])
        print(f"{name:<30}{np.median(nights):>8.0f}{(nights <= PATIENCE).mean():>8.0%}")


def nights_of_answers(after: tuple[float, float], rng: Generator) -> Outcome:
    """How many nights after a change the first alarm is; more than PATIENCE where there is none."""
    count = np.arange(REFERENCE)
    users, times = [f"before {i}" for i in count], 24 * MONTH * count / REFERENCE
    kinds = (Abstaining, Ungrounded)
    reference = Reference.freeze(
        answers_like(BEFORE, REFERENCE, rng), users, times, rng=rng, kinds=kinds
    )
    nights: list[UserDays] = []
    for night in range(-CALM, PATIENCE):
        batch = answers_like(BEFORE if night < 0 else after, ANSWERS_A_NIGHT, rng)
        own = [f"{night} {i}" for i in range(ANSWERS_A_NIGHT)]
        hours = 24 * (MONTH + CALM + night + np.arange(ANSWERS_A_NIGHT) / ANSWERS_A_NIGHT)
        nights.append(reference.units_of(batch, own, hours))
        signals = reference.signals
        among = cast(Sequence[Signal], [one for one in SIGNALS if one not in TOOL_SIGNALS])
        tests = night_tests(signals, nights, reference.units, PARAMS, rng, among=among)
        if night >= 0 and any(test.verdict is DriftVerdict.DRIFT for test in tests):
            return {"nights": night + 1}
    return {"nights": PATIENCE + 1}


def answers_like(shares: tuple[float, float], count: int, rng: Generator) -> Batch:
    """Answers of one to three sentences; of one that abstains none is looked at."""
    silent = rng.random(count) < shares[0]
    sentences = rng.integers(1, 4, count)
    loose = np.where(silent, np.nan, rng.binomial(sentences, shares[1]) / sentences)
    return Batch(
        prompts=[""] * count,
        abstaining=silent.astype(np.float32),
        ungrounded=loose.astype(np.float32),
    )


# --- one comparison ------------------------------------------------------------------------------


def print_comparisons(rows: Rows) -> None:
    """`monitoring.compare` on embeddings, each pair once; AUC 0.51: in 51 of 100 pairs of rows
    tonight's is the larger, here along one of 16 directions.
    """
    rng = np.random.default_rng(0)
    vectors, shuffled = cast(Floats, rows.batch.vectors), rng.permutation(rows.inside)
    before, now = vectors[shuffled[:REFERENCE]], vectors[shuffled[REFERENCE:][:CHANGED_ROWS]]
    strange = np.concatenate(
        [now[CHANGED_ROWS // 10 :], vectors[rows.outside[: CHANGED_ROWS // 10]]]
    )
    million = rng.normal(size=(2, 1_000_000, 16)).astype(np.float32)
    million[1, :, 0] += 2**0.5 * norm.ppf(0.51)
    pairs = {
        "2,000 rows and 500 unchanged": (before, now),
        "2,000 rows and 500, 10% out of scope": (before, strange),
        "2,000 rows and themselves": (before, before),
        "2,000 rows and ten": (before, now[:10]),
        "a million rows each, AUC 0.51": (million[0], million[1]),
    }
    print(f"\n{'one comparison':<40}seconds  verdict")
    for name, (reference, current) in pairs.items():
        start = time.perf_counter()
        found = compare(reference, current)
        print(f"{name:<40}{time.perf_counter() - start:>7.2f}  {found.verdict}")


def print_full_drift(rows: Rows) -> None:
    """What a night costs, beside reading it, when all of 10,000 users ask about other things and
    have done so for four weeks: every test is below its level.
    """
    rng = np.random.default_rng(0)
    frozen = a_month(new_users(rows, Year(), rng), PARAMS.reference_rows)
    watch = Watch.over(rows, frozen, np.arange(len(rows.batch)), rng, seasonal=True)
    nights = [
        watch.night(Asked.on(day, rng.choice(rows.outside, USERS_A_NIGHT))) for day in range(MONTH)
    ]
    for users in (1_000, USERS_A_NIGHT):
        some = [UserDays.some_of([night], users, rng) for night in nights]
        start, core = time.perf_counter(), time.process_time()
        found = watch.drifted(some, rng)
        spent = f"{time.perf_counter() - start:.1f} s, {time.process_time() - core:.1f} s of a core"
        print(f"{FULL}, {users} users a night: {spent}; {len(found)} tests say drift")


def print_check_of_texts(rows: Rows) -> None:
    """What `incumbent drift check` of two files takes beside the embedding; a tenth of the second
    one is out of scope, and a prompt may be in both.
    """
    rng, texts = np.random.default_rng(0), cast(list[str], rows.batch.prompts)
    before = [texts[row] for row in rng.choice(rows.inside, 20_000)]
    now = [texts[row] for row in rng.choice(rows.inside, 4_500)]
    now += [texts[row] for row in rng.choice(rows.outside, 500)]
    embedder = packaged_embedder()
    embed, spent = embedder.encode, [0.0]

    def timed(some: Sequence[str]) -> Floats:
        start = time.process_time()
        vectors = embed(some)
        spent[0] += time.process_time() - start
        return vectors

    embedder.encode = timed
    start = time.process_time()
    found = compare(before, now)
    beside = time.process_time() - start - spent[0]
    print(f"{TEXTS}: {found.verdict}, {beside:.1f} s of a core beside {spent[0]:.0f} s to embed")


# --- checks of few prompts -----------------------------------------------------------------------

BEFORE, NOW = 300, 150  # prompts
AMONG = (15, 30, 150)  # labels
STRANGE = (0.0, 0.1)  # of the prompts now are out of scope; none: the false alarms


def checks_of_few(rows: Rows, labels: int, rng: Generator) -> Outcome:
    """Whether drift is said of each share of strange prompts, all of them different rows."""
    chosen = rng.permutation(len(rows.labels))[:labels]
    inside = rng.permutation(np.concatenate([rows.labels[label] for label in chosen]))
    outside, texts = rng.permutation(rows.outside), cast(list[str], rows.batch.prompts)
    found = {}
    for share in STRANGE:
        strange = round(share * NOW)
        now = np.concatenate([inside[BEFORE + strange : BEFORE + NOW], outside[:strange]])
        sides = ([texts[row] for row in side] for side in (inside[:BEFORE], now))
        found[f"{share:.0%}"] = compare(*sides, seed=int(rng.integers(2**31))).verdict.value
    return found


def print_checks_of_few(rows: Rows, simulated: Simulated, count: int) -> None:
    """How often each share of strange prompts is called drift at alpha 0.01."""
    texts, vectors = cast(list[str], rows.batch.prompts), cast(Floats, rows.batch.vectors)
    known = dict(zip(texts, vectors, strict=True))
    embedder = packaged_embedder()
    embedder.encode = lambda some: np.stack([known[text] for text in some])
    print(f"\n{f'{FEW}: says drift':<60}" + "".join(f"{share:>16.0%}" for share in STRANGE))
    for labels in AMONG:
        name = f"{FEW}, {labels} labels"
        outcomes = simulated(name, count, partial(checks_of_few, rows, labels))
        cells = ""
        for share in STRANGE:
            drifts = sum(found[f"{share:.0%}"] == DriftVerdict.DRIFT for found in outcomes)
            low, high = binomtest(drifts, count).proportion_ci(method="exact")
            cells += f"{f'{drifts}, {low:.0%}–{high:.0%}':>16}"
        print(f"{name:<60}{cells}")
    vars(embedder).pop("encode")


# --- simulations that can be cut off -------------------------------------------------------------


def simulations(
    results: Path | None,
    data: str,
    name: str,
    count: int,
    simulate: Callable[[Generator], Outcome],
) -> list[Outcome]:
    """The outcomes of so many simulations; those that the file has are not run again."""
    done = known_outcomes(results)
    keys = [(data, name, number) for number in range(count)]
    for key in tqdm([key for key in keys if key not in done], desc=name, leave=False):
        done[key] = simulate(np.random.default_rng([*f"{data} {name}".encode(), key[-1]]))
        if results:
            with results.open("a") as stream:
                print(json.dumps([*key, done[key]]), file=stream)
    return [done[key] for key in keys]


def known_outcomes(results: Path | None) -> dict[Key, Outcome]:
    lines = results.read_text().splitlines() if results and results.exists() else []
    found = map(json.loads, lines)
    return {(data, name, number): outcome for data, name, number, outcome in found}


def outcomes_of(known: Mapping[Key, Outcome], data: str, name: str) -> list[Outcome]:
    """Of all simulations of a kind that are there."""
    return [outcome for (*kind, _), outcome in known.items() if kind == [data, name]]


if __name__ == "__main__":
    main()
