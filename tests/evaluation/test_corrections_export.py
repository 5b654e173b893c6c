"""The second round: bad answers out, corrections and negative examples in."""

import json
from pathlib import Path

from curation.sources.row_formats import read_rows
from evaluation.report.kept_report import bad, correction, negative
from evaluation.report.report_data import AnswerExample
from project.records.data import Row
from project.records.record import write_records
from project.records.scenarios import Scenario, SimulatedUser
from project.records.scores import ItemScore


def example(name: str, champion: float, challenger: float) -> AnswerExample:
    return AnswerExample(
        row=Row.of(f"what is {name}?", f"{name} is right", group=name, source="test", topic="t"),
        champion=f"{name} by the champion",
        challenger=f"{name} by the challenger",
        scores=ItemScore(item=name, champion={"m": champion}, challenger={"m": challenger}),
        better={"m": "more"},
    )


SEVERAL = [
    example("good", 0.8, 0.9),
    example("regressed", 0.9, 0.6),
    example("worst", 0.05, 0.1),
    example("slipped", 0.7, 0.65),
    example("poor", 0.2, 0.3),
]


def names(found: list[tuple[str, AnswerExample]]) -> list[tuple[str, str]]:
    return [(why, found_example.row.group) for why, found_example in found]


def test_regressed_and_worst_answers_take_turns() -> None:
    assert names(bad(SEVERAL, 4)) == [
        ("regressed", "regressed"),
        ("worst", "worst"),
        ("regressed", "slipped"),
        ("worst", "poor"),
    ]


def test_no_item_comes_twice_and_no_more_than_there_are() -> None:
    found = bad(SEVERAL, 150)
    assert len(found) == len({item.row.id for _, item in found}) == 5


def test_a_whole_conversation_is_nothing_to_correct_or_to_learn_from() -> None:
    scenario = {"scenario": Scenario(user=SimulatedUser(), say=(9,))}
    talk = SEVERAL[2].row.model_copy(update=scenario)
    others = [SEVERAL[0], SEVERAL[2].model_copy(update={"row": talk})]
    assert names(bad(others, 4)) == [("worst", "good")]


def test_a_correction_and_a_negative_have_the_tools_of_their_item(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "get_fee", "parameters": {"type": "object"}}}
    own = SEVERAL[1].row.model_copy(update={"tools": (tool,)})
    item = SEVERAL[1].model_copy(update={"row": own})
    write_records(tmp_path / "corrections.jsonl", [correction("regressed", item)])
    (row,) = read_rows(tmp_path / "corrections.jsonl")
    assert row.tools == negative(item).tools == (tool,)


def test_what_is_exported_can_be_imported_again(tmp_path: Path) -> None:
    path = tmp_path / "corrections.jsonl"
    write_records(path, [correction(why, item) for why, item in bad(SEVERAL, 2)])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["completion"][0]["content"] = "corrected"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows = list(read_rows(path))
    assert [row.completion_text for row in rows] == ["corrected", "worst is right"]
    assert {row.source for row in rows} == {"corrections.jsonl"}
    assert rows[0].slices == {"topic": "t"}


def test_a_negative_prefers_the_reference_to_the_bad_answer() -> None:
    pair = negative(SEVERAL[1])
    assert (pair.chosen, pair.rejected) == ("regressed is right", "regressed by the challenger")
