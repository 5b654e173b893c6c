"""Who may ask, how much and how often."""

import asyncio
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from incumbent.cli import app as command
from project.errors import InputError
from project.settings import PARAMS
from serving.gateway_server import Access, create_app, refuse_keyless_address
from serving.openai_api.gateway import Gateway
from serving.openai_api.request_body import ApiError, WaitingLine
from serving.openai_api.who_asks import LOOK_SECONDS, KeyFile, add_key
from serving.serving_settings import ServingParams
from tests.serving.conftest import ADDRESS, Listener, MakeGateway, asking, for_ever

CHAT = "/v1/chat/completions"
KEYS = Path("keys.yaml")


@pytest.fixture
def keyed(gateway: Gateway) -> tuple[TestClient, dict[str, str]]:
    """A gateway that asks for keys, reached by any name; and the keys of ann and bob."""
    keys = {name: add_key(KEYS, name) for name in ("ann", "bob")}
    gateway.keys = KeyFile(KEYS)
    return TestClient(create_app(gateway), "http://gateway.example.com"), keys


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_key_says_who_asks(keyed: tuple[TestClient, dict[str, str]], listener: Listener) -> None:
    client, keys = keyed
    assert client.post(CHAT, json=asking(), headers=bearer(keys["bob"])).status_code == 200
    assert listener.exchanges[0].caller == "bob"
    assert not any(key in KEYS.read_text() for key in keys.values())
    # Load balancers need none.
    assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]


@pytest.mark.parametrize(
    "headers", [{}, bearer("inc-no"), bearer(""), {"Authorization": "Basic x"}, bearer("é")]
)
def test_nobody_gets_in_without_a_key(
    keyed: tuple[TestClient, dict[str, str]], headers: dict[str, str]
) -> None:
    encoded = {name: value.encode() for name, value in headers.items()}
    for path in (CHAT, "/v1/feedback", "/v1/models", "/v1/incumbent/serving", "/metrics", "/x"):
        answer = keyed[0].request("POST" if "v1" in path else "GET", path, headers=encoded)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"


def test_of_keys_that_are_made_at_the_same_time_each_one_counts() -> None:
    names = [f"caller-{number}" for number in range(12)]
    with ThreadPoolExecutor(len(names)) as shells:
        made = dict(zip(names, shells.map(partial(add_key, KEYS), names), strict=True))
    known = KeyFile(KEYS)
    assert {name: known.caller(key) for name, key in made.items()} == {n: n for n in names}


@pytest.mark.parametrize("name", ["ann", "bob", "007", "yes", "1_0"])
@pytest.mark.parametrize(
    "text",
    [
        "# ask Jo first\nkeys:\n  ann: {hash}  # since May\n\noperators: [ann]\n",
        "# ask Jo first\nkeys: {{ann: {hash}}} # since May\n",
        "# ask Jo first\nkeys: {{}} # since May\n",
    ],
)
def test_a_further_key_leaves_the_rest_of_the_file_as_it_was(text: str, name: str) -> None:
    text = text.format(hash="0f" * 32)
    KEYS.write_text(text)
    key = add_key(KEYS, name)
    left = KEYS.read_text()
    assert KeyFile(KEYS).caller(key) == name
    assert left.startswith("# ask Jo first\n")
    assert "# since May\n" in left
    if name != "ann":
        hashed = hashlib.sha256(key.encode()).hexdigest()
        assert [part for part in text.split() if part.strip("{}") not in left] == []
        assert left.count(hashed) == 1


def test_a_file_of_keys_that_no_program_can_edit_is_left_as_it_is() -> None:
    KEYS.write_text("keys: !!map {}\n")
    with pytest.raises(
        InputError, match=r"keys: cannot be edited by a program: put in by hand bob: "
    ):
        add_key(KEYS, "bob")
    assert KEYS.read_text() == "keys: !!map {}\n"


