"""The gateway's traffic log: no answer waits for it, and what it wrote is whole."""

import logging
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from errno import ENOSPC
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from project.object_stores import FileStore
from project.records.data import Message
from project.records.traffic import Feedback, Outcome
from serving.exchange import Assignment
from serving.serving_settings import TrafficLogParams
from serving.traffic_log.logged_lines import in_share
from serving.traffic_log.spool import Spool, spool_folder
from serving.traffic_log.traffic_log import TrafficLog
from tests.serving.traffic_log.exchanges import (
    ADAPTER,
    DAY,
    V12,
    exchange,
    feedback,
    ids_in,
    lines_of,
    rows_in,
    store_of,
)

FOLDER = Path("traffic")
LASTING = TrafficLogParams(seconds=3600)  # chunks are closed by `flush` and `close` alone


def traffic_log(
    params: TrafficLogParams = LASTING, folder: Path | str = FOLDER, **options: Any
) -> TrafficLog:
    return TrafficLog(folder, params, redact=True, **options)


def chunks(folder: Path = FOLDER) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("[!.]*.jsonl"))


def in_spool() -> list[Path]:
    return sorted(path for path in spool_folder().rglob("*.jsonl") if path.stat().st_size)


def test_calls_results_and_tools_are_logged_beside_the_prompt_in_words() -> None:
    call = {"id": "c1", "function": {"name": "get_balance", "arguments": '{"account": "A1"}'}}
    turns = (
        Message(role="user", content="What is left?"),
        Message.model_validate({"role": "assistant", "content": "", "tool_calls": (call,)}),
        Message(role="tool", content='{"balance": 5}', tool_call_id="c1", name="get_balance"),
    )
    tools = ({"type": "function", "function": {"name": "get_balance"}},)
    with traffic_log() as log:
        log.answered(exchange("a1", messages=turns, tools=tools))
        log.answered(exchange("a2"))
    first = rows_in(FOLDER)[0]
    assert (first.turns, first.tools) == (turns, tools)
    words = '[calls get_balance({"account": "A1"})]\n[tool get_balance] {"balance": 5}'
    assert first.prompt_text == f"What is left?\n{words}"
    (chunk,) = FOLDER.rglob("*.jsonl")
    assert not {"turns", "tools"} & lines_of(chunk)[1].keys()


def test_a_chunk_is_named_by_gateway_and_sequence_on_the_utc_day_of_the_request() -> None:
    late, early = "2026-11-23T23:59:59Z", "2026-11-24T00:30:00+01:00"
    with traffic_log() as log:
        for name, at in {"a": late, "b": early, "c": "2026-11-24T00:00:01Z"}.items():
            log.answered(exchange(name, at=at))
    gateway = log.spool.gateway
    assert chunks() == [f"2026-11-23/{gateway}-000001.jsonl", f"{DAY}/{gateway}-000002.jsonl"]
    assert ids_in(FOLDER, date(2026, 11, 23)) == ["a", "b"]


def test_an_answer_is_read_back_as_traffic_and_beside_it_who_answered_and_why() -> None:
    assigned = Assignment(deployment=V12, experiment=7, arm="challenger")
    contestant = V12.contestant.model_copy(update={"adapter": None})
    bare = V12.model_copy(update={"version": None, "contestant": contestant})
    with traffic_log() as log:
        log.answered(exchange("a1", assignment=assigned))
        log.answered(exchange("a2", assignment=Assignment(deployment=bare)))
    row, of_base = rows_in(FOLDER)
    assert (row.id, row.user, row.caller, row.response) == ("a1", "u1", "app", "That.")
    assert (row.adapter, row.latency_ms, row.prompt_text) == (ADAPTER, 12.5, "What?")
    assert of_base.adapter == "base"
    line = lines_of(FOLDER / chunks()[0])[0]
    assert (line["version"], line["experiment"], line["arm"]) == (12, 7, "challenger")
    assert (line["prompt_tokens"], line["answer_tokens"], line["finish"]) == (3, 2, "stop")
    assert "asked" not in line and "first_token_ms" not in line


def test_errors_are_no_traffic_and_shadow_answers_lie_apart() -> None:
    shadow = Assignment(deployment=V12, experiment=7, arm="shadow")
    with traffic_log() as log:
        log.answered(exchange("failed", status=503))
        log.answered(exchange("seen"))
        log.answered(exchange("unseen", assignment=shadow))
    assert ids_in(FOLDER) == ["seen"]
    assert store_of(FOLDER).days() == [DAY]
    assert [line["id"] for line in lines_of(next((FOLDER / "shadow").rglob("*.jsonl")))] == [
        "unseen"
    ]
    store_of(FOLDER).expire(7, date(2027, 1, 1))
    assert chunks() == []


