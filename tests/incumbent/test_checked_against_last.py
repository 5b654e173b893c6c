"""In a project, rows are held against those of the last submitted version, by themselves."""

import re
import shutil
from pathlib import Path

import pytest

from curation.checks.gate_message import FailingExamples
from curation.gate import main as gate
from project.canonical import digest_bytes
from project.paths import GATE_EXAMPLES, GATE_PAGE, GATE_REPORT, rows_of
from project.records.data import Check, GateReport, Row, Severity, Split
from project.records.record import write_records
from registry.store import Registry
from tests.bank_files import Bank
from tests.conftest import ROOT
from tests.incumbent.test_check_data import good, told, write
from tests.review.test_challenger_rows import FILE, FOLDER, cache, trained

CHECK = "the rows' words are those of the last version"
FISH = [("Who sells fish?", "The market sells fish."), ("What is cod?", "A fish of cold seas.")]


def rows(pairs: list[tuple[str, str]]) -> list[Row]:
    return [Row.of(*pair, group=f"{i}", source="t") for i, pair in enumerate(pairs)]


@pytest.mark.parametrize(("last", "passes"), [(list(Bank().pairs(200)), True), (FISH * 60, False)])
def test_drift_is_measured_without_naming_the_last_version(
    last: list[tuple[str, str]], passes: bool, tmp_path: Path
) -> None:
    Path("params.yaml").write_text("version: 2\nregistry: {family: test}\n")
    with Registry(tmp_path / "home" / "registry", "test") as registry:
        trained(registry, tmp_path, "a", rows(last), f"{FOLDER}.dir")
    cache(FOLDER, FILE, rows(last))
    check = told(write("rows.jsonl", good()))["checks"][CHECK]
    assert (check["passed"], check["measured"]) == (passes, True)
    assert check["observed"].endswith("held against test v1")


def test_without_the_last_versions_rows_drift_is_not_measured(tmp_path: Path) -> None:
    Path("params.yaml").write_text("version: 2\nregistry: {family: test}\n")
    with Registry(tmp_path / "home" / "registry", "test") as registry:
        trained(registry, tmp_path, "a", rows(FISH), f"{FOLDER}.dir")
    assert not told(write("rows.jsonl", good()))["checks"][CHECK]["measured"]


@pytest.mark.parametrize(
    ("last", "rows_now", "told"),
    [
        (FISH * 60, "other", "shift is 0.[3-9].*, held against test v1"),
        (FISH * 60, "a", None),  # the version has these very rows
        (list(Bank().pairs(200)), "other", None),
    ],
)
def test_the_gate_tells_how_far_rows_are_from_the_last_submitted_ones(
    last: list[tuple[str, str]],
    rows_now: str,
    told: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A stage does not depend on the registry, so `validate` alone has nothing to compare with."""
    Path("params.yaml").write_text(
        "version: 2\nregistry: {family: test}\n"
        "curation: {curate: {}, validate: {contract: datasets/contracts/sft.yaml}}\n"
    )
    shutil.copytree(ROOT / "datasets" / "contracts", "datasets/contracts")
    with Registry(tmp_path / "home" / "registry", "test") as registry:
        trained(registry, tmp_path, "a", rows(last), f"{FOLDER}.dir")
    cache(FOLDER, FILE, rows(last))
    for part in Split:
        now = Bank().pairs(200) if part is Split.TRAIN else []
        write_records(rows_of(part), rows(list(now)))
    unmeasured = Check(
        name=CHECK,
        severity=Severity.WARNING,
        passed=True,
        limit="shift: at most 0.2",
        observed="no last version to compare with",
        column="shift",
        unmeasured=True,
    )
    GateReport(
        dataset_rows=digest_bytes(rows_now.encode()),
        contract="c" * 64,
        row_count=200,
        checks=(unmeasured,),
    ).write(GATE_REPORT)
    FailingExamples(contract="c", of={}).write(GATE_EXAMPLES)
    gate()
    printed, page = capsys.readouterr().out, GATE_PAGE.read_text()
    assert re.search(f"warning: .*{told}", printed) if told else "warning" not in printed
    assert re.search(f"{told}; the limit is", page) if told else "with 1 warning" not in page
    assert ("no last version" in page) is (rows_now == "a")
