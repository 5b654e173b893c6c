"""Lindmoor Bank's project in a new folder, as a user makes one: files, git, DVC, documents."""

import os
import shutil
import subprocess
from pathlib import Path

import yaml

from curation.checks.suite_prompts import SUITES
from curation.curation_settings import CurateParams
from examples.bank.dealing import Dealt, Sizes, deal
from examples.bank.facts import DOCUMENTS, HERE
from examples.bank.make_rows import dealt_fields, write_lines
from examples.bank.rows import document_rows, rows
from incumbent.init.new_folder import start
from incumbent.project_files import copy_project
from project.files import staged_folder
from project.settings import PARAMS

SOURCES = Path("datasets/sources")
ROWS = SOURCES / "rows.jsonl"
# Of what a project begins with only so much is taken, to save time: general questions that are
# rehearsed, and of each file of a suite.
REHEARSED, OF_A_FILE = 60, 12


def make_project(to: Path, sizes: Sizes) -> Dealt:
    """Make the folder if it is not there, and go into it; returns what lies in it."""
    dealt = dealt_rows(sizes)
    if not to.exists():
        with staged_folder(to) as draft:
            here = Path.cwd()
            os.chdir(draft)
            try:
                fill(dealt, to)
            finally:
                os.chdir(here)
    os.chdir(to)
    return dealt


def dealt_rows(sizes: Sizes) -> Dealt:
    curation = yaml.safe_load((HERE / "project" / PARAMS.name).read_text())["curation"]
    params = CurateParams.model_validate(curation["curate"])
    return deal(rows(), document_rows(), params, sizes)


def fill(dealt: Dealt, to: Path) -> None:
    """Write the project into the current folder, which will be moved to its place."""
    copy_project(Path(), sample=False)
    shutil.copy(HERE / "project" / PARAMS.name, PARAMS)
    shutil.copy(HERE / "project" / "bank.yaml", "datasets/contracts/bank.yaml")
    shorten(SOURCES / "rehearsal.jsonl", REHEARSED)
    for suite in SUITES:
        for file in Path("datasets", suite).glob("*.jsonl"):
            shorten(file, OF_A_FILE)
    write_lines(ROWS, dealt_fields(dealt.project))
    start([ROWS], "Start with Lindmoor Bank's rows", to)
    bring_in(DOCUMENTS, "--as", "manual")


def bring_in(*arguments: object) -> None:
    """Import files as `incumbent data import` does."""
    subprocess.run(["incumbent", "data", "import", *map(str, arguments)], check=True)


def shorten(path: Path, lines: int) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:lines]))
