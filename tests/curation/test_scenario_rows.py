"""Rows with a scenario are items of evaluation, and nothing else ever."""

import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from curation import collect, curate, validate
from curation.collect import with_turn
from curation.curate import curate as curated
from curation.curation_settings import CurateParams
from curation.eval_sets import Extension
from curation.sources.row_formats import read_row
from curation.sources.source_file import guess_format
from project import paths
from project.errors import InputError
from project.records.data import ACCEPTED, GateReport, Row, Split
from tests.conftest import ROOT
from tests.curation.test_accepted_rows import AT
from tests.curation.test_tool_rows import ANSWER, ASKED, PARAMS, RESULT, TOOL
from tests.curation.test_tool_rows import project as project
from tests.incumbent.imported import SOURCES

SCENARIO = {"user": {}, "say": [90]}
NOUNS = [
    "loan",
    "card",
    "fee",
    "mortgage",
    "pension",
    "transfer",
    "cheque",
    "deposit",
    "statement",
    "password",
    "interest",
    "branch",
    "safe",
    "coin",
    "bond",
    "share",
    "fund",
    "tax",
    "gift",
    "debt",
    "salary",
    "rent",
    "budget",
    "receipt",
    "signature",
]


def fields(**changes: Any) -> dict[str, Any]:
    own = {"messages": [ASKED, ANSWER], "tools": [TOOL], "scenario": SCENARIO}
    return own | changes


def scenario(number: int, **changes: Any) -> Row:
    one = fields(scenario={"user": {}, "say": [number]}, **changes)
    return read_row(json.dumps(one).encode(), Path("scenarios.jsonl"), number)


def plain(number: int, **changes: Any) -> Row:
    noun = NOUNS[number % len(NOUNS)]
    words = {"prompt": f"{noun} question", "completion": f"{noun} answer", "id": f"p{number}"}
    return read_row(json.dumps(words | changes).encode(), Path("rows.jsonl"), number)


def parts_of(rows: list[Row], **params: Any) -> dict[Split, list[Row]]:
    return curated(rows, {}, CurateParams(**params)).parts


def test_scenarios_are_dealt_to_dev_and_sealed_alone_whatever_else_is_there() -> None:
    scenarios = [scenario(n) for n in range(200)]
    for seed in range(3):
        params = {"seed": seed, "train_only": ("scenarios.jsonl",)}
        parts = parts_of([*(plain(n) for n in range(20)), *scenarios], **params)
        found = Counter(
            {part: sum(row.scenario is not None for row in own) for part, own in parts.items()}
        )
        assert found[Split.TRAIN] == 0 and found.total() == 200  # alike as they are
        assert found[Split.DEV] > 40 < found[Split.SEALED]
        assert sum(row.scenario is None for row in parts[Split.TRAIN]) > 5


def test_rows_of_a_scenarios_group_and_those_that_ask_what_it_asks_are_not_learnt() -> None:
    asked = plain(1, prompt="What is left of the money on my savings account today?")
    own = scenario(1, messages=[{"role": "user", "content": asked.prompt_text}, ANSWER])
    beside = plain(2, group="bank")
    rows = [asked, own, scenario(2, group="bank"), beside, *(plain(n) for n in range(3, 20))]
    for seed in range(4):
        made = curated(rows, {}, CurateParams(seed=seed))
        taught = {row.id for row in made.parts[Split.TRAIN]}
        assert not taught & {asked.id, beside.id}


def test_a_row_for_training_only_replaces_no_scenario_that_begins_as_it_asks() -> None:
    scenarios = [scenario(n) for n in range(20)]
    asked = plain(1, prompt=scenarios[0].prompt_text)
    rehearsed = asked.model_copy(update={"source": "rehearsal.jsonl"})
    rows = [rehearsed, *scenarios, *(plain(n) for n in range(2, 20))]
    parts = parts_of(rows, train_only=("rehearsal.jsonl",))
    assert sum(row.scenario is not None for own in parts.values() for row in own) == 20
    assert rehearsed.id not in {row.id for row in parts[Split.TRAIN]}


def as_accepted(row: Row) -> Row:
    return row.model_copy(update={"source": ACCEPTED})


def acceptance_of(rows: Sequence[Row]) -> Extension:
    names = tuple(row.id for row in rows)
    return Extension(at=AT, by="ann", reason="checked", source=ACCEPTED, rows=names)


def test_an_accepted_scenario_is_an_item_too() -> None:
    scenarios = [as_accepted(scenario(n)) for n in range(20)]
    change = acceptance_of(scenarios)
    params = CurateParams(accepted_share=0.9)
    parts = curated([*(plain(n) for n in range(20)), *scenarios], {1: change}, params).parts
    found = {part: [row for row in own if row.scenario] for part, own in parts.items()}
    assert not found[Split.TRAIN] and found[Split.DEV] and found[Split.SEALED]


def test_an_accepted_scenario_is_an_item_once() -> None:
    again = [as_accepted(scenario(n, id=f"again{n}", group=f"other{n}")) for n in range(20)]
    rows = [*(plain(n) for n in range(20)), *(scenario(n) for n in range(20)), *again]
    params = CurateParams(accepted_share=0.9)
    parts = curated(rows, {1: acceptance_of(again)}, params).parts
    found = [row.scenario.digest for own in parts.values() for row in own if row.scenario]
    assert len(found) == len(set(found)) == 20


