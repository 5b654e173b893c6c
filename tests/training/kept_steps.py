"""Small steps of training whose interruption tests can look at: trainers of each kind, and recipes.

What loads torch is imported where it is used, so that the fast tests do not wait for it.
"""

from pathlib import Path
from typing import Any

from project.model_pins import ModelChoice, pin
from project.records.adapters import ModelPin
from tests.conftest import BASE, NUMERICS
from training.recipe import STEP, Recipe
from training.training_settings import AdapterParams, DomainParams, SftParams, StepParams

ADAPTER = AdapterParams(r=4, dropout=0.2, quantization="none")
SFT = SftParams(
    epochs=2, batch_size=2, learning_rate=5e-3, evaluations=0
)  # six steps an epoch of twelve rows


def recipe_of(base: ModelPin = BASE, data: str = "d" * 64, **steps: StepParams) -> Recipe:
    """Of these steps; without any, of `sft`."""
    taken = {
        name: STEP[name](data=data, params=params)  # type: ignore[index]
        for name, params in (steps or {"sft": SFT}).items()
    }
    return Recipe(base=base, numerics=NUMERICS, adapter=ADAPTER, **taken)


def pinned(base: Path) -> ModelPin:
    return pin(ModelChoice(model=str(base)), "base")


def sft_trainer(base: Path, params: SftParams = SFT, adapter: AdapterParams = ADAPTER) -> Any:
    """TRL's, on a fresh adapter with dropout, whose rows are grouped by length."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    from training.model.base_model import load_base
    from training.model.lora import add_adapter
    from training.steps.run_step import measuring, step_arguments

    rows = [{"prompt": f"What is {i} plus {i}?", "completion": " one" * (i + 2)} for i in range(12)]
    arguments = step_arguments(params, adapter, "float32", len(rows))
    arguments |= measuring(params, len(rows), params.evaluations)
    trainer = SFTTrainer(
        model=add_adapter(load_base(base, adapter, NUMERICS), adapter, NUMERICS),
        args=SFTConfig(**arguments, train_sampling_strategy="group_by_length"),
        train_dataset=Dataset.from_list(rows),
        eval_dataset=Dataset.from_list(rows[:4]) if params.evaluations else None,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def trained(trainer: Any) -> dict[str, bytes]:
    """The bytes of the weights that are trained, by their names."""
    return {
        name: weight.detach().numpy().tobytes()
        for name, weight in trainer.model.named_parameters()
        if weight.requires_grad
    }


__all__ = ["ADAPTER", "SFT", "DomainParams", "pinned", "recipe_of", "sft_trainer", "trained"]
