"""Whether rows are in English, which is what the embedded models read."""

from collections.abc import Iterable

from project.model_pins import EMBEDDED, BaseChoice
from project.records.data import Row
from project.unicode_words import words

# The most frequent words of English texts, without those of other languages ("in", "a", "was").
FREQUENT = """
    the of and to is it you that for are with as i they be have this from or but not what we
    when your can there which how their if will about out then these some would into has more
    could my than been who its did get does where why should please
"""
SHARE = 0.12  # of all words at least: English texts have 0.28 and more, Dutch ones 0.05
LEAST = 5  # words of a prompt; of a shorter one, the answer is looked at too


def is_english(rows: Iterable[Row]) -> bool:
    """Whether they are, or nearly half of them; what is too short to tell is taken for English."""
    frequent = frozenset(FREQUENT.split())
    told = [word for row in rows if len(found := told_words(row)) >= LEAST for word in found]
    return sum(word in frequent for word in told) >= SHARE * len(told)


def told_words(row: Row) -> list[str]:
    """Of the prompt alone, if that is enough: an answer may be code, or the name of a class."""
    asked = words(row.prompt_text)
    return asked if len(asked) >= LEAST else [*asked, *words(row.completion_text)]


def language_notes(rows: Iterable[Row], base: BaseChoice) -> list[str]:
    """What to name in place of the embedded models where the rows are not in English."""
    if is_english(rows):
        return []
    found = [
        "most rows seem not to be in English, the one language of the embedded embedder: name "
        "another in params.yaml, embedder.model and its revision, such as "
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
    ]
    if base.model == EMBEDDED:
        found.append(
            "the embedded base reads English alone too: name another with --base and --revision, "
            "such as Qwen/Qwen2.5-0.5B-Instruct"
        )
    return found
