"""Language, as far as it shows in the script that a prompt is written in."""

import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from monitoring.signals.signal import Batch, Direction, Floats, one_hot

# The first word of a letter's Unicode name; all the others count as one.
SCRIPTS = (
    *("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "BENGALI", "TAMIL"),
    *("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI"),
)
OTHER, NONE = len(SCRIPTS), len(SCRIPTS) + 1


@dataclass(frozen=True)
class Script:
    """The script of most of a prompt's letters; a language that shares its script with another is
    left to the signals that look at words and meanings."""

    scripts: NDArray[np.str_]

    name: ClassVar[str] = "script"
    direction: ClassVar[Direction] = "any"
    weight: ClassVar[int] = 1
    shares: ClassVar[bool] = True

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        return None if index.prompts is None else cls(np.array(SCRIPTS))

    def columns(self, batch: Batch) -> Floats:
        assert batch.prompts is not None
        labels = np.array([script_of(text) for text in batch.prompts], np.int64)
        return one_hot(labels, len(SCRIPTS) + 2)


def script_of(text: str) -> int:
    """Its number in SCRIPTS; OTHER for one that is not there, NONE where there are no letters."""
    found = Counter(script for char in text if (script := letter(char)) is not None)
    return found.most_common(1)[0][0] if found else NONE


@lru_cache(maxsize=4096)
def letter(char: str) -> int | None:
    if not char.isalpha():
        return None
    name = unicodedata.name(char, "").split(" ")[0]
    return SCRIPTS.index(name) if name in SCRIPTS else OTHER
