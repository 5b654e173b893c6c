"""Every planted defect is found by the check that it is meant for, and clean rows are let alone."""

import json
import os
import subprocess
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from curation.curation_settings import CurateParams
from curation.sifting import clean, sifted
from curation.sources.row_formats import read_rows
from project.records.data import Row
from tests.curation.planted.forms import MAIN
from tests.curation.planted.planting import (
    EVAL,
    CleanLines,
    Planted,
    clean_lines,
    plant,
    write_shuffled,
)

TOUCHED = 0.01  # of the clean rows at most

pytestmark = pytest.mark.slow  # loads the embedder


@dataclass(frozen=True)
class Checked:
    """What the checks said of the planted files."""

    planted: list[Planted]
    checks: dict[str, dict[str, Any]]  # by file, the checks by name
    clean: CleanLines

    def named(self, file: str) -> dict[str, set[str]]:
        """The ids that the checks of each column name."""
        found: dict[str, set[str]] = defaultdict(set)
        for check in self.checks[file].values():
            found[check["column"] or ""].update(check["failing_rows"])
        return found

    def missed(self, *, held_out: bool) -> list[str]:
        named = {file: self.named(file) for file in self.checks}
        return [
            str(one)
            for one in self.planted
            if one.held_out is held_out and not set(one.ids) <= named[one.file][one.column]
        ]


@pytest.fixture(scope="module")
def clean_ones() -> CleanLines:
    return clean_lines()


@pytest.fixture(scope="module")
def checked(
    clean_ones: CleanLines, warm_bin: Path, tmp_path_factory: pytest.TempPathFactory
) -> Checked:
    folder = tmp_path_factory.mktemp("planted")
    planted = plant(folder, clean_ones)
    files = [name for name in clean_ones if name != EVAL]
    checks = {name: checks_of(folder, name, warm_bin / "incumbent") for name in files}
    return Checked(planted, checks, clean_ones)


def checks_of(folder: Path, file: str, incumbent: Path) -> dict[str, Any]:
    """The checks of `incumbent data check`, by name; it may fail, since the file is dirty."""
    compared = ["--eval", EVAL] if file == MAIN else []
    run = subprocess.run(
        [incumbent, "data", "check", file, *compared, "--json"],
        cwd=folder,
        env=os.environ | {"INCUMBENT_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
    )
    assert run.returncode in (0, 1), run.stderr
    return dict(json.loads(run.stdout)["checks"])


@pytest.fixture(scope="module")
def clean_rows(clean_ones: CleanLines, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    path = tmp_path_factory.mktemp("clean") / MAIN
    write_shuffled(path, [[line] for line in clean_ones[MAIN]])
    return list(read_rows(path))


def share(ids: Collection[object], rows: Collection[object]) -> float:
    return len(ids) / len(rows)


def test_every_defect_of_a_form_for_tuning_is_found(checked: Checked) -> None:
    assert checked.missed(held_out=False) == []


def test_nearly_every_defect_of_a_held_out_form_is_found(checked: Checked) -> None:
    """Of 112; whoever tunes a check until all are found has none left that are held out."""
    assert len(checked.missed(held_out=True)) <= 8, checked.missed(held_out=True)


def test_no_check_that_fails_names_more_than_a_hundredth_of_the_clean_rows(
    checked: Checked,
) -> None:
    clean = {line["id"] for line in checked.clean[MAIN]}
    shares = {
        name: share(clean.intersection(check["failing_rows"]), clean)
        for name, check in checked.checks[MAIN].items()
        if not check["passed"]
    }
    assert {name: found for name, found in shares.items() if found > TOUCHED} == {}


def test_cleaning_changes_hardly_a_clean_row(clean_rows: list[Row]) -> None:
    assert share([row for row in clean_rows if clean(row) != row], clean_rows) <= TOUCHED


def test_cleaning_removes_hardly_a_clean_row(clean_rows: list[Row]) -> None:
    _, left_out = sifted(clean_rows, CurateParams(), {})
    assert share(left_out, clean_rows) <= TOUCHED, Counter(left_out.values())
