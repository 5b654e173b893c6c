"""The named recipes: files of training/recipes/, each a description and settings of training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import training
from project.errors import InputError
from project.settings import Settings, read_settings
from training.training_settings import (
    AdapterParams,
    DomainParams,
    DpoParams,
    KtoParams,
    SftParams,
)

FOLDER = Path(str(training.__file__)).parent / "recipes"
# What a recipe leaves as the project has it, for it is about its data and its machine.
OF_THE_PROJECT = frozenset(
    {
        "adapter.start",
        "adapter.seed",
        "adapter.dequantize_once",
        "sft.rows",
        "sft.evaluations",
        "domain.held_out_share",
        *(f"{step}.gradient_checkpointing" for step in ("domain", "sft", "dpo", "kto")),
    }
)


class Training(Settings):
    """What a recipe says of the section `training` of params.yaml."""

    adapter: AdapterParams
    domain: DomainParams
    sft: SftParams
    dpo: DpoParams
    kto: KtoParams


class NamedRecipe(Settings):
    description: str  # in one line: what it does, and for whom
    training: Training

    @property
    def values(self) -> dict[str, Any]:
        """Every key that decides what is learnt, with its value here or its default."""
        every = flat(self.training.model_dump(mode="json"))
        return {name: value for name, value in every.items() if name not in OF_THE_PROJECT}

    @property
    def said(self) -> dict[str, Any]:
        """The keys that the recipe's file names."""
        return flat(self.training.model_dump(mode="json", exclude_unset=True))


def flat(steps: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    """Such as {"sft.epochs": 1}."""
    return {
        f"{step}.{key}": value
        for step, keys in steps.items()
        for key, value in (keys or {}).items()
    }


def names() -> list[str]:
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def file_of(name: str) -> Path:
    """Raises InputError for a name that no recipe has."""
    if name not in names():
        raise InputError(f"there is no recipe {name!r}; there are {', '.join(names())}")
    return FOLDER / f"{name}.yaml"


def read_recipe(name: str) -> NamedRecipe:
    """Raises InputError for a name that no recipe has."""
    return read_settings(NamedRecipe, file_of(name))
