"""Many rows are looked at by several processes, and what is found is the same."""

from collections.abc import Sequence

import pytest

from curation import many_rows
from curation.faults.every_fault import FAULTS, find_all
from curation.faults.suspect_words import Hints, SuspectWords, near
from curation.many_rows import of_many
from project.records.data import Row

ROWS = [
    Row.of("What is it?", answer, group="g", source="s")
    for answer in (
        "It is 5 pm.",
        "N/A",
        "Write to jane@bank.com, please.",
        "Click here to read more",
    )
]


def lengths(rows: Sequence[Row]) -> list[int]:
    return [len(row.completion_text) for row in rows]


def test_results_of_several_processes_come_in_the_order_of_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(many_rows, "MANY", 2)
    monkeypatch.setattr(many_rows, "AT_ONCE", 1)
    assert of_many(lengths, ROWS) == lengths(ROWS)


def test_all_faults_together_are_those_that_each_finder_finds() -> None:
    found = find_all(ROWS, FAULTS)
    assert found == {name: [find(row) for row in ROWS] for name, find in FAULTS.items()}
    assert found["no_answer"][1] and found["contact_data"][2]


def test_a_look_finds_the_words_that_tell_it_something() -> None:
    look = SuspectWords("cook", odd=lambda word: word.endswith("!"))
    assert set(look.at("A cookie, some COOKS and a friend! Friends")) == {
        "cookie",
        "cooks",
        "friend!",
    }


def test_hints_are_found_with_their_blanks_and_what_is_near_them() -> None:
    hints = Hints("click here| shown ")
    assert hints.found_in("Click here") == ["click here"]
    assert hints.found_in("It is not unshown, and nobody clicks") == []
    assert near("Long before. Click here now, later", hints, reach=4) == "re. click here now"
