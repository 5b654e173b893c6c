"""How far an answer has the words of its reference: ROUGE for every script, and equal texts."""

from collections.abc import Sequence
from functools import cache

from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer

from project.unicode_words import words

TYPES = ("rouge1", "rouge2", "rougeL", "rougeLsum")


class UnicodeTokenizer:
    """Splits any script into words; on ASCII it agrees with rouge-score's own tokenizer."""

    def __init__(self, stem: bool) -> None:
        # Texts repeat their words, and a stem takes far longer than a look-up.
        self.stem = cache(PorterStemmer().stem) if stem else None

    def tokenize(self, text: str) -> list[str]:
        tokens = words(text)
        if self.stem is None:
            return tokens
        return [self.stem(word) if len(word) > 3 else word for word in tokens]


def rouge(
    predictions: Sequence[str],
    references: Sequence[str],
    types: Sequence[str] = TYPES,
    *,
    stem: bool = True,
) -> dict[str, list[float]]:
    """F-measures (Lin 2004), {type: [n]} for n predictions and their references."""
    scorer = RougeScorer(list(types), tokenizer=UnicodeTokenizer(stem))
    scores = [
        scorer.score(reference, prediction)
        for reference, prediction in zip(references, predictions, strict=True)
    ]
    return {name: [score[name].fmeasure for score in scores] for name in types}


def same_text(prediction: str, reference: str) -> bool:
    """Whether they are equal but for case and white space."""
    return prediction.casefold().split() == reference.casefold().split()
