"""Chunks of gateways: feedback that came later is joined to its rows; a remote folder is read."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from monitoring.traffic.partition import DayReading
from monitoring.traffic.traffic_store import TrafficStore
from monitoring.traffic.user_sample import Tally
from project.errors import IncumbentError, InputError
from project.records.traffic import Feedback, Outcome, Traffic

DAY = date(2026, 11, 24)
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> TrafficStore:
    return store_at(tmp_path / "traffic")


def store_at(folder: Path | str) -> TrafficStore:
    return TrafficStore(folder, redact=True, quarantine=Path("quarantine"))


def row(name: str, caller: str | None = "app", **fields: Any) -> dict[str, Any]:
    given = {"id": name, "at": f"{DAY}T10:00:00Z", "caller": caller, "prompt": "p", "response": "r"}
    return given | fields


def said(name: str, at: str = f"{DAY}T11:00:00Z", **fields: Any) -> dict[str, Any]:
    return {"feedback_of": name, "at": at, "caller": "app"} | fields


def drop(store: TrafficStore, name: str, *lines: dict[str, Any], day: date = DAY) -> Path:
    path = store.root / str(day) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def rows_of(reading: DayReading) -> list[Traffic]:
    return [row for batch in reading for row in batch]


def test_feedback_is_joined_to_its_row_and_the_others_stay_as_they_are(store: TrafficStore) -> None:
    drop(store, "g-000001.jsonl", row("a"), row("b"))
    drop(store, "feedback-g-000002.jsonl", said("a", rating=-1, correction="So."))
    one, other = rows_of(store.read(DAY))
    assert one.feedback == Feedback(rating=-1, correction="So.")
    assert other.feedback is None


def test_of_each_field_what_came_last_counts_whichever_file_it_is_in(store: TrafficStore) -> None:
    drop(store, "g-000001.jsonl", row("a", feedback={"rating": 0, "correction": "first"}))
    early, late = f"{DAY}T11:00:00Z", f"{DAY}T12:00:00.5Z"
    resolved = {"resolved": True, "satisfaction": 0.2}
    drop(store, "feedback-a.jsonl", said("a", late, rating=-1), said("a", early, outcome=resolved))
    drop(store, "feedback-b.jsonl", said("a", early, rating=1, outcome={"satisfaction": 0.9}))
    (found,) = rows_of(store.read(DAY))
    assert found.feedback == Feedback(rating=-1, correction="first")
    assert found.outcome == Outcome(resolved=True, satisfaction=0.9)


def test_a_rating_is_none_where_there_is_only_a_correction(store: TrafficStore) -> None:
    drop(store, "g-000001.jsonl", row("a"))
    drop(store, "feedback-g.jsonl", said("a", correction="So."))
    assert rows_of(store.read(DAY))[0].feedback == Feedback(correction="So.")


def test_a_caller_cannot_rate_or_correct_the_answers_of_another(store: TrafficStore) -> None:
    drop(store, "g-000001.jsonl", row("a"), row("b", caller=None))
    theirs = [said(name, caller="mallory", correction="Pay me.") for name in ("a", "b")]
    drop(store, "feedback-g.jsonl", *theirs)
    reading = store.read(DAY)
    assert [found.feedback for found in rows_of(reading)] == [None, None]
    assert reading.unmatched == 2


def test_feedback_counts_until_the_end_of_the_next_day(store: TrafficStore) -> None:
    drop(store, "g.jsonl", row("a"))
    drop(store, "feedback-g.jsonl", said("a", f"{NEXT}T23:00:00Z", rating=1), day=NEXT)
    after = NEXT + timedelta(days=1)
    drop(store, "feedback-g.jsonl", said("a", f"{after}T00:01:00Z", rating=-1), day=after)
    assert rows_of(store.read(DAY))[0].feedback == Feedback(rating=1)


def test_a_correction_is_found_in_the_four_weeks_after(store: TrafficStore) -> None:
    drop(store, "g.jsonl", row("a"))
    for days, text in ((28, "So."), (29, "Too late.")):
        day = DAY + timedelta(days=days)
        drop(store, "feedback-g.jsonl", said("a", f"{day}T09:00:00Z", correction=text), day=day)
    assert rows_of(store.read(DAY, late=True))[0].feedback == Feedback(correction="So.")
    assert rows_of(store.read(DAY))[0].feedback is None


def test_feedback_on_what_is_not_there_is_counted(store: TrafficStore) -> None:
    drop(store, "g.jsonl", row("a"))
    drop(store, "feedback-g.jsonl", said("a", rating=1), said("gone", rating=1))
    drop(store, "feedback-g.jsonl", said("b", f"{NEXT}T09:00:00Z", rating=1), day=NEXT)
    reading = store.read(DAY)
    rows_of(reading)
    assert reading.unmatched == 1


BAD = {
    "feedback: not JSON": '{"feedback_of": "a',
    "feedback: no feedback_of": '{"at":"2026-11-24T11:00:00Z"}',
    "feedback: bad at": '{"feedback_of":"a","at":"yesterday"}',
    "feedback: bad rating": '{"feedback_of":"a","at":"2026-11-24T11:00:00Z","rating":7}',
    "feedback: bad outcome": '{"feedback_of":"a","at":"2026-11-24T11:00:00Z","outcome":{"x":1}}',
}


@pytest.mark.parametrize("reason", BAD)
def test_corrupt_feedback_is_set_aside_with_its_own_day(store: TrafficStore, reason: str) -> None:
    drop(store, "g.jsonl", row("a"))
    path = drop(store, "feedback-g.jsonl", said("a", rating=1))
    path.write_text(f"{BAD[reason]}\n{path.read_text()}")
    reading = store.read(DAY)
    assert rows_of(reading)[0].feedback == Feedback(rating=1)
    assert dict(reading.set_aside) == {reason: 1}
    before = store.read(DAY - timedelta(days=1))
    assert (rows_of(before), dict(before.set_aside)) == ([], {})


def test_digest_and_stamp_notice_late_feedback_until_the_end_of_the_next_day(
    store: TrafficStore,
) -> None:
    drop(store, "g.jsonl", row("a"))
    seen = {(store.digest(DAY), store.stamp(DAY))}
    drop(store, "feedback-g.jsonl", said("a", rating=1))
    seen.add((store.digest(DAY), store.stamp(DAY)))
    drop(store, "feedback-g.jsonl", said("a", f"{NEXT}T01:00:00Z", rating=1), day=NEXT)
    settled = (store.digest(DAY), store.stamp(DAY))
    after = NEXT + timedelta(days=1)
    drop(store, "feedback-g.jsonl", said("a", f"{after}T01:00:00Z", rating=0), day=after)
    assert (store.digest(DAY), store.stamp(DAY)) == settled
    assert len(seen | {settled}) == 3


def test_a_day_of_feedback_alone_is_no_day_with_traffic(store: TrafficStore) -> None:
    drop(store, "feedback-g.jsonl", said("a", rating=1))
    assert store.days() == []
    assert rows_of(store.read(date.max)) == []


def test_a_correction_whose_file_was_cut_meanwhile_is_not_anothers(store: TrafficStore) -> None:
    drop(store, "g.jsonl", *(row(str(i)) for i in range(1001)))
    texts = [said("0", correction="zero"), said("1000", correction="thousand")]
    path = drop(store, "feedback-g.jsonl", *texts)
    batches = iter(store.read(DAY))
    assert next(batches)[0].feedback == Feedback(correction="zero")
    path.write_text(json.dumps(said("another", correction="no")) + "\n" + path.read_text())
    assert next(batches)[0].feedback is None


def test_outcomes_are_tallied_and_a_day_without_any_has_the_bytes_of_before() -> None:
    def tally(*outcomes: dict[str, Any] | None) -> Tally:
        made = Tally()
        made.update(Traffic(**row(str(i), outcome=one)) for i, one in enumerate(outcomes))
        return made

    told = tally({"escalated": True, "satisfaction": 0.25}, None)
    told.merge(tally({"resolved": True, "satisfaction": 0.75}))
    day = told.finish()
    assert (day.outcomes, day.escalated, day.resolved, day.satisfaction) == (2, 1, 1, 0.5)
    assert b"outcomes" not in tally(None).finish().canonical()


# --- on an object store -------------------------------------------------------------------------

URL = "memory://bucket/traffic"


@pytest.fixture
def remote() -> Iterator[TrafficStore]:
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    yield store_at(URL)


def upload(name: str, *lines: dict[str, Any], day: date | str = DAY) -> str:
    path = f"/bucket/traffic/{day}/{name}"
    data = "".join(json.dumps(line) + "\n" for line in lines)
    fsspec.filesystem("memory").pipe_file(path, data.encode())
    return path


def test_partitions_of_an_object_store_are_read_with_what_came_since(remote: TrafficStore) -> None:
    assert (remote.days(), rows_of(remote.read(DAY))) == ([], [])
    upload("g-000001.jsonl", row("a"))
    upload("notes.txt", row("b"))
    assert [found.id for found in rows_of(remote.read(DAY))] == ["a"]
    before = remote.stamp(DAY)
    upload("g-000002.jsonl", row("c"))
    upload("feedback-g-000003.jsonl", said("c", rating=1))
    assert [found.id for found in rows_of(remote.read(DAY))] == ["a", "c"]
    assert remote.stamp(DAY) != before
    assert remote.days() == [DAY]


def test_a_copy_is_as_the_store_has_it_when_rows_were_erased_there(remote: TrafficStore) -> None:
    path = upload("g-000001.jsonl", row("a"), row("b"))
    gone = upload("g-000002.jsonl", row("c"))
    rows_of(remote.read(DAY))
    upload("g-000001.jsonl", row("b"))
    fsspec.filesystem("memory").rm(gone)
    assert [found.id for found in rows_of(remote.read(DAY))] == ["b"]
    assert fsspec.filesystem("memory").exists(path)


def test_old_partitions_of_an_object_store_go_with_their_copies(remote: TrafficStore) -> None:
    for day in (DAY, NEXT, f"shadow/{DAY}"):
        upload("g-000001.jsonl", day=day)
    rows_of(remote.read(DAY))
    remote.expire(7, NEXT + timedelta(days=7))
    assert remote.days() == [NEXT]
    assert not (remote.root / str(DAY)).exists()
    assert [path for path in MemoryFileSystem.store if str(DAY) in path] == []


def test_an_object_store_cannot_be_appended_to(remote: TrafficStore) -> None:
    with pytest.raises(InputError, match="memory://bucket/traffic cannot be appended to"):
        remote.append([Traffic(**row("a"))])


def test_a_url_that_nothing_opens_is_refused_without_its_password() -> None:
    with pytest.raises(
        InputError, match=r"monitoring\.traffic\.folder: cannot open nope://host/x:"
    ):
        store_at("nope://user:secret@host/x?token=secret")


def test_a_store_that_fails_is_told(remote: TrafficStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError("denied")

    monkeypatch.setattr(MemoryFileSystem, "ls", fail)
    with pytest.raises(IncumbentError, match="memory://bucket/traffic could not be listed: denied"):
        remote.days()


def test_a_file_url_is_the_folder_that_it_names(tmp_path: Path) -> None:
    store = store_at(f"file://{tmp_path}/traffic")
    store.append([Traffic(**row("a"))])
    assert [found.id for found in rows_of(store.read(DAY))] == ["a"]
    assert store.root == tmp_path / "traffic"
