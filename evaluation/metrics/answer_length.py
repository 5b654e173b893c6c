"""How long an answer is, for metrics that length may explain."""

import unicodedata

from evaluation.metrics.per_item import PerItem, Values
from project.unicode_words import words


class AnswerLength(PerItem):
    """Words and characters of the answer; neither more nor less of them is better.

    compute(predictions=texts) -> {"words": [n], "characters": [n]}. In scripts without spaces a
    character is a word; a letter with its accent is one character.
    """

    neither_is_better = ("words", "characters")
    description = "Words and characters per item."
    citation = "Unicode Standard Annex 15, normalisation form C."
    columns = ("predictions",)

    def _compute(self, predictions: list[str]) -> Values:
        return {
            "words": [float(len(words(text))) for text in predictions],
            "characters": [float(len(unicodedata.normalize("NFC", t))) for t in predictions],
        }
