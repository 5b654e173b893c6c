"""The few-shot prompt shows what is asked about, not what is only rehearsed."""

from evaluation.generate import prompted
from project.paths import rows_of
from project.records.data import Row, Split
from project.records.record import write_records


def row(name: str, source: str) -> Row:
    return Row.of(f"what is {name}?", f"it is {name}", group=name, source=source)


def test_training_rows_of_the_exams_own_sources_are_shown_first_to_last() -> None:
    train = [row("rehearsed", "rehearsal.jsonl"), row("a", "task"), row("b", "task")]
    write_records(rows_of(Split.TRAIN), [*train, row("c", "task")])
    (asked,) = prompted([row("item", "task")], shots=2)
    assert [(m.role, m.content) for m in asked.prompt] == [
        ("user", "what is a?"),
        ("assistant", "it is a"),
        ("user", "what is b?"),
        ("assistant", "it is b"),
        ("user", "what is item?"),
    ]
    assert asked.id == row("item", "task").id
