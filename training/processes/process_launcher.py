"""Several processes that train a step together, on this machine or on a Ray cluster.

On this machine torchrun starts them. It is called here as a library, so that what is wrong in a
process comes back as its own words and exit code. It listens on the loopback address, at a free
port.
"""

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch.distributed as dist
from accelerate.utils import patch_environment
from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from project.child_processes import SIGNALS, EndedBySignal
from project.engine.engine_settings import RayParams
from project.engine.ray_cluster import connected, cpus_per_worker, workers_of
from project.errors import IncumbentError
from project.files import home
from project.libraries import CHOICES, threads
from project.paths import step_of
from training.precision import measure_machine
from training.processes.accelerate_config import (
    SHARED,
    DistributedParams,
    Sharding,
    refuse_uneven,
    sharding_environment,
    write_deepspeed_config,
)
from training.processes.group import MEMBER, is_first, world
from training.processes.worker import ProcessFailure, take
from training.recipe import StepName, StepRecord
from training.training_settings import StepParams

PATIENCE = 600  # seconds to end a step of the optimiser in, and write a checkpoint
LOOPBACK = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}


def launch(step: StepName, processes: int, params: DistributedParams) -> None:
    """Raises what a process raises, and IncumbentError where one was killed."""
    with TemporaryDirectory(prefix="training-") as folder:
        failure, deepspeed = Path(folder) / "failure.json", write_deepspeed_config(Path(folder))
        command = [sys.executable, "-P", "-m", "training.processes.worker", step, str(failure)]
        with environment(processes), own_signals(), quiet():
            try:
                with_torchrun(command, processes, params.sharding, deepspeed)
            except SignalException as stop:
                raise interruption(stop.sigval) from None
            except ChildFailedError as error:
                raise what_failed(step, failure, error) from None


def with_torchrun(
    command: Sequence[str], processes: int, sharding: Sharding, deepspeed: Path
) -> None:
    here = ["--nnodes=1", "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0"]
    told = ["--local-addr=127.0.0.1", f"--nproc-per-node={processes}", "--no-python"]
    with patch_environment(**sharding_environment(sharding, str(deepspeed))):
        arguments = torchrun.get_args_parser().parse_args([*here, *told, *command])
        torchrun.run(arguments)  # type: ignore[no-untyped-call]


# --- environment, signals and failures ----------------------------------------------------------


@contextmanager
def environment(processes: int) -> Iterator[None]:
    """The environment of the processes: all together compute with as many threads as one alone."""
    each = str(max(1, threads() // processes))
    with patch_environment(
        **LOOPBACK,
        **{MEMBER: "1", CHOICES: "", "OMP_NUM_THREADS": each},
        TORCH_ELASTIC_SHUTDOWN_TIMEOUT=PATIENCE,
    ):
        yield


@contextmanager
def own_signals() -> Iterator[None]:
    """Put back what was to happen at a signal: torchrun hands each on to its processes."""
    numbers = (signal.SIGINT, signal.SIGQUIT, *SIGNALS)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def quiet() -> Iterator[None]:
    """Let the launcher not tell what the processes tell themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # torch's loggers have levels of their own
    try:
        yield
    finally:
        logging.disable(before)


def interruption(number: signal.Signals) -> KeyboardInterrupt:
    return KeyboardInterrupt() if number == signal.SIGINT else EndedBySignal(number)


def what_failed(step: StepName, failure: Path, error: ChildFailedError) -> BaseException:
    """What a process wrote down; else its exit code tells how it ended."""
    if failure.is_file():
        return ProcessFailure.read(failure).as_error()
    _, first = error.get_first_failure()
    if first.exitcode == 130 or first.exitcode - 128 in SIGNALS:
        return interruption(signal.Signals(max(first.exitcode - 128, signal.SIGINT)))
    how = f"killed by {first.signal_name()}" if first.exitcode < 0 else "ended by an error"
    advice = "; a killed one may have had too little memory" if first.exitcode < 0 else ""
    return IncumbentError(
        f"process {first.local_rank} of those that trained {step} was {how}{advice}: what was "
        "checkpointed is kept, and a run again goes on from there"
    )


# --- on ray ---------------------------------------------------------------------------------------

# A step that is trained on a Ray cluster, by Ray Train's TorchTrainer around the same trainer.
#
# A worker that is lost takes its group with it: Ray starts another group, which goes on from the
# newest checkpoint (training/kept). All machines must see the project in the same place.

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
