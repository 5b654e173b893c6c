"""The traffic that a champion is compared with: frozen once, and stored as plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from monitoring.drift.array_bytes import Arrays, from_bytes, to_bytes
from monitoring.drift.season import ALWAYS, Season
from monitoring.drift.user_days import UserDays, numbered
from monitoring.signals import SIGNALS, Kinds
from monitoring.signals.array_types import Floats, Ints
from monitoring.signals.prompt_words import counts_of, typical_words
from monitoring.signals.signal import Batch, Signal
from monitoring.signals.topics import Topics

MOST_INDEX = 4_000  # users: every prompt is compared with all of the index
SIGNAL, UNITS = "signal.", "units."  # what the names of arrays begin with


@dataclass(frozen=True)
class Reference:
    """One half of the users, the index, has fitted the signals; nights are compared with the other.

    Nothing that a signal learnt has seen the other half, or a night of users who are not in the
    index: given the index, a row of either is alike, whichever function is taken of it. So the
    users of the index are left out of nights, whose rows would lie near their own.
    """

    signals: tuple[Signal, ...]
    index_users: Ints
    units: UserDays  # of the other half
    topic_names: tuple[str, ...]  # by the words that are typical of them
    season: Season  # which rows are compared with which

    @classmethod
    def freeze(
        cls,
        batch: Batch,
        users: Sequence[str],
        times: Floats,
        *,
        rng: np.random.Generator,
        season: Season = ALWAYS,
        kinds: Kinds = SIGNALS,
    ) -> Self:
        """Split the users at random in two; times [rows] are as Season.strata takes them."""
        numbers, own = np.unique(numbered(users), return_inverse=True)
        index = rng.permutation(len(numbers)) < min(len(numbers) // 2, MOST_INDEX)
        fitted = (kind.fit(batch.taken(index[own]), rng) for kind in kinds)
        signals = tuple(signal for signal in fitted if signal is not None)
        units = UserDays.of(batch, signals, users, season.strata(times))
        return cls(
            signals=signals,
            index_users=numbers[index],
            units=units.without(numbers[index]),
            topic_names=topic_names(signals, batch),
            season=season,
        )

    def units_of(self, batch: Batch, users: Sequence[str], times: Floats) -> UserDays:
        """Rows to compare with; of users who are not in the index."""
        strata = self.season.strata(times)
        return UserDays.of(batch, self.signals, users, strata).without(self.index_users)

    def to_bytes(self) -> bytes:
        """As one file of arrays; equal references have equal bytes."""
        arrays: Arrays = {
            f"{SIGNAL}{signal.name}.{key}": array
            for signal in self.signals
            for key, array in vars(signal).items()
        }
        arrays |= {f"{UNITS}{name}": array for name, array in self.units.arrays().items()}
        arrays |= {
            "index users": self.index_users,
            "topics": np.array(self.topic_names, dtype=np.str_),
            "weekly": np.array(self.season.weekly),
            "hours": np.array(self.season.hours),
        }
        return to_bytes(arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        arrays = from_bytes(data)
        fitted = [(kind, below(f"{SIGNAL}{kind.name}.", arrays)) for kind in SIGNALS]
        return cls(
            signals=tuple(kind(**own) for kind, own in fitted if own),
            index_users=arrays["index users"],
            units=UserDays.of_arrays(below(UNITS, arrays)),
            topic_names=tuple(arrays["topics"].tolist()),
            season=Season(bool(arrays["weekly"]), tuple(arrays["hours"].tolist())),
        )


def below(prefix: str, arrays: Arrays) -> Arrays:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def topic_names(signals: Sequence[Signal], batch: Batch) -> tuple[str, ...]:
    """Of the reference's topics; numbers where there are no words to call them by."""
    topics = next((signal for signal in signals if isinstance(signal, Topics)), None)
    if topics is None:
        return ()
    numbers = tuple(f"topic {number + 1}" for number in range(topics.count - 1))
    if batch.prompts is None:
        return numbers
    texts = np.array(batch.prompts, dtype=object)
    labels, counts = topics.labels(batch), counts_of(batch.prompts)
    return tuple(
        ", ".join(typical_words(texts[labels == i].tolist(), counts, len(batch))) or number
        for i, number in enumerate(numbers)
    )
