"""A hosted champion, asked each night whether it still answers as when its answers were kept."""

from evaluation.generation.hosted import REPEATED, answers_folder, fingerprints_of
from evaluation.repeated_questions import LEVEL, RepeatedQuestion, ask_again, chance_of_change
from monitoring.night_context import NightContext
from project.errors import IncumbentError
from project.records.drift import Night, SameModelReading
from project.records.events import HostedChanged
from project.untrusted_input import shortened
from registry.store import Registry


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
    names = {one.model for one in replies if one.model}
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
