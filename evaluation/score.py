"""Stage `score`: every answer gets its scores; out come score tables, one for each comparison."""

from collections.abc import Mapping, Sequence

from evaluation.evaluation_settings import Decoding, PreferenceParams, ScoringParams
from evaluation.general_ability.suite import CORRECT, SUITE, correct, read_suite
from evaluation.generation.answers import SIDES, Answer, Role, answers_of
from evaluation.preference.comparison import Comparison, Judge
from evaluation.preference.preference_sources import judge_of
from evaluation.scoring.scorers import Scorer, Scores, load_scorers, score, scorers_digest
from project.canonical import digest_folder, digest_json
from project.files import staged_folder
from project.model_pins import pinned_folder
from project.paths import (
    ADAPTER,
    BASE,
    CHAMPION,
    DIRECTIONS,
    EMBEDDER,
    EVAL_SET,
    NUMERICS,
    REWARD,
    SCORES,
    rows_of,
)
from project.records.adapters import Adapter, ModelPin, Numerics, Opponent
from project.records.data import Row, Split
from project.records.record import short, write_records
from project.records.scores import Directions, EvalSet, Flags, ItemScore, ScorePins
from project.settings import load


def main() -> None:
    params = load(ScoringParams)
    preference = load(PreferenceParams)
    embedder = ModelPin.read(EMBEDDER)
    scorers = load_scorers(params, pinned_folder(embedder, "embedder"))
    judge = judge_of(preference, REWARD, champion_name(), short(Adapter.read(ADAPTER).files))
    measured_with = [scorers_digest(params), embedder.digest, preference.digest]
    pinned = digest_json([*measured_with, digest_folder(REWARD)])
    with staged_folder(SCORES) as draft:
        for part in (Split.DEV, Split.SEALED):
            rows = Row.read_lines(rows_of(part))
            table, flags = score_both(rows, part, Role.CHAMPION, scorers, judge)
            write_records(draft / f"{part}.jsonl", table)
            flags.write(draft / f"{part}.flags.json")
            eval_set = eval_set_of(rows)
            pins(eval_set, pinned).write(draft / f"{part}.pins.json")
            print(f"scored {len(rows)} {part} items{flags}")
        eval_set.write(draft / EVAL_SET.name)
        for other in (Role.REFERENCE, Role.FEW_SHOT):
            if answers_of(other, Split.SEALED).exists():
                table, _ = score_both(rows, Split.SEALED, other, scorers)
                write_records(draft / f"{other}.jsonl", table)
        write_records(draft / "general.jsonl", general_ability())
        better = {name: way for scorer in scorers for name, way in scorer.better.items()}
        Directions(better={**better, CORRECT: "more"}).write(draft / DIRECTIONS.name)


def champion_name() -> str:
    """What ballots call the champion."""
    adapter = Opponent.read(CHAMPION).adapter
    return short(adapter) if adapter else "base"


def score_both(
    rows: Sequence[Row],
    part: str,
    opponent: Role,
    scorers: Sequence[Scorer],
    judge: Judge | None = None,
) -> tuple[list[ItemScore], Flags]:
    """The challenger's scores on a part beside an opponent's, and what is odd about the items."""
    sides = {
        side: Answer.read_lines(answers_of(system, part))
        for side, system in zip(SIDES, (opponent, Role.CHALLENGER), strict=True)
    }
    scores = {side: score(scorers, rows, answers) for side, answers in sides.items()}
    preferences = ask_preference(rows, sides, judge) if judge else [None] * len(rows)
    table = [item_score(row, i, scores, preferences[i]) for i, row in enumerate(rows)]
    return table, Flags.joined(side.flags for side in scores.values())


def ask_preference(
    rows: Sequence[Row], sides: Mapping[Role, Sequence[Answer]], judge: Judge
) -> list[float | None]:
    comparisons = [
        Comparison(item=row.id, prompt=row.prompt_text, champion=a.text, challenger=b.text)
        for row, a, b in zip(rows, *(sides[role] for role in SIDES), strict=True)
    ]
    return [judgement.win_probability for judgement in judge.prefer(comparisons)]


def item_score(
    row: Row, i: int, scores: Mapping[Role, Scores], preference: float | None = None
) -> ItemScore:
    return ItemScore(
        item=row.id,
        cluster=row.group,
        slices=tuple(f"{key}={value}" for key, value in sorted(row.slices.items())),
        champion={name: values[i] for name, values in scores[Role.CHAMPION].values.items()},
        challenger={name: values[i] for name, values in scores[Role.CHALLENGER].values.items()},
        preference=preference,
    )


def general_ability() -> list[ItemScore]:
    """Whether each side answered the items of the general-ability suite correctly."""
    suite = read_suite(SUITE)
    scores = {
        side: Scores(
            values={
                CORRECT: tuple(
                    correct(item, answer.text)
                    for item, answer in zip(
                        suite, Answer.read_lines(answers_of(side, "general")), strict=True
                    )
                )
            }
        )
        for side in SIDES
    }
    return [item_score(item.row, i, scores) for i, item in enumerate(suite)]


def eval_set_of(rows: Sequence[Row]) -> EvalSet:
    """The eval set as the registry counts looks at it: a changed item is another item."""
    return EvalSet(
        items=tuple(sorted(digest_json([r.prompt_text, r.completion_text]) for r in rows))
    )


def pins(eval_set: EvalSet, scorers: str) -> ScorePins:
    return ScorePins(
        eval_set=eval_set.digest,
        base=ModelPin.read(BASE).weights,
        champion=Opponent.read(CHAMPION).adapter,
        challenger=Adapter.read(ADAPTER).files,
        decoding=load(Decoding).digest,
        scorers=scorers,
        numerics=Numerics.read(NUMERICS),
    )
