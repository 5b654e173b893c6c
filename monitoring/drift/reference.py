"""What a champion's traffic is compared with, by day of the week and season."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal, Self, get_args

import numpy as np

from monitoring.drift.signal_tests import FEWEST_USERS
from monitoring.drift.user_days import NOBODY, Arrays, UserDays, from_bytes, numbered, to_bytes
from monitoring.monitoring_settings import Weekday
from monitoring.signals import SIGNALS, Kinds
from monitoring.signals.prompt_signals import Topics
from monitoring.signals.signal import Batch, Floats, Ints, Knowing, Signal, Times
from monitoring.signals.vocabulary import topic_words, words_of
from monitoring.signals.watched_text import NOTHING, SharedText

# --- season ---------------------------------------------------------------------------------------

# Like with like: which rows are compared with which, by the kind of day and the time of day.

Cut = Literal["hour", "weekday", "none"]  # how finely traffic is cut by time
# As finely as the reference has enough for: the finer, the fewer rows that a strange hour hides in.
FINEST: Cut = "hour"
DAYS, HOURS = 7, 24
QUARTERS = (0.25, 0.5, 0.75)  # of a day's traffic
OFTEN = 3  # each weekday: fewer do not show how much the days of a weekday differ


@dataclass(frozen=True)
class Season:
    """Strata of time: weekdays or two kinds of them, and parts of the day, as much traffic in each.

    When more is asked at night than usual, that is no drift; that other things are asked at night
    than at other nights is.
    """

    weekly: bool = False  # whether each weekday is a stratum
    hours: tuple[float, ...] = ()  # of the day, UTC: where its later parts begin
    weekend: tuple[int, ...] = ()  # weekdays, Monday 0, that are another stratum than the others

    @classmethod
    def fit(cls, times: Times, finest: Cut, least: int, weekend: Sequence[Weekday] = ()) -> Self:
        """The finest cut up to `finest` whose strata all have enough rows, by times [n] as
        `strata` takes them.

        A weekday must be there OFTEN and have enough for `least` in each half of a reference, a
        part of one `least` in all: a test pools the parts of a day. Else a weekend's days are
        apart, where they have enough, or where a weekday is missing: a Saturday is not compared
        with workdays alone.
        """
        whole = cls.of_days(times, finest, least, numbers_of(weekend))
        quarters = np.unique(np.quantile(times % HOURS, QUARTERS).astype(np.float32))
        parted = replace(whole, hours=tuple(quarters.tolist()))
        return parted if finest == "hour" and parted.fewest(times) >= least else whole

    @classmethod
    def of_days(cls, times: Times, finest: Cut, least: int, weekend: tuple[int, ...]) -> Self:
        weekly, kinds = cls(weekly=True), cls(weekend=weekend)
        days = np.unique(days_of(times))
        each = np.bincount(days % DAYS, minlength=DAYS)
        if not each.all():
            return kinds
        if finest == "none":
            return cls()
        if each.min() >= OFTEN and weekly.fewest(times) >= 3 * least:
            return weekly
        return kinds if kinds.fewest(times) >= 3 * least else cls()

    @property
    def kinds(self) -> int:
        """The number of kinds of days."""
        return DAYS if self.weekly else 2 if self.weekend else 1

    @property
    def count(self) -> int:
        return self.kinds * (len(self.hours) + 1)

    def strata(self, times: Times) -> Ints:
        """The stratum of each row, by its hours since any Monday, 0:00 UTC [n]."""
        part = np.searchsorted(self.hours, times % HOURS, side="right")
        strata: Ints = np.asarray(self.kind(times) * (len(self.hours) + 1) + part, np.int64)
        return strata

    def kind(self, times: Times) -> Ints:
        """The kind of each row's day [n]."""
        weekdays = days_of(times) % DAYS
        return weekdays if self.weekly else np.isin(weekdays, self.weekend).astype(np.int64)

    def fewest(self, times: Times) -> int:
        """How many rows the smallest stratum has, among the kinds of day that are there."""
        counts = np.bincount(self.strata(times), minlength=self.count).reshape(self.kinds, -1)
        return int(counts[counts.any(1)].min())


