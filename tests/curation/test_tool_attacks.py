"""Curation looks at every turn of a row with tools: at calls, their arguments and their results."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from curation.curate import curate
from curation.curation_settings import CurateParams
from curation.faults.every_fault import FAULTS
from curation.kinship import asking_alike
from curation.mending import mended, redacted
from curation.sifting import faulty, unrepeated, with_personal_data
from curation.token_lengths import TokenLengths
from project.personal_data import NO_CONTACTS
from project.records.data import Message, Row
from tests.curation.test_tool_rows import ANSWER, ASKED, RESULT, called, row, said
from tests.incumbent.imported import SOURCES, brought, given, project_beside_files

MAIL = "ana@some-bank.com"
KEY = "sk-proj-abcdefghijklmnopqrstuvwx12"


def arguments(**own: object) -> dict[str, Any]:
    return called(json.dumps(own))


# --- personal data and secrets --------------------------------------------------------------------

PLACES: dict[str, Row] = {
    "a result": row(ASKED, called(), {**RESULT, "content": f'{{"mail": "{MAIL}"}}'}, ANSWER),
    "an argument of an earlier call": row(ASKED, arguments(to=[{"mail": MAIL}]), RESULT, ANSWER),
    "an argument of the answer": row(ASKED, arguments(mail=MAIL)),
    "a tool": row(
        tools=[{"type": "function", "function": {"name": "f", "description": f"Ask {MAIL}."}}]
    ),
}


@pytest.mark.parametrize("own", PLACES.values(), ids=PLACES)
def test_personal_data_and_secrets_are_found_and_redacted_in(own: Row) -> None:
    assert with_personal_data([own], NO_CONTACTS) == [own.id]
    clean, kinds = redacted(own)
    assert isinstance(clean, Row) and kinds == Counter({"e-mail address": 1})
    assert "@" not in clean.model_dump_json()
    assert Row.parse(clean.canonical(), Path("rows.jsonl")) == clean
    hidden = Row.model_validate_json(own.model_dump_json().replace(MAIL, KEY))
    assert FAULTS["secret"](hidden) is not None
    assert KEY not in redacted(hidden)[0].model_dump_json()


def test_a_password_that_its_key_tells_leaves_arguments_that_are_json() -> None:
    clean, kinds = redacted(row(ASKED, arguments(user="ana", password="hunter2!Xy")))
    assert isinstance(clean, Row) and kinds["secret"] >= 1
    assert "hunter2" not in clean.completion_text and clean.calls[0].arguments.keys() == {
        "user",
        "password",
    }


def test_redaction_leaves_a_row_without_personal_data_as_it_is() -> None:
    own = row(ASKED, called('{"account":"savings"}'), RESULT, ANSWER)
    assert redacted(own) == (own, Counter())


# --- repeats, near-duplicates and leaks -----------------------------------------------------------


def test_rows_repeat_each_other_only_where_calls_and_results_are_the_same_sign_by_sign() -> None:
    rows = [
        row(ASKED, arguments(amount=amount), {**RESULT, "content": content}, ANSWER)
        for amount, content in ((5, "1"), (-5, "1"), (5, "1"), (5, "-1"), ("5", "1"))
    ]
    assert list(unrepeated(rows)) == [rows[0], rows[1], rows[3], rows[4]]
    assert len({one.id for one in rows}) == 4


def test_rows_that_differ_in_the_last_turn_alone_stay_in_one_part() -> None:
    def asking(topic: int, answer: str) -> Row:
        place = f"the branch number {topic} in the old town by the river"
        asked = said("user", f"Please look up when {place} opens on a Sunday in winter, {topic}.")
        found = {**RESULT, "content": f'{{"opens": "at {topic} past nine", "place": "{place}"}}'}
        return row(asked, arguments(branch=place), found, said("assistant", answer))

    pairs = [
        (
            asking(i, f"It opens at {i} past nine."),
            asking(i, f"You may come from {i} past nine on."),
        )
        for i in range(30)
    ]
    made = curate([one for pair in pairs for one in pair], {}, CurateParams(max_per_template=None))
    part_of = {one.id: part for part, rows in made.parts.items() for one in rows}
    assert all(part_of[one.id] == part_of[other.id] for one, other in pairs)
    assert len(set(part_of.values())) > 1
    first, second = pairs[0]
    assert asking_alike([second.prompt_text], [first.prompt_text])


# --- faults and mending ---------------------------------------------------------------------------


def test_calls_and_results_are_no_faults_and_mending_keeps_them() -> None:
    html = {**RESULT, "content": '{"page": "<b>90</b>&nbsp;francs"}'}
    own = row(said("user", "What is <b>left</b>?"), called(), html, ANSWER)
    rows = [own, row(ASKED, called()), row(ASKED, called(content="Let me look."))]
    assert faulty(rows) == {}
    clean, changes = mended(own)
    assert [turn.role for turn in clean.prompt] == ["user", "assistant", "tool"]
    assert clean.prompt[1:] == own.prompt[1:]
    assert clean.prompt[0].content == "What is left?" and len(changes) == 1


def test_an_answer_to_nobody_and_one_that_is_no_answer_are_left_out() -> None:
    own = row()
    lone = own.model_copy(update={"prompt": (Message(role="system", content="Be brief."),)})
    last = own.model_copy(update={"prompt": own.prompt[:2], "completion": own.prompt[2:]})
    assert len(faulty([lone.model_copy(update={"id": "a"}), last])) == 2


# --- sizes ----------------------------------------------------------------------------------------


def test_a_call_of_a_megabyte_is_refused_with_its_line_or_left_aside(
    isolate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_beside_files(isolate, monkeypatch)
    long = {"messages": [ASKED, arguments(note="x " * 500_001)], "tools": []}
    file = given("long.jsonl", {"messages": [ASKED, ANSWER]}, long)
    assert "long.jsonl:2: has a text of 1,000," in brought(file, code=2)
    told = json.loads(brought(file, "--skip-unreadable", "--json"))
    assert (told["rows"], told["left_out_at"]) == (1, {"unreadable": ["long.jsonl:2"]})
    assert len(Row.read_lines(SOURCES / "long.jsonl")) == 1


def test_a_row_is_cut_between_exchanges_and_no_result_is_left_without_its_call(
    word_base: Path,
) -> None:
    lengths = TokenLengths(word_base)
    first = (ASKED, called(), RESULT, ANSWER)
    long = row(*first, said("user", "And on the other one, which I opened later?"), called())
    (whole,) = lengths.count([long])
    shorter = lengths.cut(long, whole.prompt + whole.completion - 1)
    assert shorter and [turn.role for turn in shorter.prompt] == ["user"]
    assert Row.parse(shorter.canonical(), Path("rows.jsonl")) == shorter
    assert lengths.cut(row(*first), 10) is None
