"""A base, its settings and its rows on a kind of device: what memory and minutes are told of."""

from dataclasses import dataclass, replace

from incumbent.planning.work.run_settings import RunSettings
from incumbent.planning.work.workload import Longest
from training.cost.base_shape import BaseShape
from training.cost.computing import Computing
from training.cost.step_setup import StepSetup
from training.recipe import StepName
from training.training_settings import AdapterParams, DomainParams

PACKED: tuple[StepName, ...] = ("domain", "sft")  # the steps of our own trainer
PAIR = 2  # sequences of one: a prompt with the better answer, and with the worse one


@dataclass(frozen=True)
class Setup:
    shape: BaseShape
    settings: RunSettings
    longest: Longest
    on: Computing

    @property
    def steps(self) -> dict[StepName, StepSetup]:
        """Those that are taken, in their order."""
        return {name: self.step(name) for name in self.settings.taken}

    def step(self, name: StepName) -> StepSetup:
        params = self.settings.step(name)
        row, scored = self.longest.row, self.longest.completion
        if isinstance(params, DomainParams):  # packed to its window, and all of it is learnt
            row = scored = min(params.window, self.longest.window)
        return StepSetup(
            shape=self.shape,
            adapter=self.settings.adapter,
            params=params,
            longest=row,
            longest_scored=scored,
            on=self.on,
            sequences=PAIR if name == "dpo" else 1,
            packed=name in PACKED,
        )

    def training_with(self, **changes: object) -> "Setup":
        """With other settings of the adapter, or of every step that is taken."""
        adapter = {name: value for name, value in changes.items() if name in ADAPTER}
        others = {name: value for name, value in changes.items() if name not in ADAPTER}
        update: dict[str, object] = {"adapter": self.settings.adapter.model_copy(update=adapter)}
        for step in self.settings.taken:
            update[step] = self.settings.step(step).model_copy(update=others)
        return replace(self, settings=self.settings.model_copy(update=update))

    def answering_in_batches_of(self, size: int) -> "Setup":
        decoding = self.settings.decoding.model_copy(update={"batch_size": size})
        return replace(self, settings=self.settings.model_copy(update={"decoding": decoding}))

    def with_rows_of(self, tokens: int) -> "Setup":
        """No row longer than so many tokens, and no window of text."""
        longest = replace(
            self.longest,
            row=min(self.longest.row, tokens),
            completion=min(self.longest.completion, tokens),
            window=min(self.longest.window, tokens),
        )
        return replace(self, longest=longest)


ADAPTER = AdapterParams.model_fields.keys()
