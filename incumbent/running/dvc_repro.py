"""`dvc repro` as a child process: its output goes to a log, what it says to the screen."""

import os
import re
import secrets
import select
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from typing import IO

from incumbent.running.dvc_output import DvcOutput
from incumbent.running.failed_run import failure
from incumbent.running.run_log import new_log
from incumbent.running.run_screen import RunScreen
from incumbent.running.waiting import only_run, tell_of_lock, wait_for_blockers
from project.child_processes import POLL, environment, interrupt_group
from project.errors import InputError
from project.extras import pip_install
from project.progress import MARK

# A return at the end of what was read may be the first half of an end of line.
LINE_END = re.compile(rb"(\r\n|\n|\r(?=.))", re.DOTALL)


def reproduce(target: str | None, screen: RunScreen) -> None:
    """Run the pipeline, or one stage and what it needs; raises as run_dvc does."""
    run_dvc([target] if target else [], screen)


def run_dvc(arguments: Sequence[str], screen: RunScreen) -> None:
    """Run `dvc repro` with these arguments.

    Waits where somebody else is at work in the project. Raises RunFailedError when a stage fails,
    and IncumbentError for what DVC itself complains of.
    """
    command = [found_dvc(), "--wait-for-lock", "repro", *arguments]
    with only_run(screen), new_log() as log:
        tell_of_lock(screen)
        while failed := run(command, screen, log):
            if not wait_for_blockers("\n".join(failed.error), screen):
                problem = failure(failed)
                screen.finish(failed=True)
                raise problem
    screen.finish()


def found_dvc() -> str:
    program = shutil.which("dvc", path=environment()["PATH"])
    if program is None:
        raise InputError(f"this needs dvc, which is not installed: {pip_install('train')}")
    return program


def run(command: Sequence[str], screen: RunScreen, log: IO[bytes]) -> DvcOutput | None:
    """Run DVC to its end, in a process group of its own; returns what it printed if it failed."""
    mark = f"{secrets.token_hex(8)} "  # no program prints it by chance
    output = DvcOutput(screen, mark)
    with subprocess.Popen(
        command,
        # Else a Python program that prints to a pipe is heard of at its end alone.
        env={"PYTHONUNBUFFERED": "1", **environment(), MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            before = b""
            for line, end in lines(process, screen):
                words = output.take(line.decode(errors="replace"), rewritten=b"\r" in (before, end))
                if end != b"\r" and (words or not line):
                    log.write(words.encode() + b"\n")
                before = end
            process.wait()
        except BaseException:
            screen.wait("ending what runs …")
            interrupt_group(process.pid, process.poll)
            raise
    return output if process.returncode else None


def lines(process: subprocess.Popen[bytes], screen: RunScreen) -> Iterator[tuple[bytes, bytes]]:
    """Each line and what ends it, as they come, to the end of the process or of its output.

    A program that a stage left running may keep the output open: nobody waits for it.
    """
    assert process.stdout is not None
    rest = b""
    while True:
        gone = process.poll() is not None  # asked before what it wrote last is looked for
        if select.select([process.stdout], [], [], POLL)[0]:
            chunk = os.read(process.stdout.fileno(), 1 << 16)
            if not chunk:
                break
            *parts, rest = LINE_END.split(rest + chunk)
            yield from zip(parts[::2], parts[1::2], strict=True)
        elif gone:
            break
        screen.tick()
    if rest:
        yield rest, b"\n"