def test_personal_data_is_redacted_on_the_way_in() -> None:
    mail = "ana@example.org"
    said = (Message(role="user", content=f"I am {mail}"),)
    with traffic_log() as log:
        log.answered(exchange(user=mail, messages=said, text=mail))
        log.fed_back(feedback(correction=f"Dear {mail}", rating=-1), None)
    assert "@" not in "".join((FOLDER / name).read_text() for name in chunks())
    (row,) = rows_in(FOLDER)
    assert row.feedback == Feedback(rating=-1, correction="Dear [email]")


def test_a_share_of_users_is_kept_with_all_of_their_rows() -> None:
    with traffic_log(TrafficLogParams(share=0.5, seconds=3600)) as log:
        for number in range(400):
            log.answered(exchange(number, user=f"u{number % 100}"))
    kept = [row.user or "" for row in rows_in(FOLDER)]
    assert 30 <= len(set(kept)) <= 70
    assert all(kept.count(user) == 4 for user in kept)
    assert all(in_share(exchange(user=user).ref, 0.7) for user in kept)
    assert log.dropped == 0


def test_of_users_who_are_not_kept_their_feedback_is_not_either() -> None:
    with traffic_log(TrafficLogParams(share=0.5, seconds=3600)) as log:
        for number in range(50):
            log.fed_back(feedback(number, rating=1), exchange(number, user=f"u{number}").ref)
    with traffic_log(TrafficLogParams(share=0, seconds=3600)) as none:
        none.fed_back(feedback("of-another-gateway", rating=1), None)
    told = [line["feedback_of"] for line in lines_of(FOLDER / chunks()[0])]
    assert told == [str(n) for n in range(50) if in_share(exchange(user=f"u{n}").ref, 0.5)]
    assert len(chunks()) == 1


def test_a_chunk_is_closed_after_so_many_seconds_and_can_be_read() -> None:
    with traffic_log(TrafficLogParams(seconds=0.01)) as log:
        log.answered(exchange())
        while not FOLDER.exists() or not chunks():
            log.sender.thread.join(0.01)
        assert ids_in(FOLDER) == ["a1"]


def test_a_full_queue_drops_rows_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    log = traffic_log(waiting=3)
    with caplog.at_level(logging.WARNING):
        for number in range(10):  # nobody writes yet
            log.answered(exchange(number))
    assert log.drops == {"too many wait": 7}
    assert len(caplog.records) == 1
    with log:
        pass
    assert ids_in(FOLDER) == ["0", "1", "2"]


