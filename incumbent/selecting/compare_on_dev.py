"""Adapters on selected and on random rows, trained aside and compared on dev."""

import sys
from collections.abc import Mapping, Sequence

from curation.selection.selection_file import Selection
from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import Decoding, ScoringParams
from evaluation.generation.answers import Answer
from evaluation.generation.systems import respondent
from evaluation.score import directions
from evaluation.scoring.scorers import load_scorers, score
from incumbent.selecting.against_random import AgainstRandom, against_random
from incumbent.selecting.candidates import Candidates, drawn
from incumbent.selecting.sft_settings import SftSettings, load_sft_settings
from incumbent.selecting.trained_adapter import Aside, ground_aside, train_aside
from project.canonical import digest_folder
from project.errors import InputError
from project.model_pins import pinned_folder
from project.paths import EMBEDDER, rows_of
from project.records.adapters import ModelPin
from project.records.data import Row, Split
from project.records.evidence import by_people
from project.records.scores import Better
from project.settings import PARAMS, load


def compare(candidates: Candidates, selection: Selection, seeds: Sequence[int]) -> AgainstRandom:
    """Train, answer and score each side, all by the project's settings; what is made is kept.

    Raises InputError where dev cannot tell anything.
    """
    items, policy = Row.read_lines(rows_of(Split.DEV)), load(Policy)
    scorers = load_scorers(load(ScoringParams), pinned_folder(ModelPin.read(EMBEDDER), "embedder"))
    better = directions(scorers)
    judged_by = judging(policy, better, items)
    by_id = {row.id: row for row in candidates.rows}
    best = [by_id[name] for name in selection.chosen]
    sides = {"the selected rows": best}
    sides |= {f"random draw {seed}": drawn(candidates.rows, len(best), seed) for seed in seeds}
    aside, settings = ground_aside(from_champion=False), load_sft_settings()
    answers = [
        answered(name, [*candidates.kept, *own], items, aside, settings)
        for name, own in sides.items()
    ]
    scores = [score(scorers, items, given) for given in answers]
    return AgainstRandom(
        selection=selection.digest,
        rows=len(best),
        kept=len(candidates.kept),
        items=len(items),
        clusters=len({row.group for row in items}),
        level=round(1 - 2 * policy.alpha, 6),
        seeds=tuple(seeds),
        judged_by=judged_by,
        metrics=against_random(items, scores[0], scores[1:], better, policy.alpha),
    )


def judging(policy: Policy, better: Mapping[str, Better], items: Sequence[Row]) -> tuple[str, ...]:
    """The gating metrics that scorers give. Raises InputError where these, or dev, say nothing.

    A preference is no part of it, as its source was calibrated for other answers than these; nor is
    what people rate.
    """
    if len({row.group for row in items}) < 2:
        raise InputError(
            "has too few items to compare on: use --no-compare", file=rows_of(Split.DEV)
        )
    named = tuple(name for name in policy.gating if not by_people(name))
    if not named or not all(better.get(name, "neither") != "neither" for name in named):
        problem = "names no metric, beside preference, that a scorer gives: use --no-compare"
        raise InputError(problem, file=PARAMS, field="evaluation.policy.gating")
    return named


def answered(
    name: str, rows: Sequence[Row], items: Sequence[Row], aside: Aside, settings: SftSettings
) -> list[Answer]:
    """What an adapter that learnt these rows, and all of them, answers to dev."""
    print(f"training an adapter on {name}", file=sys.stderr)
    folder = train_aside(rows, aside, settings)
    trained = aside.base.model_copy(update={"adapter": digest_folder(folder)})
    system = respondent(trained, folder, load(Decoding), aside.numerics)
    return system.answers(items, f"{name}, dev")
