"""The gate names the check, the count and the rows, and stops on what is critical."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from curation.checks.contract import Contract, check
from curation.checks.contract_tables import tables_of
from curation.checks.relevance import CheckReferences
from curation.faults.private_data import personal_data
from curation.validate import main as validate
from project.errors import InputError
from project.paths import GATE_REPORT, TOKENS
from project.personal_data import NO_CONTACTS
from project.records.data import Check, DatasetVersion, GateReport, Row, Severity, Split, TokenCount
from project.records.record import write_records
from project.settings import read_settings
from tests.bank_files import WORDS
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("warm")

CONTRACT = ROOT / "datasets" / "contracts" / "sft.yaml"


def row(name: str, completion: str = "A plain answer.", **about: str) -> Row:
    """A row whose words no other has, by its name."""
    fields = {"group": name, "source": "test"} | about
    answer = f"{completion} {made_words(f'answer {name}')}." if completion else ""
    return Row.of(f"What is {made_words(name)}?", answer, **fields)


def made_words(name: str) -> str:
    """Eight words, by a name: hardly any of those that another name gives."""
    return " ".join(Random(name).sample(WORDS, 8))


PER_PART = 170


def good_parts() -> dict[Split, list[Row]]:
    return {part: [row(f"{part}-{i}") for i in range(PER_PART)] for part in Split}


def outcome(parts: dict[Split, list[Row]]) -> dict[str, Check]:
    return {
        c.name: c
        for c in check(tables_of(parts, CheckReferences()), read_settings(Contract, CONTRACT))
    }


def test_good_rows_pass_every_check() -> None:
    assert [c for c in outcome(good_parts()).values() if not c.passed] == []


CHATTY = row("chatty", "Sure, here is what you asked for.")
NO_ANSWERS = [row(f"empty-{i}", "") for i in range(300)]
BAD = {
    "no account numbers": row("account", "The card is 4111 1111 1111 1111 as of now."),
    "no secrets": row("secret", "The password is Hunter2!, as ever."),
    "no group stands on two sides of the split": row("group", group="sealed-0"),
    "no evaluation prompt is trained on": row(
        "sealed-0", "Another answer of quite some words.", group="x"
    ),
    "no completion is empty": NO_ANSWERS[0],
}


@pytest.fixture(scope="module")
def faulty() -> dict[str, Check]:
    """What is said of good rows with one of each fault among them, and many without an answer."""
    parts = good_parts()
    calls = [row(f"call-{i}", f"Call 030 123456{i} for this.") for i in range(2)]
    parts[Split.TRAIN] += [*BAD.values(), *NO_ANSWERS[1:], CHATTY, *calls]
    parts[Split.DEV] += [row("mail", "Write to jane.doe@some-bank.com for this.")]
    return outcome(parts)


@pytest.mark.parametrize("name", BAD)
def test_a_critical_fault_is_found_and_its_row_named(faulty: dict[str, Check], name: str) -> None:
    assert not faulty[name].passed
    assert faulty[name].severity is Severity.CRITICAL
    assert BAD[name].id in faulty[name].failing_rows


def test_a_part_that_is_missing_is_critical() -> None:
    missing = outcome({Split.TRAIN: [row("a")], Split.DEV: [], Split.SEALED: [row("b")]})
    found = missing["all three parts are there"]
    assert (found.passed, found.severity) == (False, Severity.CRITICAL)


def test_a_chatbots_phrases_are_a_warning(faulty: dict[str, Check]) -> None:
    found = faulty["completions do not open with a chatbot's phrases"]
    assert (found.passed, found.severity) == (False, Severity.WARNING)
    assert found.failing_rows == (CHATTY.id,)


def test_what_was_found_is_told_by_kind_and_never_itself(faulty: dict[str, Check]) -> None:
    found = faulty["no e-mail addresses, phone numbers or IP addresses"]
    count = 3 * PER_PART + len(BAD) + len(NO_ANSWERS) + 3
    told = f"3 of {count} rows fail (2 × phone number, 1 × e-mail address)"
    assert (found.observed, found.column) == (told, "contact_data")


def test_every_failing_row_is_listed_however_many(faulty: dict[str, Check]) -> None:
    assert len(faulty["no completion is empty"].failing_rows) == 300


def test_a_check_that_crashes_is_told_from_one_that_fails() -> None:
    Path("c.yaml").write_text(
        "name: c\nchecks:\n  - name: n\n    severity: critical\n"
        "    expectation: expect_column_values_to_be_unique\n"
        "    arguments: {column: no_such_column}\n"
    )
    tables = tables_of({Split.TRAIN: [row("a")]}, CheckReferences())
    (found,) = check(tables, read_settings(Contract, Path("c.yaml")))
    assert not found.passed
    assert found.crashed is not None
    assert "no_such_column" in found.crashed


CHECK = (
    "  - name: {name}\n    severity: critical\n    expectation: {expectation}\n"
    "    arguments: {arguments}\n"
)
UNIQUE = {"expectation": "expect_column_values_to_be_unique", "arguments": "{column: id}"}


@pytest.mark.parametrize(
    ("checks", "complaint"),
    [
        (
            [UNIQUE | {"name": "n", "expectation": "expect_the_best"}],
            r"c\.yaml:5: checks\.0\.expectation: .*'expect_the_best'",
        ),
        (
            [UNIQUE | {"name": "n", "arguments": "{colunm: id}"}],
            r"(?s)c\.yaml:3: checks\.0: .*colunm",
        ),
        (
            [UNIQUE | {"name": "n"}, UNIQUE | {"name": "n", "arguments": "{column: group}"}],
            r"c\.yaml:3: checks: .*check 'n' repeats check 'n'",
        ),
        (
            [UNIQUE | {"name": "n"}, UNIQUE | {"name": "m"}],
            r"c\.yaml:3: checks: .*check 'm' repeats check 'n'",
        ),
    ],
)
def test_a_contract_that_cannot_be_checked_is_refused_with_its_line(
    checks: list[dict[str, str]], complaint: str
) -> None:
    text = "name: c\nchecks:\n" + "".join(CHECK.format(**check) for check in checks)
    Path("c.yaml").write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_settings(Contract, Path("c.yaml"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("call +49 30 1234 5678 now", "phone number"),
        ("to DE89 3704 0044 0532 0130 00 please", "IBAN"),
        ("4111-1111-1111-1111", "card number"),
        ("4111-1111-1111-1112", "none"),
        ("version 3.14.159 of 2026-11-24", "none"),
        ("http://127.0.0.1:8000 and root@example.com", "none"),
    ],
)
def test_personal_data_are_told_from_other_numbers(text: str, kind: str) -> None:
    row = Row.of("Where to?", text, group="g", source="s")
    assert (personal_data(row, NO_CONTACTS) or "none") == kind


LATE = """
import sys, curation.checks.contract
from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as kl
print(sorted({"altair", "scipy.stats", "sqlalchemy"} & sys.modules.keys()))
print(kl.stats.norm.name, kl.alt.Chart.__name__, "scipy.stats" in sys.modules)
import sqlalchemy
"""


def test_great_expectations_waits_for_no_charts_tests_or_databases() -> None:
    """Whoever uses some has them all the same."""
    done = subprocess.run(
        [sys.executable, "-c", LATE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "norm Chart True"]


@pytest.fixture
def stage() -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Run a stage as dvc would, in the current folder."""
    contract = Path("datasets/contracts/sft.yaml")
    contract.parent.mkdir(parents=True)
    shutil.copy(CONTRACT, contract)
    Path("params.yaml").write_text(
        f"curation: {{validate: {{contract: {contract}, embedded_rows: 0}}}}\n"
    )

    def run(name: str) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name("incumbent"), "stage", name]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def write_parts(parts: dict[Split, list[Row]]) -> None:
    for part, rows in parts.items():
        write_records(Path(f"datasets/curated/{part}.jsonl"), rows)
    every = [row for rows in parts.values() for row in rows]
    write_records(TOKENS, [TokenCount(row=row.id, prompt=9, completion=9) for row in every])


