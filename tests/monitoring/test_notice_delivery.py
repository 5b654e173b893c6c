"""Notices: none is lost, none goes where it must not, and no secret address is ever shown."""

import json
import logging
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from sqlalchemy import Engine

from monitoring.scheduling import notice_delivery, outbox
from monitoring.scheduling.notice_delivery import NoticeParams, deliver, wait_after
from monitoring.scheduling.outbox import depth
from monitoring.scheduling.webhook import UndeliveredError, parsed, post, public
from project.errors import InputError
from project.settings import load
from registry.notices import Notice, put
from registry.storage.database import writing
from tests.certificates import certificate
from tests.conftest import ROOT
from tests.scheduling import LONG, Clock

pytest_plugins = ["tests.servers"]

NOTICE = Notice(key="night 2026-03-09 drift", kind="drift", text="it drifts", detail={"p": 0.001})
SECRET = "T0P5ECRET"


@dataclass
class Receiver:
    """What a webhook got, and what it answers next."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)  # status codes; then always 200
    on_body: Callable[[], object] = lambda: None  # after it has a notice, before it says so


@contextmanager
def receiver(*answers: int, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A webhook on a port of this machine, until the block ends."""
    received = Receiver(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        timeout = LONG

        def do_POST(self) -> None:
            received.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            received.headers.append({name.lower(): value for name, value in self.headers.items()})
            received.on_body()
            status = received.answers.pop(0) if received.answers else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", received.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that hangs up is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    received.url = f"http://127.0.0.1:{server.server_port}/{SECRET}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def told(engine: Engine, clock: Clock) -> Engine:
    """A database with one notice in it."""
    tell(engine, clock, NOTICE)
    return engine


@pytest.fixture
def each_told(each_engine: Engine, clock: Clock) -> Engine:
    tell(each_engine, clock, NOTICE)
    return each_engine


def tell(engine: Engine, clock: Clock, *told: Notice) -> None:
    with writing(engine) as connection:
        for notice in told:
            put(connection, notice, clock())


def local(url: str, **settings: Any) -> NoticeParams:
    return NoticeParams(webhook=url, allow_private=True, **settings)


# --- the outbox ---------------------------------------------------------------------------------


def test_the_same_key_twice_is_one_notice(each_told: Engine, clock: Clock) -> None:
    tell(each_told, clock, NOTICE, NOTICE.model_copy(update={"key": "another"}))
    assert depth(each_told) == (2, 0)
    with receiver() as received:
        assert deliver(each_told, local(received.url), clock) == 2
    tell(each_told, clock, NOTICE)
    assert depth(each_told) == (0, 0)


def test_a_notice_of_what_did_not_happen_is_not_kept(each_engine: Engine, clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError), writing(each_engine) as connection:
        put(connection, NOTICE, clock())
        raise ZeroDivisionError
    assert depth(each_engine) == (0, 0)


def test_two_that_deliver_at_once_send_a_notice_once(each_told: Engine, clock: Clock) -> None:
    hold = timedelta(minutes=1)
    assert outbox.take(each_told, clock(), hold)
    assert outbox.take(each_told, clock(), hold) is None
    clock.forward(minutes=1)
    assert outbox.take(each_told, clock(), hold), "whoever took it is dead by now"


def test_a_clock_that_was_set_back_holds_no_notice_up(each_told: Engine, clock: Clock) -> None:
    clock.forward(days=-1)
    assert outbox.take(each_told, clock(), timedelta(minutes=1))


@pytest.mark.parametrize("key", ["", "two\nlines", "Grüße", " padded", "k" * 201])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        Notice(key=key, kind="drift", text="it drifts")


# --- the webhook --------------------------------------------------------------------------------


def test_a_webhook_gets_slacks_json_our_fields_and_a_key(told: Engine, clock: Clock) -> None:
    with receiver() as received:
        assert deliver(told, local(received.url), clock) == 1
    assert received.bodies == [
        {"text": "it drifts", "key": NOTICE.key, "kind": "drift", "detail": {"p": 0.001}}
    ]
    assert received.headers[0]["idempotency-key"] == NOTICE.key
    assert received.headers[0]["host"] == received.url.split("/")[2]
    assert received.headers[0]["content-type"] == "application/json"


def test_what_users_wrote_is_no_link_and_calls_nobody(engine: Engine, clock: Clock) -> None:
    tell(engine, clock, NOTICE.model_copy(update={"text": "<!channel> & <http://evil|here>"}))
    with receiver() as received:
        deliver(engine, local(received.url), clock)
    assert received.bodies[0]["text"] == "&lt;!channel&gt; &amp; &lt;http://evil|here&gt;"


def test_a_webhook_that_fails_twice_is_tried_until_it_does_well(
    each_told: Engine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with receiver(500, 429) as received:
        params = local(received.url)
        assert deliver(each_told, params, clock) == 0
        assert deliver(each_told, params, clock) == 0, "the next try is not yet due"
        clock.forward(seconds=30)
        assert deliver(each_told, params, clock) == 0
        clock.forward(minutes=2)
        assert deliver(each_told, params, clock) == 1
        assert deliver(each_told, params, clock) == 0
    assert len({headers["idempotency-key"] for headers in received.headers}) == 1
    assert len(received.headers) == 3
    assert "attempt 1: webhook: 127.0.0.1 answered with status 500; again in 0:00:30" in caplog.text


def test_one_notice_that_fails_lets_the_others_through(each_told: Engine, clock: Clock) -> None:
    tell(each_told, clock, NOTICE.model_copy(update={"key": "another"}))
    with receiver(500) as received:
        assert deliver(each_told, local(received.url), clock) == 0
        assert deliver(each_told, local(received.url), clock) == 1
    assert received.headers[1]["idempotency-key"] == "another"


def test_a_notice_that_is_given_up_is_kept_and_can_be_revived(
    each_told: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_delivery, "ATTEMPTS", 2)
    with receiver(500, 500) as received:
        params = local(received.url)
        for _ in range(3):
            deliver(each_told, params, clock)
            clock.forward(hours=6)
        assert (len(received.bodies), depth(each_told)) == (2, (0, 1))
        assert outbox.revive(each_told, clock()) == 1
        assert deliver(each_told, params, clock) == 1
    assert depth(each_told) == (0, 0)


def test_the_waits_between_tries_grow_to_six_hours() -> None:
    waits = [wait_after(attempt) for attempt in range(1, 9)]
    assert waits[:2] == [timedelta(seconds=30), timedelta(minutes=2)]
    assert waits == sorted(waits)
    assert timedelta(hours=12) < sum(waits[:7], timedelta()) < timedelta(days=1)
    assert wait_after(10_000) == timedelta(hours=6)


SENDER = """
import sys
from tests.scheduling import Clock
from registry.storage.database import connect
from tests.monitoring.test_notice_delivery import deliver, local
deliver(connect(sys.argv[1]), local(sys.argv[2]), Clock(sys.argv[3]))
"""


def test_after_a_kill_between_sending_and_marking_it_is_sent_again_under_its_key(
    each_told: Engine, clock: Clock
) -> None:
    database = each_told.url.render_as_string(hide_password=False)
    with receiver() as received:
        victims: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        received.on_body = lambda: victims.get(timeout=LONG).kill()
        command = [sys.executable, "-c", SENDER, database, received.url, clock.now.isoformat()]
        victim = subprocess.Popen(command, cwd=ROOT)
        victims.put(victim)
        assert victim.wait(LONG) == -signal.SIGKILL
        received.on_body = lambda: None
        assert deliver(each_told, local(received.url), clock) == 0, "the dead one may still send"
        clock.forward(minutes=5)
        assert deliver(each_told, local(received.url), clock) == 1
    assert [headers["idempotency-key"] for headers in received.headers] == [NOTICE.key] * 2


# --- where it may go ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%2",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "192.0.0.192",
        "192.0.0.170",
        "fec0::1",
        "feff::1",
        "::ffff:8.8.8.8",
        "::ffff:0:7f00:1",
        "::7f00:1",
        "2001:db8::1",
    ],
)
@pytest.mark.attack
def test_an_address_that_is_not_of_the_open_internet_is_known(number: str) -> None:
    assert not public(number)


