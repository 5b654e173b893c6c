"""In a project, a file is held against the rows of the last submitted version, by itself."""

from pathlib import Path

import pytest

from project.records.data import Row
from registry.store import Registry
from tests.bank_files import Bank
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
