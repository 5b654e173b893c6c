"""From what people said, as a tool has it, to judgements."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from curation.curation_settings import ExportFields
from curation.sources.exports.judgements.answered import Answered
from curation.sources.exports.judgements.asking import (
    refuse_praise_of_prompts,
    refuse_strange_choices,
    refuse_without_answers,
    the_control,
    words_for,
)
from curation.sources.exports.judgements.good_or_bad import Praise
from curation.sources.exports.judgements.judgement import NO_RESULT, Judgement
from curation.sources.exports.judgements.kinds import kinds_of, told
from curation.sources.exports.judgements.said import Said, judged, rated, reject
from curation.sources.exports.judgements.shown import NothingShownError, Shown, shown, with_prompt


def judge(everything: Sequence[Answered], fields: ExportFields, path: Path) -> Iterator[Judgement]:
    """Each as a judgement, in their order. Raises InputError where a name would be a guess."""
    counting = [answered for answered in everything if not answered.one.why]
    control = the_control(counting, fields, path)
    refuse_without_answers(counting, control, fields, path)
    found = with_prompt(fields, [answered.task for answered in counting], path)
    said = [answered.said[control] for answered in counting if control in answered.said]
    kinds = kinds_of(said, found, path)
    told_apart = [told(one, kinds) for one in said]
    refuse_strange_choices(told_apart, found, path)
    refuse_praise_of_prompts(told_apart, [a.task for a in counting], found, path)
    words = words_for(told_apart, found, path)
    for answered in everything:
        if answered.one.why:
            yield answered.one
        else:
            own = answered.said.get(control)
            yield judgement(answered, told(own, kinds) if own else None, found, words)


def judgement(
    answered: Answered, what_was_said: Said | None, fields: ExportFields, words: Praise | None
) -> Judgement:
    if what_was_said is None or not what_was_said.flat:
        return replace(answered.one, why=NO_RESULT)
    try:
        what = shown(answered.task, fields)
    except NothingShownError as nothing:
        return replace(answered.one, why=str(nothing))
    if answered.answers:
        what = replace(what, answers=answered.answers)
    if answered.rejected:
        return rejection(answered.one, what_was_said, what, words)
    return judged(answered.one, what_was_said, what, words)


def rejection(one: Judgement, what_was_said: Said, what: Shown, words: Praise | None) -> Judgement:
    """A person refused the answer that was shown, or what was said of it, or a proposed class."""
    if what.answer is not None and words:
        good = words.of(what_was_said.flat)
        return replace(rated(one, None if good is None else not good, what), asked=what.digest)
    return reject(one, what.answer or ", ".join(what_was_said.flat), what)
