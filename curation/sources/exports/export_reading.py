"""One way to read an export: what its fields are, by what people said with one of its controls."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from curation.curation_settings import ExportFields
from curation.sources.exports.answered_task import (
    CHOICES,
    COMPARED,
    AnsweredTask,
    ControlAnswer,
    Kind,
    could_be_rankings,
    kinds_of,
    with_known_kind,
)
from curation.sources.exports.export_records import Fields
from curation.sources.exports.good_or_bad import (
    BAD_WORDS,
    GOOD_WORDS,
    OptionsMissingError,
    Praise,
    alternatives,
    are_of_a_comparison,
    field_role,
    plain,
    praise_asked_for,
    praise_of,
    side_of,
    suggested_praise,
)
from curation.sources.exports.shown import texts_in
from curation.sources.tables.table import names_listed
from project.errors import InputError

FIELD = "FIELD"  # stands in a command for a name that the file does not tell
INSTEAD = "(--completion names another, --options classes none)"
READABLE = (
    "what is read: texts that people wrote, the class of a whole text, a choice or a rating on an "
    "answer, comparisons and rankings of answers"
)


@dataclass(frozen=True)
class ExportReading:
    """One way to read an export: what is what in it, and what nobody named and is missing."""

    fields: ExportFields
    control: str = ""
    kinds: Mapping[Kind, Kind] = field(default_factory=dict)
    words: Praise | None = None  # what tells good answers from bad ones, where they were judged
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what was taken though nobody named it
    may_be_classes: bool = False  # what was chosen may be a class of the prompt too

    @property
    def ways(self) -> list[ExportFields]:
        """The names to type, and those for what was chosen as a class of the prompt."""
        if not self.may_be_classes:
            return [self.fields]
        none: dict[str, Any] = {"completion": None, "answers": {}, "good": (), "bad": ()}
        return [self.fields, self.fields.model_copy(update={**none, "options": "classes"})]

    def named(self, note: str = "", **update: Any) -> "ExportReading":
        """The reading with these names, taken because of what the note says."""
        notes = (*self.notes, note) if note else self.notes
        return replace(self, fields=self.fields.model_copy(update=update), notes=notes)

    def lacks(self, problem: str, **suggested: Any) -> "ExportReading":
        return replace(self.named(**suggested), missing=(*self.missing, problem))


def of_control(
    reading: ExportReading, tasks_answered: Sequence[AnsweredTask], path: Path
) -> ExportReading:
    """What the fields are, by what people said with the control. Raises InputError."""
    tasks = [answered.task for answered in tasks_answered]
    answers = [answered.said[reading.control] for answered in tasks_answered]
    reading = with_fields_as_choices(reading, answers, tasks)
    kinds = kinds_of(answers, reading.fields)
    reading = replace(reading, kinds=kinds)
    if could_be_rankings(answers, reading.fields):
        reading = asked_for_answers(
            replace(reading, may_be_classes=True),
            tasks,
            answers,
            "name --answer NAME=FIELD for each of {} if people ranked them, or --options classes "
            "if they chose them",
        )
    told_apart = [with_known_kind(answer, kinds) for answer in answers]
    has_answers = any(answered.answers for answered in tasks_answered)
    reading = with_answers(reading, told_apart, tasks, has_answers=has_answers)
    reading = with_judged_answer(reading, told_apart, tasks, has_answers=has_answers)
    reading = with_prompt(reading, tasks, path)
    return with_words(reading, told_apart)


def with_fields_as_choices(
    reading: ExportReading, answers: Sequence[ControlAnswer], tasks: Sequence[Fields]
) -> ExportReading:
    """The answers that were compared, where people chose between the names of their fields."""
    fields, texts = reading.fields, texts_in(tasks)
    choices = choices_of(answer for answer in answers if answer.kind not in ("written", "rated"))
    named = [choice for choice in choices if choice in texts]
    is_open = not (fields.answers or fields.completion or fields.options)
    if not is_open or len(named) < 2 or any(side_of(c) for c in choices if c not in named):
        return reading
    note = f"people compared {names_listed(named)}, fields of the answers"
    return reading.named(note, answers={choice: choice for choice in named})


def with_answers(
    reading: ExportReading,
    answers: Sequence[ControlAnswer],
    tasks: Sequence[Fields],
    *,
    has_answers: bool,
) -> ExportReading:
    """The fields of the answers that were compared, where they were."""
    fields, choices = reading.fields, choices_of(answers)
    if fields.answers:
        if choices and not set(choices) & set(fields.answers):  # all would be ties
            problem = f"people chose {names_listed(choices)}: name the answer that each stands for"
            return reading.lacks(problem, answers=answers_for(choices, tasks))
        return reading
    if has_answers or not choices:
        return reading
    texts = texts_in(tasks)
    compared = any(answer.kind in COMPARED for answer in answers)
    chosen = any(answer.kind in ("chosen", "proposed") for answer in answers)
    if compared:
        return asked_for_answers(
            reading,
            tasks,
            answers,
            "name --answer NAME=FIELD for each of {}, which people compared",
        )
    open_ = fields.completion is None and fields.options is None
    if chosen and open_ and is_comparison(choices, texts):
        return asked_for_answers(
            replace(reading, may_be_classes=True),
            tasks,
            answers,
            "people chose {}, as it seems of several answers: name --answer CHOICE=FIELD for each "
            "that stands for one (any other is a tie), or --options classes if the prompt is of "
            "these classes",
        )
    return reading


def is_comparison(choices: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether the choices are sides of a pair, or a task shows several answers side by side, and
    they are no stars.
    """
    shown = alternatives(texts)
    if all(choice.isdecimal() for choice in choices) and max(map(int, choices)) > len(shown):
        return False
    return bool(shown) or are_of_a_comparison(choices)


