"""A program that runs a project's tools: without a network, and with limits on what it takes.

`users_and_tools.py` starts it, with the file of the tools and the limits; no other module of ours
is imported here. A line of JSON on its input is a call, one on its output is what came of it.
"""

import ctypes
import inspect
import json
import os
import random
import resource
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000  # of unshare(2)
DIES_WITH_PARENT, NO_NEW_PRIVILEGES, KILL = 1, 38, 9  # of prctl(2)
MOST_ERROR = 500  # characters of what the assistant is told, which may quote all arguments
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What Python tells before it does it (sys.addaudithook); reading is let through.
REFUSED = ("os.", "shutil.", "socket.", "subprocess.", "tempfile.", "pty.", "urllib.", "ctypes.")
READING = ("os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.getxattr", "os.listxattr")


def shut_in(memory: int) -> None:
    """Raises OSError where the machine cannot do it."""
    # Of other systems: there is no such call, which is an AttributeError.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(DIES_WITH_PARENT, KILL) or libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError("it cannot give up privileges (prctl)")
    if libc.unshare(NEW_USER | NEW_NETWORK) and libc.unshare(NEW_NETWORK):
        why = os.strerror(ctypes.get_errno())
        raise OSError(f"it has no user and network namespaces for this process (unshare: {why})")
    limits = {"RLIMIT_AS": memory, "RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0}
    for name, most in limits.items():
        resource.setrlimit(getattr(resource, name), (most, most))


def refuse(event: str, details: tuple[Any, ...]) -> None:
    writes = event == "open" and isinstance(details[2], int) and details[2] & WRITES
    if writes or (event.startswith(REFUSED) and event not in READING):
        raise PermissionError(f"a tool may not do this: {event}")


def functions_in(file: str) -> dict[str, Callable[..., Any]]:
    """The public functions that a file defines."""
    spec = spec_from_file_location("tools", file)
    assert spec and spec.loader
    module = module_from_spec(spec)
    sys.modules["tools"] = module
    spec.loader.exec_module(module)
    functions = inspect.getmembers(module, inspect.isfunction)
    return {name: f for name, f in functions if name[0] != "_" and f.__module__ == "tools"}


def unfit(arguments: Any, schema: Any) -> str | None:
    """What is wrong with arguments by a tool's schema; no "$ref" is looked up elsewhere."""
    from jsonschema.exceptions import best_match
    from jsonschema.validators import validator_for
    from referencing import Registry

    error = best_match(validator_for(schema)(schema, registry=Registry()).iter_errors(arguments))
    return None if error is None else f"arguments: {error.message}"


def called(functions: dict[str, Callable[..., Any]], call: dict[str, Any]) -> dict[str, Any]:
    if problem := unfit(call["arguments"], call["schema"]):
        return {"error": problem[:MOST_ERROR]}
    random.seed(0)
    state = call["state"]
    result = functions[call["name"]](state, **call["arguments"])
    text = result if isinstance(result, str) else as_json(result)
    if not isinstance(state, dict) or max(len(text), len(as_json(state))) > call["most"]:
        return {"error": "the tool gives more than is read"}
    return {"result": text, "state": json.loads(as_json(state))}


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def main(file: str, memory: int, seconds: int) -> None:
    calls, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):  # what a tool prints or reads is nobody's
        os.dup2(nothing, number)

    def tell(**told: Any) -> None:
        results.write(as_json(told).encode("utf-8", "replace") + b"\n")
        results.flush()

    try:
        shut_in(memory)
    except (OSError, AttributeError, ValueError) as error:
        tell(lacks=str(error))
        return
    sys.addaudithook(refuse)
    try:
        functions = functions_in(file)
    except BaseException as error:
        tell(broken=f"{type(error).__name__}: {error}")
        return
    tell(functions=sorted(functions))
    for line in calls:
        spent = int(sum(os.times()[:2]))
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (spent + seconds + 1, hard))
        try:
            told = called(functions, json.loads(line))
            as_json(told).encode()
        except BaseException as error:  # of anybody's code, an exit and no memory too
            told = {"error": f"{type(error).__name__}: {error}"[:MOST_ERROR]}
        tell(**told)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
