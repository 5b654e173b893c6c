"""The training of a user's own classifier into a reward model with TRL: of all its weights, or of a
LoRA that is merged into them.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, TaskType
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PrinterCallback,
)
from trl import RewardConfig, RewardTrainer

from evaluation.evaluation_settings import Lora, RewardParams
from evaluation.preference.reward.reward_model import exchange, separator_of
from evaluation.preference.reward.training_steps import Steps
from project.libraries import mix_precision
from project.records.adapters import Precision
from project.records.preferences import PreferencePair


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
    rows = [
        {
            "chosen_ids": token_ids(pair.prompt, pair.chosen, tokenizer, params.max_length),
            "rejected_ids": token_ids(pair.prompt, pair.rejected, tokenizer, params.max_length),
        }
        for pair in pairs
    ]
    args = reward_config(params, precision)
    args._n_gpu = min(args.n_gpu, 1)  # no batch is split among several GPUs unasked
    trainer = RewardTrainer(
        model=model,
        args=args,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=lora_config(params.lora) if params.lora else None,
        callbacks=[Steps()],
    )
    trainer.remove_callback(PrinterCallback)  # a line for each log
    trainer.train()
    trained = trainer.model.merge_and_unload() if params.lora else model
    trained.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def token_ids(prompt: str, answer: str, tokenizer: Any, limit: int) -> list[int]:
    """An exchange and its end as tokens. One that is too long loses the beginning of its prompt, as
    when it is judged; TRL would leave it out.
    """
    text = exchange(prompt, answer, separator_of(tokenizer))
    text = text if text.endswith(tokenizer.eos_token) else f"{text}{tokenizer.eos_token}"
    ids: list[int] = tokenizer(text)["input_ids"]
    head = ids[:1] if ids[0] in (tokenizer.cls_token_id, tokenizer.bos_token_id) else []
    return ids if len(ids) <= limit else head + ids[len(head) - limit :]


def lora_config(lora: Lora) -> LoraConfig:
    """PEFT trains the new head, which is drawn at random, beside the LoRA of a classifier."""
    return LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=lora.r,
        lora_alpha=lora.alpha,
        target_modules="all-linear",
    )


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
        disable_tqdm=True,  # the callback says how far it is
        save_strategy="no",
        report_to="none",
    )
