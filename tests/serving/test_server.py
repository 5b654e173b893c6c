"""A whole gateway: from a promotion in the registry to a row in the traffic log, and its end."""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from queue import SimpleQueue
from typing import IO

import httpx2
import pytest

from project.errors import InputError
from project.listening import address_of, listening
from project.records.adapters import Adapter
from project.settings import PARAMS
from registry.store import Registry
from serving.gateway_server import (
    Access,
    GatewayServer,
    kept_running,
    running,
    server_here,
    service_here,
)
from serving.openai_api.gateway import Gateway
from tests.conftest import ROOT
from tests.evaluation.engine_server import engine_server
from tests.serving.conftest import SETTINGS, Listener, NamingBackend, asking, for_ever

CHAT = "/v1/chat/completions"
Make = Callable[[str], tuple[Adapter, Path]]


def promote(make: Make, weights: str) -> int:
    with Registry.here() as registry:
        number = registry.submit(*make(weights), "trained").number
        registry.promote(number, "by hand", force=True)
        return number


def test_a_promotion_reaches_traffic_and_traffic_reaches_the_log(make_adapter: Make) -> None:
    told: SimpleQueue[str] = SimpleQueue()
    names = []
    with engine_server() as engine:
        PARAMS.write_text(SETTINGS.format(url=engine.url))
        promote(make_adapter, "one")
        with (
            service_here(tell=told.put) as service,
            running(service.gateway, service.running) as address,
            httpx2.Client(base_url=f"{address}/v1") as client,
        ):
            for further in ("two", None):
                while "traffic goes to" not in told.get(timeout=20):
                    pass
                answer = client.post("/chat/completions", json=asking(user="ann"))
                names.append(answer.json()["model"])
                if further:
                    promote(make_adapter, further)
            state = client.get("/incumbent/serving").json()
    assert [name.rpartition("-")[0] for name in names] == ["bank-v1", "bank-v2"]
    assert state["adapter"].startswith(names[1][-12:])
    rows = "".join(file.read_text() for file in Path("datasets/traffic").rglob("*.jsonl"))
    assert len(rows.splitlines()) == 2


def test_running_answers_end_before_the_server_does(
    gateway: Gateway, backend: NamingBackend
) -> None:
    free = threading.Event()
    backend.waits = lambda: asyncio.to_thread(free.wait)
    with listening("127.0.0.1", 0, "a test") as bound:
        server = GatewayServer(gateway)
        thread = threading.Thread(target=server.serve_on, args=(bound,))
        address = f"http://{address_of(bound)}"
        thread.start()
        server.up.wait()
        with httpx2.stream("POST", f"{address}{CHAT}", json=asking(stream=True)) as answer:
            lines = answer.iter_lines()
            next(lines)
            server.should_exit = True
            free.set()
            assert list(lines)[-2:] == ["data: [DONE]", ""]
        thread.join(timeout=10)
        assert not thread.is_alive()


@pytest.mark.parametrize("begun", [True, False])
def test_an_answer_that_outlasts_the_end_is_told_and_no_fault_of_the_version(
    gateway: Gateway,
    backend: NamingBackend,
    listener: Listener,
    caplog: pytest.LogCaptureFixture,
    begun: bool,
) -> None:
    asked = threading.Event()

    async def outlast() -> None:
        asked.set()
        await for_ever()

    backend.waits = outlast
    with listening("127.0.0.1", 0, "a test") as bound:
        server = GatewayServer(gateway, patience=0)
        thread = threading.Thread(target=server.serve_on, args=(bound,))
        address = f"http://{address_of(bound)}"
        thread.start()
        server.up.wait()
        ends = threading.Thread(target=lambda: (asked.wait(10), server.handle_exit(15, None)))
        ends.start()
        with httpx2.stream("POST", f"{address}{CHAT}", json=asking(stream=begun)) as answer:
            told = [line for line in answer.iter_lines() if "error" in line]
        assert listener.heard.get(timeout=10).status == 499
        thread.join(timeout=10)
    assert answer.status_code == (200 if begun else 503)
    assert json.loads(told[0].removeprefix("data: "))["error"]["code"] == "server_ended"
    assert not [record for record in caplog.records if record.exc_info]
    assert backend.closed == begun


def test_a_part_that_breaks_begins_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("serving.gateway_server.RESTART_SECONDS", 0)
    begun: list[int] = []

    async def breaks_once() -> None:
        begun.append(len(begun))
        if len(begun) == 1:
            raise RuntimeError("lost")
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(kept_running(breaks_once))
    assert begun == [0, 1]
    assert "begins again" in caplog.text


COMMAND = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
from incumbent.cli import main
main()
"""


@contextmanager
def serve_command() -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """The command on a free port, and what it prints."""
    command = [sys.executable, "-c", COMMAND, "serve", "--port=0", "--without-keys"]
    piped = subprocess.PIPE
    with subprocess.Popen(command, stdout=piped, stderr=piped, text=True, env=here()) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.terminate()


@pytest.mark.slow  # two starts of the command
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_command_in_order(end: signal.Signals) -> None:
    PARAMS.write_text("registry: {family: bank}\n")
    with serve_command() as (process, printed):
        found = re.search(
            r"family bank listens at (http://127\.0\.0\.1:\d+/v1)$", printed.readline()
        )
        assert found is not None
        assert "No version is champion yet" in printed.readline()
        assert "Nobody needs a key: every program on this machine, and" in printed.readline()
        refused = httpx2.post(f"{found[1]}/chat/completions", json=asking())
        assert refused.json()["error"]["code"] == "no_champion"
        process.send_signal(end)
        assert printed.read().endswith("ended\n")
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


@pytest.mark.slow  # a start of the command
@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_the_request_that_is_shown_once_something_answers_works_as_it_is(
    make_adapter: Make,
) -> None:
    with engine_server() as engine:
        PARAMS.write_text(SETTINGS.format(url=engine.url))
        promote(make_adapter, "one")
        with serve_command() as (_, printed):
            lines = list(takewhile(lambda line: "Try it" not in line, printed))
            shown = printed.readline()
            asked = subprocess.run(shlex.split(shown), capture_output=True, check=True)
    assert "bank v1 is champion" in lines[1]
    assert json.loads(asked.stdout)["model"].startswith("bank-v1-")


def here() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_an_address_that_others_reach_is_refused_before_anything_starts() -> None:
    PARAMS.write_text("registry: {family: bank}\n")
    for access in (Access(), Access(without_keys=True)):
        with (
            pytest.raises(InputError, match=r"serving\.keys"),
            server_here("0.0.0.0", 0, print, access),
        ):
            pass
