"""ROUGE as an `evaluate` metric with a value for every item, for every script."""

import unicodedata
from typing import Any

import datasets
import evaluate
import regex
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer

# A character of a script that is written without spaces, or a run of letters, marks and digits.
TOKEN = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*"
    r"|[[\p{L}\p{M}\p{N}]--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]+",
    regex.V1,
)
TYPES = ["rouge1", "rougeL"]


class UnicodeTokenizer:
    """Splits any script into words; on ASCII it agrees with rouge-score's own tokenizer."""

    def __init__(self, stem: bool) -> None:
        self.stemmer = PorterStemmer() if stem else None

    def tokenize(self, text: str) -> list[str]:
        words: list[str] = TOKEN.findall(unicodedata.normalize("NFC", text).lower())
        if self.stemmer is None:
            return words
        return [self.stemmer.stem(word) if len(word) > 3 else word for word in words]


class Rouge(evaluate.Metric):
    """F-measures of ROUGE-1 and ROUGE-L (Lin 2004), one value an item.

    compute(predictions=texts, references=texts) -> {"rouge1": [n], "rougeL": [n]}.
    With `stem`, English words are compared by their Porter stems. A pair in which either side has
    no token scores 0.
    """

    def __init__(self, stem: bool = True, **options: Any) -> None:
        self.stem = stem
        super().__init__(**options)

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description="ROUGE-1 and ROUGE-L F-measures per item, with a Unicode-aware tokenizer.",
            citation="Lin (2004). ROUGE: A Package for Automatic Evaluation of Summaries.",
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, list[float]]:
        scorer = RougeScorer(TYPES, tokenizer=UnicodeTokenizer(self.stem))
        scores = [
            scorer.score(reference, prediction)
            for reference, prediction in zip(references, predictions, strict=True)
        ]
        return {name: [score[name].fmeasure for score in scores] for name in TYPES}
