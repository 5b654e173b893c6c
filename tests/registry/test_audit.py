"""What nobody should have changed is found, whatever table and whichever family it is in."""

import json
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text

from evaluation.decision.decision_replay import check_registry
from incumbent.verbs.verify import verify_registry
from project.canonical import digest_bytes
from project.errors import IncumbentError
from project.records.adapters import AdapterVersion
from project.records.events import Promotion, PromptReference
from project.records.evidence import Decision, Evidence, Usage, Verdict
from registry.audit import problems
from registry.garbage import collect
from registry.storage.database import writing
from registry.storage.tables import look_bytes, looks
from registry.store import Registry
from tests.places import blob_file, decide, submit, win


def look(registry: Registry, name: str, folder: Path) -> AdapterVersion:
    """Submit a version, count a look for it and keep a decision to promote it."""
    return decide(registry, submit(registry, name, folder))


@pytest.fixture
def looked(registry: Registry, tmp_path: Path) -> Registry:
    """Three looks: of the champion, of one that was rolled back, and of one that did not win."""
    registry.promote(look(registry, "first", tmp_path).number, "it won")
    registry.promote(look(registry, "second", tmp_path).number, "it won")
    registry.rollback("worse in use")
    look(registry, "third", tmp_path)
    return registry


def change(registry: Registry, statement: str) -> None:
    with registry.engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount > 0


def test_a_ledger_that_is_as_it_was_written_has_no_problem(looked: Registry) -> None:
    assert list(problems(looked)) == []


@pytest.mark.parametrize(
    ("statement", "found", "how"),
    [
        ("UPDATE looks SET alpha = alpha / 2", 3, "has alpha"),
        ("UPDATE looks SET budget = budget + 0.05", 3, "has budget"),
        ("UPDATE looks SET number = 1 WHERE number = 2", 1, "has number 1"),
        ("UPDATE looks SET champion = 'x' WHERE number = 2", 1, "has champion x"),
        ("UPDATE looks SET policy = NULL WHERE number = 2", 1, "has policy None"),
        ("DELETE FROM looks WHERE number = 2", 1, "but no longer in the ledger"),
        ("UPDATE looks SET event = 99 WHERE number = 2", 2, "but no event records it"),
    ],
)
def test_a_look_that_was_changed_is_found(
    statement: str, found: int, how: str, looked: Registry
) -> None:
    change(looked, statement)
    told = list(problems(looked))
    assert len(told) == found
    assert how in " ".join(told)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"opening": 1}, "made at look 1, and the look that was counted is 2"),
        ({"opening": None}, "promotes without a look"),
    ],
)
def test_a_decision_at_another_look_than_was_counted_is_found(
    changes: dict[str, int | None], told: str, looked: Registry
) -> None:
    """The third version had look 2, and this decision says that it was another one."""
    honest = looked.decision_made(3)
    assert honest is not None
    decision = looked.artifacts.get_record(Decision, honest.decision)
    forged = decision.model_copy(update=changes)
    with writing(looked.engine) as connection:
        made = honest.model_copy(update={"decision": looked.artifacts.put_record(forged)})
        looked.append_event(connection, 3, made, "look 2 is as good as any")
    (problem,) = problems(looked)
    assert told in problem


def test_a_promotion_on_a_decision_that_does_not_promote_is_found(
    registry: Registry, tmp_path: Path
) -> None:
    """A writer adds the event and moves the alias, by hand; nobody marked it as forced."""
    first = win(registry, "first", tmp_path)
    held = decide(registry, submit(registry, "second", tmp_path), Verdict.HOLD)
    made = registry.decision_made(held.number)
    won = registry.newest_event(first.number, "promote")
    assert made is not None
    assert won is not None
    forged = won.told(Promotion).model_copy(
        update={"displaced": first.number, "decision": made.decision, "look": made.look}
    )
    with writing(registry.engine) as connection:
        registry._move(connection, "champion", held.number)
        registry.append_event(connection, held.number, forged, "it won")
    (problem,) = problems(registry)
    assert "it promotes, not by force, on a decision that says HOLD" in problem
    with writing(registry.engine) as connection:
        registry.append_event(connection, first.number, forged, "it won again")
    assert any("names no decision on this version" in problem for problem in problems(registry))


def test_a_second_measurement_at_a_look_is_found(looked: Registry) -> None:
    honest = looked.decision_made(3)
    assert honest is not None
    evidence = looked.artifacts.get_record(Evidence, honest.evidence)
    other = evidence.model_copy(update={"usage": {"champion": Usage(prompt=1, answer=1)}})
    with writing(looked.engine) as connection:
        changes = {"evidence": looked.artifacts.put_record(other)}
        looked.append_event(connection, 3, honest.model_copy(update=changes), "measured again")
    (problem,) = problems(looked)
    assert "it rests on a second measurement at its look" in problem


def test_answers_behind_a_decision_that_were_changed_are_found(looked: Registry) -> None:
    """Deleted ones may be: once the look is decided, its evidence is enough."""
    digest = looked.artifacts.put(b"an answer")
    with writing(looked.engine) as connection:
        taken = looked.history(kind="open")[0].seq
        row = {"look": taken, "name": "answers/a.jsonl", "digest": digest}
        connection.execute(insert(look_bytes).values(row))
    assert list(problems(looked)) == []
    looked.artifacts.blobs.write(digest, b"another answer")
    (told,) = problems(looked)
    assert told.startswith("answers/a.jsonl: ")
    looked.artifacts.blobs.delete(digest)
    assert list(problems(looked)) == []


