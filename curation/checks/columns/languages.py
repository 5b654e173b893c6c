"""Rows in another language than the others."""

from curation.checks.columns.repeats import NONE
from curation.checks.columns.row_texts import RowTexts
from curation.faults.language import other_language


def other_languages(texts: RowTexts) -> list[str]:
    return [odd or NONE for odd in other_language(texts.rows)]
