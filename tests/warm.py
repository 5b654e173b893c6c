"""`incumbent`, `dvc` and `python` for tests that run many programs: their libraries are imported
once, at the first call, by a server that forks a process for each.

What runs is the same code in a process of its own, with the caller's folder, variables, standard
streams and exit code. What is different: it has no process group in common with its caller (a
caller that is gone takes it along), and one random seed for the hashes of all. So where a test
interrupts or kills a program, it takes the real one, and where it is about the bytes that two runs
make, a second server.

python tests/warm.py SOCKET: the server.
"""

import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from time import monotonic, sleep
from typing import NoReturn

LIBRARIES = (
    "dvc.cli.parser",
    "dvc.repo.reproduce",
    "great_expectations",
    "sentence_transformers",
    "datasets",
    "evaluate",
    "transformers.models.auto.modeling_auto",
    "transformers.models.llama.modeling_llama",
    "transformers.models.bert.modeling_bert",
    "bitsandbytes",
    "peft",
    "trl",
)
ROOT = Path(__file__).parents[1]
PACKAGES = {path.parent.name for path in ROOT.glob("*/__init__.py")}  # ours, imported by each call
MAINS = {"incumbent": "incumbent.cli", "dvc": "dvc.cli"}
REAL = Path(sys.executable).parent
LARGEST = 1 << 17  # bytes of a call: its arguments and variables
START = 60.0  # seconds that the server has to listen in

CLIENT = f"""#!{sys.executable} -IS
import json, os, socket, sys
call = [*sys.argv[:1], sys.argv[1:], os.getcwd(), dict(os.environ)]
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.connect(os.path.join(os.path.dirname(sys.argv[0]), "server"))
socket.send_fds(server, [json.dumps(call).encode()], [0, 1, 2])
ended = server.recv(16)
os._exit(int(ended) if ended else 70)
"""
PYTHON = """#!/bin/sh
case "$1" in -m|-P) exec "$(dirname "$0")/.python" "$@";; esac
exec {python} "$@"
"""


@contextmanager
def warm_programs(python: str | Path = sys.executable, **variables: str) -> Iterator[Path]:
    """The folder of the programs, for the PATH; they work until the block ends. It is that of the
    real ones where the system has no handles of processes, as Linux has.

    python: whose libraries they have. variables: those that the libraries read when they are
    imported.
    """
    if not hasattr(os, "pidfd_open"):
        yield Path(python).parent
        return
    with (
        tempfile.TemporaryDirectory() as folder,  # a short path, for a socket's has a limit
        serving(Path(folder), python, {**os.environ, **variables}),
    ):
        yield Path(folder)


@contextmanager
def serving(folder: Path, python: str | Path, environment: Mapping[str, str]) -> Iterator[None]:
    address = folder / "server"
    for name in (*MAINS, ".python"):
        write_script(folder / name, CLIENT)
    write_script(folder / "python", PYTHON.format(python=python))
    (folder / "python3").symlink_to("python")
    with subprocess.Popen(
        [python, "-P", __file__, address],
        env=environment,
        stdin=subprocess.DEVNULL,
    ) as server:
        try:
            until = monotonic() + START
            while not address.exists():
                assert server.poll() is None and monotonic() < until, "no server of warm programs"
                sleep(0.05)
            yield
        finally:
            server.terminate()


def write_script(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


def serve(address: str) -> None:
    """Answer calls until SIGTERM. Returns in a process that has become the program of a call."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(f"{address}.new")
    listening.listen(64)
    Path(f"{address}.new").rename(address)
    while True:
        connection, _ = listening.accept()
        import_libraries()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not os.fork():
            listening.close()
            return answer(connection)
        connection.close()


def answer(connection: socket.socket) -> None:
    """Fork once more and return in the child, as the program; tell the caller how it ended."""
    message, handles, *_ = socket.recv_fds(connection, LARGEST, 3)
    os.setsid()
    program = os.fork()
    if not program:
        connection.close()
        return become(*json.loads(message), handles)
    for handle in handles:
        os.close(handle)
    ended = os.pidfd_open(program)
    ready, _, _ = select.select([connection, ended], [], [])
    if ended not in ready:  # the caller is gone
        os.killpg(0, signal.SIGKILL)
    _, status = os.waitpid(program, 0)
    code = os.waitstatus_to_exitcode(status)
    connection.send(str(code if code >= 0 else 128 - code).encode())
    os._exit(0)


def become(
    program: str,
    arguments: list[str],
    folder: str,
    variables: dict[str, str],
    handles: Sequence[int],
) -> None:
    """Take over the caller's place and run what it calls."""
    for standard, handle in enumerate(handles):
        os.dup2(handle, standard)
        os.close(handle)
    os.chdir(folder)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(variables)
    name = Path(program).name
    sys.executable = str(Path(program).with_name("python"))
    for place in reversed(os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if place and place not in sys.path:
            sys.path.insert(0, place)
    if name in MAINS:
        sys.argv = [program, *arguments]
        sys.exit(import_module(MAINS[name]).main())
    _, module, *rest = (argument for argument in arguments if argument != "-P")  # python -m
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def stop(*_: object) -> NoReturn:
    os._exit(0)


@cache
def import_libraries() -> None:
    from project.libraries import settle

    settle()
    for library in LIBRARIES:
        import_module(library)
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]
    gc.freeze()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    serve(sys.argv[1])
