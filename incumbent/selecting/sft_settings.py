"""The settings of an adapter that learns training rows in one step, `sft`."""

from dataclasses import dataclass, replace
from typing import Self

from project.errors import InputError
from project.settings import PARAMS, load
from training.training_settings import AdapterParams, SftParams


@dataclass(frozen=True)
class SftSettings:
    adapter: AdapterParams
    sft: SftParams

    def on_all_rows(self) -> Self:
        """The same, whatever limit of rows the project has."""
        return replace(self, sft=self.sft.model_copy(update={"rows": None}))

    def seeded(self, more: int) -> Self:
        """The same with another seed of training."""
        seed = self.adapter.seed + more
        return replace(self, adapter=self.adapter.model_copy(update={"seed": seed}))


def load_sft_settings() -> SftSettings:
    """The project's. Raises InputError where it leaves the step `sft` out."""
    settings = SftSettings(adapter=load(AdapterParams), sft=load(SftParams))
    if not settings.sft.epochs:
        problem = "is 0, so there is no step `sft` to train: give it a number above 0"
        raise InputError(problem, file=PARAMS, field="training.sft.epochs")
    return settings
