"""Rows of the sample project that have no defect: one of each family of near-duplicates."""

import re
from functools import cache
from pathlib import Path

from curation.kinship import family_names
from curation.sources.python_api import read_package
from curation.sources.row_formats import read_rows
from project.records.data import Row
from tests.curation.planted.defective_rows import DEFECTIVE
from tests.curation.planted.forms import Fields

REHEARSAL = Path(__file__).parents[3] / "datasets/sources/rehearsal.jsonl"
PACKAGES = ("numpy", "pandas", "scipy", "sklearn")
MAIN_ROWS, SUMMARY_ROWS, EVAL_ROWS = 1_100, 400, 100  # of the packages
MARKUP = re.compile(r"``|:\w+:`")  # of reStructuredText: left in some summaries


@cache
def summaries() -> tuple[Row, ...]:
    """One-sentence summaries, spread over the packages, in an order by digest."""
    rows = sorted((r for p in PACKAGES for r in read_package(p)), key=lambda row: row.id)
    found = {g: row for row, g in zip(rows, family_names(rows), strict=True)}
    return tuple(row for row in found.values() if is_clean(row))


def is_clean(row: Row) -> bool:
    return row.id not in DEFECTIVE and not MARKUP.search(row.completion_text)


def main_rows() -> list[Fields]:
    return fields_of((*summaries()[:MAIN_ROWS], *read_rows(REHEARSAL)))


def summary_rows() -> list[Fields]:
    return fields_of(summaries()[MAIN_ROWS : MAIN_ROWS + SUMMARY_ROWS])


def eval_rows() -> list[Fields]:
    first = MAIN_ROWS + SUMMARY_ROWS
    return fields_of(summaries()[first : first + EVAL_ROWS])


def fields_of(rows: tuple[Row, ...]) -> list[Fields]:
    return [
        {"id": row.id, "prompt": row.prompt_text, "completion": row.completion_text} for row in rows
    ]
