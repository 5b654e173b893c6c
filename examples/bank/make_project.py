"""Lindmoor Bank's project in a new folder, as a user makes one: files, git, DVC, documents."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from curation.checks.relevance import SUITES
from curation.curation_settings import CurateParams
from examples.bank.dealing import Dealt, Sizes, deal
from examples.bank.facts import DOCUMENTS, HERE
from examples.bank.make_rows import dealt_fields, write_lines
from examples.bank.rows import document_rows, rows
from incumbent.init.new_folder import POISONED, TEMPLATES, new_folder, start
from incumbent.project_files import copy_project
from project.model_pins import BaseChoice
from project.settings import PARAMS, load

Changes = Mapping[str, Mapping[str, Any]]  # settings by section

SOURCES = Path("datasets/sources")
ROWS = SOURCES / "rows.jsonl"
# Of what a project begins with only so much is taken, to save time: general questions that are
# rehearsed, and of each file of a suite.
REHEARSED, OF_A_FILE = 60, 12


def make_project(
    to: Path, dealt: Dealt, changes: Changes = MappingProxyType({}), of_a_file: int = OF_A_FILE
) -> None:
    """Make the folder if it is not there, and go into it; `changes` are to its settings."""
    enter_project(to, lambda: fill(dealt, to, changes, of_a_file))


def enter_project(to: Path, fill_it: Callable[[], None]) -> None:
    """Make the folder if it is not there, and go into it."""
    if not to.exists():
        with new_folder(to):
            fill_it()
    os.chdir(to)


def dealt_rows(sizes: Sizes) -> Dealt:
    """Of the form without passages."""
    return deal(rows(), document_rows(), curate_params(), sizes)


def curate_params() -> CurateParams:
    curation = yaml.safe_load((HERE / "project" / PARAMS.name).read_text())["curation"]
    return CurateParams.model_validate(curation["curate"])


def fill(dealt: Dealt, to: Path, changes: Changes, of_a_file: int) -> None:
    """Write the project into the current folder, which will be moved to its place."""
    copy_project(Path(), sample=False)
    shutil.copy(HERE / "project" / PARAMS.name, PARAMS)
    if changes:
        configure(changes)
    shutil.copy(HERE / "project" / "bank.yaml", "datasets/contracts/bank.yaml")
    shorten(SOURCES / "rehearsal.jsonl", REHEARSED)
    shorten_suites(of_a_file)
    if load(BaseChoice).evidence_template:
        shutil.copy(TEMPLATES / POISONED.name, POISONED)
    write_lines(ROWS, dealt_fields(dealt.project))
    start([ROWS], "Start with Lindmoor Bank's rows", to)
    bring_in(DOCUMENTS, "--as", "manual")


def configure(changes: Changes) -> None:
    """Change settings of params.yaml, as a user would by hand."""
    params: dict[str, Any] = yaml.safe_load(PARAMS.read_bytes())
    for section, values in changes.items():
        node = params
        for key in section.split("."):
            node = node.setdefault(key, {})
        node |= values
    PARAMS.write_text(yaml.safe_dump(params, sort_keys=False))


def bring_in(*arguments: object) -> None:
    """Import files as `incumbent data import` does."""
    subprocess.run(["incumbent", "data", "import", *map(str, arguments)], check=True)


def shorten_suites(of_a_file: int) -> None:
    for suite in SUITES:
        for file in Path("datasets", suite).glob("*.jsonl"):
            shorten(file, of_a_file)


def shorten(path: Path, lines: int) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:lines]))
