"""A day that is read in parts says what it says as a whole, however it is cut."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from monitoring.traffic import day_parts
from monitoring.traffic.day_parts import PartReader, parts_of, sample_parts
from monitoring.traffic.partition import DayReading
from monitoring.traffic.user_sample import UserSample

DAY = date(2026, 11, 24)


def line(number: int, user: str | None = None, **fields: object) -> bytes:
    at = f"{DAY}T{number % 24:02}:{number % 60:02}:01Z"
    given = {"id": f"r{number}", "at": at, "user": user, "prompt": "p", "response": "r"}
    return json.dumps(given | fields).encode() + b"\n"


def reading_of(folder: Path, files: Sequence[Path], feedback: Sequence[Path] = ()) -> DayReading:
    return DayReading(DAY, list(files), folder / "q.jsonl", str, feedback=feedback)


def written(folder: Path, *contents: bytes) -> list[Path]:
    files = [folder / f"{number}.jsonl" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    return files


def said(folder: Path, sample: UserSample, set_aside: object) -> object:
    """All that a sample is, and what the quarantine lists."""
    quarantine = folder / "q.jsonl"
    listed = quarantine.read_bytes() if quarantine.exists() else b""
    heavy = sorted(sample.heavy.rows.items())
    kept = sorted(sample.users.items()), sample.bound, heavy, sample.heavy.bound
    return kept, sample.finish(), sample.tally.finish(), set_aside, listed


def whole(reading: DayReading, limit: int) -> object:
    sample = UserSample(limit)
    for rows in reading:
        sample.update(rows)
    return said(reading.quarantine.parent, sample, reading.set_aside)


def in_parts(reading: DayReading, limit: int) -> object:
    found = sample_parts(PartReader([reading], limit, 0, list))
    return said(reading.quarantine.parent, *found)


LINES = st.one_of(
    st.builds(line, st.integers(0, 40), st.sampled_from([None, "a", "b", "c", "d"])),
    st.sampled_from([b"\n", b"torn", b"{}\n", b"[1]\n", line(7, at="2026-11-23T00:00:00Z")]),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    files=st.lists(st.lists(LINES, max_size=25), min_size=1, max_size=4),
    size=st.integers(1, 2_000),
    limit=st.integers(1, 12),
)
def test_the_merged_state_is_that_of_the_whole_whatever_the_parts(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[bytes]], size: int, limit: int
) -> None:
    folder = tmp_path_factory.mktemp("day")
    reading = reading_of(folder, written(folder, *map(b"".join, files)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(day_parts, "PART", size)
        assert in_parts(reading, limit) == whole(reading, limit)


def test_a_file_is_cut_between_lines_and_its_lines_keep_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_parts, "PART", 150)
    rows = [line(number) for number in range(6)]
    (file,) = written(tmp_path, b"".join([*rows[:3], b"\n", b"no JSON\n", *rows[3:]]))
    parts = list(parts_of([file]))
    assert len(parts) == 3
    assert in_parts(reading_of(tmp_path, [file]), 9) == whole(reading_of(tmp_path, [file]), 9)
    assert json.loads((tmp_path / "q.jsonl").read_text())["line"] == 5


def test_small_files_are_read_together_and_one_of_parquet_is_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_parts, "PART", 1_000)
    files = written(tmp_path, *(line(number) for number in range(20)))
    table = pa.Table.from_pylist([json.loads(line(number)) for number in range(50, 90)])
    parquet.write_table(table, tmp_path / "lake.parquet")
    every = [*files, tmp_path / "lake.parquet"]
    assert [len(own) for own in parts_of(every)] == [12, 9]
    reading = reading_of(tmp_path, every)
    assert in_parts(reading, 30) == whole(reading, 30)


def test_feedback_is_joined_in_whichever_part_its_row_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_parts, "PART", 300)
    files = written(tmp_path, b"".join(line(number) for number in range(9)))
    said = {"feedback_of": "r8", "at": f"{DAY}T23:00:00Z", "rating": -1}
    feedback = tmp_path / "feedback-a.jsonl"
    feedback.write_text(f"{json.dumps(said)}\nno feedback\n")
    reading = reading_of(tmp_path, files, [feedback])
    found = in_parts(reading, 9)
    assert found == whole(reading, 9)
    assert reading.set_aside == {"feedback: not JSON": 1}
