"""What stands around the assistant in a scenario: a user, who is a script or a model, and tools."""

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, NamedTuple, Self

import regex

from evaluation.evaluation_settings import ServedModelParams
from evaluation.generation.backends.backend import ChatRequest
from project.canonical import canonical_json
from project.errors import InputError
from project.records.data import Message
from project.records.scenarios import RecordedResult, SimulatedUser, error_text, same

SECTION = "evaluation.generation.conversations"
PATTERN_SECONDS = 1.0  # for a pattern to be found
CONCURRENCY, RETRIES, ANSWER_SECONDS = 16, 5, 120.0
TEMPERATURE, MOST_TOKENS = 0.0, 256
LEAVES = "###STOP###"
BEGIN = "(The assistant waits for your first message.)"
PLAYED = (
    "You play the user in a conversation with an assistant. {}\n\n"
    "Write the user's next message and nothing else: no notes, and never the assistant's part. Do "
    "not tell all at once, and invent nothing that is not said above. When you have what you "
    "want, or see that you will not get it, write {} alone."
)
Turns = Sequence[Message]


class SlowPatternError(Exception):
    """A pattern of a script takes too long on what an assistant said."""


# --- script ---------------------------------------------------------------------------------------


class ScriptedUser:
    """Of one run of a conversation."""

    def __init__(self, user: SimulatedUser, seed: str) -> None:
        self.user = user
        self.chance = Random(seed)
        self.said: Counter[int] = Counter()  # how often each line was

    def reply(self, turns: Turns) -> str | None:
        """What the user says to the last turn; None: nothing any more. Raises SlowPatternError."""
        heard, calls = turns[-1].content, called_since(turns)
        for number, line in enumerate(self.user.script):
            if self.said[number] == line.times or (line.called and line.called not in calls):
                continue
            if line.when is None or is_found(line.when, heard):
                self.said[number] += 1
                return self.drawn(line.say)
        return self.drawn(self.user.otherwise)

    def drawn(self, texts: Sequence[str]) -> str | None:
        return self.chance.choice(texts) if texts else None


def called_since(turns: Turns) -> set[str]:
    """The tools that were called since the user spoke."""
    spoke = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=-1)
    return {call.name for turn in turns[spoke + 1 :] for call in turn.tool_calls or ()}


def is_found(pattern: str, text: str) -> bool:
    try:
        return regex.search(pattern, text, timeout=PATTERN_SECONDS) is not None
    except TimeoutError:
        raise SlowPatternError from None


# --- model ----------------------------------------------------------------------------------------


def request_of(params: ServedModelParams, told: str, spoken: Turns, seed: int) -> ChatRequest:
    """What the model is asked: to it, the user's words are its own. It sees no call and no result,
    as a user does not.
    """
    words = [turn for turn in spoken if turn.role in ("user", "assistant") and turn.content.strip()]
    shown = [Message(role="system", content=PLAYED.format(told, LEAVES))]
    shown.append(Message(role="user", content=BEGIN))
    for turn in words:
        if turn.role == "user":
            shown.append(Message(role="assistant", content=turn.content))
        elif shown[-1].role == "user":
            both = f"{shown.pop().content}\n\n{turn.content}"
            shown.append(Message(role="user", content=both))
        else:
            shown.append(Message(role="user", content=turn.content))
    return ChatRequest(
        model=params.model,
        messages=tuple(shown),
        temperature=TEMPERATURE,
        max_tokens=MOST_TOKENS,
        seed=seed,
    )


def played(params: ServedModelParams, requests: Sequence[ChatRequest]) -> list[str | None]:
    """What the users say; None: nothing any more. Raises IncumbentError as the server does."""
    return asyncio.run(replies(params, requests))


async def replies(params: ServedModelParams, requests: Sequence[ChatRequest]) -> list[str | None]:
    # Imported here because the core, which lacks an HTTP client, imports what imports this module.
    from evaluation.generation.backends.chat_server import ChatServer, ask_together
    from evaluation.generation.backends.openai_server import key_in

    server = ChatServer(
        params.url,
        key=key_in(params.key_variable, f"{SECTION}.user.key_variable"),
        timeout=ANSWER_SECONDS,
        retries=RETRIES,
        section=f"{SECTION}.user",
    )
    async with server:
        given = await ask_together(server.ask, requests, CONCURRENCY)
    texts = [answer.reply.text.strip() for answer in given]
    return [None if LEAVES in text or not text else text for text in texts]


# --- tools ----------------------------------------------------------------------------------------

# The tools of a project, run in a process of their own; or what is recorded of them.
#
# Tools are the project's code, called with what a model wrote. So they have no network, write no
# file, and have little time and memory; a call that fails is told to the assistant as an error.

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
            self.left = [record for record in self.left if record is not fit[0]]
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
        answer = self.ask({**asked, "most": MOST_STATE})
        if "error" in answer:
            return failed(answer["error"], state)
        if len(answer["result"].encode()) > LONGEST:
            return failed(f"the tool's result has more than {LONGEST:,} bytes", state)
        return ToolResult(answer["result"], answer["state"])

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
        output, line, deadline = self.child.stdout.fileno(), b"", monotonic() + seconds
        while not line.endswith(b"\n"):
            if not select.select([output], [], [], max(0.0, deadline - monotonic()))[0]:
                return None
            if not (part := os.read(output, 1 << 20)):
                return b""
            line += part
        return line

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
