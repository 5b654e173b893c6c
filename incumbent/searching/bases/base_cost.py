"""What candidate bases take: an adapter on one, and how long it is until all have answered."""

from collections.abc import Sequence
from statistics import fmean

from incumbent.searching.bases.base_candidates import Candidate
from incumbent.searching.bases.base_question import Question
from incumbent.searching.bases.base_ranking import TrainingCost
from incumbent.selecting.pace import LOADING, Pace, pace, tokens_of
from project.records.data import Row
from training.cost.memory import training_peak


def training_cost(found: Pace, question: Question) -> TrainingCost:
    """Of one adapter. Tokens are counted by the project's own base: others have about as many."""
    work = found.work(question.rows, question.settings)
    peak = training_peak(found.setup(question.settings, work))
    return TrainingCost(
        minutes=found.learning(question.rows, question.settings),
        peak_bytes=peak.total,
        fits=peak.fits(found.on.memory),
    )


def expected(candidates: Sequence[Candidate], question: Question) -> float | None:
    """Minutes of all answers; None where a base is of a kind that nothing is known of."""
    total = 0.0
    for candidate in (one for one in candidates if one.problem is None):
        found = pace(question.numerics, candidate.choice)
        if found is None:
            return None
        total += found.answering(question.items) + LOADING
        if question.shots:
            shown = question.shots * len(question.items) * mean_tokens(found, question.rows)
            total += found.answering(question.items) + found.reading_tokens(2 * shown)
    return total


def mean_tokens(found: Pace, rows: Sequence[Row]) -> float:
    return fmean([tokens_of(count) for count in found.known(rows)] or [0])