def test_scenarios_of_one_question_are_several_rows_and_no_slices_of_turns() -> None:
    one, other = scenario(1), scenario(2)
    assert one.id != other.id and one.asked_and_expected != other.asked_and_expected
    assert with_turn(one).slices == {}
    assert "scenario" not in plain(1).model_dump()


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"scenario": {"user": {"script": [{"when": "("}]}, "say": [1]}}, r"user\.script\.0\.when"),
        ({"scenario": {"user": {"told": "x", "script": [{}]}, "say": [1]}}, r"scenario\.user: "),
        ({"scenario": {"user": {}}}, "scenario: has neither .* could be missed"),
        ({"scenario": {"say": [1]}}, r"scenario\.user: Field required"),
        ({"scenario": SCENARIO | {"start": {}}}, r"scenario\.start: Extra inputs"),
        ({"scenario": SCENARIO | {"state": {"x": "y" * (1 << 20)}}}, r"scenario\.state: "),
        ({"scenario": SCENARIO | {"results": [{"arguments": {}}]}}, r"results\.0\.name"),
        ({"messages": [ASKED, RESULT, ANSWER]}, "tool that nobody called"),
        ({"messages": [{"role": "bank", "content": "x"}, ANSWER]}, "bank"),
    ],
)
def test_a_bad_scenario_is_refused_with_its_place(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError, match=rf"s\.jsonl:7: .*{place}"):
        read_row(json.dumps(fields(**changes)).encode(), Path("s.jsonl"), 7)


WAITS = {"user": {"script": [{"say": "a"}, {"called": "look_up"}]}, "say": [90]}
RECORDED = {"user": {}, "say": [90], "results": [{"name": "get_balance"}, {"name": "look_up"}]}


@pytest.mark.parametrize(
    ("scenario", "place"), [(WAITS, r"user\.script\.1\.called"), (RECORDED, r"results\.1\.name")]
)
def test_a_scenario_names_no_tool_that_its_row_lacks(
    project: None, scenario: dict[str, Any], place: str
) -> None:
    why = rf"scenario: {place} is 'look_up'; its tools are get_balance"
    with pytest.raises(InputError, match=rf"rows\.jsonl:7: {why}"):
        read_row(json.dumps(fields(scenario=scenario)).encode(), Path("rows.jsonl"), 7)
    # Rows may have the project's tools: which these are is known when all are read.
    without = json.dumps(fields(scenario=scenario, tools=None))
    read_row(without.encode(), Path("rows.jsonl"), 7)
    first = SOURCES / "first.jsonl"
    first.write_text(first.read_text() + without)
    with pytest.raises(InputError, match=r"first\.jsonl:2: .*; its tools are none"):
        collect.main()
    other = {"type": "function", "function": {"name": "look_up"}}
    (SOURCES / "tools.json").write_text(json.dumps([TOOL, other]))
    tools = f"collect:\n    tools: {SOURCES}/tools.json"
    Path("params.yaml").write_text(PARAMS.replace("collect:", tools))
    collect.main()


def test_every_record_of_a_table_with_scenarios_is_accounted_for(project: None) -> None:
    records = [fields(), fields(scenario={"user": {}}), fields(scenario=None)]
    lines = "".join(f"{json.dumps(one)}\n" for one in records)
    (SOURCES / "first.jsonl").write_text(lines)
    assert guess_format(SOURCES / "first.jsonl") == "rows"
    columns = "format: table, columns: {messages: messages, tools: keep, turns: every}"
    Path("params.yaml").write_text(PARAMS.replace("first.jsonl}", f"first.jsonl, {columns}}}"))
    collect.main()
    curate.main()
    with paths.ACCOUNT.open(newline="") as file:
        fates = {one["line"]: one for one in csv.DictReader(file)}
    assert fates["1"]["part"] in ("dev", "sealed")
    assert "nothing could be missed" in fates["2"]["why"]


def test_the_gate_lets_scenarios_begin_alike_and_no_row_teach_how(project: None) -> None:
    alike = [fields(scenario={"user": {}, "say": [number]}) for number in range(20)]
    words = [{"prompt": f"{noun} question", "completion": f"{noun} answer"} for noun in NOUNS]
    lines = "".join(f"{json.dumps(one)}\n" for one in [*alike, *words])
    (SOURCES / "first.jsonl").write_text(lines)
    contract = Path("datasets/contracts/sft.yaml")
    contract.write_text((ROOT / contract).read_text())
    collect.main()
    curate.main()
    validate.main()
    checks = {check.name: check for check in GateReport.read(paths.GATE_REPORT).checks}
    for name in ("no evaluation prompt is trained on", "no row repeats another"):
        assert checks[name].passed and not checks[name].failing_rows
    for part in (Split.DEV, Split.SEALED):
        assert sum(row.scenario is not None for row in Row.read_lines(paths.rows_of(part))) > 3


@pytest.mark.parametrize("name", ["train_only", "eval_only"])
def test_a_source_that_no_row_has_is_refused(project: None, name: str) -> None:
    row = fields() | {"source": "chats.jsonl"}
    (SOURCES / "first.jsonl").write_text(f"{json.dumps(row)}\n")
    collect.main()
    more = f"curation:\n  curate:\n    {name}: [first.jsonl]\n"
    Path("params.yaml").write_text(PARAMS.replace("curation:\n", more))
    with pytest.raises(InputError, match=rf"{name}: no row has .*'first\.jsonl', but chats\.jsonl"):
        curate.main()
