"""Several processes on this machine that train a step together, by torchrun or by accelerate.

Both are called here as libraries, so that what is wrong in a process comes back as its own words
and exit code. They listen on the loopback address, at a free port.
"""

import logging
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from accelerate.commands.launch import launch_command, launch_command_parser
from accelerate.utils import patch_environment
from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from project.child_processes import SIGNALS, EndedBySignal
from project.errors import IncumbentError
from project.files import write_bytes
from project.libraries import CHOICES, threads
from training.processes.accelerate_config import (
    DistributedParams,
    Sharding,
    accelerate_config,
    sharding_environment,
    write_deepspeed_config,
)
from training.processes.group import MEMBER
from training.processes.worker import ProcessFailure
from training.recipe import StepName

PATIENCE = 600  # seconds to end a step of the optimiser in, and write a checkpoint
LOOPBACK = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}


def launch(step: StepName, processes: int, params: DistributedParams) -> None:
    """Raises what a process raises, and IncumbentError where one was killed."""
    with TemporaryDirectory(prefix="training-") as folder:
        failure, deepspeed = Path(folder) / "failure.json", write_deepspeed_config(Path(folder))
        command = [sys.executable, "-P", "-m", "training.processes.worker", step, str(failure)]
        start = partial(STARTERS[params.launcher], command, processes, params.sharding, deepspeed)
        with environment(processes), own_signals(), quiet():
            try:
                start()
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


def with_accelerate(
    command: Sequence[str], processes: int, sharding: Sharding, deepspeed: Path
) -> None:
    config = deepspeed.with_name("accelerate.yaml")
    text = yaml.safe_dump(accelerate_config(sharding, processes, str(deepspeed)))
    write_bytes(config, text.encode())
    told = ["--config_file", str(config), "--no_python", *command]
    launch_command(launch_command_parser().parse_args(told))


Starter = Callable[[Sequence[str], int, Sharding, Path], None]
STARTERS: dict[str, Starter] = {"torchrun": with_torchrun, "accelerate": with_accelerate}


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
