"""`incumbent judge ballots FILE --judge FILE`: what is refused, and what comes out."""

import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.incumbent.tiny_project import exit_code

AT = "2026-01-31T12:00:00Z"
BALLOTS, JUDGE = Path("ballots.jsonl"), Path("judge.jsonl")
BESIDE = ("--judge", str(JUDGE))
LINE = {"item": "i000", "left": "A", "right": "B", "preference": 0.5}


def write(path: Path, lines: list[dict[str, object]]) -> None:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def ballot(i: int, choice: str, left: str = "A", right: str = "B") -> dict[str, object]:
    fields = {"item": f"i{i:03}", "left": left, "right": right, "choice": choice}
    return {**fields, "reviewer": "ann", "at": AT}


def line(i: int, preference: float, left: str = "A", right: str = "B") -> dict[str, object]:
    return {"item": f"i{i:03}", "left": left, "right": right, "preference": preference}


def a_wins(i: int) -> bool:
    """On 3 of 5 items."""
    return i % 5 < 3


def write_both(*, right: float = 0.9, items: int = 200, voted: int = 60) -> None:
    write(BALLOTS, [ballot(i, "left" if a_wins(i) else "right") for i in range(voted)])
    write(JUDGE, [line(i, right if a_wins(i) else 1 - right) for i in range(items)])


def run(*options: str) -> tuple[int, str]:
    """The exit code, and what was printed."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(out):
        code = exit_code("judge", "ballots", str(BALLOTS), *options)
    return code, " ".join(out.getvalue().split())


def shown(*options: str) -> dict[str, Any]:
    code, text = run("--json", *options)
    assert code == 0
    found: dict[str, Any] = json.loads(text)
    return found


def powered(*options: str) -> dict[str, Any]:
    found: dict[str, Any] = shown(*BESIDE, *options)["prediction_powered"]
    return found


def test_a_good_judge_narrows_the_interval_and_saves_votes() -> None:
    write_both()
    found = powered()
    assert (found["first"], found["second"], found["others"]) == ("A", "B", [])
    assert found["estimate"] == pytest.approx(0.6, abs=0.02)
    assert found["interval"][0] < 0.6 < found["interval"][1]
    assert (found["items"], found["votes"]) == (200, 60)
    assert found["saved"] > 50


def test_without_the_option_nothing_is_added() -> None:
    write_both()
    assert "prediction_powered" not in shown()


def test_a_judge_that_is_wrong_throughout_costs_nothing() -> None:
    write_both(right=0.1)
    found = powered()
    assert (found["tuning"], found["saved"]) == (0, 0)
    assert found["estimate"] == pytest.approx(0.6)


def test_both_orders_of_the_answers_are_averaged() -> None:
    """A judge that always takes the left answer knows nothing, once both orders are there."""
    write_both()
    lines = [line(i, 0.9) for i in range(200)]
    write(JUDGE, [*lines, *(line(i, 0.9, "B", "A") for i in range(200))])
    found = powered()
    assert (found["tuning"], found["saved"], found["items"]) == (0, 0, 200)


def test_the_side_of_the_answers_does_not_matter() -> None:
    write_both()
    straight = powered()
    write(JUDGE, [line(i, 0.1 if a_wins(i) else 0.9, "B", "A") for i in range(200)])
    turned = powered()
    assert turned["estimate"] == pytest.approx(straight["estimate"])
    assert turned["interval"] == pytest.approx(straight["interval"])


def test_each_pair_of_versions_has_its_own_result() -> None:
    write_both()
    first = [ballot(i, "left" if a_wins(i) else "right") for i in range(60)]
    second = [ballot(i, "right" if a_wins(i) else "left", "B", "C") for i in range(30)]
    unjudged = [ballot(i, "left", "A", "C") for i in range(5)]
    write(BALLOTS, [*first, *second, *unjudged])
    lines = [line(i, 0.9 if a_wins(i) else 0.1) for i in range(200)]
    write(JUDGE, [*lines, *(line(i, 0.5, "C", "B") for i in range(90))])
    found = powered()
    (other,) = found["others"]
    assert (found["first"], found["second"]) == ("A", "B")
    assert (other["first"], other["second"], other["items"], other["votes"]) == ("C", "B", 90, 30)


def test_an_item_counts_once_it_has_closed() -> None:
    write_both(voted=20)
    assert powered("--votes", "3") is None
    said = shown(*BESIDE, "--votes", "3")["conclusions"]
    assert "no pair of versions has three items with votes that the judge speaks of" in said


def test_the_text_says_what_it_rests_on() -> None:
    write_both()
    _, text = run(*BESIDE)
    assert "A over B: 6" in text
    assert "60 of 200 items have votes; without the judge " in text
    assert "items that were picked by hand would shift it" in text


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"preference": 1.5}, "2: preference: "),
        ({"preference": "0.5"}, "2: preference: "),
        ({"preference": None}, "2: preference: "),
        ({"preference": True}, "2: preference: "),
        ({"right": "A"}, "2: right: "),
        ({"item": ""}, "2: item: "),
        ({"sure": 1}, "2: sure: "),
        ({"item": "i000"}, "2: item: item 'i000' with 'A' on the left is on line 1 already"),
    ],
)
def test_a_bad_line_is_named_by_file_line_and_field(
    change: dict[str, object], problem: str
) -> None:
    write_both()
    write(JUDGE, [LINE, LINE | {"item": "i001"} | change])
    code, text = run(*BESIDE)
    assert code == 2
    assert f"{JUDGE}:{problem}" in text


@pytest.mark.parametrize("text", ["", "\n", "[1]\n", '{"item": "a", "item": "b"}\n', "\xff"])
def test_what_is_no_judge_is_refused(text: str) -> None:
    write_both()
    JUDGE.write_text(text, encoding="latin-1")
    code, error = run(*BESIDE)
    assert code == 2
    assert str(JUDGE) in error


def test_an_item_with_votes_and_no_line_is_named() -> None:
    write_both(items=59)
    code, error = run(*BESIDE)
    assert code == 2
    assert "judge.jsonl: item: has no line on item 'i059' with 'A' and 'B'" in error
