"""What became of the users' cases: passed on to a person, solved or not, and how satisfied."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from monitoring.signals.signal import Batch, Direction, Floats, one_column, usual_value


@dataclass(frozen=True)
class Escalated:
    """Whether a case was passed on to a person: up means that more of them were."""

    usual: Floats  # [1], the reference's share of cases, for reports

    name: ClassVar[str] = "escalated"
    direction: ClassVar[Direction] = "up"
    weight: ClassVar[int] = 1
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        usual = usual_value(index.escalated)
        return None if usual is None else cls(usual)

    def columns(self, batch: Batch) -> Floats:
        return one_column(batch.escalated, len(batch))


@dataclass(frozen=True)
class Unresolved:
    """Whether a case ended without a solution: up means that more of them did."""

    usual: Floats  # [1], the reference's share of cases that were solved, for reports

    name: ClassVar[str] = "unresolved"
    direction: ClassVar[Direction] = "up"
    weight: ClassVar[int] = 1
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        usual = usual_value(index.resolved)
        return None if usual is None else cls(usual)

    def columns(self, batch: Batch) -> Floats:
        return 1 - one_column(batch.resolved, len(batch))


@dataclass(frozen=True)
class Satisfaction:
    """How satisfied users were, turned round: up means that they are less so."""

    usual: Floats  # [1], the reference's mean, for reports

    name: ClassVar[str] = "satisfaction"
    direction: ClassVar[Direction] = "up"
    weight: ClassVar[int] = 1
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        usual = usual_value(index.satisfaction)
        return None if usual is None else cls(usual)

    def columns(self, batch: Batch) -> Floats:
        return -one_column(batch.satisfaction, len(batch))


OUTCOMES = (Escalated, Unresolved, Satisfaction)
