"""Stage `train`: a QLoRA run on the gated training rows makes an adapter."""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import bitsandbytes as bnb
import torch
from datasets import Dataset
from peft import PeftModel
from transformers import AutoTokenizer, PrinterCallback
from trl import SFTConfig, SFTTrainer

from project.canonical import canonical_json, digest_file, digest_folder
from project.errors import IncumbentError
from project.files import staged_folder, write_bytes
from project.libraries import mix_precision
from project.model_pins import BaseChoice, pinned_folder
from project.paths import ADAPTER, ADAPTER_FILES, BASE, DATASET, LEARNING_CURVE, rows_of
from project.records.adapters import Adapter, ModelPin, Numerics, Precision
from project.records.data import DatasetVersion, Row, Split
from project.records.record import LATER, Record
from project.settings import load
from project.system_prompt import FIELD, SYSTEM_PROMPT, refuse_unheard, under
from training.callbacks import LearningCurve, StepsWithLoss
from training.lora_model import add_adapter, load_base
from training.precision import choose_numerics, measure_machine
from training.training_settings import TrainingParams


class Recipe(Record):
    """Everything that decides an adapter's bytes."""

    base: ModelPin
    rows: str  # digest of the training rows' file
    params: TrainingParams
    numerics: Numerics
    system_prompt: Annotated[str | None, LATER] = None  # in front of every row


def main() -> None:
    params, system_prompt = load(TrainingParams), load(BaseChoice).system_prompt
    base = ModelPin.read(BASE)
    dataset = DatasetVersion.read(DATASET)
    rows = Row.read_lines(rows_of(Split.TRAIN))[: params.rows]
    here = choose_numerics()
    with staged_folder(ADAPTER_FILES) as draft, staged_folder(LEARNING_CURVE) as curve:
        folder = pinned_folder(base, "base")
        trainer = make_trainer(rows, folder, params, here, curve, system_prompt)
        numerics = trained_with(trainer.model, params, here)
        recipe = Recipe(
            base=base,
            rows=digest_file(rows_of(Split.TRAIN)),
            params=params,
            numerics=numerics,
            system_prompt=system_prompt,
        )
        print(f"training: {plan(trainer, numerics)}", flush=True)
        trainer.train()
        save_adapter(trainer.model, recipe, draft)
    card = Adapter(
        files=digest_folder(ADAPTER_FILES),
        base=base,
        recipe=recipe.digest,
        dataset=dataset.digest,
        numerics=numerics,
        system_prompt=system_prompt,
    )
    card.write(ADAPTER)
    print(f"trained {card}")


def make_trainer(
    rows: tuple[Row, ...],
    base: Path,
    params: TrainingParams,
    numerics: Numerics,
    curve: Path | None,
    system_prompt: str | None = None,
) -> SFTTrainer:
    """A trainer of a fresh adapter; `numerics` gives the precision that it computes in.

    The learning curve goes into a folder, and nowhere where that is None.
    """
    tokenizer = AutoTokenizer.from_pretrained(base)
    refuse_unheard(tokenizer, system_prompt, base, FIELD)
    trainer = SFTTrainer(
        model=add_adapter(load_base(base, params, numerics), params, numerics),
        args=sft_config(params, numerics.precision, len(rows)),
        train_dataset=Dataset.from_list([turns(row, system_prompt) for row in rows]),
        processing_class=tokenizer,
        callbacks=[*([LearningCurve(curve)] if curve else []), StepsWithLoss()],
    )
    trainer.remove_callback(PrinterCallback)  # a line for each step
    return trainer


def plan(trainer: SFTTrainer, numerics: Numerics) -> str:
    """What the run is about to do, and how long that takes where the machine was measured."""
    epochs = trainer.args.num_train_epochs
    tokens = round(epochs * sum(len(row["input_ids"]) for row in trainer.train_dataset))
    weights = trainer.model.num_parameters()
    minutes = measure_machine().minutes(numerics.precision, weights, tokens, passes=2)
    about = f", about {minutes:.0f} min" if minutes and minutes >= 1 else ""
    return f"{tokens:,} tokens in {epochs:g} epochs, {numerics}{about}"


def trained_with(model: PeftModel, params: TrainingParams, here: Numerics) -> Numerics:
    """The numerics of a training run, from what its base has become."""
    packed = any(isinstance(module, bnb.nn.Linear4bit) for module in model.modules())
    return here.model_copy(
        update={
            "quantization": params.quantization,
            "dequantized": params.quantization == "nf4" and not packed,
        }
    )


def turns(row: Row, system_prompt: str | None) -> dict[str, list[dict[str, str]]]:
    return {
        "prompt": [message.model_dump() for message in under(system_prompt, row.prompt)],
        "completion": [message.model_dump() for message in row.completion],
    }


def sft_config(params: TrainingParams, precision: Precision, rows: int) -> SFTConfig:
    steps = rows * params.epochs / (params.batch_size * params.gradient_accumulation)
    config = SFTConfig(
        output_dir=tempfile.gettempdir(),  # nothing is saved there: save_strategy is "no"
        completion_only_loss=True,
        max_length=None,  # nothing is cut off: stage `curate` saw to the lengths
        num_train_epochs=params.epochs,
        per_device_train_batch_size=params.batch_size,
        gradient_accumulation_steps=params.gradient_accumulation,
        train_sampling_strategy="group_by_length",
        learning_rate=params.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(params.warmup_share * steps),
        gradient_checkpointing=params.gradient_checkpointing,
        **mix_precision(precision),
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        seed=params.seed,
        disable_tqdm=True,  # the callback says how far it is
        logging_steps=1,
        save_strategy="no",
        report_to="none",
    )
    config._n_gpu = min(config.n_gpu, 1)  # more would split a batch among them, unasked
    return config


def save_adapter(model: PeftModel, recipe: Recipe, folder: Path) -> None:
    """Write weights, config, recipe and system prompt, and no trace of this machine.

    Raises IncumbentError when training left the adapter as it was.
    """
    updates = [p for name, p in model.named_parameters() if "lora_B" in name and p.requires_grad]
    if not any(p.count_nonzero() for p in updates):
        raise IncumbentError("training changed nothing: no LoRA weight is trainable or moved")
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_bytes())
    config["base_model_name_or_path"] = recipe.base.name
    config["target_modules"] = sorted(config["target_modules"])
    write_bytes(folder / "adapter_config.json", canonical_json(config))
    recipe.write(folder / "recipe.json")
    if recipe.system_prompt is not None:
        write_bytes(folder / SYSTEM_PROMPT, recipe.system_prompt.encode())
