"""How the champion answers labels that people accepted since it was submitted: a measured line."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime
from math import sqrt
from statistics import fmean, stdev

from curation.accepted_rows import place_batches
from curation.curation_settings import CurateParams
from curation.eval_sets import Extension, accepted_ids, read_changes
from curation.sifting import clean
from curation.token_lengths import TokenLengths, fit
from evaluation.evaluation_settings import Decoding, ScoringParams
from evaluation.generation.answering_engine import answering_numerics, server_kept
from evaluation.generation.answers import Answer, by_sample
from evaluation.generation.hosted import REPEATED, answers_folder, fingerprints_of
from evaluation.generation.retrieved_passages import asked_with
from evaluation.generation.systems import respondent
from evaluation.repeated_questions import LEVEL, RepeatedQuestion, ask_again, chance_of_change
from monitoring.night_context import NightContext
from monitoring.night_history import nights_before
from monitoring.trigger.acceptance import accepted_rows
from project.errors import IncumbentError, StoppedError, refuse_stopped
from project.files import home
from project.model_pins import BaseChoice, absent, pinned_folder
from project.paths import CURATED, NUMERICS, rows_of
from project.records.adapters import AdapterVersion
from project.records.data import Row, Split
from project.records.drift import ChampionQuality, Night, SameModelReading
from project.records.events import HostedChanged
from project.records.evidence import Evidence
from project.settings import load
from project.untrusted_input import shortened
from registry.store import Registry
from training.precision import choose_numerics

LABELS_A_NIGHT = 40  # fresh ones that are answered: their mean is known to 0.16 deviations


def with_quality(context: NightContext, night: Night) -> Night:
    """The night with the champion's quality on fresh labels, or a note; it decides nothing."""
    if night.champion is None:
        return night
    champion = context.registry.version(night.champion)
    try:
        rows = fresh_labels(context, champion, date.fromisoformat(night.date))
        quality = measure(context, champion, rows) if rows else None
    except StoppedError:
        raise
    except IncumbentError as error:
        note = f"the champion's quality on fresh labels was not measured: {error}"
        return night.model_copy(update={"notes": (*night.notes, note)})
    return night.model_copy(update={"quality": quality})


def fresh_labels(context: NightContext, champion: AdapterVersion, day: date) -> list[Row]:
    """The next labels to measure, the oldest first: accepted since the champion was submitted, and
    by the end of the day, that it has not answered on an earlier night.

    Left out are rows that belong to sealed, which `submit` alone answers, and near-duplicates of
    other rows, which the champion may have been trained on.
    """
    nights = nights_before(context.registry.engine, context.registry.family, date.max)
    qualities = (night.quality for night in nights if night.champion == champion.number)
    known = {row for quality in qualities if quality for row in quality.rows}
    new = [name for name in accepted_between(champion, day) if name not in known]
    if not new:
        return []
    allowed = {row.id: row for row in outside_sealed()}
    rows = [allowed[name] for name in new if name in allowed]
    return short_enough(rows, champion)[:LABELS_A_NIGHT] if rows else []


def measure(
    context: NightContext, champion: AdapterVersion, rows: Sequence[Row]
) -> ChampionQuality:
    """Answer the labels as stage `generate` answers dev, and score them as stage `score` does."""
    # Imported here because scorers take seconds, which a night without fresh labels saves.
    from evaluation.scoring.scorers import load_scorers, score

    answers = answers_to(context, champion, rows)
    embedder = pinned_folder(context.embeddings.pin, "embedder")
    scorers = load_scorers(load(ScoringParams), embedder)
    drawn = [score(scorers, rows, sample) for sample in by_sample(answers)]
    judged = [name for scorer in scorers for name, way in scorer.better.items() if way != "neither"]
    values = {
        name: [
            fmean(scores.values[name][i] for scores in drawn)
            for i in range(len(rows))
            if not any(i in scores.unread.get(name, ()) for scores in drawn)
        ]
        for name in judged
        if all(name in scores.values for scores in drawn)
    }
    return ChampionQuality(
        n=len(rows),
        scores={name: fmean(numbers) for name, numbers in values.items() if numbers},
        errors={
            name: stdev(numbers) / sqrt(len(numbers))
            for name, numbers in values.items()
            if len(numbers) > 1
        },
        dev=dev_scores(context, champion),
        rows=tuple(row.id for row in rows),
    )


# --- which labels, and the answers to them ------------------------------------------------------


def accepted_between(champion: AdapterVersion, day: date) -> list[str]:
    """The rows accepted since a version was submitted, up to a day, in the order of the record."""
    submitted = datetime.fromisoformat(champion.at)
    return [
        name
        for change in read_changes().values()
        if isinstance(change, Extension)
        and datetime.fromisoformat(change.at) > submitted
        and change.at[:10] <= day.isoformat()
        for name in change.rows
    ]


