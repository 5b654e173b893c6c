"""Programs that start at once: a server imports heavy libraries, and a process forks for each call.

`incumbent run` begins it, for the stages that DVC calls. It imports what a stage needs when that
stage is called first, and of ours nothing: each program imports our code itself. Imports start no
threads of torch; those of OpenBLAS and Arrow end by themselves when a process forks.

A program has its caller's arguments, folder, variables, standard streams, signals and exit code. It
is in a session of its own, which ends with its caller, and shares its seed of hashes with all that
the server starts. Where a variable that libraries read when they are imported is another one than
the server's, and where there is no server any more, the real program runs in the caller's place.

python warm_programs.py HANDLE LIBRARY...: serve at this socket. Libraries: imported for all calls.
"""

import atexit
import gc
import io
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from project.libraries import CHOICES, SETTINGS, settle

# What most programs need.
ALWAYS = ("jinja2", "numpy", "pydantic", "rich.console", "sqlalchemy.orm", "typer", "yaml")
MODEL = ("transformers.models.llama.modeling_llama", "bitsandbytes", "peft")
LIBRARIES: Mapping[str, tuple[str, ...]] = {  # by stage
    "validate": ("great_expectations", "torch"),
    "reward": ("sklearn", "sentence_transformers", "trl", *MODEL),
    "sft": ("datasets", "trl.trainer.sft_trainer", *MODEL),
    "generate": MODEL,
    "score": ("sentence_transformers", "evaluate", *MODEL),
}
# How the names of variables begin that libraries read when they are imported or loaded, but for
# those that sklearn (KMP_) and torch (TORCHINDUCTOR_) set themselves.
READ_AT_IMPORT = (
    *("OMP_", "GOMP_", "MKL_", "OPENBLAS_", "ATEN_", "DNNL_", "ONEDNN_", "MALLOC_", "GLIBC_"),
    *("LD_", "PYTHONHASHSEED", "TORCH_", "TORCHDYNAMO_", "PYTORCH_", "CUDA_", "CUBLAS_", "NVIDIA_"),
    *("HF_", "HUGGINGFACE_", "TRANSFORMERS_", "TOKENIZERS_", "BNB_", "GX_"),
)
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LARGEST = 1 << 18  # bytes of a call: its arguments and variables; a socket takes fewer


class Call(NamedTuple):
    program: str
    arguments: list[str]
    folder: str
    variables: dict[str, str]
    ignored: list[int]  # signals

    @property
    def stage(self) -> str:
        """The stage that it runs, if it runs one."""
        return self.arguments[1] if self.arguments[:1] == ["stage"] else ""


# Without `site` it starts in some 20 ms. The server says whether it will start the program, and
# does so once the client passes signals on.
CLIENT = """#!{python} -IS
import json, os, signal, socket, sys
folder, name = os.path.split(sys.argv[0])
ignored = [n for n in {signals} if signal.getsignal(n) == signal.SIG_IGN]
passed_on = [n for n in {signals} if n not in ignored]
for number in passed_on:
    signal.signal(number, signal.SIG_DFL)
call = [sys.argv[0], sys.argv[1:], os.getcwd(), dict(os.environ), ignored]
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    server.connect(os.path.join(folder, "server"))
    socket.send_fds(server, [json.dumps(call).encode()], [0, 1, 2])
    begun = server.recv(1)
except OSError:
    begun = b""
if not begun:
    real = os.path.join({real!r}, name.lstrip("."))
    os.execv(real, [real, *sys.argv[1:]])
for number in passed_on:
    signal.signal(number, lambda number, _: server.send(str(number).encode()))
server.send(b"+")
code = int(server.recv(16) or 70)
if code < 0:
    if -code != signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@contextmanager
def warm_programs(
    names: Sequence[str],
    environment: Mapping[str, str],
    libraries: Sequence[str] = (),
    python: str | Path = sys.executable,
) -> Iterator[Path]:
    """A folder of these programs, for the PATH; they start at once until the block ends.

    It is that of the real ones where they are not all in one, or where the system has no handles
    of processes, as Linux has; in a process that a server started it is that server's.

    environment: of the server. libraries: imported for all calls. python: whose programs they are.
    """
    real = Path(python).parent
    there = all((real / name.lstrip(".")).exists() for name in names)
    if (real / "server").exists() or not there or not hasattr(os, "pidfd_open"):
        yield real
        return
    with tempfile.TemporaryDirectory() as folder:  # a short path, for a socket's has a limit
        for name in names:
            script = CLIENT.format(python=python, signals=[*map(int, PASSED_ON)], real=str(real))
            write_script(Path(folder, name), script)
        with serving(Path(folder, "server"), [str(python), "-P", __file__], libraries, environment):
            yield Path(folder)


def write_script(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


@contextmanager
def serving(
    address: Path, command: Sequence[str], libraries: Sequence[str], environment: Mapping[str, str]
) -> Iterator[None]:
    """A server at this address, which listens before it has started."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(address))
        listening.listen(64)
        server = subprocess.Popen(
            [*command, str(listening.fileno()), *libraries],
            env=environment,
            stdin=subprocess.PIPE,  # which ends where this process does
            pass_fds=[listening.fileno()],
            start_new_session=True,  # Ctrl-C is for its programs, who hear of it from their callers
        )
    with server:
        try:
            yield
        except BaseException:
            server.kill()  # it may import for seconds; what it started goes on
            raise


