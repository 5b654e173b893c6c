"""Names of columns that people write in different ways are one, where that is sure."""

from pathlib import Path

import pytest

from curation.sources.tables.table import Table, find_column, plain_name
from project.errors import InputError


def with_columns(*names: str) -> Table:
    return Table(Path("a.csv"), "csv", names, ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Question", " question? "),
        ("Ticket Description", "ticket_description"),
        ("ticketDescription", "Ticket-Description"),
        ("\ufeffRéponse", "reponse:"),
        ("Re\u0301ponse", "Réponse"),
        ("Ｑｕｅｓｔｉｏｎ", "question"),
        ("Straße", "STRASSE"),
        ("答 案", "答案："),
    ],
)
def test_names_that_differ_by_a_mark_or_a_blank_are_one(one: str, other: str) -> None:
    assert plain_name(one) == plain_name(other)


@pytest.mark.parametrize(("one", "other"), [("काल", "कल"), ("C", "C+"), ("?", "!"), ("q1", "q2")])
def test_names_that_differ_by_more_are_two(one: str, other: str) -> None:
    assert plain_name(one) != plain_name(other)


def test_a_column_is_found_by_its_name_or_else_by_its_plain_name() -> None:
    table = with_columns("Question", "question", "Answer (en)")
    assert find_column(table, "question") == "question"
    assert find_column(table, "answer_en") == "Answer (en)"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("topic", "topic: no such column; the columns are 'Question', 'question'"),
        ("QUESTION", "QUESTION: could be any of 'Question', 'question'; the columns are"),
    ],
)
def test_a_column_that_is_not_meant_for_sure_is_refused(name: str, complaint: str) -> None:
    table = with_columns("Question", "question")
    with pytest.raises(InputError, match=rf"^a\.csv: {complaint}"):
        find_column(table, name)


def test_a_message_shows_names_in_any_script_safely_and_not_without_end() -> None:
    table = with_columns("答案", "\x1b[2J", "x" * 99, *map(str, range(40)))
    with pytest.raises(InputError) as refused:
        find_column(table, "q")
    shown = str(refused.value)
    assert "'答案', '\\x1b[2J', 'xxx" in shown
    assert shown.endswith(
        "xx…', '0', '1'" + "".join(f", '{n}'" for n in range(2, 27)) + " and 13 more"
    )
