"""The scorers that params.yaml names, and what they give: values and warnings for every item."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import Field

from evaluation.evaluation_settings import MetricChoice, ScoringParams
from evaluation.generation.answers import Answer, as_shown
from evaluation.scoring.built_in import (
    COLUMNS,
    CONVERSATIONS,
    SCORERS,
    better_by,
    files,
    instance,
    misfit,
    ranges_by,
)
from project.canonical import digest_file, digest_files, digest_json
from project.errors import IncumbentError, InputError
from project.model_pins import folder_here
from project.progress import progress
from project.records.adapters import Contestant, ModelPin
from project.records.data import Row
from project.records.record import Digest, Record
from project.records.scores import Better, Ends, Flags, out_of_range

T = TypeVar("T")


class Sorted(Record):
    """What an item is by its reference, and by an answer; None: nothing that is known."""

    reference: str
    answer: str | None


class Scores(Record):
    """One system's scores: {metric: a value for every item, in their order}, and what is odd."""

    values: dict[str, tuple[float, ...]]
    labels: dict[str, tuple[Sorted | None, ...]] = Field(default={})  # of scores over all items
    flags: Flags = Flags()
    # Positions of items on which a metric could not be measured: their values count for nothing.
    unread: dict[str, tuple[int, ...]] = Field(default={})
    inapplicable: dict[str, tuple[int, ...]] = Field(default={})  # those of them by their reference


@dataclass(frozen=True)
class Scorer:
    """A metric, with the name and the position that it has in params.yaml.

    Its compute takes columns, lists of n, and returns {name: [n]}. Where it has `flags`, {what is
    odd: positions}, they speak of the items of its last compute; so does `labels`, {name: [n]}, for
    each a pair of labels, (the reference's, the answer's), or None, and `unread`, {name:
    positions}, for values that stand for what could not be measured. `inapplicable` names those of
    them that the metric does not apply to by the reference alone.
    """

    name: str
    at: int
    metric: Any  # an evaluate.Metric, which has no types
    columns: tuple[str, ...]

    @property
    def better(self) -> dict[str, Better]:
        return better_by(self.metric)

    @property
    def ranges(self) -> dict[str, Ends]:
        return ranges_by(self.metric)

    def can_read(self, answers: Sequence[Answer]) -> bool:
        """Whether they have what it asks for: some chat templates, and most servers, do not tell
        how likely a reference is.
        """
        asks = "reference_logprobs" in self.columns
        return not asks or all(answer.reference_logprob is not None for answer in answers)

    def is_about(self, row: Row) -> bool:
        """Of whole conversations, or of all other items."""
        return bool(row.scenario) is (CONVERSATIONS in self.columns)

    def misfit(self, problem: str) -> InputError:
        return misfit(self.at, f"{self.name} {problem}")


def load_scorers(params: ScoringParams, embedder: Path) -> list[Scorer]:
    """Make the scorers. Raises InputError naming the one that cannot be made, and why.

    `embedder` is the local folder of a sentence-transformers model.
    """
    return [load_scorer(choice, at, embedder) for at, choice in enumerate(params.metrics)]


def load_scorer(choice: MetricChoice, at: int, embedder: Path) -> Scorer:
    metric = instance(choice, at, embedder)
    metric.keep_in_memory = True  # else the columns go through a file in the user's cache
    metric.seed = 0  # else a metric that draws is seeded by the process
    features = metric.features[0] if isinstance(metric.features, list) else metric.features
    if unknown := [name for name in features if name not in COLUMNS]:
        problem = f"asks for {unknown[0]!r}; there are {', '.join(COLUMNS)}"
        raise misfit(at, f"{choice.metric} {problem}")
    return Scorer(choice.metric, at, metric, tuple(features))


def scorers_digest(params: ScoringParams) -> Digest:
    """Of all that decides the scores but our own code and the embedder, which others pin.

    A user's own scorer counts by the bytes of the file that its class stands in.
    """
    return digest_json(
        [
            [choice.model_dump(), [digest_file(file) for file in files(choice, at)]]
            for at, choice in enumerate(params.metrics)
        ]
    )


