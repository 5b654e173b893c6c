"""Stage `score`: every dev answer gets its scores; out come tables, one for each comparison."""

from collections.abc import Mapping, Sequence

from evaluation.evaluation_settings import Decoding, PreferenceParams, ScoringParams
from evaluation.generation.answers import (
    IN_FILES,
    SIDES,
    Answer,
    KeptBytes,
    Role,
    answers_of,
    by_sample,
)
from evaluation.generation.contestants import (
    both_contestants,
    dev_items,
    recorded_conversations,
    recorded_numerics,
)
from evaluation.preference.preference_pairs import AnswerPair, Judge
from evaluation.preference.preference_sources import judge_of
from evaluation.scoring.scorers import (
    Scorer,
    Scores,
    incomparable,
    load_scorers,
    over_draws,
    score,
    scorers_digest,
)
from evaluation.suites.every_suite import GENERAL, write_suite_tables
from project.canonical import digest_file, digest_json
from project.files import staged_folder
from project.model_pins import pinned_folder
from project.paths import (
    ADAPTER,
    CALIBRATION,
    CHAMPION,
    DIRECTIONS,
    EMBEDDER,
    PAIR_SOURCE,
    REWARD,
    SCORES,
)
from project.records.adapters import Adapter, Contestant, ModelPin, Opponent
from project.records.data import Row, Split
from project.records.evidence import PREFERENCE
from project.records.preferences import Calibration
from project.records.record import short, write_records
from project.records.scores import (
    Better,
    Directions,
    Ends,
    EvalSet,
    Flags,
    ItemScore,
    Labels,
    ScorePins,
)
from project.settings import load


def main() -> None:
    scorers, judge = measures()
    rows = dev_items()
    with staged_folder(SCORES) as draft:
        answers = {role: read_answers(role, Split.DEV) for role in SIDES}
        table, flags = score_both(rows, answers, scorers, judge)
        write_records(draft / f"{Split.DEV}.jsonl", table)
        flags.write(draft / f"{Split.DEV}.flags.json")
        pins(eval_set_of(rows)).write(draft / f"{Split.DEV}.pins.json")
        for role in (Role.FEW_SHOT, Role.BASE):
            if answers_of(role, Split.DEV).exists():
                answers[Role.CHAMPION] = read_answers(role, Split.DEV)
                table, _ = score_both(rows, answers, scorers)
                write_records(draft / f"{role}.jsonl", table)
        write_suite_tables(draft, own_phrasings(load(ScoringParams)))
        better = directions(scorers, both_contestants())
        directed = Directions(better={**better, **GENERAL.better}, ranges=metric_ranges(scorers))
        directed.write(draft / DIRECTIONS.name)
    print(f"scored {len(rows)} dev items{flags}")


def measures(store: KeptBytes = IN_FILES) -> tuple[list[Scorer], Judge]:
    """The scorers and the source of preference that params.yaml names; what a server says for them
    is kept in the store.
    """
    embedder = pinned_folder(ModelPin.read(EMBEDDER), "embedder")
    names = contestant_names()
    params, calibration = load(PreferenceParams), judge_calibration()
    champion, challenger = (names[role] for role in SIDES)
    judge = judge_of(params, REWARD, champion, challenger, calibration, store)
    scorers = load_scorers(load(ScoringParams), embedder)
    return [*readable(scorers), *rubrics(params, calibration, store)], judge


def readable(scorers: Sequence[Scorer]) -> Sequence[Scorer]:
    """Without those that ask how likely a reference is, where a hosted model cannot tell."""
    hosted = [side for side in both_contestants() if side.base.hosted]
    fit = [scorer for scorer in scorers if not hosted or "reference_logprobs" not in scorer.columns]
    if blind := [scorer.name for scorer in scorers if scorer not in fit]:
        print(f"left out: {', '.join(blind)}, as {hosted[0]} tells no probabilities")
    return fit


def own_phrasings(params: ScoringParams) -> list[str]:
    """The project's own refusals, in any language: those of the scorer `refusal`."""
    given = [choice.options.get("phrasings") for choice in params.metrics]
    return [str(text) for texts in given if isinstance(texts, list) for text in texts]


def judge_calibration() -> Calibration | None:
    """What the answers of a language model as a judge are held to, where one is asked."""
    return Calibration.read(CALIBRATION) if load(PreferenceParams).asks_a_judge else None


def rubrics(
    params: PreferenceParams, calibration: Calibration | None, store: KeptBytes
) -> Sequence[Scorer]:
    if not params.rubrics:
        return ()
    # Imported here because its HTTP client comes with an extra that others do without.
    from evaluation.preference.rubrics import rubric_scorers

    return rubric_scorers(params, calibration, store)


def directions(
    scorers: Sequence[Scorer], pair: tuple[Contestant, Contestant] | None = None
) -> dict[str, Better]:
    """Which way each metric is better; neither way where the pair cannot be compared by it."""
    better = {name: way for scorer in scorers for name, way in scorer.better.items()}
    return better | dict.fromkeys(incomparable(scorers, *pair) if pair else (), "neither")