def test_validate_reports_and_the_gate_stops(
    stage: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    bad = [row(f"bad{i}", "") for i in range(7)]
    write_parts(good_parts() | {Split.TRAIN: bad})
    assert stage("validate").returncode == 0
    stopped = stage("gate")
    assert stopped.returncode == 1
    assert "SHUT" in Path("outputs/gate/report.html").read_text()
    assert "no completion is empty (critical): 7 of 347 rows fail" in stopped.stderr
    assert bad[0].id in stopped.stderr
    assert not Path("outputs/dataset.json").exists()


def test_an_open_gate_pins_the_dataset(
    stage: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    write_parts(good_parts())
    for name in ("validate", "gate"):
        assert stage(name).returncode == 0
    dataset = DatasetVersion.read(Path("outputs/dataset.json"))
    report = GateReport.read(Path("outputs/gate/report.json"))
    assert dataset.splits == dict.fromkeys(Split, PER_PART)
    assert dataset.rows == report.dataset_rows


@pytest.mark.parametrize(
    ("setting", "name", "told"),
    [
        ("too_long: refuse", "no row is longer than the base reads", "longer than base.max_length"),
        ("conflicts: refuse", "no prompt has two answers", "another answer to the prompt"),
    ],
)
def test_what_the_policy_refuses_is_named_all_at_once(setting: str, name: str, told: str) -> None:
    contract = Path("datasets/contracts/sft.yaml")
    contract.parent.mkdir(parents=True)
    shutil.copy(CONTRACT, contract)
    Path("params.yaml").write_text(
        "base: {max_length: 10}\n"
        f"curation: {{curate: {{{setting}}}, "
        f"validate: {{contract: {contract}, embedded_rows: 0}}}}\n"
    )
    twice = [row("what"), row("what", "Another plain answer.")]
    write_parts(good_parts() | {Split.TRAIN: twice})
    length = 9 if "too_long" in setting else 5
    write_records(
        TOKENS, [TokenCount(row=one.id, prompt=length, completion=length) for one in twice]
    )
    validate()
    (failed,) = GateReport.read(GATE_REPORT).failed(Severity.CRITICAL)
    assert (failed.name, set(failed.failing_rows)) == (name, {one.id for one in twice})
    assert told in failed.observed
