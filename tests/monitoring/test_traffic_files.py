"""Files as people have them: packed, under other names, beside the folders; read, or named."""

import gzip
import json
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest
from pyarrow import parquet

from monitoring.traffic.file_lines import ALWAYS_UNPACKED, LONGEST
from monitoring.traffic.traffic_store import TrafficStore
from project.records.traffic import Traffic

DAY = date(2026, 11, 24)


@pytest.fixture
def store(tmp_path: Path) -> TrafficStore:
    return TrafficStore(tmp_path / "traffic", redact=False, quarantine=tmp_path / "quarantine")


def line(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "at": f"{DAY}T10:00:00Z", "prompt": "p", "response": "r"} | fields


def jsonl(*names: str) -> bytes:
    return b"".join(json.dumps(line(name)).encode() + b"\n" for name in names)


def put(store: TrafficStore, name: str, data: bytes) -> Path:
    path = store.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def rows(store: TrafficStore, day: date = DAY) -> tuple[list[Traffic], Counter[str]]:
    reading = store.read(day)
    return [row for batch in reading for row in batch], reading.set_aside


def ids(store: TrafficStore) -> list[str]:
    return [row.id for row in rows(store)[0]]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("app.ndjson", jsonl("a", "b")),
        ("app.jsonl.gz", gzip.compress(jsonl("a", "b"))),
        ("app.ndjson.gz", gzip.compress(jsonl("a")) + gzip.compress(jsonl("b"))),
        ("app.json", json.dumps([line("a"), line("b")], indent=2).encode()),
        ("app.json.gz", gzip.compress(json.dumps({"data": [line("a"), line("b")]}).encode())),
        ("lines.json", jsonl("a", "b")),
        ("marked.jsonl", BOM_UTF8 + jsonl("a") + BOM_UTF8 + jsonl("b")),
        ("marked.json", BOM_UTF8 + json.dumps([line("a"), line("b")]).encode()),
        ("marked.ndjson.gz", gzip.compress(BOM_UTF8 + jsonl("a", "b"))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("place", [f"{DAY}/", f"{DAY}-"])
def test_every_ending_is_read_in_the_folder_and_beside_it(
    store: TrafficStore, place: str, name: str, data: bytes
) -> None:
    put(store, place + name, data)
    assert (ids(store), store.days()) == (["a", "b"], [DAY])


def test_a_file_beside_the_day_folders_is_that_day_s(store: TrafficStore) -> None:
    put(store, f"{DAY}.jsonl", jsonl("a"))
    put(store, f"{DAY}.jsonl.gz", gzip.compress(jsonl("b")))
    put(store, f"{DAY}/app.jsonl", jsonl("c"))
    put(store, "2026-11-25.jsonl", jsonl("of another day"))
    assert ids(store) == ["c", "a", "b"]
    assert store.days() == [DAY, date(2026, 11, 25)]
    assert store.seen(DAY)


def test_digest_and_stamp_notice_a_file_beside_the_folders(store: TrafficStore) -> None:
    put(store, f"{DAY}/{DAY}.jsonl", jsonl("a"))
    before = store.digest(DAY), store.stamp(DAY)
    put(store, f"{DAY}.jsonl", jsonl("b"))
    assert not {*before} & {store.digest(DAY), store.stamp(DAY)}


def test_what_nothing_reads_is_named_with_its_reason(store: TrafficStore) -> None:
    put(store, f"{DAY}/app.jsonl", jsonl("a"))
    put(store, f"{DAY}/app.log", b"x")
    put(store, f"{DAY}.csv", b"x")
    put(store, "traffic.txt", b"x")
    put(store, "traffic.jsonl", jsonl("b"))
    put(store, "2026-11-23.log", b"x")  # another day's
    folders = ["20261124", "2026-11-4", "2026-13-45", "logs", f"{DAY}.parquet"]
    for name in [*folders, "2026-11-23", "2026-11-23.parquet", "shadow", ".spool", "lost+found"]:
        put(store, f"{name}/README.md", b"x")
    found, aside = rows(store)
    assert [row.id for row in found] == ["a"]
    counts = {"no format that is read": 3, "no day in the file's name": 1}
    assert aside == counts | {"no day in the folder's name": len(folders)}
    told = (store.quarantine / f"{DAY}.jsonl").read_text()
    assert all(name in told for name in ("app.log", f"{DAY}.csv", "traffic.txt", "traffic.jsonl"))
    assert all(f'"{name}/"' in told for name in folders)


def test_a_torn_packed_file_gives_its_good_rows_and_is_named(store: TrafficStore) -> None:
    whole = gzip.compress(jsonl(*map(str, range(5_000))))
    put(store, f"{DAY}.jsonl.gz", whole[: len(whole) * 3 // 4])
    found, aside = rows(store)
    assert 1_000 < len(found) < 5_000
    assert aside["unreadable file"] == 1


def test_a_packed_file_that_is_none_is_named(store: TrafficStore) -> None:
    put(store, f"{DAY}.jsonl.gz", b"plain text")
    assert rows(store) == ([], {"unreadable file": 1})


def test_a_bomb_is_put_down_early(store: TrafficStore) -> None:
    bomb = jsonl("a") + bytes(2 * ALWAYS_UNPACKED)
    put(store, f"{DAY}.jsonl.gz", gzip.compress(bomb, 9))
    found, aside = rows(store)
    assert [row.id for row in found] == ["a"]
    assert aside == {"unreadable file": 1} or aside == {"too long": 1}


def test_a_line_that_is_too_long_is_skipped_in_a_packed_file_too(store: TrafficStore) -> None:
    put(store, f"{DAY}.jsonl.gz", gzip.compress(b"x" * (2 * LONGEST) + b"\n" + jsonl("a")))
    found, aside = rows(store)
    assert ([row.id for row in found], aside) == (["a"], {"too long": 1})


def test_bytes_in_a_parquet_file_abort_nothing(store: TrafficStore) -> None:
    columns = {
        "id": ["a", "b"],
        "at": [f"{DAY}T10:00:00Z"] * 2,
        "prompt": pa.array([b"fine", b"\xff\xfe"], pa.binary()),
        "response": ["r", "r"],
        "embedding": pa.array([b"\xff\xfe\x00", b"\x80"], pa.binary()),
        "trace": [{"raw": b"\xff"}, {"raw": b"\xff"}],
    }
    path = put(store, f"{DAY}/app.parquet", b"")
    parquet.write_table(pa.table(columns), path)
    found, aside = rows(store)
    assert ([row.prompt for row in found], aside) == (["fine"], {"not UTF-8": 1})


def test_packed_feedback_is_joined_to_its_row(store: TrafficStore) -> None:
    said = {"feedback_of": "a", "at": f"{DAY}T11:00:00Z", "correction": "better"}
    put(store, f"{DAY}/app.jsonl", jsonl("a"))
    put(store, f"{DAY}/feedback-1.jsonl.gz", gzip.compress(json.dumps(said).encode()))
    ((row,), aside) = rows(store)
    assert row.feedback
    assert (row.feedback.correction, aside) == ("better", {})


def test_retention_deletes_files_beside_the_folders_with_their_quarantine(
    store: TrafficStore,
) -> None:
    old = put(store, f"{DAY}-app.jsonl.gz", gzip.compress(jsonl("a") + b"bad\n"))
    foreign = put(store, f"{DAY}.log", b"what users wrote")
    rows(store)
    assert list(store.quarantine.iterdir())
    assert store.expire(7, date(2026, 12, 1)) == []
    assert store.expire(7, date(2026, 12, 2)) == [DAY]
    assert not old.exists()
    assert not foreign.exists()
    assert list(store.quarantine.iterdir()) == []


def test_a_correction_is_found_behind_a_byte_order_mark(store: TrafficStore) -> None:
    put(store, f"{DAY}/app.jsonl", jsonl("a"))
    said = {"feedback_of": "a", "at": f"{DAY}T12:00:00Z", "correction": "so"}
    put(store, f"{DAY}/feedback-1.jsonl", BOM_UTF8 + json.dumps(said).encode() + b"\n")
    (row,) = rows(store)[0]
    assert row.feedback and row.feedback.correction == "so"


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[TrafficStore]:
    url = "memory://files-as-people-have-them/traffic"
    files = fsspec.filesystem("memory")
    yield TrafficStore(url, redact=False, quarantine=tmp_path / "quarantine")
    files.rm("/files-as-people-have-them", recursive=True)


def test_an_object_store_may_have_files_beside_the_folders(remote: TrafficStore) -> None:
    files = fsspec.filesystem("memory")
    root = "/files-as-people-have-them/traffic"
    files.pipe(f"{root}/{DAY}-app.jsonl.gz", gzip.compress(jsonl("a")))
    files.pipe(f"{root}/{DAY}/app.ndjson", jsonl("b"))
    files.pipe(f"{root}/2026-11-25.jsonl", jsonl("other"))
    files.pipe(f"{root}/{DAY}.log", b"x")
    files.pipe(f"{root}/20261124/app.jsonl", jsonl("c"))
    found, aside = rows(remote)
    assert [row.id for row in found] == ["b", "a"]
    assert aside == {"no format that is read": 1, "no day in the folder's name": 1}
    assert remote.days() == [DAY, date(2026, 11, 25)]
    assert remote.expire(7, date(2026, 12, 2)) == [DAY]
    assert not files.exists(f"{root}/{DAY}-app.jsonl.gz")
    assert not files.exists(f"{root}/{DAY}.log")
    assert remote.days() == [date(2026, 11, 25)]
