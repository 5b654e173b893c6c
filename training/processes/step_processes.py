"""Who takes a step: this process, several of this machine, or a Ray cluster."""

import os
from importlib.util import find_spec

from project.engine.engine_settings import EngineParams, RayParams
from project.errors import InputError, pip_install
from project.settings import PARAMS, load, section_of
from training.precision import measure_machine
from training.processes.accelerate_config import SHARED, DistributedParams, refuse_uneven
from training.processes.group import MEMBER
from training.recipe import StepName
from training.training_settings import StepParams

ALONE = "one process"


def start_elsewhere(step: StepName, params: StepParams) -> bool:
    """Have a step taken as the settings want it; whether this process is left with nothing to do.

    Raises InputError for settings that do not fit the step, or this machine.
    """
    if MEMBER in os.environ:
        return False
    distributed = load(DistributedParams)
    # The best weights would have to be kept of parts.
    if distributed.sharding == "zero3" and getattr(params, "patience", None):
        problem = "the best weights cannot be put back under zero3: choose fsdp, or patience: null"
        raise InputError(problem, file=PARAMS, field=f"{section_of(type(params))}.patience")
    if load(EngineParams).name == "ray":
        cluster = load(RayParams)
        if step in SHARED:
            refuse_sharding(distributed, cluster.gpus_per_worker)
        # Imported here, and below, because one process alone needs no launcher, and no Ray.
        from training.processes.process_launcher import train_on_ray

        train_on_ray(step, params, cluster, distributed.sharding)
        return True
    gpus = gpus_here()
    processes = processes_of(step, distributed, gpus)
    if processes == 1:
        return False
    refuse_misfit(distributed, processes, gpus)
    refuse_uneven(params, processes)
    from training.processes.process_launcher import launch

    measure_machine()  # now, while one process has it to itself
    print(f"{step}: {processes} processes train together")
    launch(step, processes, distributed)
    return True


def who_trains(gpus: int | None = None) -> str:
    """Who would train, in words, by the settings, on a machine with so many GPUs; None: on this."""
    distributed, engine = load(DistributedParams), load(EngineParams)
    if engine.name == "ray":
        return "workers of a Ray cluster, as many as ray.workers says or it has room for"
    if distributed.processes == 1:  # asked before any GPU, for torch takes seconds to load
        return ALONE
    processes = processes_of("sft", distributed, gpus_here() if gpus is None else gpus)
    if processes == 1:
        return ALONE
    return f"{processes} processes"


def processes_of(step: StepName, params: DistributedParams, gpus: int) -> int:
    """How many take a step, on a machine with so many GPUs."""
    if step not in SHARED:
        return 1
    return max(1, gpus) if params.processes == "gpus" else params.processes


def refuse_misfit(params: DistributedParams, processes: int, gpus: int) -> None:
    """Raise InputError for what this machine cannot do."""
    refuse_sharding(params, gpus)
    if gpus and processes > gpus:
        raise wrong("processes", f"{processes} processes, and this machine has {gpus} GPUs")


def refuse_sharding(params: DistributedParams, gpus: float) -> None:
    """Raise InputError where weights are to be shared out and cannot be."""
    if not gpus and params.sharding != "ddp":
        raise wrong(
            "sharding",
            f"{params.sharding} needs GPUs, and there is none here (on Ray ray.gpus_per_worker "
            "says so): ddp",
        )
    if params.sharding == "zero3" and find_spec("deepspeed") is None:
        problem = f"zero3 needs deepspeed, which is not installed: {pip_install('deepspeed')}"
        raise wrong("sharding", problem)


def gpus_here() -> int:
    # Imported here because it takes seconds, and a process that trains has it anyway.
    import torch

    return int(torch.cuda.device_count())


def wrong(key: str, problem: str) -> InputError:
    return InputError(problem, file=PARAMS, field=f"training.distributed.{key}")