def score(scorers: Sequence[Scorer], rows: Sequence[Row], answers: Sequence[Answer]) -> Scores:
    """Score the answers to the rows, in the order of rows.

    Raises InputError for a scorer that does not give a finite number for every item, or one that
    its metric cannot be.
    """
    items = [row.id for row in rows]
    if items != [answer.item for answer in answers]:
        raise IncumbentError("the answers are to other items than these: run `dvc repro`")
    there = slices_in(rows)
    rows = as_shown(rows, answers)
    whole = Scores(values={})
    with progress("scoring", len(scorers), "scorers", leave=False) as bar:
        for scorer in scorers:
            # Of a whole set: a batch of answers that are rewarded need not have each slice.
            for name in getattr(scorer.metric, "slices", ()):
                if scorer.name in SCORERS and name not in there:
                    raise misfit(scorer.at, absent(name, there), "options", "slices")
            scores = scored_by(scorer, rows, answers)
            if twice := sorted({*whole.values, *whole.labels} & {*scores.values, *scores.labels}):
                raise scorer.misfit(f"gives {twice[0]!r}, and so does a scorer before it")
            whole = Scores(
                values=whole.values | scores.values,
                labels=whole.labels | scores.labels,
                flags=Flags.joined([whole.flags, scores.flags]),
                unread=whole.unread | scores.unread,
                inapplicable=whole.inapplicable | scores.inapplicable,
            )
            bar.advance()
    return whole


