"""Values of a trial, put into the settings of training, and written as params.yaml has them."""

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

import yaml

from incumbent.selecting.sft_settings import SftSettings
from project.errors import InputError
from project.settings import PARAMS, S
from training.steps.earlier import Earlier

SHAPE = ("adapter.r", "adapter.rslora")  # what an adapter that training goes on from has decided


def value_of(settings: SftSettings, key: str) -> Any:
    """By a key such as `sft.learning_rate`."""
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
    return {name: value for (own, name), value in parts.items() if own == part}


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
        own = of_part(values, part)
        lines += [f"  {part}:"] * bool(own)
        lines += [f"    {name}: {as_yaml(value)}" for name, value in own.items()]
    return "\n".join(lines)


def as_command(values: Mapping[str, Any]) -> str:
    """The command that runs the pipeline with these values, as an experiment of DVC."""
    settings = (f"training.{key}={as_yaml(value)}" for key, value in values.items())
    return " ".join(["dvc exp run", *(f"-S {quote(one)}" for one in settings)])


def as_yaml(value: Any) -> str:
    """A scalar as YAML 1.1 and 1.2 both read it: 0.0001, for 1e-04 is a text to some."""
    if isinstance(value, float):
        return f"{value:.12f}".rstrip("0").rstrip(".") if 1e-9 < abs(value) < 1e15 else repr(value)
    return str(yaml.safe_dump(value)).partition("\n")[0]
