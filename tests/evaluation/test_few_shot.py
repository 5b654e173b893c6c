"""The few-shot prompt shows what is asked about, not what is only rehearsed."""

from evaluation.generate import cut_references, prompted
from project.paths import rows_of
from project.records.data import Message, Row, Split, TokenCount
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


def test_items_for_evaluation_only_are_asked_after_rows_with_tools_as_they_have() -> None:
    tool = {"type": "function", "function": {"name": "get_fee", "parameters": {"type": "object"}}}
    learnt, item = (
        row(name, source).model_copy(update={"tools": (tool,)})
        for name, source in (("a", "learnt.jsonl"), ("item", "new.jsonl"))
    )
    write_records(rows_of(Split.TRAIN), [row("rehearsed", "rehearsal.jsonl"), learnt])
    (asked,) = prompted([item], shots=2)
    shown = [message.content for message in asked.prompt]
    assert shown == ["what is a?", "it is a", "what is item?"]


def test_a_system_prompt_stands_in_front_once() -> None:
    brief = Message(role="system", content="be brief")
    asked_briefly = [
        one.model_copy(update={"prompt": (brief, *one.prompt)})
        for one in (row("a", "task"), row("item", "task"))
    ]
    write_records(rows_of(Split.TRAIN), asked_briefly[:1])
    (asked,) = prompted(asked_briefly[1:], shots=1)
    assert [m.role for m in asked.prompt] == ["system", "user", "assistant", "user"]


def test_a_warning_says_when_more_than_one_answer_in_a_hundred_would_be_cut() -> None:
    counts = [TokenCount(row=str(i), prompt=5, completion=10 + (i < 3)) for i in range(200)]
    assert cut_references(counts[2:], 10) is None
    warning = cut_references(counts, 10)
    assert warning and warning.startswith("3 of 200 answers of the data are longer than")
