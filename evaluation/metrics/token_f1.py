"""Token F1 and exact match, for short answers: classification, extraction, questions."""

from collections import Counter

from evaluation.metrics.per_item import NO_WORDS, PerItem, Values
from evaluation.scoring.phrases import normalised


class TokenF1(PerItem):
    """F1 of the tokens that prediction and reference share, and whether they are equal.

    compute -> {"token_f1": [n], "exact_match": [n]}, each in [0, 1]. Both are taken after SQuAD's
    normalisation: lower case, no punctuation, no English articles; scripts without spaces are
    split into characters, as in MLQA. Without tokens on a side, F1 says whether both have none.
    """

    more_is_better = ("token_f1", "exact_match")
    ranges = (("token_f1", 0, 1), ("exact_match", 0, 1))
    description = "Token F1 and exact match per item, normalised as in SQuAD, for every script."
    citation = (
        "Rajpurkar et al. (2016). SQuAD; Rajpurkar et al. (2018). SQuAD 2.0; "
        "Lewis et al. (2020). MLQA."
    )

    def _compute(self, predictions: list[str], references: list[str]) -> Values:
        pairs = [
            (normalised(prediction), normalised(reference))
            for prediction, reference in zip(predictions, references, strict=True)
        ]
        self.flags = {NO_WORDS: [i for i, (_, reference) in enumerate(pairs) if not reference]}
        return {
            "token_f1": [f1(prediction, reference) for prediction, reference in pairs],
            "exact_match": [float(prediction == reference) for prediction, reference in pairs],
        }


def f1(prediction: list[str], reference: list[str]) -> float:
    """Harmonic mean of precision and recall of the reference's tokens, as often as they occur."""
    if not prediction or not reference:
        return float(prediction == reference)
    shared = (Counter(prediction) & Counter(reference)).total()
    return 2 * shared / (len(prediction) + len(reference))