def outside_sealed() -> Iterator[Row]:
    """The accepted rows that curation places in training or dev, and that are near no other."""
    params, changes = load(CurateParams), read_changes()
    accepted = accepted_ids(changes)
    curated = {part: curated_rows(part) for part in Split}
    base = [(row, part) for part in Split for row in curated[part] if row.id not in accepted]
    labels = {row.id: clean(row) for row in accepted_rows()}
    sealed = {row.id for row in curated[Split.SEALED]}
    for placed in place_batches(base, batches_of(labels, changes.values()), params):
        alone = placed.row.group == labels[placed.row.id].group
        kept_back = placed.part in (None, Split.SEALED) or placed.row.id in sealed
        if alone and not kept_back and not placed.row.synthetic:
            yield placed.row


def batches_of(labels: dict[str, Row], changes: Collection[object]) -> list[list[Row]]:
    """The labels as they were accepted together, each once."""
    waiting, batches = dict(labels), []
    for change in changes:
        if isinstance(change, Extension):
            batch = [waiting.pop(name) for name in change.rows if name in waiting]
            batches.append(batch)
    return batches


def curated_rows(part: Split) -> Sequence[Row]:
    """Raises IncumbentError where they are not here: they say what belongs to sealed."""
    if not rows_of(part).exists():
        raise IncumbentError(f"{CURATED} is not on this machine, which says what is sealed")
    return Row.read_lines(rows_of(part))


def short_enough(rows: Sequence[Row], champion: AdapterVersion) -> list[Row]:
    """The rows without those that curation leaves out because they are too long for the base."""
    if problem := absent(champion.adapter.base):
        raise IncumbentError(f"{champion.label} answers on its own base, and {problem}")
    base = pinned_folder(champion.adapter.base, "base")
    adapter = champion.adapter
    lengths = TokenLengths(base, adapter.system_prompt, adapter.evidence_template)
    long = fit(rows, lengths, load(BaseChoice).max_length, "drop").left_out
    return [row for row in rows if row.id not in long]


def answers_to(
    context: NightContext, champion: AdapterVersion, rows: Sequence[Row]
) -> list[Answer]:
    """Batch by batch: a night that is stopped between two goes on from what was answered."""
    files, decoding = champion.adapter.files, load(Decoding)
    folder = context.registry.artifacts.check_out(files, home() / "adapters" / files)
    numerics = answering_numerics() if NUMERICS.exists() else choose_numerics()
    system = respondent(champion.adapter.contestant, folder, decoding, numerics)
    shown = asked_with(rows, champion.adapter.contestant)
    answers: list[Answer] = []
    with server_kept():
        for start in range(0, len(rows), decoding.batch_size):
            refuse_stopped(context.stop)
            some = shown[start : start + decoding.batch_size]
            answers += system.answers(some, f"{champion.label}, fresh labels", decoding.samples)
    return answers


def dev_scores(context: NightContext, champion: AdapterVersion) -> dict[str, float]:
    """What the version scored on dev when it was decided on; nothing where it never was."""
    decision = context.registry.decision(champion.number)
    if decision is None:
        return {}
    dev = context.registry.artifacts.get_record(Evidence, decision.evidence).dev
    means = {name: measurement.challenger_mean for name, measurement in dev.items()}
    return {name: mean for name, mean in means.items() if mean is not None}


# --- hosted champion ------------------------------------------------------------------------------

# A hosted champion is asked each night whether it still answers as when its answers were kept.


def with_same_model(context: NightContext, night: Night) -> Night:
    """The night with what a hosted champion answered, or a note; it decides nothing."""
    if night.champion is None or not context.drift.ask_again:
        return night
    contestant = context.registry.version(night.champion).adapter.contestant
    hosted = contestant.base.hosted
    if hosted is None or contestant.answers is None:
        return night
    try:
        items = RepeatedQuestion.read_lines(answers_folder(contestant.answers) / REPEATED)
        replies = ask_again(hosted, [item.request for item in items])
    except IncumbentError as error:
        note = f"the hosted champion was not asked whether it is still the same: {error}"
        return night.model_copy(update={"notes": (*night.notes, note)})
    p = chance_of_change(items, [reply.text for reply in replies])
    names = {reply.model for reply in replies if reply.model}
    reading = SameModelReading(
        n=len(items),
        p=p,
        changed=p <= LEVEL or not all(map(hosted.is_named, names)),
        served_as=tuple(sorted(map(shortened, names))),
        fingerprints=fingerprints_of(replies),
    )
    return night.model_copy(update={"same_model": reading})


def record_change(registry: Registry, night: Night) -> None:
    assert night.same_model is not None and night.champion is not None
    change = HostedChanged(
        night=night.date,
        items=night.same_model.n,
        p=repr(night.same_model.p),
        served_as=night.same_model.served_as,
        fingerprints=night.same_model.fingerprints,
    )
    registry.record_change(night.champion, change)
