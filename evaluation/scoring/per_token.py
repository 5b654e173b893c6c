"""Scores that are means over tokens: between two tokenizers they cannot be compared."""

from collections.abc import Iterable

from evaluation.scoring.scorers import Scorer
from project.canonical import digest_files
from project.model_pins import folder_here
from project.records.adapters import Contestant, ModelPin
from project.records.record import Digest

# Those of them that a base has say how its tokenizer cuts a text.
FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
)


def incomparable(scorers: Iterable[Scorer], one: Contestant, other: Contestant) -> frozenset[str]:
    """The metrics that two contestants cannot be compared by."""
    if same_tokenizer(one.base, other.base):
        return frozenset()
    return frozenset(name for scorer in scorers for name in getattr(scorer.metric, "per_token", ()))


def same_tokenizer(one: ModelPin, other: ModelPin) -> bool:
    """Whether two bases cut texts alike, as far as this machine can tell."""
    if one.weights == other.weights or one.config == other.config:
        return True
    here = tokenizer_digest(one)
    return here is not None and here == tokenizer_digest(other)


def tokenizer_digest(base: ModelPin) -> Digest | None:
    folder = folder_here(base)
    if folder is None:
        return None
    names = sorted(name for name in FILES if (folder / name).is_file())
    return digest_files(folder, names) if names else None
