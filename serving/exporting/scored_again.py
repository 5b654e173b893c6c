"""The answers of an exported form, scored as those were that the version was judged by."""

from collections.abc import Sequence
from statistics import fmean as mean

from evaluation.evaluation_settings import ScoringParams
from evaluation.generation.answers import Answer, by_sample
from evaluation.scoring.scorers import Scorer, load_scorers, score
from project.errors import IncumbentError, InputError
from project.model_pins import pinned_folder
from project.paths import EMBEDDER
from project.records.adapters import ModelPin
from project.settings import load
from serving.exporting.exported import ScoredAgain, outside, table
from serving.exporting.judged_answers import Judged

# What a scorer may read: an engine's way to count tokens is its own.
TEXTS = {"prompts", "predictions", "references", "assertions", "slices"}


def text_scorers() -> list[Scorer]:
    """The scorers of params.yaml that read nothing but texts. Raises InputError."""
    embedder = pinned_folder(ModelPin.read(EMBEDDER), "embedder")
    return [s for s in load_scorers(load(ScoringParams), embedder) if TEXTS.issuperset(s.columns)]


def score_again(
    judged: Judged, answers: Sequence[Answer], scorers: Sequence[Scorer]
) -> tuple[ScoredAgain, ...]:
    """Of each metric that gates, or where none of them can be measured here, of each that has a
    better way. Raises InputError where none is left, and where the scorers are not as they were.
    """
    found = columns(judged, answers, scorers)
    measured = [metric for metric in judged.scores if metric in found]
    chosen = [m for m in measured if m in judged.gating] or [
        m for m in measured if m in judged.better
    ]
    if not chosen:
        raise InputError(
            "no metric of it reads texts alone, such as rouge or semantic: the export cannot be "
            "compared with what was judged",
            file="params.yaml",
            field="evaluation.scoring.metrics",
        )
    if len(answers) == len(judged.rows):  # of several answers an item the first alone is kept
        refuse_other_scorers(judged, columns(judged, given(judged), scorers), chosen)
    return tuple(compared(metric, judged.scores[metric], found[metric]) for metric in chosen)


def given(judged: Judged) -> list[Answer]:
    """The judged answers, as an engine gives them."""
    return [
        Answer(item=row.id, text=text, tokens=0, prompt_tokens=0)
        for row, text in zip(judged.rows, judged.answers, strict=True)
    ]


def columns(
    judged: Judged, answers: Sequence[Answer], scorers: Sequence[Scorer]
) -> dict[str, list[float | None]]:
    """Each metric's score for every item, of several answers their mean; None where it could not
    be measured.
    """
    drawn = [score(scorers, judged.rows, sample) for sample in by_sample(answers)]
    unread = {m: {i for s in drawn for i in s.unread.get(m, ())} for m in drawn[0].values}
    return {
        metric: [
            None if i in unread[metric] else mean([s.values[metric][i] for s in drawn])
            for i in range(len(judged.rows))
        ]
        for metric in drawn[0].values
    }


def refuse_other_scorers(
    judged: Judged, same: dict[str, list[float | None]], metrics: Sequence[str]
) -> None:
    """Raise InputError where the judged answers get other scores today."""
    for metric in metrics:
        before = compared(metric, judged.scores[metric], same[metric])
        if abs(before.difference) > 1e-6:
            raise InputError(
                f"the judged answers score {before.exported:.4f} in {metric} today, and scored "
                f"{before.judged:.4f} when they were judged: put the scorers and the embedder of "
                "then back",
                file="params.yaml",
                field="evaluation.scoring",
            )


def compared(
    metric: str, judged: Sequence[float | None], found: Sequence[float | None]
) -> ScoredAgain:
    """Both means, over the items on which both were measured."""
    pairs = [(a, b) for a, b in zip(judged, found, strict=True) if a is not None and b is not None]
    if not pairs:
        raise InputError(f"{metric} could not be measured on any item")
    return ScoredAgain(
        metric=metric, judged=mean(a for a, _ in pairs), exported=mean(b for _, b in pairs)
    )


def refuse_outside(scores: Sequence[ScoredAgain], margin: float, label: str, form: str) -> None:
    """Raise IncumbentError where an exported form is not what was judged."""
    if beyond := outside(scores, margin):
        names = ", ".join(score.metric for score in beyond)
        raise IncumbentError(
            f"{label} as {form} is not what was judged: {names} differs by more than the margin of "
            f"{margin:g}, so nothing was written.\n{table(scores)}\n"
            "A larger --margin lets it pass; another form may be nearer."
        )