@pytest.mark.parametrize("number", ["8.8.8.8", "192.0.1.1", "2606:4700::1111", "2a00:1450::1"])
def test_a_public_address_is_known(number: str) -> None:
    assert public(number)


@pytest.mark.attack
def test_an_answer_that_drips_in_ends_at_the_deadline() -> None:
    """Each of its bytes comes long before a limit for single bytes would be over."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        address = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        gone = threading.Event()

        def drip() -> None:
            connection, _ = bound.accept()
            with connection, suppress(OSError):
                for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 2 + b"\r\n":
                    connection.sendall(bytes([byte]))
                    gone.wait(0.05)

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            with pytest.raises(UndeliveredError, match=r"took longer than 0\.5 s"):
                url = parsed(address, allow_plain=True)
                post(url, b"{}", "key", allow_private=True, timeout=0.5)
        finally:
            gone.set()
            thread.join()


def test_a_private_address_is_asked_nothing(
    told: Engine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with receiver() as received:
        port = received.url.split(":")[2].split("/")[0]
        params = NoticeParams(webhook=f"https://localhost:{port}/{SECRET}")
        assert deliver(told, params, clock) == 0
    assert received.bodies == []
    assert "which is no public address: set monitoring.notices.allow_private" in caplog.text


def test_one_private_address_among_public_ones_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve_to(monkeypatch, "8.8.8.8", "10.0.0.1")
    url = parsed("https://hooks.example.com/x", allow_plain=False)
    with pytest.raises(UndeliveredError, match=r"hooks.example.com is at 10\.0\.0\.1"):
        post(url, b"", "key", allow_private=False, timeout=1)


def resolve_to(monkeypatch: pytest.MonkeyPatch, *numbers: str) -> list[str]:
    """Let every name be at some addresses; returns the names that are asked for, as they come."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if host in numbers:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        where = port if isinstance(port, int) else 443
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, where)) for number in numbers]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize(("named", "arrives"), [("hooks.test", True), ("evil.test", False)])
def test_the_checked_address_is_the_one_that_is_used_and_must_prove_its_name(
    named: str, arrives: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path, named)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    asked = resolve_to(monkeypatch, "127.0.0.1")
    with receiver(tls=tls) as received:
        port = received.url.split(":")[2].split("/")[0]
        url = parsed(f"https://hooks.test:{port}/x", allow_plain=False)
        try:
            post(url, b"{}", "key", allow_private=True, timeout=LONG)
        except UndeliveredError as error:
            assert str(error) == "hooks.test is not reached (ConnectError)"
    assert asked == ["hooks.test"], "asked for once: a second answer cannot differ"
    assert bool(received.bodies) == arrives
    assert not arrives or received.headers[0]["host"] == f"hooks.test:{port}"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (f"webhook: http://hooks.example.com/{SECRET}", "begins with https://"),
        (f"webhook: ftp://hooks.example.com/{SECRET}", "begins with https://"),
        (f"webhook: https://[::{SECRET}", "is no web address"),
        (f"webhook: {SECRET}", "begins with https://"),
        (f"webhook: https://me:{SECRET}@example.com/", "holds a user name or a password"),
        (
            f"{{webhook: https://evil.example.com/{SECRET}, allowed_hosts: [hooks.slack.com]}}",
            "its host evil.example.com is none of hooks.slack.com",
        ),
        ("command: ['']", "command"),
        ("command: [<prompts>]", "name the program before it"),
        ("telegram: x", "telegram"),
    ],
)
def test_a_wrong_setting_is_refused_without_repeating_an_address(
    tmp_path: Path, settings: str, complaint: str
) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(f"monitoring:\n  notices:\n    {settings}\n")
    with pytest.raises(InputError, match=rf"params.yaml:\d: monitoring.notices.*{complaint}") as e:
        load(NoticeParams, params)
    assert SECRET not in str(e.value)