def serve_calls(listening: socket.socket, libraries: Sequence[str]) -> None:
    """Answer calls until stdin ends. Returns in a process that has become the program of a call."""
    began_with = read_at_import(os.environ)
    settle()
    # Each program imports our code itself.
    for name in [name for name in sys.modules if name.partition(".")[0] == "project"]:
        del sys.modules[name]
    import_libraries(ALWAYS)
    while listening in select.select([listening, sys.stdin], [], [])[0]:
        with suppress(ChildProcessError):  # those who ended count as this process'
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        connection, _ = listening.accept()
        message, handles, *_ = socket.recv_fds(connection, LARGEST, 3)
        call = Call(*json.loads(message)) if message else None
        if call and read_at_import(call.variables) == began_with:
            import_libraries([*libraries, *LIBRARIES.get(call.stage, ())])
            if not os.fork():
                listening.close()
                return answer(connection, call, handles)
        connection.close()
        for handle in handles:
            os.close(handle)
    os._exit(0)


def read_at_import(variables: Mapping[str, str]) -> dict[str, str]:
    """Those that libraries read then, but for what our own code settles when it is imported."""
    settled = {*variables.get(CHOICES, "").split(), *map("=".join, SETTINGS.items())}
    return {
        name: text
        for name, text in variables.items()
        if name.startswith(READ_AT_IMPORT) and f"{name}={text}" not in settled
    }


def import_libraries(names: Sequence[str]) -> None:
    """A library that is not installed is told of by the program that needs it."""
    gc.disable()
    for name in names:
        with suppress(ImportError):
            import_module(name)
    gc.enable()
    gc.freeze()


def answer(connection: socket.socket, call: Call, handles: Sequence[int]) -> None:
    """Fork once more and return in the child, as the program; tell the caller how it ended."""
    os.setsid()
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)  # they are for the program
    if not (is_sent(connection, b"+") and received(connection) == b"+"):
        os._exit(0)
    program = os.fork()
    if not program:
        connection.close()
        return become(call, handles)
    for handle in handles:
        os.close(handle)
    ended = os.pidfd_open(program)
    awaited: list[Any] = [connection, ended]
    while ended not in select.select(awaited, [], [])[0]:
        os.killpg(0, int(received(connection)) or signal.SIGKILL)
    _, status = os.waitpid(program, 0)
    is_sent(connection, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def is_sent(connection: socket.socket, message: bytes) -> bool:
    """Whether the caller is still there to read it."""
    with suppress(OSError):
        return bool(connection.send(message))
    return False


def received(connection: socket.socket) -> bytes:
    """What the caller says; zero where it is gone."""
    with suppress(OSError):
        return connection.recv(16) or b"0"
    return b"0"


def become(call: Call, handles: Sequence[int]) -> None:
    """Take over the caller's place and run what it calls."""
    for standard, handle in enumerate(handles):
        os.dup2(handle, standard)
        os.close(handle)
    os.chdir(call.folder)
    os.environ.clear()
    os.environ.update(call.variables)
    renew_streams()
    for number in PASSED_ON:
        caught = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number in call.ignored else caught)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    if "numpy" in sys.modules:  # Python's own generator does so by itself
        sys.modules["numpy"].random.seed()
    for place in reversed(os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if place and place not in sys.path:
            sys.path.insert(0, place)
    try:
        run_program(Path(call.program), call.arguments)
    except SystemExit as ended:
        leave(code_of(ended))
    except Exception:  # what nobody caught, told as Python tells it
        sys.excepthook(*sys.exc_info())
        leave(1)
    leave(0)


def code_of(ended: SystemExit) -> int:
    """What Python makes of what a program ends with."""
    if ended.code is None or isinstance(ended.code, int):
        return ended.code or 0
    print(ended.code, file=sys.stderr)
    return 1


def leave(code: int) -> NoReturn:
    """End as Python does, but take nothing apart: half a second would go into copying the pages of
    what the server imported, only to free them.
    """
    vars(threading)["_shutdown"]()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more, or it is closed
            stream.flush()
    os._exit(code & 0xFF)


def run_program(program: Path, arguments: list[str]) -> None:
    real = Path(sys.executable).with_name(program.name)
    if (python := program.with_name("python")).exists():  # warm itself
        sys.executable = str(python)
    if program.name.endswith("python"):  # python -m MODULE, maybe with -P before it
        _, *sys.argv = (argument for argument in arguments if argument != "-P")
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [str(real), *arguments]
        runpy.run_path(str(real), run_name="__main__")


def renew_streams() -> None:
    """Make the streams as Python does at its start, by terminal and variable."""
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    for number, name in ((1, "stdout"), (2, "stderr")):
        old = getattr(sys, name)  # libraries may hold it
        raw = os.fdopen(number, "wb", 0 if unbuffered else -1, closefd=False)
        stream = io.TextIOWrapper(raw, old.encoding, old.errors, write_through=unbuffered)
        stream.reconfigure(line_buffering=number == 2 or os.isatty(number))
        setattr(sys, name, stream)


if __name__ == "__main__":
    serve_calls(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
