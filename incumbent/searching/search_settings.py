"""Section `search`: which settings of training `incumbent search tune` tries, and by what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from statistics import fmean
from typing import Annotated, Any, Self

import yaml
from pydantic import (
    AfterValidator,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)

from incumbent.searching.pace import SftSettings
from project.errors import InputError, first_problem
from project.records.scores import Better
from project.settings import PARAMS, S, Settings, meant
from training.steps.earlier import Earlier
from training.training_settings import AdapterParams, SftParams, TimeParams

TRIED: dict[str, type[Settings]] = {"adapter": AdapterParams, "sft": SftParams}
# Where an adapter starts is no matter of what dev prefers; the best of many seeds is luck.
LEFT_ALONE = {"adapter.start", "adapter.seed", "adapter.target_modules", "sft.evaluations"}

Scalar = bool | int | float | str | None


def known_keys() -> list[str]:
    """The keys of `training` that can be tried, such as `sft.learning_rate`."""
    every = [f"{part}.{name}" for part, model in TRIED.items() for name in model.model_fields]
    return [key for key in every if key not in LEFT_ALONE]


def known_key(key: str) -> str:
    """Refuse a key that training does not have, or that is not to be tried."""
    known = known_keys()
    if key in known:
        return key
    alike = [other for other in known if other.partition(".")[2] == key]
    raise ValueError(f"{key} is no key of training that can be tried{meant(key, alike or known)}")


class Span(Settings):
    """All numbers between two, both included; whole ones for a key that takes no others."""

    low: int | float
    high: int | float
    log: bool = False  # tried evenly by their logarithm, as learning rates are
    step: int | float | None = Field(default=None, gt=0)  # from low on; null: any number

    @model_validator(mode="after")
    def it_holds_numbers(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        if self.log and self.low <= 0:
            raise ValueError(f"low ({self.low}) must be above 0, for it has a logarithm")
        if self.log and self.step:
            raise ValueError("step: take log or step, not both")
        return self


Key = Annotated[str, AfterValidator(known_key)]
Choices = Annotated[tuple[Scalar, ...], Field(min_length=1)]
Range = Span | Choices  # in params.yaml {low: …, high: …}, or a list of values

DEFAULT_RANGES: dict[str, Range] = {
    "sft.learning_rate": Span(low=1e-4, high=2e-3, log=True),
    "sft.epochs": (1, 2, 3),
    "sft.batch_size": (2, 4, 8),
    "adapter.r": (8, 16, 32),
    "adapter.dropout": (0.0, 0.05, 0.1),
}


class SearchParams(TimeParams):
    """How `incumbent search tune` looks for better settings of training; only dev is looked at."""

    trials: PositiveInt = 20  # adapters that are trained, those of an earlier start included
    # What is made better on dev: loss, a token of the references, which needs no answers; or a
    # metric of the project's scorers, such as rougeL.
    metric: str = Field(default="loss", min_length=1)
    # The keys of training.adapter and training.sft that are tried, and their values.
    ranges: Annotated[dict[Key, Range], Field(min_length=1)] = DEFAULT_RANGES

    @model_validator(mode="after")
    def training_takes_every_value(self) -> Self:
        for key, values in self.ranges.items():
            settled(key, values)
        return self

    @property
    def settled(self) -> dict[str, Range]:
        """The ranges, each value as training has it: 8 for "8" and for 8.0."""
        return {key: settled(key, values) for key, values in self.ranges.items()}


def settled(key: str, values: Range) -> Range:
    """A range of values as training reads them. Raises ValueError where it refuses one."""
    if not isinstance(values, Span):
        return tuple(value_as_read(key, value) for value in values)
    numbers = {"low": values.low, "high": values.high, "step": values.step}
    read = {name: value_as_read(key, n) for name, n in numbers.items() if n is not None}
    if any(isinstance(n, bool) for n in read.values()):
        raise ValueError(f"{key} is no number: list its values, such as [true, false]")
    return values.model_copy(update=read)


def value_as_read(key: str, value: Scalar) -> Any:
    """A value as training reads it. Raises ValueError where training refuses it."""
    part, _, name = key.partition(".")
    try:
        read = getattr(TRIED[part].model_validate({name: value}), name)
    except ValidationError as error:
        raise ValueError(f"{key}: {value}: {first_problem(error)}") from None
    if key == "sft.epochs" and not read:
        raise ValueError(f"{key}: {value}: leaves the step out, and there is nothing to measure")
    return read


def mean_of(values: Range) -> float:
    """The mean of numbers that are tried."""
    tried = (values.low, values.high) if isinstance(values, Span) else values
    return fmean(float(value or 0) for value in tried)


# --- trial ----------------------------------------------------------------------------------------

# One trial of a search: the values that were tried, and what dev said of the adapter.


@dataclass(frozen=True)
class Trial:
    """A failed one has no items, but the error that ended it."""

    number: int  # from 0, in the order in which they were tried
    values: dict[str, Any]  # by keys such as sft.learning_rate
    items: tuple[float, ...] = ()  # what each dev item got
    seconds: float | None = None  # None: it was there from an earlier search
    error: str | None = None

    @property
    def score(self) -> float | None:
        return fmean(self.items) if self.items else None


def best_of(trials: Sequence[Trial], better: Better) -> Trial | None:
    """The earliest of those with the best score; None where all failed."""
    scored = [(trial.score, trial) for trial in trials if trial.score is not None]
    if not scored:
        return None
    sign = 1 if better == "less" else -1
    return min(scored, key=lambda pair: (sign * pair[0], pair[1].number))[1]


# --- recipe values --------------------------------------------------------------------------------

# Values of a trial, put into the settings of training, and written as params.yaml has them.

SHAPE = ("adapter.r", "adapter.rslora")  # what an adapter that training goes on from has decided


def value_of(settings: SftSettings, key: str) -> Any:
    """The value of a key such as `sft.learning_rate`."""
    part, _, name = key.partition(".")
    return getattr(getattr(settings, part), name)


def with_values(settings: SftSettings, values: Mapping[str, Any]) -> SftSettings:
    """The same with other values, each of which training takes."""
    return SftSettings(
        adapter=changed(settings.adapter, of_part(values, "adapter")),
        sft=changed(settings.sft, of_part(values, "sft")),
    )


def changed(params: S, values: Mapping[str, Any]) -> S:
    return type(params).model_validate(params.model_dump() | dict(values))


def of_part(values: Mapping[str, Any], part: str) -> dict[str, Any]:
    parts = {key.partition(".")[::2]: value for key, value in values.items()}
    return {name: value for (section, name), value in parts.items() if section == part}


def refuse_other_shapes(keys: Sequence[str], earlier: Earlier) -> None:
    """Raise InputError where training goes on from an adapter, and its shape is to be tried."""
    shapes = [key for key in keys if key in SHAPE]
    if earlier.folder and shapes:
        problem = f"{shapes[0]} is that of the adapter in {earlier.folder}, from which training "
        raise InputError(
            f"{problem}goes on: take this range out", file=PARAMS, field="search.ranges"
        )


def as_params(values: Mapping[str, Any]) -> str:
    """Lines for params.yaml."""
    lines = ["training:"]
    for part in ("adapter", "sft"):
        settings = of_part(values, part)
        lines += [f"  {part}:"] * bool(settings)
        lines += [f"    {name}: {as_yaml(value)}" for name, value in settings.items()]
    return "\n".join(lines)


def as_command(values: Mapping[str, Any]) -> str:
    """The command that runs the pipeline with these values, as an experiment of DVC."""
    settings = (f"training.{key}={as_yaml(value)}" for key, value in values.items())
    return " ".join(["dvc exp run", *(f"-S {quote(setting)}" for setting in settings)])


def as_yaml(value: Any) -> str:
    """A scalar as YAML 1.1 and 1.2 both read it: 0.0001, for 1e-04 is a text to some."""
    if isinstance(value, float):
        return f"{value:.12f}".rstrip("0").rstrip(".") if 1e-9 < abs(value) < 1e15 else repr(value)
    return str(yaml.safe_dump(value)).partition("\n")[0]
