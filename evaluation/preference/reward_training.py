"""The training of a reward model with TRL, of all weights or of a LoRA that is merged into them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, TaskType
from transformers import AutoModelForSequenceClassification, AutoTokenizer, ProgressCallback
from trl import RewardConfig, RewardTrainer

from evaluation.evaluation_settings import Lora, RewardParams
from evaluation.preference.calibration import PreferencePair
from evaluation.preference.reward_model import exchange, separator_of
from project.libraries import mix_precision
from project.records.adapters import Precision


def train_reward(
    pairs: Sequence[PreferencePair],
    base: Path,
    params: RewardParams,
    precision: Precision,
    folder: Path,
) -> None:
    """Fine-tune a model into a reward model: safetensors, JSON, and no pickle.

    In another precision than float32 it is mixed: the weights stay in float32.
    """
    tokenizer = AutoTokenizer.from_pretrained(base, model_max_length=params.max_length)
    tokenizer.eos_token = tokenizer.eos_token or tokenizer.sep_token  # TRL ends texts with it
    torch.manual_seed(params.seed)  # the new head's weights are drawn here
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=1, dtype=torch.float32, use_safetensors=True
    )
    separator = separator_of(tokenizer)
    texts = [
        {
            "chosen": exchange(pair.prompt, pair.chosen, separator),
            "rejected": exchange(pair.prompt, pair.rejected, separator),
        }
        for pair in pairs
    ]
    trainer = RewardTrainer(
        model=model,
        args=reward_config(params, precision),
        train_dataset=Dataset.from_list(texts),
        processing_class=tokenizer,
        peft_config=lora_config(params.lora) if params.lora else None,
    )
    trainer.remove_callback(ProgressCallback)
    trainer.add_callback(BarOnly)
    trainer.train()
    trained = trainer.model.merge_and_unload() if params.lora else model
    trained.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def lora_config(lora: Lora) -> LoraConfig:
    """PEFT trains the new head, which is drawn at random, beside the LoRA of a classifier."""
    return LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=lora.r,
        lora_alpha=lora.alpha,
        target_modules="all-linear",
    )


class BarOnly(ProgressCallback):
    """A progress bar without a line for each log."""

    def on_log(self, *_: Any, **__: Any) -> None:
        pass


def reward_config(params: RewardParams, precision: Precision) -> RewardConfig:
    return RewardConfig(
        output_dir=tempfile.gettempdir(),  # nothing is saved there: save_strategy is "no"
        num_train_epochs=params.epochs,
        per_device_train_batch_size=params.batch_size,
        learning_rate=params.learning_rate,
        max_length=params.max_length,
        warmup_steps=0.1,
        gradient_checkpointing=False,
        **mix_precision(precision),
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        seed=params.seed,
        disable_tqdm=False,  # the bar is what shows that it goes on
        save_strategy="no",
        report_to="none",
    )
