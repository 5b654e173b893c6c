"""In how many processes a step is trained on this machine, and what each of them holds."""

from typing import Literal, Self

from pydantic import PositiveInt, model_validator

from project.errors import InputError
from project.settings import PARAMS, Settings, section_of
from training.recipe import StepName
from training.training_settings import StepParams

Launcher = Literal["none", "torchrun", "accelerate"]
Sharding = Literal["ddp", "fsdp", "zero3"]
# Steps that several may take. The others compare each answer with a reference, which TRL's trainers
# make in one process.
SHARED: tuple[StepName, ...] = ("domain", "sft")


class DistributedParams(Settings):
    """How a step is trained by several processes. What it learns is the same: batch_size is that of
    all together. `dpo` and `kto` are trained by one process.
    """

    # What starts them. On Ray (engine: ray) it is Ray, and ray.workers says how many.
    launcher: Launcher = "none"
    processes: PositiveInt | None = None  # null: one for each GPU; without a GPU, one
    # ddp: each holds the whole base. fsdp, zero3: each holds a part, for a base that is too large
    # for one GPU; with NF4, fsdp is FSDP-QLoRA. zero3 needs pip install 'incumbent[deepspeed]'.
    sharding: Sharding = "ddp"

    @model_validator(mode="after")
    def launched(self) -> Self:
        if self.processes is not None and self.launcher == "none":
            raise ValueError("processes needs what starts them: launcher, torchrun or accelerate")
        return self


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
