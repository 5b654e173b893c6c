"""The tools of a project, run in a process of their own; or what is recorded of them.

Tools are the project's code, called with what a model wrote. So they have no network, write no
file, and have little time and memory; a call that fails is told to the assistant as an error.
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, Self

from project.canonical import canonical_json
from project.errors import InputError
from project.records.scenarios import RecordedResult, error_text, same

SECTION = "evaluation.generation.conversations"
CHILD = Path(__file__).with_name("tool_child.py")
SECONDS = 5  # for a call
START_SECONDS = 60.0
MEMORY = 1 << 30  # bytes
LONGEST = 1 << 16  # bytes of arguments or of a result, as JSON
MOST_STATE = 1 << 20
KEPT = ("PATH", "LD_LIBRARY_PATH")  # variables; none of them is a secret
ALIKE = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

World = Mapping[str, Any]


class ToolResult(NamedTuple):
    text: str  # as the assistant reads it
    state: World  # after the call; of a failed one, as before it
    failed: bool = False


def failed(problem: str, state: World) -> ToolResult:
    return ToolResult(error_text(problem), state, failed=True)


# --- recorded -------------------------------------------------------------------------------------


class RecordedTools:
    """Of one run of a conversation."""

    def __init__(self, results: Sequence[RecordedResult]) -> None:
        self.left = list(results)

    def call(self, name: str, arguments: World, schema: Any, state: World) -> ToolResult:
        fit = [r for r in self.left if r.name == name and same(r.arguments, dict(arguments))]
        if not fit:
            return failed(f"no result of {name} is recorded for these arguments", state)
        if len(fit) > 1:
            self.left = [one for one in self.left if one is not fit[0]]
        result = fit[0].result
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
        return ToolResult(text, {**state, **fit[0].sets})


# --- process --------------------------------------------------------------------------------------


class ToolProcess:
    """One process for all calls, started anew after one that hangs or ends it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.child: subprocess.Popen[bytes] | None = None
        self.functions: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        """Raises InputError where the tools cannot be shut in here, or do not import."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def call(self, name: str, arguments: World, schema: Any, state: World) -> ToolResult:
        told = canonical_json(dict(arguments))
        if len(told) > LONGEST:
            return failed(f"arguments of more than {LONGEST:,} bytes", state)
        asked = {"name": name, "arguments": arguments, "schema": schema, "state": state}
        said = self.ask({**asked, "most": MOST_STATE})
        if "error" in said:
            return failed(said["error"], state)
        if len(said["result"].encode()) > LONGEST:
            return failed(f"the tool's result has more than {LONGEST:,} bytes", state)
        return ToolResult(said["result"], said["state"])

    def ask(self, call: World) -> dict[str, Any]:
        if self.child is None:
            self.start()
        assert self.child and self.child.stdin
        with suppress(BrokenPipeError):
            self.child.stdin.write(json.dumps(call).encode() + b"\n")
            self.child.stdin.flush()
        line = self.line(SECONDS)
        if line is None:
            self.end()
            return {"error": f"the tool took longer than {SECONDS} s"}
        if not line:
            self.end()
            return {"error": "the tool ended its process"}
        told: dict[str, Any] = json.loads(line)
        return told

    def line(self, seconds: float) -> bytes | None:
        """What the process says next; nothing where it ended, None where it says nothing."""
        assert self.child and self.child.stdout
        output, found, deadline = self.child.stdout.fileno(), b"", monotonic() + seconds
        while not found.endswith(b"\n"):
            if not select.select([output], [], [], max(0.0, deadline - monotonic()))[0]:
                return None
            if not (part := os.read(output, 1 << 20)):
                return b""
            found += part
        return found

    def start(self) -> None:
        self.child = subprocess.Popen(
            [
                *(sys.executable, "-P", "-s", "-B", str(CHILD)),
                *(str(self.file.absolute()), str(MEMORY), str(SECONDS)),
            ],
            cwd="/",
            env={name: os.environ[name] for name in KEPT if name in os.environ} | ALIKE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        line = self.line(START_SECONDS)
        told = json.loads(line) if line else {"broken": "it does not import in time, or ends"}
        if "functions" in told:
            self.functions = frozenset(told["functions"])
            return
        self.end()
        if "lacks" in told:
            raise InputError(
                f"this machine cannot shut tools in: {told['lacks']}; recorded `results` of a "
                "scenario work everywhere",
                field=f"{SECTION}.tools",
            )
        raise InputError(told["broken"], file=self.file, field=f"{SECTION}.tools")

    def end(self) -> None:
        """With all that it started."""
        child, self.child = self.child, None
        if child is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for pipe in (child.stdin, child.stdout):
            assert pipe
            with suppress(BrokenPipeError):
                pipe.close()
