"""One accepted row that fails a critical check is left out with its reason; the gate stays open."""

import csv
import json
from contextlib import nullcontext
from datetime import date
from pathlib import Path

import pytest
import yaml

from curation.checks.contract import Contract, RowGate
from curation.checks.waivers import WAIVERS, Waivers
from curation.curate import main as curate
from curation.eval_sets import EVAL_SETS, Extension, append_change
from curation.gate import failing
from curation.gate import main as gate
from curation.validate import main as validate
from project.errors import IncumbentError
from project.paths import ACCOUNT, DATASET, GATE_PAGE, GATE_REPORT, ORIGINS, RAW, rows_of
from project.records.data import GateReport, Origin, Row, Severity, Split
from project.records.record import write_records
from project.settings import read_settings
from tests.curation.test_gate import CONTRACT, made_words, row

LABELLED = "labelled.jsonl"
GOOD = [
    Row.of(
        f"Where is {made_words(f'new {i}')}?",
        f"At {made_words(f'there {i}')}.",
        group=f"n{i}",
        source=LABELLED,
    )
    for i in range(8)
]
DAY = date(2026, 3, 1)
SUITE = "Which of the seven planets that we know of is the heaviest one by far?"


def accepted(prompt: str, answer: str = "It is at the branch.") -> Row:
    return Row.of(prompt, answer, group=prompt[:40], source=LABELLED)


def base_rows() -> list[Row]:
    return [row(f"base-{i}", source="bank.csv") for i in range(150)]


def failed(rows: list[Row], bad: list[Row], **settings: object) -> list[str]:
    """Curate, validate and gate; the names of the critical checks that failed."""
    contract = Path("datasets/contracts/sft.yaml")
    contract.parent.mkdir(parents=True, exist_ok=True)
    checks = yaml.safe_load(CONTRACT.read_text())
    checks["checks"] = [one for one in checks["checks"] if one["severity"] == "critical"]
    contract.write_text(yaml.safe_dump(checks))
    Path("datasets/general").mkdir(exist_ok=True)
    Path("datasets/general/items.jsonl").write_text(json.dumps({"prompt": SUITE}) + "\n")
    curation = {"curate": settings, "validate": {"contract": str(contract), "embedded_rows": 0}}
    Path("params.yaml").write_text(yaml.safe_dump({"curation": curation}))
    every = [*rows, *GOOD, *bad]
    write_records(RAW, every)
    write_records(ORIGINS, [Origin(file=one.source, line=1, row=one.id) for one in every])
    EVAL_SETS.unlink(missing_ok=True)
    names = tuple(one.id for one in (*GOOD, *bad))
    at = "2026-03-01T00:00:00Z"
    append_change(Extension(at=at, by="ann", reason="ok", source=LABELLED, rows=names), EVAL_SETS)
    curate()
    validate()
    found = failing(GateReport.read(GATE_REPORT), DAY, Severity.CRITICAL)
    with pytest.raises(IncumbentError) if found else nullcontext():
        gate(DAY)
    return [check.name for check in found]


def parts() -> dict[Split, list[Row]]:
    return {part: list(Row.read_lines(rows_of(part))) for part in Split}


def kept() -> set[str]:
    return {one.id for rows in parts().values() for one in rows}


def whys() -> dict[str, str]:
    with ACCOUNT.open(newline="") as lines:
        return {line["row"]: line["why"] for line in csv.DictReader(lines)}


LONG = " ".join(f"word{i}" for i in range(600))


BAD = {
    "no account numbers": accepted("To whom?", "To DE89 3704 0044 0532 0130 00, as ever."),
    "no secrets": accepted("Which word?", "The password is Hunter2!, as ever."),
    "no training row asks what the general suite asks": accepted(SUITE),
    "no row is longer than the base reads": accepted("Which is the longest of them?", LONG),
    "no completion is empty": accepted("Which is blank?", " "),
    "no prompt is empty": accepted(" ", "It is blank."),
}


@pytest.mark.usefixtures("pinned_base")
def test_accepted_rows_that_would_shut_the_gate_are_left_out_each_with_its_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert failed(base_rows(), [*BAD.values()], too_long="refuse", faulty="keep") == []
    assert DATASET.exists()
    assert not {one.id for one in BAD.values()} & kept()
    assert {one.id for one in GOOD} & kept()
    found = whys()
    assert {check: found[one.id] for check, one in BAD.items()} == {
        check: f'that the gate would refuse: "{check}"' for check in BAD
    }
    counted = dict.fromkeys(sorted({found[one.id] for one in BAD.values()}), 1)
    assert GateReport.read(GATE_REPORT).left_out == counted
    assert "refuse: &#34;no secrets&#34;" in GATE_PAGE.read_text()
    assert 'left out: 1 accepted row that the gate would refuse: "no secrets"' in " ".join(
        capsys.readouterr().out.split()
    )


@pytest.mark.usefixtures("pinned_base")
def test_a_row_that_a_person_excused_stays() -> None:
    bad = BAD["no account numbers"]
    waiver = {"check": "no account numbers", "rows": [bad.id], "by": "ann", "reason": "ours"}
    WAIVERS.parent.mkdir(parents=True)
    WAIVERS.write_text(yaml.safe_dump({"waivers": [waiver | {"until": "2026-06-01"}]}))
    assert failed(base_rows(), [bad]) == []
    assert bad.id in kept()


def test_a_waiver_of_a_warning_keeps_no_row_that_a_critical_check_refuses() -> None:
    door = RowGate(read_settings(Contract, CONTRACT), Waivers())
    assert door.names("leak", "contaminated") == {
        "no training row asks what an eval item asks",
        "no training row asks what the general suite asks",
    }


@pytest.mark.usefixtures("pinned_base")
def test_the_same_fault_in_an_experts_file_shuts_the_gate_as_before() -> None:
    bad = row("x", "To DE89 3704 0044 0532 0130 00, as ever.", source="bank.csv")
    assert failed([*base_rows(), bad], []) == ["no account numbers"]


@pytest.mark.usefixtures("pinned_base")
def test_a_correction_of_a_prompt_that_has_an_answer_is_left_out_where_that_is_refused() -> None:
    rows = base_rows()
    bad = accepted(rows[0].prompt_text, "Another answer.")
    assert failed(rows, [bad], conflicts="refuse") == []
    assert bad.id not in kept()


@pytest.mark.usefixtures("pinned_base")
def test_an_accepted_prompt_that_holds_an_eval_items_words_is_not_trained_on() -> None:
    rows = base_rows()
    assert failed(rows, []) == []
    items = [one for one in parts()[Split.SEALED] if one.source == "bank.csv"][:9]
    bad = [
        accepted(
            f"{made_words(f'long {i}')} {made_words(f'longer {i}')} {item.prompt_text}",
            f"It is {i}.",
        )
        for i, item in enumerate(items)
    ]
    assert failed(rows, bad) == []
    assert not {one.id for one in bad} & {one.id for one in parts()[Split.TRAIN]}


@pytest.mark.usefixtures("pinned_base")
def test_an_accepted_item_that_a_training_row_holds_is_no_item() -> None:
    rows = base_rows()
    assert failed(rows, []) == []
    taught = [one for one in parts()[Split.TRAIN] if one.source == "bank.csv"][:12]
    bad = [
        accepted(" ".join(one.prompt_text.split()[2:8]), f"It is {i}.")
        for i, one in enumerate(taught)
    ]
    assert failed(rows, bad) == []
    base = {one.id for one in rows} & kept()
    assert base >= {one.id for one in taught}
