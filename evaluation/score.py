"""Stage `score`: every dev answer gets its scores; out come tables, one for each comparison."""

from collections.abc import Iterable, Mapping, Sequence

from evaluation.evaluation_settings import Decoding, PreferenceParams, ScoringParams
from evaluation.general_ability.suite import CORRECT, SUITE, correct, read_suite
from evaluation.generation.answers import SIDES, Answer, Role, answers_of
from evaluation.preference.comparison import Comparison, Judge
from evaluation.preference.preference_sources import judge_of
from evaluation.scoring.scorers import Scorer, Scores, load_scorers, score, scorers_digest
from project.canonical import digest_file, digest_json
from project.files import staged_folder
from project.model_pins import pinned_folder
from project.paths import (
    ADAPTER,
    BASE,
    CHAMPION,
    DIRECTIONS,
    EMBEDDER,
    NUMERICS,
    PAIR_SOURCE,
    REWARD,
    SCORES,
    rows_of,
)
from project.records.adapters import Adapter, ModelPin, Numerics, Opponent
from project.records.data import Row, Split
from project.records.record import short, write_records
from project.records.scores import Better, Directions, EvalSet, Flags, ItemScore, ScorePins
from project.settings import load


def main() -> None:
    scorers, judge = measures()
    rows = Row.read_lines(rows_of(Split.DEV))
    with staged_folder(SCORES) as draft:
        answers = {role: read_answers(role, Split.DEV) for role in SIDES}
        table, flags = score_both(rows, answers, scorers, judge)
        write_records(draft / f"{Split.DEV}.jsonl", table)
        flags.write(draft / f"{Split.DEV}.flags.json")
        pins(eval_set_of(rows)).write(draft / f"{Split.DEV}.pins.json")
        if answers_of(Role.FEW_SHOT, Split.DEV).exists():
            answers[Role.CHAMPION] = read_answers(Role.FEW_SHOT, Split.DEV)
            table, _ = score_both(rows, answers, scorers)
            write_records(draft / f"{Role.FEW_SHOT}.jsonl", table)
        write_records(draft / "general.jsonl", general_ability())
        better = directions(scorers)
        Directions(better={**better, CORRECT: "more"}).write(draft / DIRECTIONS.name)
    print(f"scored {len(rows)} dev items{flags}")


def measures() -> tuple[list[Scorer], Judge]:
    """The scorers and the source of preference that params.yaml names."""
    embedder = pinned_folder(ModelPin.read(EMBEDDER), "embedder")
    names = contestant_names()
    judge = judge_of(load(PreferenceParams), REWARD, *(names[role] for role in SIDES))
    return load_scorers(load(ScoringParams), embedder), judge


def directions(scorers: Iterable[Scorer]) -> dict[str, Better]:
    return {name: way for scorer in scorers for name, way in scorer.better.items()}


def contestant_names() -> dict[Role, str]:
    """What ballots call the two that are compared."""
    champion, challenger = Opponent.read(CHAMPION).adapter, Adapter.read(ADAPTER).files
    return {
        Role.CHAMPION: short(champion) if champion else "base",
        Role.CHALLENGER: short(challenger),
    }


def score_both(
    rows: Sequence[Row],
    answers: Mapping[Role, Sequence[Answer]],
    scorers: Sequence[Scorer],
    judge: Judge | None = None,
) -> tuple[list[ItemScore], Flags]:
    """The scores of both SIDES, and what is odd about the items."""
    scores = {side: score(scorers, rows, answers[side]) for side in SIDES}
    preferences = ask_preference(rows, answers, judge) if judge else [None] * len(rows)
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
                    for item, answer in zip(suite, read_answers(side, "general"), strict=True)
                )
            }
        )
        for side in SIDES
    }
    return [item_score(item.row, i, scores) for i, item in enumerate(suite)]


def read_answers(role: Role, part: str) -> tuple[Answer, ...]:
    return Answer.read_lines(answers_of(role, part))


def eval_set_of(rows: Sequence[Row]) -> EvalSet:
    """The eval set as the registry counts looks at it: a changed item is another item."""
    return EvalSet(
        items=tuple(sorted(digest_json([r.prompt_text, r.completion_text]) for r in rows))
    )


def pins(eval_set: EvalSet) -> ScorePins:
    """What the scores are measured with. The scorers' digest is of the preference's source too."""
    embedder, preference = ModelPin.read(EMBEDDER).digest, load(PreferenceParams).identity
    scorers = [scorers_digest(load(ScoringParams)), embedder, preference, digest_file(PAIR_SOURCE)]
    return ScorePins(
        eval_set=eval_set.digest,
        base=ModelPin.read(BASE).weights,
        champion=Opponent.read(CHAMPION).adapter,
        challenger=Adapter.read(ADAPTER).files,
        decoding=load(Decoding).digest,
        scorers=digest_json(scorers),
        numerics=Numerics.read(NUMERICS),
    )