def metric_ranges(scorers: Sequence[Scorer]) -> dict[str, Ends]:
    return {name: ends for scorer in scorers for name, ends in scorer.ranges.items()}


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
    """The scores of both SIDES, a line for each of an item's answers, and what is odd."""
    samples = {side: by_sample(answers[side]) for side in SIDES}
    scores = {side: score_samples(scorers, rows, answers[side]) for side in SIDES}
    columns: list[list[ItemScore]] = []
    for sample, drawn in enumerate(zip(*samples.values(), strict=True)):
        sides = dict(zip(SIDES, drawn, strict=True))
        single = getattr(judge, "of_single_answers", False)
        silent = {i for i, row in enumerate(rows) if single and row.scenario}
        preferences = ask_preference(rows, sides, judge) if judge else [None] * len(rows)
        sampled = {side: scores[side][sample] for side in SIDES}
        column = [item_score(row, i, sampled, preferences[i]) for i, row in enumerate(rows)]
        column = [unasked(item) if i in silent else item for i, item in enumerate(column)]
        columns.append([item.model_copy(update={"sample": sample}) for item in column])
    table = [item for drawn_scores in zip(*columns, strict=True) for item in drawn_scores]
    return table, Flags.joined(drawn.flags for side in scores.values() for drawn in side)


def unasked(item: ItemScore) -> ItemScore:
    """An item to which no preference applies."""
    others = (*(item.inapplicable or ()), PREFERENCE)
    return item.model_copy(update={"preference": None, "inapplicable": others})


def score_samples(
    scorers: Sequence[Scorer], rows: Sequence[Row], answers: Sequence[Answer]
) -> list[Scores]:
    """One system's scores, by sample."""
    return over_draws(scorers, [score(scorers, rows, drawn) for drawn in by_sample(answers)])


def ask_preference(
    rows: Sequence[Row], sides: Mapping[Role, Sequence[Answer]], judge: Judge
) -> list[float | None]:
    comparisons = [
        AnswerPair(
            item=row.id,
            prompt=row.prompt_text,
            champion=a.text,
            challenger=b.text,
            evidence=row.evidence,
        )
        for row, a, b in zip(rows, *(sides[role] for role in SIDES), strict=True)
    ]
    return [judgement.win_probability for judgement in judge.prefer(comparisons)]


def item_score(
    row: Row, i: int, scores: Mapping[Role, Scores], preference: float | None = None
) -> ItemScore:
    # What an item was to be sorted as and how both sides did; of a slice's metric, maybe none.
    champion, challenger = (scores[side].labels for side in SIDES)
    return ItemScore(
        item=row.id,
        cluster=row.group,
        slices=tuple(f"{key}={value}" for key, value in sorted(row.slices.items())),
        champion={name: values[i] for name, values in scores[Role.CHAMPION].values.items()},
        challenger={name: values[i] for name, values in scores[Role.CHALLENGER].values.items()},
        preference=preference,
        labels={
            name: Labels(reference=ours.reference, champion=ours.answer, challenger=theirs.answer)
            for name in champion
            if (ours := champion[name][i]) and (theirs := challenger[name][i])
        }
        or None,
        unread=unread_of(i, *(scores[side] for side in SIDES)) or None,
        inapplicable=inapplicable_of(i, *(scores[side] for side in SIDES)) or None,
    )


def unread_of(i: int, *sides: Scores) -> tuple[str, ...]:
    """The metrics that could not be measured on an item, on whichever side."""
    return tuple(sorted({m for side in sides for m in side.unread if i in side.unread[m]}))


def inapplicable_of(i: int, *sides: Scores) -> tuple[str, ...]:
    """The metrics that do not apply to an item: by its reference, so all sides say it, or have no
    label for it.
    """
    inapplicable = [
        {m for m, items in side.inapplicable.items() if i in items}
        | {m for m, labels in side.labels.items() if labels[i] is None}
        for side in sides
    ]
    return tuple(sorted(set.intersection(*inapplicable)))


def read_answers(role: Role, part: str) -> tuple[Answer, ...]:
    return Answer.read_lines(answers_of(role, part))


def eval_set_of(rows: Sequence[Row]) -> EvalSet:
    """The eval set as the registry counts looks at it: a changed item is another item."""
    return EvalSet(items=tuple(sorted(digest_json(row.asked_and_expected) for row in rows)))


def pins(eval_set: EvalSet) -> ScorePins:
    """What the scores are measured with. The scorers' digest is of the preference's source too."""
    embedder, preference = ModelPin.read(EMBEDDER).digest, load(PreferenceParams).identity
    scorers = [scorers_digest(load(ScoringParams)), embedder, preference, digest_file(PAIR_SOURCE)]
    if calibration := judge_calibration():
        scorers += [pin.digest for pin in calibration.judges]
    if pin := recorded_conversations():
        scorers.append(pin)
    champion, challenger = both_contestants()
    return ScorePins(
        eval_set=eval_set.digest,
        base=challenger.base.weights,
        champion=champion.adapter,
        challenger=Adapter.read(ADAPTER).files,
        decoding=load(Decoding).digest,
        scorers=digest_json(scorers),
        numerics=recorded_numerics(),
        contestants=(champion, challenger),
    )
