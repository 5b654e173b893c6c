"""Faults of the traffic log itself: none ends it, and none fills memory or disk."""

import errno
import os
from pathlib import Path
from unittest.mock import patch

import pytest

from project.records.data import Message
from serving.serving_settings import TrafficLogParams
from serving.traffic_log import spool, traffic_log
from serving.traffic_log.spool import Spool, spool_folder
from serving.traffic_log.traffic_log import TrafficLog
from tests.serving.traffic_log.exchanges import exchange, feedback, ids_in

FOLDER = Path("traffic")
FULL = OSError(errno.ENOSPC, "No space left on device")


def a_log(seconds: float = 3600) -> TrafficLog:
    return TrafficLog(FOLDER, TrafficLogParams(seconds=seconds), redact=True)


def test_a_row_that_breaks_the_log_is_dropped_and_the_next_ones_are_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with a_log() as log:
        with patch.object(traffic_log, "answer_line", side_effect=TypeError("a secret")):
            log.answered(exchange("a1"))
            log.flush()
        log.answered(exchange("a2"))
    assert ids_in(FOLDER) == ["a2"]
    assert log.drops == {"a fault of the log": 1}
    assert "TypeError" in caplog.text and "secret" not in caplog.text


def test_a_chunk_that_cannot_be_closed_ends_nothing_and_is_stored_by_the_next_start() -> None:
    with a_log(seconds=0.01) as log:
        with patch("serving.traffic_log.spool.finish", side_effect=FULL):
            log.answered(exchange("a1"))
            log.flush()
        log.answered(exchange("a2"))
        log.flush()
        assert ids_in(FOLDER) == ["a2"]
    with a_log() as log:
        log.flush()
    assert sorted(ids_in(FOLDER)) == ["a1", "a2"]


def test_a_full_disk_is_not_filled_with_empty_files() -> None:
    def takes_the_name_alone(path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        raise FULL

    log = a_log()
    with patch("serving.traffic_log.spool.append_bytes", takes_the_name_alone):
        for number in range(5):
            log.write([exchange(number)])
        assert len(list(spool_folder().rglob("*.jsonl"))) == 1
        assert log.drops.total() == 5


def test_long_prompts_that_wait_are_bounded_by_their_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(traffic_log, "MOST_HELD", 1000)
    log = a_log()  # not started: nothing is written
    long = (Message(role="user", content="x" * 400),)
    for number in range(5):
        log.answered(exchange(number, messages=long))
    log.fed_back(feedback("a1", correction="x" * 400), None)
    assert log.drops == {"too much waits": 4}
    log.start()
    log.flush()
    log.answered(exchange("later", messages=long))
    log.close()
    assert ids_in(FOLDER) == ["0", "1", "later"]


def test_what_users_wrote_is_not_for_everybody_on_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = os.umask(0o022)
    try:
        for linked in (True, False):
            with a_log() as log:
                log.answered(exchange("a1"))
                if not linked:  # another disk
                    monkeypatch.setattr(spool.os, "link", no_links)
        chunks = list(FOLDER.rglob("*.jsonl"))
    finally:
        os.umask(before)
    assert len(chunks) == 2
    assert not any(chunk.stat().st_mode & 0o007 for chunk in chunks)


def no_links(*_: object) -> None:
    raise OSError(errno.EXDEV, "Invalid cross-device link")


def test_what_waits_is_counted_while_a_gateway_takes_its_folder_away(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "own")
    (tmp_path / "other" / "2026-11-24").mkdir(parents=True)
    with patch("os.scandir", side_effect=FileNotFoundError):
        assert spool.size() == 0
