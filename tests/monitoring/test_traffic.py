"""The traffic log loses no good row, and hides no bad one."""

import errno
import json
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from monitoring.traffic.file_lines import BATCH, LONGEST
from monitoring.traffic.partition import DayReading
from monitoring.traffic.traffic_store import TrafficStore
from project.errors import IncumbentError, InputError
from project.records.data import Message
from project.records.traffic import Feedback, Traffic

DAY = date(2026, 11, 24)
GOOD = b'{"id":"a","at":"2026-11-24T10:00:00Z","prompt":"p","response":"r"}'


@pytest.fixture
def store(tmp_path: Path) -> TrafficStore:
    return TrafficStore(tmp_path / "traffic", redact=True, quarantine=tmp_path / "quarantine")


def row(name: object, at: str = "2026-11-24T10:00:00Z", **fields: object) -> Traffic:
    given = {"id": str(name), "at": at, "prompt": "What?", "response": "That."}
    return Traffic.model_validate(given | fields)


def drop(store: TrafficStore, data: bytes, name: str = "theirs.jsonl") -> Path:
    """Put a file into the partition, as a user would."""
    path = store.root / str(DAY) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def rows_of(reading: DayReading) -> list[Traffic]:
    return [row for batch in reading for row in batch]


def ids(reading: DayReading) -> list[str]:
    return [row.id for row in rows_of(reading)]


def quarantined(store: TrafficStore) -> list[dict[str, object]]:
    path = store.quarantine / f"{DAY}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_what_was_appended_is_read_in_its_order(store: TrafficStore) -> None:
    full = row(
        "full",
        user="u",
        prompt=(Message(role="user", content="Wie?"),),
        feedback=Feedback(rating=-1, correction="So."),
        latency_ms=1.5,
        adapter="v3",
    )
    store.append([row("z"), full])
    store.append(row(i) for i in range(BATCH))
    reading = store.read(DAY)
    assert [len(batch) for batch in reading] == [BATCH, 2]
    assert rows_of(reading)[:2] == [row("z"), full]
    assert not reading.set_aside


def test_a_row_lies_on_the_utc_day_of_its_moment(store: TrafficStore) -> None:
    store.append(
        [row("late", "2026-11-23T23:30:00-01:00"), row("early", "2026-11-24T00:30:00+01:00")]
    )
    assert store.days() == [date(2026, 11, 23), DAY]
    assert ids(store.read(DAY)) == ["late"]


def test_personal_data_is_redacted_on_the_way_in(store: TrafficStore) -> None:
    mail = "ana@example.org"
    messages = (Message(role="user", content=f"I am {mail}"),)
    feedback = Feedback(rating=1, correction=mail)
    store.append([row(1, prompt=mail, response=mail, user=mail, feedback=feedback)])
    store.append([row(2, prompt=messages, user=mail), row(3, user="bob@example.org")])
    one, two, three = rows_of(store.read(DAY))
    assert (one.prompt, one.response) == ("[email]", "[email]")
    assert one.feedback == Feedback(rating=1, correction="[email]")
    assert two.prompt_text == "I am [email]"
    assert one.user == two.user != three.user
    assert b"@" not in (store.root / str(DAY) / "traffic.jsonl").read_bytes()


def test_a_store_that_does_not_redact_keeps_every_word(tmp_path: Path) -> None:
    store = TrafficStore(tmp_path / "traffic", redact=False, quarantine=tmp_path / "quarantine")
    store.append([row(1, prompt="ana@example.org", user="ana@example.org")])
    drop(store, b"bob@example.org\n")
    assert rows_of(store.read(DAY)) == [row(1, prompt="ana@example.org", user="ana@example.org")]
    assert quarantined(store)[0]["text"] == "bob@example.org"


BAD = {
    "not JSON": b'{"id": "torn',
    "not UTF-8": GOOD.replace(b'"p"', b'"\xff"'),
    "not an object": b"[1, 2]",
    "no response": GOOD.replace(b',"response":"r"', b""),
    "bad prompt": GOOD.replace(b'"p"', b'[{"role": "user"}]'),
    "bad at": GOOD.replace(b"T10", b"T25"),
    "no zone in at": GOOD.replace(b"00Z", b"00"),
    "bad id": GOOD.replace(b'"a"', b'""'),
    "bad feedback": GOOD.replace(b"}", b',"feedback":{"rating":7}}'),
    "bad latency_ms": GOOD.replace(b"}", b',"latency_ms":NaN}'),
    "another day": GOOD.replace(b"24T", b"25T"),
    "repeated id": GOOD.replace(b'"r"', b'"another"'),
    "too long": GOOD.replace(b'"r"', b'"' + b"r" * (2 * LONGEST) + b'"'),
}


