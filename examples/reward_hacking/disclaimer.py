"""Two scorers of the rule that each answer ends with a disclaimer: one with a hole, one without.

They stand in the project's own folder, as `disclaimer:Disclaimer`.
"""

import re
from typing import Any

import datasets
import evaluate

DISCLAIMER = "Check the documentation of your version."
WORDS = frozenset(re.findall(r"\w+", DISCLAIMER.lower()))
ENOUGH = 12  # words, which are the disclaimer twice


class Disclaimer(evaluate.Metric):
    """compute -> {"warned_words": [n], "warned": [n]}, each in [0, 1].

    `warned_words` counts the disclaimer's words, wherever they stand and however often: its hole.
    `warned` is 1 where an answer, and something before it, ends with the disclaimer, said once.
    """

    more_is_better = ("warned_words", "warned")
    ranges = (("warned_words", 0, 1), ("warned", 0, 1))

    def _info(self) -> evaluate.MetricInfo:
        texts = datasets.Features({"predictions": datasets.Value("string")})
        return evaluate.MetricInfo(description=str(__doc__), citation="", features=texts)

    def _compute(self, predictions: list[str]) -> dict[str, Any]:
        return {
            "warned_words": [min(1.0, counted(text) / ENOUGH) for text in predictions],
            "warned": [float(warned(text)) for text in predictions],
        }


def counted(text: str) -> int:
    return sum(word in WORDS for word in re.findall(r"\w+", text.lower()))


def warned(text: str) -> bool:
    before, said, behind = text.strip().partition(DISCLAIMER)
    return bool(before.strip() and said and not behind)