def test_keys_are_read_again_when_their_file_changes() -> None:
    now = [0.0]
    old = add_key(KEYS, "ann")
    keys = KeyFile(KEYS, clock=lambda: now[0])
    new = add_key(KEYS, "ann")
    now[0] += LOOK_SECONDS
    assert (keys.caller(old), keys.caller(new)) == (None, "ann")


def test_a_file_that_was_broken_since_leaves_what_was_known() -> None:
    now = [0.0]
    key = add_key(KEYS, "ann")
    keys = KeyFile(KEYS, clock=lambda: now[0])
    KEYS.write_text("keys: [")
    now[0] += LOOK_SECONDS
    assert keys.caller(key) == "ann"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("keys: {}", "keys: names no caller: `incumbent serve --add-key NAME` adds one"),
        ("operators: []", "keys: names no caller: `incumbent serve --add-key NAME` adds one"),
        (
            "keys: {ann: inc-secret}",
            "keys.ann: is no SHA-256 of a key: take the line out, and `incumbent serve --add-key "
            "NAME` makes a key and its hash",
        ),
        (
            f"keys: {{ann: {'0f' * 32}}}\noperators: [ann, ops]",
            "operators: ops has no key: `incumbent serve --add-key ops` makes one",
        ),
        ("keys: {'a b': x}", "keys"),
        ("- x", ""),
    ],
)
def test_a_file_of_keys_that_is_none_is_refused_with_what_to_do(text: str, told: str) -> None:
    with pytest.raises(InputError, match="--add-key"):
        KeyFile(KEYS)  # it says how a missing one is made
    KEYS.write_text(text)
    with pytest.raises(InputError, match=rf"keys\.yaml(:\d+)?: {re.escape(told)}") as refused:
        KeyFile(KEYS)
    assert "inc-secret" not in str(refused.value)


def test_a_key_for_an_operator_may_be_made_after_it_was_named() -> None:
    KEYS.write_text("operators: [ops]\n")
    key = add_key(KEYS, "ops")
    assert KeyFile(KEYS).caller(key) == "ops"


def test_the_command_makes_a_key_and_shows_it_once_or_says_where_keys_would_go() -> None:
    PARAMS.write_text("serving: {}\n")
    with pytest.raises(InputError, match=r"serving\.keys"):
        CliRunner().invoke(command, ["serve", "--add-key", "ann"], catch_exceptions=False)
    PARAMS.write_text("serving: {keys: keys.yaml}\n")
    shown = CliRunner().invoke(command, ["serve", "--add-key", "ann"])
    assert shown.exit_code == 0
    assert KeyFile(KEYS).caller(shown.stdout.strip()) == "ann"


@pytest.mark.parametrize("name", ["", "a b", "../x", "a\nb", "x" * 65])
def test_a_caller_has_a_name_that_logs_can_hold(name: str) -> None:
    with pytest.raises(InputError, match="no name"):
        add_key(KEYS, name)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.5", "gateway.example.com", "::"])
def test_without_keys_no_other_machine_is_let_in(host: str) -> None:
    with pytest.raises(InputError, match="--add-key"):
        refuse_keyless_address(host, ServingParams(), Access(without_keys=True))
    refuse_keyless_address(host, ServingParams(keys=KEYS), Access())
    refuse_keyless_address("127.0.0.1", ServingParams(), Access(without_keys=True))


