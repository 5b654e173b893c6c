"""A step that is trained on a Ray cluster, by Ray Train's TorchTrainer around the same trainer.

A worker that is lost takes its group with it: Ray starts another group, which goes on from the
newest checkpoint (training/kept). All machines must see the project in the same place.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch.distributed as dist

from project.engine.engine_settings import RayParams
from project.engine.ray_cluster import connected, cpus_per_worker, workers_of
from project.errors import IncumbentError
from project.files import home
from project.libraries import CHOICES
from project.paths import step_of
from training.precision import measure_machine
from training.processes.accelerate_config import (
    SHARED,
    Sharding,
    refuse_uneven,
    sharding_environment,
    write_deepspeed_config,
)
from training.processes.group import MEMBER, is_first, world
from training.processes.worker import ProcessFailure, take
from training.recipe import StepName, StepRecord
from training.training_settings import StepParams

# What Ray tells a worker of its group, and accelerate reads.
GROUP = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "NODE_RANK")


def train_on_ray(
    step: StepName, params: StepParams, cluster: RayParams, sharding: Sharding
) -> None:
    """Raises what a worker raises, and IncumbentError where workers are lost again and again."""
    measure_machine()  # now, while one process has it to itself
    with connected(cluster), TemporaryDirectory(prefix="training-", dir=home()) as folder:
        workers = workers_of(cluster) if step in SHARED else 1
        refuse_uneven(params, workers)
        sharding = sharding if workers > 1 else "ddp"  # one alone has nobody to share with
        print(f"{step}: {workers} workers on a Ray cluster train it", flush=True)
        failure = fitted(step, cluster, workers, sharding, Path(folder).absolute())
    if failure:
        raise ProcessFailure.model_validate(failure).as_error()
    print(StepRecord.read(step_of(step) / "step.json"))


def fitted(
    step: StepName, cluster: RayParams, workers: int, sharding: Sharding, folder: Path
) -> dict[str, Any] | None:
    """Train; what a worker refused, if it did."""
    # Imported here because `connected` has settled by now what Ray reads when it is imported.
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from project.engine.ray_workers import LOSSES, worker_environment

    cpus = cpus_per_worker(cluster)
    environment = worker_environment(cpus) | {MEMBER: "1", CHOICES: ""}
    environment |= sharding_environment(sharding, str(write_deepspeed_config(folder)))
    gpus = {"GPU": cluster.gpus_per_worker} if cluster.gpus_per_worker else {}
    trainer = TorchTrainer(
        work,
        train_loop_config={"step": step, "folder": str(Path.cwd())},
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu=bool(gpus),
            resources_per_worker={"CPU": cpus, **gpus},
        ),
        run_config=RunConfig(
            name=step,
            storage_path=str(folder),
            failure_config=FailureConfig(max_failures=LOSSES),
            worker_runtime_env={"env_vars": environment},
        ),
    )
    try:
        failure: dict[str, Any] | None = trainer.fit().return_value
    except Exception as error:  # of many kinds: Ray's own, and what a worker raised
        raise IncumbentError(
            f"{step} could not be trained on the Ray cluster: {error}; what was checkpointed is "
            "kept, and a run again goes on from there"
        ) from error
    return failure


def work(config: dict[str, Any]) -> dict[str, Any] | None:
    """What each worker does. What is wrong with the input is returned: no other worker could."""
    os.chdir(config["folder"])
    if world() == 1:  # then it trains as a process does that is alone
        dist.destroy_process_group()
        for name in GROUP:
            os.environ.pop(name, None)
    try:
        take(config["step"])
    except IncumbentError as error:
        if not is_first():
            raise
        return dict(ProcessFailure(problem=str(error), exit_code=error.exit_code))
    return None
