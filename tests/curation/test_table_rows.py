"""A table's records become rows by the columns that were named, and nothing else is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from curation.curation_settings import Columns
from curation.sources.row_formats import Read, read_rows
from curation.sources.table_rows import rows_of_table
from curation.sources.tables.read_table import read_table
from project.errors import InputError
from project.records.data import Row

PAIR: dict[str, Any] = {"prompt": ("q",), "completion": "a"}


def read(records: object, **columns: Any) -> list[Read]:
    path = Path("faq.json")
    path.write_text(json.dumps(records))
    return list(rows_of_table(read_table(path), Columns(**columns)))


def rows(records: object, **columns: Any) -> list[Row]:
    return [found.made for found in read(records, **columns) if found.made]


def test_prompt_and_completion_are_the_columns_that_were_named() -> None:
    (row,) = rows([{"q": "one?", "a": "1", "secret": "x"}], **PAIR)
    assert (row.prompt_text, row.completion_text, row.source) == ("one?", "1", "faq.json")
    assert "secret" not in row.model_dump_json()


def test_columns_of_a_prompt_are_joined_and_blank_ones_left_out() -> None:
    records = [{"t": "Title", "q": "one?", "a": "1"}, {"t": " ", "q": "two?", "a": "2"}]
    one, two = rows(records, prompt=("t", "q"), completion="a")
    assert (one.prompt_text, two.prompt_text) == ("Title\n\none?", "two?")


def test_instruction_and_system_prompt_stand_in_front() -> None:
    (row,) = rows([{"q": "one?", "a": "1"}], **PAIR, instruction="Answer.", system="Be brief.")
    assert [(m.role, m.content) for m in row.prompt] == [
        ("system", "Be brief."),
        ("user", "Answer.\n\none?"),
    ]


def test_slices_and_group_are_kept_and_a_blank_slice_is_none() -> None:
    records = [{"q": "1?", "a": "1", "c": "x", "g": 7}, {"q": "2?", "a": "2", "c": "", "g": 7}]
    one, two = rows(records, **PAIR, slices=("c",), group="g")
    assert (one.slices, two.slices) == ({"c": "x"}, {})
    assert one.group == two.group


def test_a_number_is_a_text_and_a_list_is_none() -> None:
    records = [{"q": "how many?", "a": 3}, {"q": "which?", "a": ["x"]}]
    found = read(records, **PAIR)
    assert [one.origin.why for one in found] == [None, "with a value that is no text"]
    assert found[0].made and found[0].made.completion_text == "3"


def test_objects_and_lists_are_learnt_as_json_where_the_settings_say_so() -> None:
    records = [{"q": "who?", "a": {"name": "Zoë", "tags": ["x"]}}, {"q": "which?", "a": []}]
    found = rows(records, **PAIR, json_answers=True)
    assert [row.completion_text for row in found] == ['{"name": "Zoë", "tags": ["x"]}', "[]"]


@pytest.mark.parametrize("nothing", ["", " ", None, "NULL", "n/a", "N/A", "nan", "<No Output>"])
def test_a_placeholder_is_no_answer(nothing: str | None) -> None:
    (found,) = read([{"q": "one?", "a": nothing}], **PAIR)
    assert (found.made, found.origin.why) == (None, "without an answer")


def chat(*turns: str) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)]


def test_the_last_answer_of_a_conversation_is_the_completion() -> None:
    (row,) = rows([{"m": chat("a?", "A", "b?", "B", "thanks")}], messages="m")
    assert [m.content for m in row.prompt] == ["a?", "A", "b?"]
    assert row.completion_text == "B"


def test_every_answer_can_be_a_row_and_a_conversation_is_never_split() -> None:
    records = [{"m": chat("a?", "A", "b?", "B")}, {"m": chat("c?", "C")}]
    found = rows(records, messages="m", turns="every")
    assert [row.completion_text for row in found] == ["A", "B", "C"]
    assert found[0].group == found[1].group != found[2].group


def test_conversations_on_one_line_are_not_one_group() -> None:
    one, two = read([{"m": chat("a?", "A")}, {"m": chat("b?", "B")}], messages="m")
    assert one.made and two.made and one.made.group != two.made.group
    assert (one.origin.line, two.origin.line) == (1, 2)


def test_files_of_one_name_in_two_folders_are_two() -> None:
    found = []
    for folder in ("north", "south"):
        path = Path("datasets/sources", folder, "chats.json")
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps([{"m": chat(f"is it {folder}?", "yes")}]))
        found += list(rows_of_table(read_table(path), Columns(messages="m")))
    assert [one.origin.file for one in found] == ["north/chats.json", "south/chats.json"]
    assert [one.made and one.made.source for one in found] == [
        "north/chats.json",
        "south/chats.json",
    ]
    assert len({one.made.group for one in found if one.made}) == 2


def test_a_conversation_that_cannot_be_read_says_why() -> None:
    records = [{"m": chat("only a question")}, {"m": [{"role": "tool", "content": "x"}]}]
    found = read(records, messages="m")
    assert [one.made for one in found] == [None, None]
    assert found[0].origin.why == "no row of a conversation: nobody answers"
    assert found[1].origin.why and found[1].origin.why.startswith("no conversation: a turn of a")


def test_a_system_prompt_of_the_settings_gives_way_to_the_conversations_own() -> None:
    own = [{"role": "system", "content": "own"}, *chat("a?", "A")]
    one, two = rows([{"m": own}, {"m": chat("b?", "B")}], messages="m", system="ours")
    assert (one.prompt[0].content, two.prompt[0].content) == ("own", "ours")


def test_a_header_may_differ_by_a_blank_or_a_mark() -> None:
    (row,) = rows([{"Question ": "one?", "ANSWER": "1"}], prompt="question", completion="Answer")
    assert row.prompt_text == "one?"


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(InputError, match=r"faq\.json: question: no such column; .* 'q', 'a'"):
        read([{"q": "1?", "a": "1"}], prompt="question", completion="a")


def test_a_list_that_prompt_and_answer_lie_in_gives_a_row_for_each_of_its_records() -> None:
    topics = [{"faqs": [{"ask": "1?", "say": "1"}, {"ask": "2?", "say": "2"}]}, {"faqs": []}]
    names: dict[str, Any] = {"prompt": "topics.faqs.ask", "completion": "topics.faqs.say"}
    found = read([{"topics": topics}, {"topics": topics[:1]}], **names)
    assert [read.made and read.made.completion_text for read in found] == ["1", "2", None, "1", "2"]
    assert [read.origin.line for read in found] == [1, 2, 3, 4, 5]


def test_lines_left_out_as_unreadable_are_counted_in_their_place() -> None:
    path = Path("faq.csv")
    path.write_text("q,a\none?,1\ntwo?,2,3\nthree?,3\n")
    found = list(rows_of_table(read_table(path, skip=True), Columns(**PAIR)))
    assert [(one.origin.line, one.origin.why) for one in found] == [
        (2, None),
        (3, "unreadable"),
        (4, None),
    ]


# --- test row formats -----------------------------------------------------------------------------

# The usual shapes of rows are read; anything else is refused with file, line and field.

USER = {"role": "user", "content": "What is a bond?"}
ASSISTANT = {"role": "assistant", "content": "A loan that can be traded."}


def rows_of(*lines: Any) -> list[Row]:
    path = Path("rows.jsonl")
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return list(read_rows(path))


@pytest.mark.parametrize(
    "fields",
    [
        {"instruction": "What is a bond?", "input": "", "output": "A loan that can be traded."},
        {"instruction": "What is a bond?", "output": "A loan that can be traded."},
        {"prompt": "What is a bond?", "completion": "A loan that can be traded."},
        {"prompt": [USER], "completion": [ASSISTANT]},
        {"messages": [USER, ASSISTANT]},
    ],
)
def test_each_shape_becomes_the_same_row(fields: dict[str, Any]) -> None:
    (row,) = rows_of(fields)
    assert row.prompt_text == "What is a bond?"
    assert row.completion_text == "A loan that can be traded."


def test_an_input_stands_below_its_instruction() -> None:
    (row,) = rows_of({"instruction": "Translate.", "input": "Guten Tag", "output": "Good day"})
    assert row.prompt_text == "Translate.\n\nGuten Tag"


def test_what_a_row_says_of_itself_is_kept() -> None:
    about = {"id": "r1", "group": "bonds", "slices": {"topic": "bonds"}, "source": "desk"}
    (row,) = rows_of({"prompt": "?", "completion": "!"} | about)
    assert (row.id, row.group, row.slices, row.source) == (
        "r1",
        "bonds",
        {"topic": "bonds"},
        "desk",
    )


def test_the_same_line_again_is_the_same_row() -> None:
    one, two = rows_of(*[{"prompt": "?", "completion": "!"}] * 2)
    assert one == two


def test_what_it_leaves_out_is_filled_in() -> None:
    one, two = rows_of({"prompt": "1?", "completion": "!"}, {"prompt": "2?", "completion": "!"})
    assert one.id != two.id
    assert one.group == one.id
    assert one.source == "rows.jsonl"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", r"^rows\.jsonl:2: not JSON"),
        ("[]", r"^rows\.jsonl:2: a row must be a JSON object"),
        ({"text": "raw"}, r"^rows\.jsonl:2: a row needs one of the fields 'instruction'"),
        ({"instruction": "?"}, r"^rows\.jsonl:2: instruction: .*'output'"),
        ({"prompt": "?"}, r"^rows\.jsonl:2: prompt: .* it has no 'completion'"),
        ({"messages": []}, r"^rows\.jsonl:2: messages: "),
        ({"prompt": "?", "completion": 3}, r"^rows\.jsonl:2: completion: "),
        ({"prompt": "?", "completion": "!", "grup": 1}, r"^rows\.jsonl:2: grup: Extra"),
        ({"prompt": "2", "completion": "!", "id": "one"}, r"^rows\.jsonl:2: id: 'one' is another"),
        ('{"prompt": "\\ud800", "completion": "!"}', r"^rows\.jsonl:2: .*half of a character"),
        ('{"prompt": "?", "completion": "!", "group": NaN}', r"^rows\.jsonl:2: .*NaN"),
        ("[" * 100_000, r"^rows\.jsonl:2: not JSON"),
    ],
)
def test_a_bad_line_is_refused_with_its_place(line: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        rows_of({"prompt": "?", "completion": "!", "id": "one"}, line)
