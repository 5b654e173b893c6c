"""How often a sealed set in other words is known for the old one, and a fresh one taken for it.

python -m benchmarks.reworded_sets [--pairs FILE:A,B …] [--groups FILE:GROUP,TEXT …]
    [--fresh FILE:TEXT …] [--runs 100] [--size 120] [--before "TEXT"]

Columns are named by the header of a CSV file; of a TSV file, which has none, by their numbers. Of
--pairs the second column asks what the first one asks (FILE:A,B,same=yes takes some rows); of
--groups the texts of a group ask the same. Each run draws an old set and words it anew. Of --fresh
it draws two sets of different texts, near-duplicates apart, as a rotation does; the old one with
five times as many, too. --before puts a text before every question of the new set.
"""

import argparse
import csv
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from project.engine.embedded_texts import unit_vectors
from project.meaning_prints import MeaningPrints, reworded_share
from project.model_pins import ModelChoice, locate
from project.near_duplicates import (
    SIMILARITY,
    WordPrints,
    cores_of,
    linked,
    near_duplicates_among,
    near_links,
)
from registry.alpha_ledger.looks import FRESH_SHARE

csv.field_size_limit(1 << 24)
Sets = tuple[Sequence[str], Sequence[str]]  # the old texts and the new ones
Draw = Callable[[random.Random], Sets]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("--pairs", "--groups", "--fresh"):
        parser.add_argument(name, nargs="+", default=[])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--size", type=int, default=120)
    parser.add_argument("--before", default="")
    given = parser.parse_args()
    cases = {f"reworded, {name_of(one)}": pairs(one, given.size) for one in given.pairs}
    cases |= {f"reworded, {name_of(one)}": groups(one, given.size) for one in given.groups}
    for one in given.fresh:
        for old in (given.size, 5 * given.size):
            cases[f"fresh, {name_of(one)}, old set of {old}"] = fresh(one, old, given.size)
    print("| sets | items | by words | by meaning (least to most) | sets by words | by both |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, draw in cases.items():
        measure(name, draw, given.runs, given.before)


def measure(name: str, draw: Draw, runs: int, before: str) -> None:
    drawn = [draw(random.Random(seed)) for seed in range(runs)]
    sets = [(old, [before + text for text in new]) for old, new in drawn]
    vectors = embedded(sorted({text for both in sets for side in both for text in side}))
    words = np.array([known_by_words(*both) for both in sets])
    meant = np.array([known_by_meaning(*both, vectors) for both in sets])
    found = (words > FRESH_SHARE) | (meant > FRESH_SHARE)
    print(
        f"| {name} | {len(sets[0][1])} | {words.mean():.2f} | {meant.mean():.2f} "
        f"({meant.min():.2f} to {meant.max():.2f}) | {(words > FRESH_SHARE).mean():.0%} "
        f"| {found.mean():.0%} |",
        flush=True,
    )


def known_by_words(old: Sequence[str], new: Sequence[str]) -> float:
    near = near_duplicates_among(WordPrints.of(new), WordPrints.of(old), contained=True)
    return len(near) / len(new)


def known_by_meaning(
    old: Sequence[str], new: Sequence[str], vectors: dict[str, np.ndarray]
) -> float:
    prints = [
        MeaningPrints.packed("benchmark", np.stack([vectors[text] for text in side]))
        for side in (new, old)
    ]
    return reworded_share(*prints)


def embedded(texts: Sequence[str]) -> dict[str, np.ndarray]:
    embed = unit_vectors(locate(ModelChoice(), "embedder"))
    return dict(zip(texts, embed(texts), strict=True))


def pairs(given: str, size: int) -> Draw:
    others: dict[str, list[str]] = {}
    for question, other in columns(given):
        if question.casefold() != other.casefold():
            others.setdefault(question, []).append(other)

    def draw(rng: random.Random) -> Sets:
        old = rng.sample(list(others), min(size, len(others)))
        return old, [rng.choice(others[question]) for question in old]

    return draw


def groups(given: str, size: int) -> Draw:
    texts: dict[str, dict[str, None]] = {}
    for group, text in columns(given):
        texts.setdefault(group, {})[text] = None
    several = [list(group) for group in texts.values() if len(group) > 1]

    def draw(rng: random.Random) -> Sets:
        both = [rng.sample(group, 2) for group in rng.sample(several, min(size, len(several)))]
        return [one for one, _ in both], [other for _, other in both]

    return draw


def fresh(given: str, old: int, size: int) -> Draw:
    texts = list(dict.fromkeys(text for (text,) in columns(given) if text))
    prints = WordPrints.of(texts).texts
    label = linked(len(texts), near_links(cores_of(prints), SIMILARITY))
    distinct = list(dict(zip(label, texts, strict=True)).values())

    def draw(rng: random.Random) -> Sets:
        drawn = rng.sample(distinct, min(old + size, len(distinct)))
        return drawn[size:], drawn[:size]

    return draw


def columns(given: str) -> Iterator[tuple[str, ...]]:
    """The named columns of each row, of the rows where what stands behind = holds."""
    path, _, names = given.rpartition(":")
    wanted = [name.partition("=") for name in names.split(",")]
    with Path(path).open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file, "excel-tab" if path.endswith(".tsv") else "excel")
        numbered = path.endswith(".tsv")
        header = [] if numbered else next(rows)
        places = [int(n) if numbered else header.index(n) for n, _, _ in wanted]
        for row in rows:
            cells = [row[place].strip() for place in places if place < len(row)]
            fit = len(cells) == len(wanted) and all(
                not equals or cell == value
                for cell, (_, equals, value) in zip(cells, wanted, strict=True)
            )
            if fit:
                yield tuple(cell for cell, (_, eq, _) in zip(cells, wanted, strict=True) if not eq)


def name_of(given: str) -> str:
    return Path(given.rpartition(":")[0]).stem


if __name__ == "__main__":
    main()
