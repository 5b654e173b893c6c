"""One of the processes that train a step together: `python -m training.processes.worker STEP FILE`.

What it cannot do it writes into FILE, for the process that started all of them.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path

import torch
import torch.distributed as dist

from project.child_processes import ended_by_signals
from project.errors import IncumbentError, InputError
from project.records.record import Record
from training.processes.group import MEMBER, is_first


class ProcessFailure(Record):
    """Why a process could not go on, in words for people."""

    problem: str
    exit_code: int

    def as_error(self) -> IncumbentError:
        return InputError(self.problem) if self.exit_code == 2 else IncumbentError(self.problem)


def main(step: str, file: Path) -> int:
    """The exit code."""
    os.environ[MEMBER] = "1"
    join()
    try:
        with ended_by_signals():
            take(step)
    except IncumbentError as error:
        ProcessFailure(problem=str(error), exit_code=error.exit_code).write(file)
        return error.exit_code
    except KeyboardInterrupt as stop:
        return int(getattr(stop, "exit_code", 130))
    finally:
        dist.destroy_process_group()
    return 0


def take(step: str) -> None:
    """What the step's stage does, as a member of the group. Only the first one is heard."""
    with first_alone_heard():
        import_module(module_of_step(step)).main()


def module_of_step(step: str) -> str:
    """Step `grpo` is handed scorers, so its stage stands above training."""
    return "incumbent.grpo" if step == "grpo" else f"training.{step}"


# --- joining the others -------------------------------------------------------------------------


def join() -> None:
    """Meet the others, by the addresses in the environment. Small things are told by gloo."""
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("cpu:gloo,cuda:nccl")
    else:
        dist.init_process_group("gloo")


@contextmanager
def first_alone_heard() -> Iterator[None]:
    """An error of any is still seen: its traceback is printed outside of the block."""
    if is_first():
        yield
        return
    with (
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