@pytest.mark.attack
def test_nobody_serves_without_keys_who_did_not_say_so() -> None:
    PARAMS.write_text("registry: {family: bank}\n")
    refused = CliRunner().invoke(command, ["serve", "--port=0"])
    assert isinstance(refused.exception, InputError)
    assert "--without-keys" in str(refused.exception)
    with pytest.raises(InputError, match="leave --without-keys out"):
        refuse_keyless_address("127.0.0.1", ServingParams(keys=KEYS), Access(without_keys=True))
    assert list(Access().warnings()) == []
    for access in (Access(without_keys=True), Access(open_metrics=True)):
        assert "everybody whom a proxy on it passes on" in next(access.warnings())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": "user@127.0.0.1"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:3000"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"X-Forwarded-For": "203.0.113.5"}, 403),
        ({"Via": "1.1 caddy"}, 403),
        ({"Host": "localhost:8080", "Origin": "http://localhost:8080"}, 200),
    ],
)
def test_without_keys_no_web_page_is_let_in(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    assert client.post(CHAT, json=asking(), headers=headers).status_code == status


@pytest.mark.attack
def test_metrics_need_a_key_on_this_machine_too_unless_they_were_opened(gateway: Gateway) -> None:
    """A proxy here that passes all on as `proxy_pass` does cannot be told from a program."""
    add_key(KEYS, "ann")
    gateway.keys = KeyFile(KEYS)
    app = create_app(gateway)
    here = TestClient(app, ADDRESS, client=("127.0.0.1", 5))
    assert here.get("/metrics").status_code == 401
    gateway.open_metrics = True
    behind_a_proxy = TestClient(app, "http://gateway.example.com", client=("127.0.0.1", 5))
    elsewhere = TestClient(app, ADDRESS, client=("10.0.0.5", 5))
    asked = [browser.get("/metrics").status_code for browser in (here, behind_a_proxy, elsewhere)]
    assert asked == [200, 401, 401]


def test_one_caller_s_haste_is_no_other_s(make_gateway: MakeGateway) -> None:
    keys = {name: add_key(KEYS, name) for name in ("ann", "bob")}
    gateway = make_gateway(requests_a_minute=2)
    gateway.keys = KeyFile(KEYS)
    client = TestClient(create_app(gateway), ADDRESS)
    asked = [client.get("/v1/models", headers=bearer(keys["ann"])) for _ in range(3)]
    assert [answer.status_code for answer in asked] == [200, 200, 429]
    assert int(asked[2].headers["retry-after"]) == 30
    assert client.get("/v1/models", headers=bearer(keys["bob"])).status_code == 200


async def waits(line: WaitingLine, caller: str, order: list[str]) -> None:
    async with line.place(caller):
        order.append(caller)


def test_a_line_lets_in_who_came_first_and_forgets_who_left() -> None:
    async def queue() -> list[str]:
        line, order = WaitingLine(running=1, waiting=2), list[str]()
        async with line.place("ann"):
            first = asyncio.create_task(waits(line, "first", order))
            gone = asyncio.create_task(waits(line, "gone", order))
            await asyncio.sleep(0)
            with pytest.raises(ApiError):
                await waits(line, "refused", order)
            gone.cancel()
            await asyncio.sleep(0)
            last = asyncio.create_task(waits(line, "last", order))
            await asyncio.sleep(0)
        await asyncio.gather(first, last)
        assert (line.running, line.waiting) == (0, 0)
        return order

    assert asyncio.run(queue()) == ["first", "last"]


def test_a_caller_who_asks_for_everything_shuts_nobody_out() -> None:
    async def queue() -> list[str]:
        line, order = WaitingLine(running=2, waiting=9), list[str]()
        async with line.place("greedy"):
            async with line.place("greedy"):
                callers = ["greedy", "greedy", "ann"]
                waiting = [asyncio.create_task(waits(line, name, order)) for name in callers]
                await asyncio.sleep(0)
            await asyncio.gather(*waiting)
        return order

    assert asyncio.run(queue()) == ["ann", "greedy", "greedy"]


@pytest.mark.parametrize("before", [True, False])
def test_a_place_for_who_leaves_in_that_moment_is_not_lost(before: bool) -> None:
    async def queue() -> list[str]:
        line, order = WaitingLine(running=1, waiting=9), list[str]()
        async with line.place("ann"):
            gone = asyncio.create_task(waits(line, "gone", order))
            last = asyncio.create_task(waits(line, "last", order))
            await asyncio.sleep(0)
            if before:
                gone.cancel()
        gone.cancel()
        await asyncio.wait([gone, last], timeout=5)
        return order

    assert asyncio.run(queue()) == ["last"]


def test_a_line_tells_how_long_it_takes() -> None:
    now = [0.0]

    async def queue() -> float:
        line = WaitingLine(running=2, waiting=0, clock=lambda: now[0])
        for _ in range(100):
            async with line.place("ann"):
                now[0] += 10
        return line.expected_wait

    assert asyncio.run(queue()) == pytest.approx(5, abs=0.1)


def test_a_deadline_counts_the_wait_for_a_place(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(running=1, timeout_seconds=0.05)

    async def occupied() -> None:
        async with gateway.line.place("ann"):
            await for_ever()

    async def ask() -> int:
        holding = asyncio.create_task(occupied())
        await asyncio.sleep(0)
        transport = httpx2.ASGITransport(create_app(gateway))
        async with httpx2.AsyncClient(transport=transport, base_url=ADDRESS) as client:
            status = (await client.post(CHAT, json=asking())).status_code
        holding.cancel()
        return status

    assert asyncio.run(ask()) == 504


def test_one_caller_cannot_fill_the_line_against_others() -> None:
    async def queue() -> tuple[list[str], list[object]]:
        line, order = WaitingLine(running=1, waiting=4), list[str]()
        async with line.place("greedy"):
            greedy = [asyncio.create_task(waits(line, "greedy", order)) for _ in range(4)]
            await asyncio.sleep(0)
            modest = [asyncio.create_task(waits(line, "modest", order)) for _ in range(3)]
            await asyncio.sleep(0)
            assert line.waiting == 4
        ends = await asyncio.gather(*greedy, *modest, return_exceptions=True)
        assert (line.running, line.waiting) == (0, 0)
        return order, [type(end) for end in ends]

    order, ends = asyncio.run(queue())
    assert sorted(order) == ["greedy", "greedy", "modest", "modest"]
    # The newest of the greedy made room, and the third of the modest found none any more.
    served, refused = type(None), ApiError
    assert ends == [served, served, refused, refused, served, served, refused]


@pytest.mark.attack
def test_no_single_key_fills_all_places(make_gateway: MakeGateway) -> None:
    for name in ("ann", "bob"):
        add_key(Path("keys.yaml"), name)
    gateway = make_gateway(running=64, batch_size=8)
    gateway.keys = KeyFile(Path("keys.yaml"))

    async def answer(caller: str) -> None:
        async with gateway.line.place(caller):
            await for_ever()

    async def run() -> None:
        held = [asyncio.create_task(answer("ann")) for _ in range(50)]
        await asyncio.sleep(0)
        assert gateway.line.running == 6  # of the 8 that the embedded engine answers side by side
        async with asyncio.timeout(5), gateway.line.place("bob"), gateway.line.place("bob"):
            assert gateway.line.running == 8
        for task in held[:7]:
            task.cancel()
        await asyncio.gather(*held[:7], return_exceptions=True)
        assert gateway.line.running == 6  # whoever waited has their places
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert (gateway.line.running, gateway.line.waiting) == (0, 0)

    asyncio.run(run())


def test_a_caller_who_is_alone_has_all_places(make_gateway: MakeGateway) -> None:
    add_key(Path("keys.yaml"), "ann")
    gateway = make_gateway(running=4)
    assert gateway.line.most_of_one() == 4
    gateway.keys = KeyFile(Path("keys.yaml"))
    assert gateway.line.most_of_one() == 4


def test_who_leaves_while_making_room_leaves_no_place_taken() -> None:
    async def queue() -> tuple[int, int]:
        line, order = WaitingLine(running=1, waiting=2), list[str]()
        async with line.place("greedy"):
            greedy = [asyncio.create_task(waits(line, "greedy", order)) for _ in range(2)]
            await asyncio.sleep(0)
            modest = asyncio.create_task(waits(line, "modest", order))
            await asyncio.sleep(0)
            greedy[1].cancel()
        await asyncio.gather(*greedy, modest, return_exceptions=True)
        return line.running, line.waiting

    assert asyncio.run(queue()) == (0, 0)