def asked_for_answers(
    reading: ExportReading, tasks: Sequence[Fields], said: Sequence[ControlAnswer], problem: str
) -> ExportReading:
    choices = choices_of(said)
    answers = answers_for(choices, tasks)
    told_of = f"{problem.format(names_listed(choices))}: {has_fields(tasks)}"
    if answers or not reading.may_be_classes:
        return reading.lacks(told_of, answers=answers or {choices[0]: FIELD})
    return replace(reading.lacks(told_of, options="classes"), may_be_classes=False)


def choices_of(answers: Iterable[ControlAnswer]) -> list[str]:
    return sorted({name for answer in answers for name in answer.flat})


def answers_for(choices: Iterable[str], tasks: Sequence[Fields]) -> dict[str, str]:
    """The fields that choices stand for, as far as their names tell; a tie stands for none."""
    texts = texts_in(tasks)
    sides, names = alternatives(texts), set(texts)
    known = {c: c if c in names else sides.get(side_of(c) or 0, FIELD) for c in choices}
    return {c: name for c, name in known.items() if name != FIELD or side_of(c)}


def with_judged_answer(
    reading: ExportReading,
    said: Sequence[ControlAnswer],
    tasks: Sequence[Fields],
    *,
    has_answers: bool,
) -> ExportReading:
    """The field of the answer that people judged, where they chose or gave stars and one is there.

    Where they praised or blamed it, that is the one reading; another choice may be a class.
    """
    fields = reading.fields
    is_open = not (fields.completion or fields.answers or fields.options or has_answers)
    if not is_open or not any(answer.kind in ("chosen", "rated") for answer in said):
        return reading
    taken = (*fields.prompt, *fields.slices)
    others = [n for n in texts_in(tasks) if n not in taken and field_role(n) != "about"]
    sides = alternatives(others).values()
    answers = [name for name in others if field_role(name) == "answer" or name in sides]
    words = {plain(word) for answer in said if answer.kind == "chosen" for word in answer.flat}
    verdicts = words <= GOOD_WORDS | BAD_WORDS
    if verdicts and len(answers) == 1 and (fields.prompt or len(others) > 1):
        note = f"the answer that was judged: {answers[0]!r}, by its name {INSTEAD}"
        return reading.named(note, completion=answers[0])
    left = others if fields.prompt else others[1:]
    if not (left if verdicts else answers and left):
        return reading
    problem = (
        f"name --completion FIELD, if people judged one of {names_listed(answers or others)}; or "
        "--options classes, if they judged the prompt"
    )
    asked = replace(reading, may_be_classes=True)
    return asked.lacks(problem, completion=(answers or left)[-1])


def with_prompt(reading: ExportReading, tasks: Sequence[Fields], path: Path) -> ExportReading:
    """The field of the prompt: the one text that is left, or the one that alone is called so.

    Raises InputError where none can be, for all texts are answers.
    """
    fields = reading.fields
    judged = {*fields.answers.values(), fields.completion}
    if not tasks or (fields.prompt and not judged & {*fields.prompt}):
        return reading
    if judged & {*texts_in(tasks)} and not {*texts_in(tasks)} - judged:
        held = names_listed(texts_in(tasks))
        problem = f"holds no prompt: {held} alone is there, and was named as an answer; {READABLE}"
        raise InputError(problem, file=path)
    texts = [name for name in texts_in(tasks) if name not in judged]
    if len(texts) == 1:
        note = f"the prompt: {texts[0]!r}, the one text"
        return reading.named(note, prompt=(texts[0],))
    others = [n for n in texts if field_role(n) not in ("about", "answer")]
    others = [n for n in others if n not in alternatives(texts).values()]
    called = [name for name in others if field_role(name) == "prompt"]
    if others == called and len(called) == 1:
        note = f"the prompt: {called[0]!r}, by its name (--prompt names another)"
        return reading.named(note, prompt=(called[0],))
    problem = f"name --prompt FIELD: {has_fields(tasks)}"
    suggested = (called or others or texts or [FIELD])[0]
    return reading.lacks(problem, prompt=(suggested,))


