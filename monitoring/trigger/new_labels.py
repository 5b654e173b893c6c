"""The accepted labels that a retrain would learn from for the first time, and that are of use."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from curation.splitting.eval_sets import EVAL_SETS, Extension, read_changes
from evaluation.preference.pairs.preference_pairs import PREFERENCES
from monitoring.night_history import check_job
from monitoring.trigger.acceptance import accepted_rows
from monitoring.trigger.drifted_rows import DriftedRows
from monitoring.trigger.labels import LABELLED, pseudonym_of
from project.records.adapters import AdapterVersion
from project.records.data import Row
from project.records.drift import Action, Night, RetrainOutcome
from project.records.preferences import RatedAnswer, read_preferences
from project.records.traffic import Traffic
from project.times import moment_of
from registry.jobs.run_span import runs_between
from registry.store import Registry


def new_labels(drifted: DriftedRows, trusted: Iterable[Traffic], before: Sequence[Night]) -> int:
    """How many rows on the drifted topics somebody accepted, or a trusted user wrote, since the
    last retrain read them.

    Each counts once, however many ask it; and all that one user wrote counts once, but for users
    that the settings trust: one person's view of a topic is no ground for a retrain.
    """
    context = drifted.context
    since = last_read(context.registry, drifted.champion, before)
    accepted = drifted.on_topic(accepted_since(since))
    authors = written_by(context.trigger.trusted)
    voices = {authors.get(row.prompt_text, row.prompt_text) for row in accepted}
    return len(voices | {row.prompt_text for row in drifted.on_topic(list(trusted))})


def last_read(registry: Registry, champion: AdapterVersion, before: Sequence[Night]) -> datetime:
    """When labels were last trained on: by a retrain that ended, or by what else made the champion.

    A night's check ends right before its retrain, and after what it accepted itself.
    """
    ended = [night for night in before if is_ended_retrain(night)]
    days = [date.fromisoformat(night.date) for night in ended[-1:]]
    job = check_job(registry.family)
    checks = [run for day in days for run in runs_between(registry.engine, job, day, day)]
    moments = [moment_of(run.ended) for run in checks if run.ended]
    if not any(night.challenger == champion.number for night in ended):
        moments.append(moment_of(champion.at))
    return max(moments, default=moment_of(champion.at))


def is_ended_retrain(night: Night) -> bool:
    """A run that failed has trained nothing on the labels that it read."""
    return night.action is Action.RETRAIN and night.outcome is not RetrainOutcome.FAILED


def accepted_since(since: datetime) -> list[Row]:
    """The labelled rows that somebody accepted then or later, for the first time."""
    known: set[str] = set()
    for change in read_changes(EVAL_SETS).values():
        if isinstance(change, Extension) and moment_of(change.at) < since:
            known.update(change.rows)
    return [row for row in accepted_rows() if row.id not in known]


def written_by(trusted: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Whose correction was accepted for a prompt, but for those of trusted users."""
    path = PREFERENCES / LABELLED.name
    own = {pseudonym_of(name) for name in trusted}
    rated = read_preferences(path) if path.exists() else ()
    return {
        one.prompt: ("user", one.annotator)
        for one in rated
        if isinstance(one, RatedAnswer) and one.annotator and one.annotator not in own
    }
