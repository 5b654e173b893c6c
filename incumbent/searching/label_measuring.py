"""Adapters on shares of the training rows, and what each gets on dev."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np

from evaluation.decision.policy import Policy
from evaluation.generation.answers import Answer
from evaluation.scoring.scorers import Scores, score
from incumbent.searching.compare_on_dev import (
    Aside,
    answered,
    aside_here,
    dev_items,
    judging,
    scorers_here,
)
from incumbent.searching.label_curve import LabelCurve, Measured, metric_curve
from incumbent.searching.pace import (
    LOADING,
    Candidates,
    SftSettings,
    load_sft_settings,
    pace,
    read_training_rows,
)
from project.canonical import digest_json
from project.errors import InputError
from project.records.data import Row, counted
from project.settings import PARAMS, load


@dataclass(frozen=True)
class CurveData:
    """What a curve is measured with."""

    found: Candidates  # the rows that training takes
    items: Sequence[Row]
    shares: Sequence[Fraction]
    draws: Sequence[Sequence[Sequence[Row]]]  # [draws, shares] of rows
    aside: Aside
    settings: SftSettings

    @classmethod
    def here(cls, shares: Sequence[Fraction], seeds: int) -> Self:
        """The measuring of the project. Raises InputError where there are too few rows."""
        settings = load_sft_settings()
        train = read_training_rows(settings.sft.rows)
        if not train.rows:
            kept = counted(len(train.kept), "row")
            problem = f"the first {kept} are all rehearsed or accepted ones: raise it"
            raise InputError(problem, file=PARAMS, field="training.sft.rows")
        draws = [nested(train.rows, shares, seed) for seed in range(seeds)]
        return cls(train, dev_items(), shares, draws, aside_here(from_champion=False), settings)

    def expected(self) -> float | None:
        """Minutes of all adapters and of their answers."""
        speed, kept = pace(self.aside.numerics), self.found.kept
        if speed is None:
            return None
        drawn = [[*kept, *rows] for draw in self.draws for rows in draw]
        learning = sum(speed.learning(rows, self.settings) for rows in drawn)
        return learning + len(drawn) * (speed.answering(self.items) + LOADING)


def measure(labels: CurveData, *, more: int, at: int) -> LabelCurve:
    """Train, answer and score; what is made is kept, so that an interrupted curve goes on."""
    items, policy = labels.items, load(Policy)
    scorers, better = scorers_here()
    judged_by = judging(policy, better, items)
    bare = score(scorers, items, labels.aside.answers(None, items, "the base, dev"))
    scores = [[score(scorers, items, given) for given in draw] for draw in answers(labels)]
    level = round(1 - 2 * policy.alpha, 6)
    return LabelCurve(
        rows=len(labels.found.rows),
        kept=len(labels.found.kept),
        items=len(items),
        clusters=len({row.group for row in items}),
        level=level,
        seeds=len(labels.draws),
        more=more,
        at=at,
        judged_by=judged_by,
        metrics={
            name: metric_curve(
                measured(labels, name, -1 if way == "less" else 1, bare, scores),
                way,
                more=more,
                at=at,
                level=level,
            )
            for name in bare.values
            if (way := better.get(name, "neither")) != "neither"
        },
    )


def answers(labels: CurveData) -> Iterator[list[list[Answer]]]:
    """The answers of each draw, by share: a first curve is whole before the next draw begins."""
    for number, draw in enumerate(labels.draws):
        settings, kept = labels.settings.seeded(number), labels.found.kept
        names = [f"{share} of the rows, draw {number + 1}" for share in labels.shares]
        yield [
            answered(name, [*kept, *rows], labels.items, labels.aside, settings)
            for name, rows in zip(names, draw, strict=True)
        ]


def measured(
    labels: CurveData, name: str, sign: int, bare: Scores, scores: Sequence[Sequence[Scores]]
) -> Measured:
    """One metric, with the sign that makes more of it better."""
    values = np.array([[share.values[name] for share in draw] for draw in scores], dtype=np.float64)
    rows = np.array([[len(share) for share in draw] for draw in labels.draws], dtype=np.float64)
    return Measured(
        scores=sign * values.swapaxes(0, 1),
        base=sign * np.array(bare.values[name]),
        rows=rows.T,
        shares=[str(share) for share in labels.shares],
        groups=[row.group for row in labels.items],
    )


# --- label shares ---------------------------------------------------------------------------------

# Shares of the training rows, drawn at random in whole groups, each within the larger ones.

FEWEST = 8  # rows of the smallest share: fewer teach nothing that a curve could go through


def read_shares(text: str) -> tuple[Fraction, ...]:
    """Such as 1/8,1/4,1/2,1, in their order. Raises InputError."""
    shares = sorted({read_share(part) for part in text.split(",")})
    if len(shares) < 2:
        problem = "a curve needs two shares or more: write them such as 1/8,1/4,1/2,1"
        raise InputError(problem, field="--shares")
    return tuple(shares)


def read_share(text: str) -> Fraction:
    try:
        share = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        share = Fraction(0)
    if not 0 < share <= 1:
        problem = f"{text.strip()!r} is no share above 0 and up to 1: write it such as 1/8 or 0.125"
        raise InputError(problem, field="--shares")
    return share


def nested(rows: Sequence[Row], shares: Sequence[Fraction], seed: int) -> list[list[Row]]:
    """Rows for each share, about so many and in the order of the data; a function of the rows'
    groups and the seed. Raises InputError where a share is too small, or has the rows of another.

    A group is taken whole or not at all, so a share may have a few rows more than its number.
    """
    groups = sorted({row.group for row in rows}, key=lambda name: digest_json(["s", seed, name]))
    sizes = dict.fromkeys(groups, 0)
    for row in rows:
        sizes[row.group] += 1
    by_share: list[list[Row]] = []
    for number, share in enumerate(shares):
        wanted = round(share * len(rows))
        if wanted < FEWEST:
            there = counted(len(rows), "training row")
            problem = f"{share} of {there} are {wanted}, and fewer than {FEWEST} teach nothing"
            raise InputError(f"{problem}: leave this share out", field="--shares")
        taken = first_groups(groups, sizes, wanted)
        by_share.append([row for row in rows if row.group in taken])
        if number and len(by_share[-1]) == len(by_share[-2]):
            problem = f"{shares[number - 1]} and {share} take the same {len(by_share[-1])} rows"
            few = f"the rows are in too few groups, {len(groups)}: leave one of the two out"
            raise InputError(f"{problem}, for {few}", field="--shares")
    return by_share


def first_groups(groups: Sequence[str], sizes: dict[str, int], wanted: int) -> set[str]:
    """As many of the groups, in their order, as have so many rows together."""
    taken, there = set[str](), 0
    for name in groups:
        if there >= wanted:
            break
        taken.add(name)
        there += sizes[name]
    return taken
