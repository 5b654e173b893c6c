"""What processes that train together are told: accelerate's settings, and DeepSpeed's."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import PositiveInt

from project.errors import InputError
from project.files import write_bytes
from project.settings import PARAMS, Settings, section_of
from training.recipe import StepName
from training.training_settings import StepParams

# --- process settings -----------------------------------------------------------------------------

Sharding = Literal["ddp", "fsdp", "zero3"]
# Steps that several may take. The others read a second model, a teacher or a reference, which TRL's
# trainers do in one process.
SHARED: tuple[StepName, ...] = ("domain", "sft")


class DistributedParams(Settings):
    """How a step is trained by several processes. What it learns is the same: batch_size is that of
    all together. `distill`, `dpo`, `kto` and `grpo` are trained by one process.
    """

    # gpus: one for each GPU; without a GPU, one. torchrun starts them. On Ray (engine: ray) it is
    # Ray, and ray.workers says how many.
    processes: PositiveInt | Literal["gpus"] = 1
    # ddp: each holds the whole base. fsdp, zero3: each holds a part, for a base that is too large
    # for one GPU; with NF4, fsdp is FSDP-QLoRA. zero3 needs pip install 'incumbent[deepspeed]'.
    sharding: Sharding = "ddp"


def refuse_uneven(params: StepParams, processes: int) -> None:
    """Raise InputError for a batch that cannot be dealt out evenly."""
    if params.batch_size % processes:
        raise InputError(
            f"a batch of {params.batch_size} cannot be dealt out evenly to {processes} processes: "
            f"choose a multiple of {processes}, or another number of processes "
            "(training.distributed.processes; on Ray ray.workers)",
            file=PARAMS,
            field=f"{section_of(type(params))}.batch_size",
        )


# --- accelerate config ----------------------------------------------------------------------------


def fsdp_config() -> dict[str, Any]:
    """FSDP2: Zhao et al. 2023, arXiv 2304.11277. With an NF4 base it is FSDP-QLoRA
    (https://www.answer.ai/posts/2024-03-06-fsdp-qlora), whose weights are stored in numbers of the
    adapter's precision: `bnb_4bit_quant_storage` in training/model/base_model.py.
    """
    return {
        "fsdp_version": 2,  # each weight is sharded by itself, so frozen ones may lie beside others
        # A unit for each block of the transformer: the class is the model's `_no_split_modules`.
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "fsdp_reshard_after_forward": True,
        "fsdp_cpu_ram_efficient_loading": True,  # one process reads the base, not each of them
        "fsdp_state_dict_type": "FULL_STATE_DICT",
        "fsdp_offload_params": False,
        "fsdp_activation_checkpointing": False,  # gradient_checkpointing does that
    }


def sharding_environment(sharding: Sharding, deepspeed_file: str) -> dict[str, str]:
    """What `accelerate launch` would tell its processes, for those of torchrun and Ray."""
    if sharding == "fsdp":
        told = {
            name.upper(): str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in fsdp_config().items()
        }
        return {"ACCELERATE_USE_FSDP": "true", **told}
    if sharding == "zero3":
        return {
            "ACCELERATE_USE_DEEPSPEED": "true",
            "ACCELERATE_DEEPSPEED_CONFIG_FILE": deepspeed_file,
            "ACCELERATE_DEEPSPEED_ZERO3_INIT": "true",
        }
    return {}


def deepspeed_config() -> dict[str, Any]:
    """ZeRO-3: Rajbhandari et al. 2020, arXiv 1910.02054. The trainer fills in what is "auto"."""
    return {
        "zero_optimization": {
            "stage": 3,
            "overlap_comm": True,
            "contiguous_gradients": True,
            "reduce_bucket_size": "auto",
            "stage3_prefetch_bucket_size": "auto",
            "stage3_param_persistence_threshold": "auto",
        },
        "bf16": {"enabled": "auto"},
        "fp16": {"enabled": "auto"},
        "gradient_clipping": "auto",
        "gradient_accumulation_steps": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        "train_batch_size": "auto",
    }


def write_deepspeed_config(folder: Path) -> Path:
    """The file, which all processes must see."""
    file = folder / "deepspeed.json"
    write_bytes(file, json.dumps(deepspeed_config()).encode())
    return file