def has_fields(tasks: Sequence[Fields]) -> str:
    names = list(dict.fromkeys(name for task in tasks for name in task))
    if not names:
        return "this export has no field"
    texts = texts_in(tasks)
    more = "" if texts else ", of which none holds a text"
    return f"this export has {names_listed(names)}{more}"


def with_words(reading: ExportReading, answers: Sequence[ControlAnswer]) -> ExportReading:
    """What tells good answers from bad ones, where answers were judged."""
    judged_ones = [answer for answer in answers if answer.kind in CHOICES]
    if not reading.fields.completion or not judged_ones:
        return reading
    choices = [choice for answer in judged_ones for choice in answer.flat]
    scale = any(answer.kind == "rated" for answer in judged_ones)
    words = praise_of(reading.fields, choices, scale=scale)
    numbers = all(choice.lstrip("-").isdecimal() for choice in choices)
    if words is None or not (numbers or any(words.knows(choice) for choice in choices)):
        good, bad = suggested_praise(choices)
        return reading.lacks(praise_asked_for(choices), good=good, bad=bad)
    return replace(reading, words=words)


# --- reading choice -------------------------------------------------------------------------------


def only_one(readings: Sequence[ExportReading], path: Path) -> ExportReading:
    """The first, where nothing is missing; it is told what is missing in each.

    Raises OptionsMissingError, whose commands name what is missing in some.
    """
    of_each = [reading.missing for reading in readings]
    if any(of_each):
        shared = [what for what in of_each[0] if all(what in other for other in of_each)]
        missing = shared if len(readings) > 1 else list(of_each[0])
        raise OptionsMissingError(missing, [way for r in readings for way in r.ways], path)
    return readings[0]


def readings_of(
    everything: Sequence[AnsweredTask], fields: ExportFields, path: Path
) -> list[ExportReading]:
    """A way to read it for each control that may be meant. Raises InputError."""
    counting = [answered for answered in everything if not answered.one.why]
    unread = kinds_unread(everything)
    if unread and not any(answered.said for answered in everything if not answered.one.why):
        raise InputError(f"holds {unread}, which are not supported; {READABLE}", file=path)
    there = list(dict.fromkeys(name for answered in counting for name in answered.task))
    controls = list(dict.fromkeys(name for answered in counting for name in answered.said))
    begun = without_unknown(ExportReading(fields), there, controls)
    wanted = [begun.fields.control] if begun.fields.control else controls
    if not wanted:
        return [begun]
    if len(wanted) > 1:
        told_of = ", ".join(map(repr, controls))
        begun = begun.lacks(f"name --control NAME: people used {told_of}")
    readings = []
    for control in wanted:
        tasks = [answered for answered in counting if control in answered.said]
        named = begun.named(control=control) if len(controls) > 1 else begun
        readings.append(of_control(replace(named, control=control), tasks, path))
    return readings


def without_unknown(
    reading: ExportReading, there: Sequence[str], controls: Sequence[str]
) -> ExportReading:
    """Without the names that nothing in the file has; each is told, with those there are."""
    fields = reading.fields
    if fields.control and controls and fields.control not in controls:
        problem = f"{fields.control}: no such control; people used {names_listed(controls)}"
        reading = reading.lacks(problem, control=near(fields.control, controls))
    has = f"this export has {names_listed(there)}"
    for option in ("prompt", "slices"):
        names = getattr(fields, option)
        if unknown := [name for name in names if there and name not in there]:
            known = tuple(filter(None, (near(name, there) for name in names)))
            reading = reading.lacks(f"{unknown[0]}: no such field; {has}", **{option: known})
    if fields.completion and there and fields.completion not in there:
        problem = f"{fields.completion}: no such field; {has}"
        reading = reading.lacks(problem, completion=near(fields.completion, there))
    named = list(fields.answers.values())
    unknown = [name for name in named if there and name not in there]
    if unknown or len(set(named)) < len(named):
        problem = (
            f"{unknown[0]}: no such field; {has}" if unknown else "--answer names a field twice"
        )
        sides = alternatives(there)
        answers = {
            choice: sides.get(side_of(choice) or 0) or near(name, there) or FIELD
            for choice, name in fields.answers.items()
        }
        reading = reading.lacks(problem, answers=answers)
    return reading


def near(name: str, names: Sequence[str]) -> str | None:
    """The name itself, or the one that it is a misspelling of."""
    return next(iter(get_close_matches(name, names, n=1, cutoff=0.6)), None)


def kinds_unread(everything: Iterable[AnsweredTask]) -> str:
    """What was said and is not read, in words."""
    kinds: dict[str, list[str]] = {}
    for answered in everything:
        for control, kind in answered.unsupported.items():
            if control not in kinds.setdefault(kind, []):
                kinds[kind].append(control)
    texts = [
        f"{kind} ({names_listed(names)})" if any(names) else kind for kind, names in kinds.items()
    ]
    return " and ".join(texts)