def scored_by(scorer: Scorer, rows: Sequence[Row], answers: Sequence[Answer]) -> Scores:
    """By one scorer: to items that it is not about nothing of it applies."""
    about = [i for i, row in enumerate(rows) if scorer.is_about(row)]
    if len(about) == len(rows):
        return scored(scorer, rows, answers)
    others = {*range(len(rows))} - {*about}
    made = Scores(values=dict.fromkeys(scorer.better, ()))
    if about:
        made = scored(scorer, [rows[i] for i in about], [answers[i] for i in about])

    def places(given: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        known = {name: {about[i] for i in given.get(name, ())} for name in made.values}
        return {name: tuple(sorted(known[name] | others)) for name in known}

    least = {name: scorer.ranges.get(name, (0.0, 0.0))[0] for name in made.values}
    return Scores(
        values={name: spread(v, about, len(rows), least[name]) for name, v in made.values.items()},
        labels={name: spread(v, about, len(rows), None) for name, v in made.labels.items()},
        flags=made.flags,
        unread=places(made.unread),
        inapplicable=places(made.inapplicable),
    )


def spread(given: Sequence[T], own: Sequence[int], count: int, other: T) -> tuple[T, ...]:
    """Values at their own places among so many."""
    known = dict(zip(own, given, strict=True))
    return tuple(known.get(i, other) for i in range(count))


def scored(scorer: Scorer, rows: Sequence[Row], answers: Sequence[Answer]) -> Scores:
    items = [row.id for row in rows]
    by_name = computed(scorer, rows, answers)
    made = {
        "values": {name: numbers(scorer, name, given, items) for name, given in by_name.items()},
        "labels": labelled(scorer),
        "flags": flagged(scorer, items),
        "unread": getattr(scorer.metric, "unread", {}),
        "inapplicable": getattr(scorer.metric, "inapplicable", {}),
    }
    return Scores.model_validate(made)


def over_draws(scorers: Sequence[Scorer], drawn: Sequence[Scores]) -> list[Scores]:
    """One system's scores, by sample, with what a scorer says of all of an item's answers together,
    such as how likely several runs all come to their goal: each of them has it.
    """
    for scorer in scorers:
        if together := getattr(scorer.metric, "together", None):
            more = {name: tuple(v) for name, v in together([draw.values for draw in drawn]).items()}
            drawn = [draw.model_copy(update={"values": draw.values | more}) for draw in drawn]
    return list(drawn)


def labelled(scorer: Scorer) -> dict[str, list[Sorted | None]]:
    return {
        name: [Sorted(reference=pair[0], answer=pair[1]) if pair else None for pair in pairs]
        for name, pairs in getattr(scorer.metric, "labels", {}).items()
    }


def flagged(scorer: Scorer, items: Sequence[str]) -> Flags:
    odd = getattr(scorer.metric, "flags", {})
    return Flags(items={what: tuple(items[i] for i in odd[what]) for what in odd if odd[what]})


def computed(
    scorer: Scorer, rows: Sequence[Row], answers: Sequence[Answer]
) -> Mapping[str, object]:
    """What the scorer gives by name, whatever it is."""
    columns = {}
    for name in scorer.columns:
        columns[name] = [COLUMNS[name].of(row, a) for row, a in zip(rows, answers, strict=True)]
        if None in columns[name]:
            item = rows[columns[name].index(None)].id
            problem = f"asks for {name}, and item {item!r} has none: leave {scorer.name} out"
            raise scorer.misfit(problem)
    given = scorer.metric.compute(**columns)
    some = given or getattr(scorer.metric, "labels", {})
    if not (isinstance(given, Mapping) and some and all(isinstance(name, str) for name in given)):
        raise scorer.misfit(f"gives {given!r:.60} where {{name: a value for every item}} is due")
    if "preference" in given:  # evidence would show the judge's in its place
        raise scorer.misfit("gives 'preference', which is a name for the judgement of both sides")
    return given


def numbers(scorer: Scorer, name: str, given: Any, items: Sequence[str]) -> list[float]:
    """The values of one metric as numbers."""
    values = given.tolist() if hasattr(given, "tolist") else given  # of an array or a tensor
    if not isinstance(values, list | tuple):
        raise scorer.misfit(f"gives {values!r:.60} for {name!r}, not a value for every item")
    if len(values) != len(items):
        raise scorer.misfit(f"gives {len(values)} values of {name!r} for {len(items)} items")
    for item, value in zip(items, values, strict=True):
        if not isinstance(value, Real | np.bool_) or not math.isfinite(value):
            raise scorer.misfit(f"gives {value!r:.60} for {name!r} of item {item!r}, no number")
        if out_of_range(float(value), scorer.ranges.get(name)):
            low, high = scorer.ranges[name]
            text = f"{value:g} for {name!r} of item {item!r}, which it says is {low:g} to {high:g}"
            raise scorer.misfit(f"gives {text}")
    return [float(value) for value in values]


# --- per token ------------------------------------------------------------------------------------

# Scores that are means over tokens: between two tokenizers they cannot be compared.

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


# --- asked slices ---------------------------------------------------------------------------------

# The slices that scorers are told of: one that no item has would go unnoticed, or end a look.


def slices_in(rows: Iterable[Row]) -> set[str]:
    """As "key=value"."""
    return {f"{key}={value}" for row in rows for key, value in row.slices.items()}


def refuse_absent_slices(params: ScoringParams, there: Collection[str]) -> None:
    """Raise InputError for a slice, as "key=value", that an option names and no item has."""
    for at, choice in enumerate(params.metrics):
        slices, only = (choice.options.get(name) for name in ("slices", "only"))
        asked = [*(slices if isinstance(slices, dict) else ()), only]
        for name in asked if choice.metric in SCORERS else ():
            if isinstance(name, str) and name not in there:
                raise misfit(
                    at, absent(name, there), "options", "only" if name == only else "slices"
                )


def absent(name: str, there: Collection[str]) -> str:
    return f"no item is in slice {name!r}; there are {', '.join(sorted(there)) or 'none'}"


# --- own assertions -------------------------------------------------------------------------------

# Assertions that rows bring: one that cannot be checked would end a look that is counted.


def refuse_broken_assertions(params: ScoringParams, rows: Iterable[Row], file: Path) -> None:
    """Raise InputError, with the row, for an assertion that cannot even be checked on the row's
    own answer. Where no scorer reads assertions, nothing is checked.
    """
    if all(choice.metric != "assertions" for choice in params.metrics):
        return
    # Imported here because what checks a schema comes with an extra.
    from evaluation.scoring.assertion_check import holds, with_schemas

    for row in rows:
        for at, assertion in enumerate(row.assertions or ()):
            try:
                (whole,) = with_schemas([assertion])
                holds(whole, row.completion_text)
            except InputError as error:
                problem = f"row {row.id!r} has one that cannot be checked: {error}"
                raise InputError(problem, file=file, field=f"assertions.{at}") from None
