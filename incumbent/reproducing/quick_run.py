"""`incumbent run --quick`: the recipe and the champion's on dev, after a third of the steps.

One rung of successive halving (Jamieson & Talwalkar 2016, arXiv 1502.07943) with two arms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import hypot, sqrt
from statistics import fmean

import numpy as np
from pydantic import ValidationError

from evaluation.decision.statistics import bounds, paired
from incumbent.reproducing.rows_check import HERE, fetched_rows
from incumbent.searching.compare_on_dev import (
    Aside,
    DifferenceOnDev,
    dev_items,
    losses,
    train_aside,
)
from incumbent.searching.pace import SftSettings, load_sft_settings
from incumbent.searching.search_result import FEWEST
from project.bare_base import bare_base
from project.errors import IncumbentError
from project.near_duplicates import WordPrints, near_duplicates_among
from project.paths import NUMERICS, rows_of
from project.records.adapters import AdapterVersion, Numerics
from project.records.data import Row, Split
from project.records.record import Record
from project.settings import load, model_of
from registry.lineage import dataset_of, recipe_of
from registry.reader import RegistryReader
from training.recipe import STEPS, Recipe
from training.steps.earlier import FRESH
from training.training_settings import AdapterParams

SHARE, ALPHA = 1 / 3, 0.01  # of the steps; of the one-sided test
# The standard deviation from seed to seed of the mean loss, as a share of it: the items' own error
# does not hold it, and falls with their number. benchmarks/quick_stops.py measures it.
SEEDS = 0.005


class QuickComparison(Record):
    champion: str  # label of its version
    recipe: float  # mean loss a token on dev
    of_champion: float
    items: int
    clusters: int
    over: DifferenceOnDev  # the champion's, with one-sided bounds at ALPHA; above 0 it is better

    @property
    def stops(self) -> bool:
        return self.over.high < 0

    def __str__(self) -> str:
        outcome = "the run stops" if self.stops else "not clearly worse, the run goes on"
        return (
            f"{outcome}: after a third of the steps of {self.champion} the loss on dev is "
            f"{self.recipe:.4f} by this recipe, {self.of_champion:.4f} by that one; better by "
            f"{self.over}, one-sided bounds at {1 - ALPHA:.0%} (paired t, {self.items} items in "
            f"{self.clusters} groups, and {SEEDS:.1%} from seed to seed)"
        )


class NotComparedError(IncumbentError):
    """Why two recipes cannot be compared before the run, which goes on as without --quick."""


@dataclass(frozen=True)
class QuickSide:
    """A recipe, and the rows that it learns."""

    label: str
    settings: SftSettings
    rows: Sequence[Row]

    @property
    def passes(self) -> float:
        """How many rows go through the model in a whole run."""
        return self.settings.sft.epochs * len(self.rows)

    def at(self, passes: float) -> SftSettings:
        """The settings of a run of so many rows, no more than the whole."""
        epochs = min(passes, self.passes) / len(self.rows)
        sft = self.settings.sft.model_copy(update={"epochs": epochs})
        return replace(self.settings, sft=sft)


def compare_with_champion() -> QuickComparison:
    """Of a project whose stage `start` has run. Raises NotComparedError.

    The champion's side is trained once, and kept.
    """
    with RegistryReader.here() as registry:
        theirs = champions_side(registry)
    settings = load_sft_settings()
    rows = Row.read_lines(rows_of(Split.TRAIN))[: settings.sft.rows]
    ours = QuickSide("this recipe", settings, rows)
    if (settings, rows) == (theirs.settings, theirs.rows):
        raise NotComparedError(f"these are the recipe and the rows of {theirs.label}")
    # What the champion's rows ask too would speak for it.
    every, known = dev_items(), WordPrints.of_prompts(theirs.rows)
    learnt = set(near_duplicates_among(WordPrints.of_prompts(every), known))
    items = [row for place, row in enumerate(every) if place not in learnt]
    groups = [row.group for row in items]
    if len(set(groups)) < FEWEST:
        raise NotComparedError("too few dev items that the champion has not learnt")
    aside = Aside(bare_base(), Numerics.read(NUMERICS), FRESH)
    now, before = (
        losses(items, aside, train_aside(side.rows, aside, side.at(SHARE * theirs.passes)))
        for side in (ours, theirs)
    )
    return QuickComparison(
        champion=theirs.label,
        recipe=fmean(now),
        of_champion=fmean(before),
        items=len(items),
        clusters=len(set(groups)),
        over=better_by(now, before, groups),
    )


def better_by(
    own: Sequence[float], before: Sequence[float], groups: Sequence[str]
) -> DifferenceOnDev:
    """How much smaller our losses of dev items are than the champion's, were other seeds taken."""
    difference = paired(np.array(before) - np.array(own), groups)
    se = hypot(difference.se, sqrt(2) * SEEDS * fmean(before))
    low, high = bounds(difference.diff, se, difference.df, ALPHA)
    return DifferenceOnDev(diff=difference.diff, low=low, high=high)


def champions_side(registry: RegistryReader) -> QuickSide:
    """The champion's settings and rows. Raises NotComparedError where they cannot be had, or where
    more than step `sft` and its rows would differ.
    """
    champion = registry.champion()
    data = recipe_of(registry, champion) if champion else {}
    if champion is None or not data:
        raise NotComparedError("there is no champion that was trained here")
    try:
        recipe, base = Recipe.model_validate(data), bare_base()
    except ValidationError:
        raise NotComparedError(f"{champion.label} has settings that there are no more") from None
    others = [
        n for n in STEPS if n != "sft" and load(model_of(f"training.{n}")).model_dump()["epochs"]
    ]
    started = recipe.start or load(AdapterParams).start == "champion"
    if others or started or recipe.taken != ("sft",) or recipe.sft is None:
        raise NotComparedError(f"more than step sft makes this adapter or that of {champion.label}")
    mine = (base.base.weights, base.system_prompt, base.evidence_template)
    if mine != (recipe.base.weights, recipe.system_prompt, recipe.evidence_template):
        raise NotComparedError(f"{champion.label} has another base or other texts in its prompts")
    rows = rows_before(registry, champion)[: recipe.sft.params.rows]
    return QuickSide(champion.label, SftSettings(recipe.adapter, recipe.sft.params), rows)


def rows_before(registry: RegistryReader, champion: AdapterVersion) -> Sequence[Row]:
    """The training rows that it was curated with, out of DVC's cache."""
    dataset = dataset_of(registry, champion.adapter.dataset)
    if dataset and (revision := dataset.dvc_revision):
        with fetched_rows([revision], HERE) as stored:
            if stored.digest(revision) == dataset.rows:
                return Row.read_lines(stored.folder / revision / rows_of(Split.TRAIN).name)
    raise NotComparedError(f"the rows of {champion.label} are not in DVC's cache")