def days_of(times: Times) -> Ints:
    """The day of each row, where a Monday is 0 or any multiple of 7 [n]."""
    return (times // HOURS).astype(np.int64)


def numbers_of(weekdays: Sequence[Weekday]) -> tuple[int, ...]:
    names = get_args(Weekday)
    return tuple(sorted(names.index(weekday) for weekday in weekdays))


ALWAYS = Season()  # one stratum


# --- reference ------------------------------------------------------------------------------------

# The traffic that a champion is compared with: frozen once, and stored as plain arrays.

SPOKEN = 3  # users have a word at least that names a topic
SEVERAL_DAYS = 7  # without one of them, the index is nearly what it was
MOST_INDEX = 4_000  # users: every prompt is compared with all of the index
# Where users are few and come back, less than half of them is index enough: so many rows. The
# others are so many users, where that leaves the index a quarter.
INDEX_ROWS, OTHERS, LEAST_INDEX = 200, 100, 0.25
# Of so many the others are as many as a test needs: fewer cannot be watched.
LEAST_USERS = ceil(FEWEST_USERS / (1 - LEAST_INDEX))
SIGNAL, UNITS, SHARED = "signal.", "units.", "shared."  # what the names of arrays begin with


@dataclass(frozen=True)
class Reference:
    """One half of the users, the index, has fitted the signals; nights are compared with the other.
    Of few users who come back the index is less than half.

    Nothing that a signal learnt has seen the other half, or a night of users who are not in the
    index: given the index, a row of either is alike, whichever function is taken of it. So the
    users of the index are left out of nights, whose rows would lie near their own.
    """

    signals: tuple[Signal, ...]
    index_users: Ints
    units: UserDays  # of the other half
    topic_names: tuple[str, ...]  # by the words that are typical of them; "": there are none
    season: Season  # which rows are compared with which
    shared: SharedText = NOTHING  # what is left out of prompts, learnt from the index alone

    @classmethod
    def freeze(
        cls,
        batch: Batch,
        users: Sequence[str],
        times: Times,
        *,
        rng: np.random.Generator,
        season: Season = ALWAYS,
        kinds: Kinds = SIGNALS,
        shared: SharedText = NOTHING,
    ) -> Self:
        """Split the users at random in two; times [rows] are as Season.strata takes them."""
        numbers = numbered(users)
        index = chosen_half(numbers, rng)
        in_half = np.isin(numbers, index)
        known = batch.taken(in_half)
        fitted = (kind.fit(known, rng) for kind in kinds)
        signals = tuple(signal for signal in fitted if signal is not None)
        days = days_of(times)
        units = UserDays.of(batch, signals, users, season.strata(times), days).without(index)
        if len(np.unique(days)) >= SEVERAL_DAYS:
            rest, rest_days = batch.taken(~in_half), days[~in_half]
            others = beside_other_days(signals, known, days[in_half], rest, rest_days)
            units = replace(units, columns={**units.columns, **others})
        return cls(
            signals=signals,
            index_users=index,
            units=units,
            topic_names=topic_names(signals, batch, numbers),
            season=season,
            shared=shared,
        )

    def units_of(self, batch: Batch, users: Sequence[str], times: Times) -> UserDays:
        """Rows to compare with; of users who are not in the index."""
        strata = self.season.strata(times)
        units = UserDays.of(batch, self.signals, users, strata, days_of(times))
        return units.without(self.index_users)

    def to_bytes(self) -> bytes:
        """The reference as one file of arrays; equal references have equal bytes."""
        arrays: Arrays = {
            f"{SIGNAL}{signal.name}.{key}": array
            for signal in self.signals
            for key, array in vars(signal).items()
        }
        arrays |= {f"{UNITS}{name}": array for name, array in self.units.arrays().items()}
        arrays |= {f"{SHARED}{name}": array for name, array in self.shared.arrays().items()}
        arrays |= {
            "index users": self.index_users,
            "topics": np.array(self.topic_names, dtype=np.str_),
            "weekly": np.array(self.season.weekly),
            "hours": np.array(self.season.hours),
            "weekend": np.array(self.season.weekend, np.int64),
        }
        return to_bytes(arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        arrays = from_bytes(data)
        fitted = [(kind, below(f"{SIGNAL}{kind.name}.", arrays)) for kind in SIGNALS]
        return cls(
            signals=tuple(kind(**fields) for kind, fields in fitted if fields),
            index_users=arrays["index users"],
            units=UserDays.of_arrays(below(UNITS, arrays)),
            topic_names=tuple(arrays["topics"].tolist()),
            season=Season(
                weekly=bool(arrays["weekly"]),
                hours=tuple(arrays["hours"].tolist()),
                weekend=tuple(arrays.get("weekend", NOBODY).tolist()),
            ),
            shared=SharedText.of_arrays(below(SHARED, arrays)),
        )


def chosen_half(users: Ints, rng: np.random.Generator) -> Ints:
    """The users of the index, each once: a random half of them, or MOST_INDEX, or less than half
    where they are few; users [rows]. Of LEAST_USERS the others can be compared with, even where
    that leaves the index fewer rows than INDEX_ROWS.
    """
    numbers = np.unique(users)
    count = len(numbers)
    least = ceil(LEAST_INDEX * count)
    few = max(least, count - OTHERS, ceil(INDEX_ROWS * count / max(len(users), 1)))
    most = min(count // 2, MOST_INDEX, max(least, count - FEWEST_USERS))
    return numbers[rng.permutation(count) < min(few, most)]


def beside_other_days(
    signals: Sequence[Signal], index: Batch, index_days: Ints, batch: Batch, days: Ints
) -> dict[str, Floats]:
    """The columns of a batch's rows, by the index's rows of other days, of each signal that knows
    the index's rows one by one [rows, columns].

    A night is compared with an index of other days, so news that one day alone asks about is new to
    it, and so are the answers to them. In the reference they would not be, for half of those who
    asked are in the index.
    """
    knowing = [signal for signal in signals if isinstance(signal, Knowing)]
    columns: dict[str, list[Floats]] = {signal.name: [] for signal in knowing}
    for day in np.unique(days):
        rows = batch.taken(days == day)
        for signal in knowing:
            beside = signal.knowing(index, index_days != day)
            columns[signal.name].append(beside.columns(rows))
    as_before = np.argsort(np.argsort(days, kind="stable"))
    return {name: np.concatenate(of_days)[as_before] for name, of_days in columns.items()}


def shared_text(texts: Sequence[str], users: Sequence[str], rng: np.random.Generator) -> SharedText:
    """What the users of the index share in their prompts. rng is as `freeze` gets it."""
    numbers = numbered(users)
    index = np.isin(numbers, chosen_half(numbers, rng))
    first = np.unique(numbers, return_index=True)[1]
    return SharedText.of([texts[i] for i in first.tolist() if index[i]])


def below(prefix: str, arrays: Arrays) -> Arrays:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def topic_names(signals: Sequence[Signal], batch: Batch, users: Ints) -> tuple[str, ...]:
    """Of the reference's topics; "" where there are no words to call them by.

    users [rows]: a word of few of them may tell of one person, and the names outlast the retention.
    """
    topics = next((signal for signal in signals if isinstance(signal, Topics)), None)
    if topics is None:
        return ()
    count = topics.count - 1
    if batch.prompts is None:
        return ("",) * count
    texts, labels = np.array(batch.prompts, dtype=object), topics.labels(batch)
    rare = words_of_few(batch.prompts, users)
    words = topic_words([texts[labels == i].tolist() for i in range(count)], rare)
    return tuple(", ".join(names) for names in words)


def words_of_few(texts: Sequence[str], users: Ints) -> frozenset[str]:
    """The words that fewer than SPOKEN users have; users [texts]."""
    words_of_user: defaultdict[int, set[str]] = defaultdict(set)
    for user, text in zip(users.tolist(), texts, strict=True):
        words_of_user[user].update(words_of(text))
    counts = Counter(word for words in words_of_user.values() for word in words)
    return frozenset(word for word, count in counts.items() if count < SPOKEN)
