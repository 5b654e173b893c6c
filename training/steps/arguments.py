"""A step's settings as arguments of TRL's trainers."""

import tempfile
from math import ceil
from typing import Any

import torch

from project.libraries import mix_precision
from project.records.adapters import Precision
from training.training_settings import AdapterParams, StepParams


def step_arguments(
    params: StepParams, adapter: AdapterParams, precision: Precision, examples: int
) -> dict[str, Any]:
    """What SFTConfig, DPOConfig and KTOConfig have in common, for so many examples an epoch."""
    steps = optimizer_steps(params, examples)
    return {
        "output_dir": tempfile.gettempdir(),  # nothing is saved there: save_strategy is "no"
        "num_train_epochs": params.epochs,
        "per_device_train_batch_size": params.batch_size,
        "gradient_accumulation_steps": params.gradient_accumulation,
        "learning_rate": params.learning_rate,
        "lr_scheduler_type": SCHEDULES.get(adapter.schedule, adapter.schedule),
        "warmup_steps": round(adapter.warmup_share * steps),
        "gradient_checkpointing": adapter.gradient_checkpointing,
        **mix_precision(precision),
        "ddp_find_unused_parameters": False,  # each LoRA has a part in each pass
        "use_cpu": not torch.cuda.is_available(),
        "dataloader_pin_memory": torch.cuda.is_available(),
        "seed": adapter.seed,
        "disable_tqdm": True,  # a callback says how far it is
        "logging_steps": 1,
        "include_num_input_tokens_seen": "non_padding",
        "logging_nan_inf_filter": False,  # a callback stops at the first of them
        "save_strategy": "no",
        "report_to": "none",
    }


SCHEDULES = {"constant": "constant_with_warmup"}  # in transformers' words


def one_device(config: Any) -> Any:
    """A configuration of a trainer, without a batch that is split among several GPUs unasked."""
    config._n_gpu = min(config.n_gpu, 1)
    return config


def optimizer_steps(params: StepParams, examples: int) -> int:
    """How often the weights are moved."""
    an_epoch = max(1, ceil(ceil(examples / params.batch_size) / params.gradient_accumulation))
    return max(1, ceil(params.epochs * an_epoch))


def measuring(params: StepParams, examples: int, times: int) -> dict[str, Any]:
    """Arguments by which a trainer measures itself so many times, the end among them; 0: never."""
    if not times:
        return {"eval_strategy": "no"}
    every = ceil(optimizer_steps(params, examples) / times)
    return {"eval_strategy": "steps", "eval_steps": every}