def test_a_secret_address_comes_from_the_environment_and_is_checked_like_any_other(
    told: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as received:
        monkeypatch.setenv(notice_delivery.VARIABLE, received.url)
        deliver(told, NoticeParams(allow_private=True, allowed_hosts=("127.0.0.1",)), clock)
    assert len(received.bodies) == 1
    with pytest.raises(
        InputError, match=r"INCUMBENT_WEBHOOK its host 127.0.0.1 is none"
    ) as refused:
        NoticeParams(allow_private=True, allowed_hosts=("hooks.slack.com",)).url()
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("answer", [200, 500, 302, 307])
def test_no_log_line_shows_the_secret_of_an_address_and_no_redirect_is_followed(
    answer: int, told: Engine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with receiver(answer) as received:
        assert deliver(told, local(received.url), clock) == (answer == 200)
    assert len(received.bodies) == 1
    refused = f"127.0.0.1 redirects (status {answer}), which is not followed" in caplog.text
    assert refused == (answer in (302, 307))
    clock.forward(hours=6)
    deliver(told, local(received.url), clock)  # nobody listens there any more
    assert SECRET not in caplog.text


# --- the command --------------------------------------------------------------------------------


def command(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


def test_a_command_gets_the_notice_on_its_standard_input(
    told: Engine, clock: Clock, tmp_path: Path
) -> None:
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    params = NoticeParams(command=command(code, str(tmp_path / "got")))
    assert deliver(told, params, clock) == 1
    assert Notice.read(tmp_path / "got") == NOTICE


def test_prompts_go_to_a_command_that_asks_for_them_and_to_nobody_else(
    engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    code = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + ' '.join(sys.argv[2:]))"
    asked, unasked = tmp_path / "asked", tmp_path / "unasked"
    notice = NOTICE.model_copy(update={"prompts": ("am I Ann Smith?",)})
    with receiver() as received:
        for path, more in ((asked, ("<prompts>",)), (unasked, ())):
            tell(engine, clock, notice.model_copy(update={"key": path.name}))
            params = local(received.url, command=command(code, str(path), *more))
            assert deliver(engine, params, clock) == 1
    assert json.loads(asked.read_text())["prompts"] == ["am I Ann Smith?"]
    assert "prompts" not in asked.read_text().rpartition("}")[2]  # the word itself is not passed on
    assert "Ann Smith" not in unasked.read_text() + str(received.bodies)


@pytest.mark.parametrize(
    ("failing", "complaint"),
    [
        (command("import sys; sys.exit('no more\\nroom')"), "ended with 1: no more room"),
        (command("import sys; sys.exit(3)"), "ended with 3: no word"),
        (command("import time; time.sleep(60)"), "took more than 0.5 s"),
        (("/nowhere/at-all",), "/nowhere/at-all cannot be run: No such file or directory"),
    ],
)
def test_a_command_that_fails_is_run_again_later(
    failing: tuple[str, ...],
    complaint: str,
    told: Engine,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notice_delivery, "SECONDS", 0.5)
    assert deliver(told, NoticeParams(command=failing), clock) == 0
    assert complaint in caplog.text
    assert depth(told) == (1, 0)


def test_of_two_destinations_only_the_one_that_failed_is_told_again(
    each_told: Engine, clock: Clock
) -> None:
    with receiver() as received:

        def both(code: str) -> NoticeParams:
            return local(received.url, command=command(code))

        assert deliver(each_told, both("raise SystemExit(1)"), clock) == 0
        clock.forward(seconds=30)
        assert deliver(each_told, both("pass"), clock) == 1
    assert len(received.bodies) == 1


def test_with_nobody_to_tell_a_notice_is_done_with(each_told: Engine, clock: Clock) -> None:
    assert deliver(each_told, NoticeParams(), clock) == 1
    assert depth(each_told) == (0, 0)
