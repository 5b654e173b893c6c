"""The general-ability suite: right answers pass, sloppy ones do not, bad items are refused."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evaluation.suites.general_ability import CORRECT, GeneralItem, correct, read_suite
from project.errors import InputError
from tests.conftest import ROOT

SUITE = ROOT / "datasets" / "general"


def item(check: dict[str, Any], prompt: str = "Which?", expected: str = "x") -> GeneralItem:
    fields = {"id": "i", "ability": "a", "prompt": prompt, "check": check, "expected": expected}
    return GeneralItem.model_validate_json(json.dumps(fields))


def number(value: float) -> dict[str, Any]:
    return {"kind": "number", "value": value}


ICE = {"kind": "choice", "accept": ["ice"], "reject": ["steam", "water vapour"]}
NAIVE = {"kind": "exact", "accept": ["naïve", "Straße 5"]}
ANN = {"kind": "json", "fields": {"name": "Ann", "age": 1}}
THREE = {"kind": "lines", "count": 3}
SHORT = {"kind": "word_count", "least": 2, "most": 3}
QUIET = {"kind": "all", "of": [{"kind": "ends", "text": "at night"}, SHORT]}


@pytest.mark.parametrize(
    ("check", "answer", "right"),
    [
        (number(7), "7", True),
        (number(7), "The answer is 7.", True),
        (number(7), "6, 7, 8", False),
        (number(7), "5,6,7", False),
        (number(7), "17", False),
        (number(7), "a7", False),
        (number(7), "seven", False),
        (number(1200), "1,200 metres", True),
        (number(1200), "1,2000", False),
        (number(-5), "−5", True),
        (number(3), "5-3", False),
        (number(0.75), "It is 0.750.", True),
        (number(12), "१२", True),
        (ICE, "Ice!", True),
        (ICE, "It turns to ICE.", True),
        (ICE, "nice", False),
        (ICE, "ice, steam", False),
        (ICE, "ice/water vapour/snow", False),
        (ICE, "ice-steam", False),
        (NAIVE, "“Naïve”.", True),
        (NAIVE, "nai\u0308ve", True),
        (NAIVE, "STRASSE  5", True),
        (NAIVE, "naive", False),
        (NAIVE, "naïve, straße 5", False),
        ({"kind": "exact", "accept": ["RED"], "cased": True}, "**RED**", True),
        ({"kind": "exact", "accept": ["RED"], "cased": True}, "Red", False),
        ({"kind": "starts", "text": "Every winter"}, "*Every* winter, snow.", True),
        ({"kind": "starts", "text": "Every"}, "Everybody", False),
        ({"kind": "starts", "text": "Every"}, "In every winter", False),
        ({"kind": "ends", "text": "home"}, "They went home!", True),
        ({"kind": "ends", "text": "home"}, "They went home today", False),
        ({"kind": "ends", "text": "home"}, "a motorhome", False),
        ({"kind": "contains", "texts": ["हिन्दी", "new moon"]}, "New Moon और हिन्दी", True),
        ({"kind": "contains", "texts": ["moon", "boat"]}, "the moon", False),
        ({"kind": "contains", "texts": ["new moon"]}, "moon, new", False),
        ({"kind": "excludes", "texts": ["cold"]}, "freezing; scolded", True),
        ({"kind": "excludes", "texts": ["cold"]}, "it is Cold.", False),
        (SHORT, "don’t go", True),
        (SHORT, "1 - 2", True),
        (SHORT, "one", False),
        (SHORT, "one two three four", False),
        ({"kind": "case", "case": "upper"}, "ÉTÉ 5!", True),
        ({"kind": "case", "case": "upper"}, "ÉTé", False),
        ({"kind": "case", "case": "upper"}, "55", False),
        ({"kind": "case", "case": "lower"}, "straße", True),
        ({"kind": "case", "case": "lower"}, "Straße", False),
        (THREE, "1. a\n2. b\n\n3. c", True),
        (THREE, "a, b, c", False),
        (THREE, "a\nb\nc\nd", False),
        (THREE, "1. a\n2. a\n3. a", False),
        (THREE, "1.\n2.\n3.", False),
        (ANN, '{"age": 1, "name": "Ann"}', True),
        (ANN, '```json\n{"name": "Ann", "age": 1}\n```', True),
        (ANN, '{"name": "Ann", "age": true}', False),
        (ANN, '{"name": "Ann", "age": 1, "town": "Oslo"}', False),
        (ANN, 'Here: {"name": "Ann", "age": 1}', False),
        (ANN, '{"name": "Ann", "age": ', False),
        (ANN, "[" * 100_000, False),
        (QUIET, "silent at night", True),
        (QUIET, "it is silent at night", False),
        (QUIET, "silent at noon", False),
    ],
)
def test_a_check_passes_the_right_answer_alone(
    check: dict[str, Any], answer: str, right: bool
) -> None:
    assert correct(item(check), answer) == float(right)


def test_numbers_of_the_question_do_not_count_against_an_answer() -> None:
    asked = item(number(12), "What is 5 + 7?")
    assert correct(asked, "5 + 7 = 12") == 1.0
    assert correct(asked, "5 + 7 = 12, or 13") == 0.0


@pytest.mark.parametrize("answer", ["", "  \n", "…", "?!"])
def test_an_answer_without_words_is_wrong_whatever_is_asked(answer: str) -> None:
    assert correct(item({"kind": "excludes", "texts": ["cold"]}), answer) == 0.0


def test_the_question_said_again_is_wrong_whatever_is_asked() -> None:
    asked = item({"kind": "contains", "texts": ["moon"]}, "Name the moon!")
    assert correct(asked, "name the moon") == 0.0
    assert correct(asked, "You ask: Name the Moon. The moon.") == 0.0
    assert correct(asked, "The moon.") == 1.0


# --- the suite that comes with the project ------------------------------------------------------


def test_three_abilities_have_forty_items_each_or_more() -> None:
    counts = Counter(item.ability for item in read_suite(SUITE))
    assert counts.keys() == {"arithmetic", "commonsense", "instructions"}
    assert min(counts.values()) >= 40


def test_no_question_is_asked_twice() -> None:
    assert max(Counter(item.prompt for item in read_suite(SUITE)).values()) == 1


def test_saying_yes_or_no_to_everything_is_right_half_of_the_time() -> None:
    asked = [item for item in read_suite(SUITE) if "yes or no" in item.prompt]
    assert asked
    for answer in ("Yes.", "No."):
        assert 2 * sum(correct(item, answer) for item in asked) == len(asked)


def test_an_answer_to_another_question_is_seldom_right() -> None:
    suite = read_suite(SUITE)
    others = zip(suite, suite[1:] + suite[:1], strict=True)
    assert sum(correct(one, other.expected) for one, other in others) < 0.1 * len(suite)


def test_no_wrong_option_and_no_list_of_all_options_is_right() -> None:
    choices = [item for item in read_suite(SUITE) if item.check.kind == "choice"]
    assert choices
    for item_ in choices:
        assert item_.check.kind == "choice"
        options = item_.check.accept + item_.check.reject
        assert correct(item_, ", ".join(options)) == 0.0
        assert all(correct(item_, option) == 0.0 for option in item_.check.reject)


# --- reading ------------------------------------------------------------------------------------

GOOD = {
    "id": "a1",
    "ability": "arithmetic",
    "prompt": "What is 3 + 4?",
    "check": {"kind": "number", "value": 7},
    "expected": "7",
}


def suite_of(**files: list[dict[str, Any] | str]) -> Path:
    folder = Path("suite")
    folder.mkdir()
    for name, lines in files.items():
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        (folder / f"{name}.jsonl").write_text("\n".join(texts))
    return folder


def test_an_item_becomes_a_row() -> None:
    (read,) = read_suite(suite_of(a=[GOOD, "", "  "]))
    row = read.row
    assert (row.id, row.group, row.source) == ("a1", "a1", "general")
    assert (row.prompt_text, row.completion_text) == ("What is 3 + 4?", "7")
    assert [message.role for message in (*row.prompt, *row.completion)] == ["user", "assistant"]
    assert row.slices == {"ability": "arithmetic"}
    assert CORRECT == "correct"


def test_files_are_read_by_name_whatever_the_folder_lists_first() -> None:
    folder = suite_of(b=[GOOD], a=[GOOD | {"id": "z"}])
    assert [item.id for item in read_suite(folder)] == ["z", "a1"]


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        ("{", "suite/a.jsonl:2: "),
        (GOOD | {"id": ""}, "suite/a.jsonl:2: id: "),
        (GOOD | {"id": "a2", "mood": 1}, "suite/a.jsonl:2: mood: "),
        (GOOD, "suite/a.jsonl:2: id: 'a1' is at suite/a.jsonl:1 already"),
        (GOOD | {"id": "a2", "expected": "8"}, "suite/a.jsonl:2: expected: does not pass"),
        (GOOD | {"id": "a2", "check": {"kind": "guess"}}, "suite/a.jsonl:2: check: "),
        (GOOD | {"id": "a2", "check": number(float("inf"))}, "suite/a.jsonl:2: "),
        (
            GOOD | {"id": "a2", "check": {"kind": "choice", "accept": ["7"], "reject": []}},
            "suite/a.jsonl:2: check.choice.reject: ",
        ),
        (
            GOOD | {"id": "a2", "check": {"kind": "contains", "texts": ["?"]}},
            "suite/a.jsonl:2: check.contains.texts.0: ",
        ),
    ],
)
def test_a_bad_item_is_refused_with_its_place(bad: dict[str, Any] | str, place: str) -> None:
    with pytest.raises(InputError) as refused:
        read_suite(suite_of(a=[GOOD, bad]))
    assert str(refused.value).startswith(place)


def test_an_id_of_another_file_is_refused() -> None:
    with pytest.raises(InputError, match=r"suite/b.jsonl:1: id: 'a1' is at suite/a.jsonl:1"):
        read_suite(suite_of(a=[GOOD], b=[GOOD]))


def test_a_folder_without_items_is_refused() -> None:
    with pytest.raises(InputError, match="suite: holds no items"):
        read_suite(suite_of(a=[]))
