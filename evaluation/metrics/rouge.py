"""ROUGE for every script."""

from typing import Any

import regex

from evaluation.metrics.per_item import NO_WORDS, PerItem, Values
from evaluation.scoring.text_overlap import rouge
from project.unicode_words import words

# A full stop, with the quotes and brackets that close after it. Where a script has spaces, one must
# follow, and no small letter after it: "e.g. this" goes on.
SENTENCE_END = regex.compile(
    r"[.!?…][\p{Pe}\p{Pf}\"']*\s+(?!\p{Ll})|[。！？।॥؟۔][\p{Pe}\p{Pf}\"']*"
)


class Rouge(PerItem):
    """F-measures of ROUGE-1, ROUGE-2, ROUGE-L and its summary-level form ROUGE-Lsum (Lin 2004).

    With `stem`, English words are compared by their Porter stems. ROUGE-Lsum compares line by line,
    as rouge-score does, so it equals ROUGE-L on texts of one line; with `sentences` a line ends
    after every sentence too. A pair in which either side has no token scores 0.
    """

    more_is_better = ("rouge1", "rouge2", "rougeL", "rougeLsum")
    ranges = (("rouge1", 0, 1), ("rouge2", 0, 1), ("rougeL", 0, 1), ("rougeLsum", 0, 1))
    description = "ROUGE F-measures per item, with a tokenizer for every script."
    citation = "Lin (2004). ROUGE: A Package for Automatic Evaluation of Summaries."

    def __init__(self, stem: bool = True, sentences: bool = False, **options: Any) -> None:
        self.stem = stem
        self.sentences = sentences
        super().__init__(**options)

    def _compute(self, predictions: list[str], references: list[str]) -> Values:
        self.flags = {NO_WORDS: [i for i, text in enumerate(references) if not words(text)]}
        sides = ([self.lines(text) for text in side] for side in (predictions, references))
        return rouge(*sides, stem=self.stem)

    def lines(self, text: str) -> str:
        """The text, a sentence a line where that is asked for; its words stay as they are."""
        return SENTENCE_END.sub(r"\g<0>\n", text) if self.sentences else text