def test_a_database_that_was_lost_does_not_verify(registry: Registry, tmp_path: Path) -> None:
    """An empty one does, where nothing was ever stored."""
    assert list(problems(registry)) == []
    win(registry, "first", tmp_path)
    for table in ("looks", "aliases", "events", "versions"):
        change(registry, f"DELETE FROM {table}")
    told = " ".join(problems(registry))
    assert "the database is empty, though" in told
    assert "`incumbent registry restore` fills an empty database from a backup" in told


def test_a_database_without_one_of_its_tables_is_refused(registry: Registry) -> None:
    with registry.engine.begin() as connection:
        connection.execute(text("DROP TABLE looks"))
    with pytest.raises(IncumbentError, match="the database has no table looks: "):
        check_registry(registry)


def test_a_promotion_whose_decision_is_gone_is_told_of_once(looked: Registry) -> None:
    promoted = looked.history(kind="promote")[0].told(Promotion).decision
    looked.artifacts.blobs.delete(str(promoted))
    (told,) = problems(looked)
    assert "is missing" in told


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE versions SET record = replace(record, 'tester', 'x')", "other v1 is not what was"),
        ("UPDATE versions SET deleted = TRUE", "other v1 was deleted or not"),
        ("UPDATE aliases SET name = 'shadow'", "by its events other has champion v1"),
        ("DELETE FROM events", "after event"),
        (
            "INSERT INTO versions SELECT 'third', number, adapter, record, deleted FROM versions",
            "third v1 is not what was submitted",
        ),
    ],
)
def test_what_was_changed_in_another_family_is_found(
    statement: str, told: str, tmp_path: Path, registry: Registry
) -> None:
    with Registry(tmp_path / "registry", "other", actor="tester") as other:
        win(other, "theirs", tmp_path)
    win(registry, "ours", tmp_path)
    assert list(problems(registry)) == []
    change(registry, f"{statement} WHERE family = 'other'")
    assert any(told in problem for problem in problems(registry))


def test_a_damaged_byte_of_another_familys_adapter_is_found(
    tmp_path: Path, registry: Registry
) -> None:
    with Registry(tmp_path / "registry", "other") as other:
        version = submit(other, "theirs", tmp_path)
        blobs = other.artifacts.manifest(version.adapter.files)
        blob = blob_file(other.artifacts, blobs["adapter_config.json"])
    blob.write_text("{ }")
    (told,) = problems(registry)
    assert told.startswith("other v1: artifact")


def test_the_judge_of_a_reference_is_no_garbage_and_its_damage_is_found(
    looked: Registry, tmp_path: Path
) -> None:
    judge = tmp_path / "judge"
    judge.mkdir()
    (judge / "model.safetensors").write_bytes(b"weights")
    pins = {"first": "2026-01-01", "embedder": "e" * 64, "judge": judge, "reason": "answers"}
    event = looked.watch(1, "watch-answers", b"reference", **pins)
    kept = event.told(PromptReference).judge
    assert isinstance(kept, tuple)
    assert not {*kept, event.told(PromptReference).reference} & set(collect(looked))
    assert list(problems(looked)) == []
    blob_file(looked.artifacts, digest_bytes(b"weights")).write_bytes(b"others")
    (told,) = problems(looked)
    assert "is damaged" in told


@pytest.mark.parametrize("table", ["events", "versions"])
def test_verify_tells_of_a_row_that_is_no_json_and_ends(
    table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.yaml").write_text("registry:\n  family: test\n")
    with Registry.here() as registry:
        submit(registry, "first", tmp_path)
        change(registry, f"UPDATE {table} SET record = ''")
    with pytest.raises(SystemExit, match="1"):
        verify_registry(True)
    told = json.loads(capsys.readouterr().out)
    assert told["problems"]
    assert (told["events"], told["versions"]) == (1, 1)


@pytest.mark.attack
def test_a_look_that_was_out_of_the_ledger_while_the_next_was_counted_is_found(
    registry: Registry, tmp_path: Path
) -> None:
    look(registry, "first", tmp_path)
    with registry.engine.begin() as connection:
        (row,) = connection.execute(select(looks)).mappings().all()
        connection.execute(delete(looks))
    look(registry, "second", tmp_path)
    with registry.engine.begin() as connection:
        connection.execute(insert(looks).values(**row))
    (problem,) = problems(registry)
    assert "it was counted as look 1" in problem
    assert "by the events before it, it is look 2" in problem


@pytest.mark.attack
def test_a_file_that_sqlite_finds_damaged_is_told(looked: Registry) -> None:
    change(looked, "DELETE FROM events WHERE seq < 0 OR seq = 1")
    with looked.engine.connect() as connection:
        connection.execute(text("PRAGMA writable_schema = ON"))
        connection.execute(text("DELETE FROM sqlite_master WHERE name = 'ix_looks_pair'"))
        connection.commit()
    looked.engine.dispose()
    assert any("the database's file is damaged" in problem for problem in problems(looked))