@pytest.mark.parametrize(
    "odd",
    [{"text": "\ud800"}, {"at": "9999-12-31T23:59:59-14:00"}, {"text": "x" * (1 << 20)}],
    ids=["half a character", "no such day in UTC", "longer than a line"],
)
def test_what_cannot_be_read_back_is_dropped_and_its_text_stays_out_of_the_log(
    odd: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with traffic_log() as log:
        log.answered(exchange("odd", **odd))
        log.answered(exchange("good"))
    assert ids_in(FOLDER) == ["good"]
    assert log.drops == {"unfit for the log": 1}
    assert not any(odd.get("text", "?") in record.getMessage() for record in caplog.records)


def test_a_prompt_that_looks_like_lines_of_the_log_stays_one_row() -> None:
    text = 'x"}\n{"id":"forged","at":"2026-11-24T10:00:00Z","prompt":"p","response":"r"}\u2028\r\n'
    with traffic_log() as log:
        log.answered(exchange(text=text, messages=(Message(role="user", content=text),)))
    (row,) = rows_in(FOLDER)
    assert row.response == text


class Refusing(FileStore):
    """A folder on a disk that is full until it is not."""

    full = True

    def adopt(self, files: Mapping[Path, str]) -> None:
        if self.full:
            raise OSError(ENOSPC, "No space left on device")
        super().adopt(files)


def test_a_full_traffic_folder_keeps_the_rows_in_the_spool_until_it_is_free_again() -> None:
    with traffic_log() as log:
        log.sender.folder = folder = Refusing(FOLDER)
        log.answered(exchange("before"))
        log.flush()
        assert not FOLDER.exists() and in_spool()
        folder.full = False
        log.answered(exchange("after"))
        log.flush()
        assert ids_in(FOLDER) == ["before", "after"] and not in_spool()
    assert log.dropped == 0


def test_more_than_the_spool_may_hold_is_dropped_and_the_rest_is_stored_by_the_next_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.traffic_log.traffic_log.MOST_WAITING", 100)
    with traffic_log() as log:
        log.sender.folder = Refusing(FOLDER)
        for name in ("kept", "over"):
            log.answered(exchange(name))
            log.flush()
        assert log.drops == {"too much waits for the traffic folder": 1}
    with traffic_log():
        pass
    assert ids_in(FOLDER) == ["kept"]
    assert list(spool_folder().iterdir()) == []


def test_an_object_store_gets_whole_chunks_and_is_read_through_copies() -> None:
    url = "memory://bucket/traffic"
    MemoryFileSystem.store.clear()
    with traffic_log(folder=url) as log:
        log.answered(exchange())
        log.fed_back(feedback(rating=1), None)
    gateway = log.spool.gateway
    assert sorted(MemoryFileSystem.store) == [
        f"/bucket/traffic/{DAY}/{gateway}-000001.jsonl",
        f"/bucket/traffic/{DAY}/feedback-{gateway}-000002.jsonl",
    ]
    (row,) = rows_in(url)
    assert (row.id, row.feedback) == ("a1", Feedback(rating=1))


def test_feedback_that_comes_later_is_joined_to_its_answer() -> None:
    outcome = Outcome(resolved=True)
    with traffic_log() as log:
        log.answered(exchange())
        log.flush()
        log.fed_back(feedback(rating=-1, outcome=outcome), exchange().ref)
        log.fed_back(feedback(at="2026-11-25T09:00:00Z", correction="This."), None)
    (row,) = rows_in(FOLDER)
    assert row.feedback == Feedback(rating=-1, correction="This.")
    assert row.outcome == outcome


# --- processes ----------------------------------------------------------------------------------


def process(action: Callable[..., None], *arguments: object) -> BaseProcess:
    started = multiprocessing.get_context("fork").Process(
        target=action, args=arguments, daemon=True
    )
    started.start()
    return started


def answer_for_ever(writer: int) -> None:
    log = traffic_log(TrafficLogParams(seconds=0.02))
    log.start()
    for number in count():
        log.answered(exchange(f"{writer}-{number}", text="r" * 2_000))
        if number % 10 == 0:
            log.flush()


def answer_some(writer: int) -> None:
    with traffic_log(TrafficLogParams(seconds=0.01)) as log:
        for number in range(200):
            log.answered(exchange(f"{writer}-{number}"))


def test_what_reached_a_killed_gateways_spool_is_in_the_folder_after_the_next_start() -> None:
    for turn in range(3):
        before = len(chunks())
        writer = process(answer_for_ever, turn)
        while len(chunks()) < before + 5:
            assert writer.is_alive()
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
    with traffic_log() as log:
        pass
    assert list(spool_folder().iterdir()) == []
    reading = store_of(FOLDER).read(DAY)
    found = [row.id for batch in reading for row in batch]
    assert not reading.set_aside  # a chunk is moved: no row is in the folder and in the spool
    for turn in range(3):
        mine = sorted(int(name.split("-")[1]) for name in found if name.startswith(f"{turn}-"))
        assert mine == list(range(len(mine))) and mine
    assert log.dropped <= 3


def test_a_torn_last_line_is_dropped_and_counted() -> None:
    left = Spool(spool_folder(), "killed")
    left.claim()
    torn = left.own / str(DAY) / ".open-killed-000001.jsonl"
    torn.parent.mkdir()
    torn.write_text(
        '{"id":"whole","at":"2026-11-24T10:00:00Z","prompt":"p","response":"r"}\n{"id":"t'
    )
    for lock in left.locks.values():
        lock.close()  # as the kernel does
    with traffic_log() as log:
        pass
    assert ids_in(FOLDER) == ["whole"]
    assert log.drops == {"torn by a kill": 1}


def test_the_chunks_of_a_gateway_that_lives_are_left_to_it() -> None:
    with traffic_log() as one:
        one.answered(exchange("one"))
        with traffic_log() as other:
            other.answered(exchange("other"))
        assert ids_in(FOLDER) == ["other"]
    assert ids_in(FOLDER) == ["one", "other"] or ids_in(FOLDER) == ["other", "one"]


def test_gateways_at_once_lose_no_row() -> None:
    writers = [process(answer_some, writer) for writer in range(3)]
    for writer in writers:
        writer.join()
    reading = store_of(FOLDER).read(DAY)
    assert len([row for batch in reading for row in batch]) == 3 * 200
    assert not reading.set_aside


def answer_on_a_full_disk() -> None:
    """Be a process whose files cannot grow beyond a limit, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = traffic_log()
    log.start()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    log.answered(exchange("before"))
    log.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    log.answered(exchange("lost"))
    log.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log.answered(exchange("after"))
    log.close()
    os._exit(0 if log.drops == {"the spool cannot be written": 1} else 1)


def test_a_full_disk_drops_rows_and_the_log_goes_on_when_it_is_free_again() -> None:
    writer = process(answer_on_a_full_disk)
    writer.join()
    assert writer.exitcode == 0
    assert ids_in(FOLDER) == ["before", "after"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not [t for t in threading.enumerate() if t.name == "traffic-log"]