@pytest.mark.parametrize("reason", BAD)
def test_a_corrupt_line_is_counted_and_set_aside(store: TrafficStore, reason: str) -> None:
    after = GOOD.replace(b'"a"', b'"b"')
    drop(store, b"\n".join([GOOD, b"", BAD[reason], after]))
    reading = store.read(DAY)
    assert ids(reading) == ["a", "b"]
    assert reading.set_aside == {reason: 1}
    (found,) = quarantined(store)
    assert (found["file"], found["line"], found["reason"]) == ("theirs.jsonl", 3, reason)
    assert BAD[reason].decode(errors="replace").startswith(str(found["text"]))


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"prompt": "\ud800"}, "not JSON"),  # half a character
        ({"at": "0001-01-01T00:00:00+12:00"}, "bad at"),  # UTC has no such years
        ({"at": "9999-12-31T23:00:00-12:00"}, "bad at"),
    ],
)
def test_a_row_that_no_log_can_hold_is_refused_before_anything_is_written_or_set_aside(
    store: TrafficStore, odd: dict[str, str], why: str
) -> None:
    with pytest.raises(InputError, match="row '2' cannot be logged"):
        store.append([row(1), row(2, **odd)])
    assert store.days() == []
    drop(store, json.dumps(json.loads(GOOD) | odd).encode())
    reading = store.read(DAY)
    assert (ids(reading), reading.set_aside) == ([], {why: 1})


def test_reading_again_sets_the_same_aside_once(store: TrafficStore) -> None:
    drop(store, b"\n".join(BAD.values()))
    reading = store.read(DAY)
    first, listed, counts = ids(reading), quarantined(store), dict(reading.set_aside)
    assert (ids(reading), quarantined(store), reading.set_aside) == (first, listed, counts)
    assert len(listed) == sum(counts.values())


def test_a_quarantine_is_that_of_the_newest_whole_reading(store: TrafficStore) -> None:
    path = drop(store, b"ana@example.org, 030 1234567\n")
    rows_of(store.read(DAY))
    path.write_bytes(b"1\n2\n" + GOOD.replace(b"}", b',"x":1}') + b"\n")
    batches = iter(store.read(DAY))
    next(batches)
    del batches
    assert [found["text"] for found in quarantined(store)] == ["[email], [phone]"]
    assert len(list(store.quarantine.iterdir())) == 1
    path.write_bytes(GOOD)
    assert ids(store.read(DAY)) == ["a"]
    assert list(store.quarantine.iterdir()) == []


def test_a_quarantine_that_cannot_be_written_is_an_error_that_says_so(store: TrafficStore) -> None:
    drop(store, GOOD)
    store.quarantine.write_text("a file where the folder should be")
    with pytest.raises(IncumbentError, match="read the day again when it can"):
        ids(store.read(DAY))


def test_parquet_is_read_with_its_structs_and_timestamps(store: TrafficStore) -> None:
    moment = datetime(2026, 11, 24, 10, 0, 0, 250, tzinfo=UTC)
    table = {
        "id": ["a", "b"],
        "at": [moment, moment],
        "prompt": [[{"role": "user", "content": "p"}], [{"role": "user", "content": "q"}]],
        "response": ["r", "s"],
        "feedback": [{"rating": 1, "correction": None}, None],
        "their_own": [1, 2],
    }
    path = drop(store, b"", "theirs.parquet")
    parquet.write_table(pa.table(table), path)
    first, second = rows_of(store.read(DAY))
    assert (first.feedback, second.feedback) == (Feedback(rating=1), None)
    assert first.prompt == (Message(role="user", content="p"),)
    assert first.time == moment
    naive = [moment.replace(tzinfo=None)] * 2
    parquet.write_table(pa.table(table | {"at": naive}), path)
    reading = store.read(DAY)
    assert (ids(reading), reading.set_aside) == ([], {"no zone in at": 2})
    assert [aside["line"] for aside in quarantined(store)] == [1, 2]


