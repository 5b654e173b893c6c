"""What the pipeline can score with: our scorers, and the columns that any scorer may ask for.

A new scorer is a file in `evaluation/metrics/` and a line here; so is a new column.
"""

import ast
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

from project.canonical import canonical_json
from project.records.data import Row
from project.records.scores import Better, Ends

if TYPE_CHECKING:
    from evaluation.generation.answers import Answer

SCORERS = {
    "rouge": "evaluation.metrics.rouge:Rouge",
    "semantic": "evaluation.metrics.semantic:SemanticSimilarity",
    "token_f1": "evaluation.metrics.token_f1:TokenF1",
    "facts": "evaluation.metrics.facts.facts_kept:FactsKept",
    "json": "evaluation.metrics.json_schema:JsonSchema",
    "assertions": "evaluation.metrics.assertions:Assertions",
    "macro_f1": "evaluation.metrics.macro_f1:MacroF1",
    "perplexity": "evaluation.metrics.reference_perplexity:ReferencePerplexity",
    "bits_per_byte": "evaluation.metrics.bits_per_byte:BitsPerByte",
    "refusal": "evaluation.metrics.refusal:Refusal",
    "length": "evaluation.metrics.answer_length:AnswerLength",
}


class Column(NamedTuple):
    """One entry an item: its type, as `datasets` names it, and where it comes from."""

    type: str
    of: "Callable[[Row, Answer], str | int | float | None]"


COLUMNS = {
    "prompts": Column("string", lambda row, _: row.prompt_text),
    "predictions": Column("string", lambda _, answer: answer.text),
    "references": Column("string", lambda row, _: row.completion_text),
    "prompt_tokens": Column("int64", lambda _, answer: answer.prompt_tokens),
    # Generated, the end token included.
    "tokens": Column("int64", lambda _, answer: answer.tokens),
    # What has to hold for the answer, as a list in JSON, and the slices, as an object in JSON.
    "assertions": Column("string", lambda row, _: row.assertions_text),
    "slices": Column("string", lambda row, _: canonical_json(row.slices).decode()),
    # Mean log-probability of a reference token, in nats.
    "reference_logprobs": Column("float64", lambda _, answer: answer.reference_logprob),
    # Of the reference as the system reads it, the end token included.
    "reference_tokens": Column("int64", lambda _, answer: answer.reference_tokens),
}


def better_by(scorer: object) -> dict[str, Better]:
    """Which way each of its metrics is better, as far as a scorer's class says."""
    ways: tuple[Better, ...] = ("more", "less", "neither")
    return {name: way for way in ways for name in getattr(scorer, f"{way}_is_better", ())}


@cache
def better_by_ours() -> dict[str, Better]:
    """Which way each metric of our scorers is better.

    Read from the files of their classes: importing them takes libraries that not everybody has.
    """
    return {name: way for found in our_classes() for name, way in better_by(found).items()}


def ranges_by(scorer: object) -> dict[str, Ends]:
    """The least and the most that each of its metrics can be, as far as a scorer's class says."""
    return {name: (low, high) for name, low, high in getattr(scorer, "ranges", ())}


@cache
def ranges_by_ours() -> dict[str, Ends]:
    """The same of all metrics of our scorers."""
    return {name: ends for found in our_classes() for name, ends in ranges_by(found).items()}


@cache
def per_token_by_ours() -> frozenset[str]:
    """The metrics of our scorers that are means over tokens."""
    return frozenset(name for found in our_classes() for name in getattr(found, "per_token", ()))


def our_classes() -> Iterator[SimpleNamespace]:
    yield from map(our_class, SCORERS)


def our_class(scorer: str) -> SimpleNamespace:
    """What the class of one of SCORERS sets to literal values."""
    module, _, name = SCORERS[scorer].partition(":")
    spec = find_spec(module)
    assert spec and spec.origin, "our scorers are installed with us"
    return read_class(Path(spec.origin), name)


def read_class(file: Path, name: str) -> SimpleNamespace:
    """What a class sets to literal values, without importing it; nothing if it is not there."""
    found = SimpleNamespace()
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            for line in node.body:
                if isinstance(line, ast.Assign | ast.AnnAssign) and line.value:
                    target = line.target if isinstance(line, ast.AnnAssign) else line.targets[0]
                    with suppress(ValueError):  # no literal
                        setattr(found, ast.unparse(target), ast.literal_eval(line.value))
    return found