@pytest.mark.parametrize("kept", [0, 4, 100, 0.5])
def test_an_unreadable_parquet_file_is_set_aside_and_the_others_are_read(
    store: TrafficStore, kept: float
) -> None:
    path = drop(store, b"", "broken.parquet")
    parquet.write_table(pa.table({"id": ["x"] * 1000}), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    drop(store, GOOD)
    reading = store.read(DAY)
    assert (ids(reading), reading.set_aside) == (["a"], {"unreadable file": 1})
    assert quarantined(store)[0]["line"] is None


def test_a_parquet_file_with_flipped_bytes_gives_its_rows_up_to_there(store: TrafficStore) -> None:
    names = [f"row {i}" for i in range(3 * BATCH)]
    columns = {"id": names, "at": ["2026-11-24T10:00:00Z"] * len(names)}
    table = pa.table(columns | {"prompt": names, "response": names})
    path = drop(store, b"", "broken.parquet")
    parquet.write_table(table, path, row_group_size=BATCH, compression="zstd")
    last = parquet.read_metadata(path).row_group(2).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[last : last + 200] = os.urandom(200)
    path.write_bytes(data)
    reading = store.read(DAY)
    assert ids(reading) == names[: 2 * BATCH]
    assert reading.set_aside == {"unreadable file": 1}


def test_files_that_are_no_traffic_are_left_alone(store: TrafficStore) -> None:
    for name in (".draft.jsonl", "README.md", "_SUCCESS"):
        drop(store, b"corrupt", name)
    (store.root / "README.md").write_text("# Traffic")
    reading = store.read(DAY)
    assert (ids(reading), dict(reading.set_aside), store.days()) == ([], {}, [])
    assert ids(store.read(date.max)) == []


def test_the_digest_changes_with_the_partition_alone(store: TrafficStore) -> None:
    store.append([row(1)])
    before = store.digest(DAY)
    rows_of(store.read(DAY))
    store.append([row(2, "2026-11-25T10:00:00Z")])
    assert store.digest(DAY) == before
    store.append([row(3)])
    assert store.digest(DAY) != before


def test_old_partitions_go_with_their_quarantine(store: TrafficStore) -> None:
    store.append([row(1, "2026-11-23T10:00:00Z")])
    drop(store, b"corrupt\n")
    rows_of(store.read(DAY))
    (store.quarantine / f".{DAY}.jsonl-left").write_text("by a killed reader")
    store.append([row(2, "2026-11-25T10:00:00Z")])
    assert store.expire(7, date(2026, 12, 1)) == [date(2026, 11, 23)]
    assert store.expire(7, date(2026, 12, 2)) == [DAY]
    assert store.expire(7, date(2026, 12, 2)) == []
    assert store.days() == [date(2026, 11, 25)]
    assert list(store.quarantine.iterdir()) == []


def test_after_a_torn_line_the_next_row_is_whole(store: TrafficStore) -> None:
    drop(store, GOOD + b'\n{"id":"torn","at":"2026-11', "traffic.jsonl")
    store.append([row("next")])
    reading = store.read(DAY)
    assert (ids(reading), reading.set_aside) == (["a", "next"], {"not JSON": 1})


def write_up_to(store: TrafficStore, limit: int) -> None:
    """Be a process whose files cannot grow beyond a limit, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        store.append(row(i) for i in range(100))
    except IncumbentError as error:
        os._exit(0 if os.strerror(errno.EFBIG) in str(error) else 1)
    os._exit(2)


def append_for_ever(store: TrafficStore, writer: int) -> None:
    for turn in count():
        store.append(row(f"{writer}-{turn}-{i}", response="r" * 5_000) for i in range(3))


def append_some(store: TrafficStore, writer: int) -> None:
    for turn in range(50):
        store.append([row(f"{writer}-{turn}-{i}") for i in range(3)])


def process(action: Callable[..., None], *arguments: object) -> multiprocessing.Process:
    started = multiprocessing.get_context("fork").Process(target=action, args=arguments)
    started.start()
    return started


def test_a_full_disk_leaves_none_of_the_rows_and_they_can_be_appended_again(
    store: TrafficStore,
) -> None:
    store.append([row("before")])
    writer = process(write_up_to, store, 2_000)
    writer.join()
    assert writer.exitcode == 0
    assert ids(store.read(DAY)) == ["before"]
    store.append(row(i) for i in range(100))
    assert len(ids(store.read(DAY))) == 101


def test_writers_at_once_lose_no_row_and_tear_no_line(store: TrafficStore) -> None:
    writers = [process(append_some, store, writer) for writer in range(4)]
    for writer in writers:
        writer.join()
    reading = store.read(DAY)
    assert len(ids(reading)) == 4 * 50 * 3
    assert not reading.set_aside


def test_killed_writers_leave_whole_rows_and_later_ones_go_on(store: TrafficStore) -> None:
    path = store.root / str(DAY) / "traffic.jsonl"
    for turn in range(10):
        writer = process(append_for_ever, store, turn)
        grown = path.stat().st_size + 100_000 if path.exists() else 100_000
        while writer.is_alive() and (not path.exists() or path.stat().st_size < grown):
            pass
        writer.kill()
        writer.join()
    store.append([row("last")])
    reading = store.read(DAY)
    found = ids(reading)
    assert found[-1] == "last"
    assert set(reading.set_aside) <= {"not JSON"}
    for turn in range(10):
        mine = [name for name in found if name.startswith(f"{turn}-")]
        assert mine == [f"{turn}-{i // 3}-{i % 3}" for i in range(len(mine))]


@given(st.lists(st.binary(max_size=50) | st.just(GOOD), max_size=10))
def test_whatever_a_file_holds_every_line_is_read_or_set_aside(
    tmp_path_factory: pytest.TempPathFactory, lines: Iterable[bytes]
) -> None:
    root = tmp_path_factory.mktemp("any")
    store = TrafficStore(root / "traffic", redact=True, quarantine=root / "quarantine")
    data = b"\n".join(lines)
    drop(store, data)
    reading = store.read(DAY)
    read = len(ids(reading))
    assert read == (GOOD in data.split(b"\n"))
    told = [line for line in data.split(b"\n") if line.strip()]
    assert read + sum(reading.set_aside.values()) == len(told)
