"""Which columns are prompt and completion: by their names where those say it, else by the texts."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import permutations

from curation.sources.columns.answer_columns import (
    answer_choices,
    doubt,
    feedback,
    json_answers,
    no_answer,
    unread_answers,
)
from curation.sources.columns.choices import Choice, Found
from curation.sources.columns.profiles.column_profile import ColumnProfile
from curation.sources.columns.prompt_columns import Names, asked_prompts, in_order, text_prompts
from curation.sources.columns.wanted import Wanted

ASK, TELL = 0.5, 0.3  # shares of questions: of texts that ask, at least; of answers, at most
APART = ("system", "chosen", "rejected", "author")  # roles whose texts are no half of a pair


def find_pair(columns: Sequence[ColumnProfile], given: Wanted) -> Found:
    """The pairs that the columns make; what was named is taken as it is."""
    texts = [c for c in columns if c.is_text and c.role not in APART]
    named = [c for c in columns if c.name == given.completion]
    unnamed = [c for c in texts if c.name not in given.columns]
    answers = named or answer_choices(unnamed)
    free = [c for c in unnamed if c not in answers]
    asked = [given.prompt] if given.prompt else asked_prompts(free)
    if not answers:
        found = only_prompts(asked, free, columns) if asked else from_texts_alone(free, columns)
        return found if found.sure else with_json(found, asked, free, columns)
    if not named and answers[0].role == "label":
        return class_pairs([] if given.prompt else free, asked, answers, columns)
    strong = all(c.role in ("answer", "assistant") for c in answers)
    prompts = asked or text_prompts(free, joined=strong)
    if not prompts:
        return only_answers(answers, free)
    choices = matched(prompts, answers, columns)
    second = second_pair(free, choices) if not (named or given.prompt) else []
    return Found((*choices, *second), doubt(columns, answers, given))


def with_json(
    found: Found,
    asked: Sequence[Names],
    free: Sequence[ColumnProfile],
    columns: Sequence[ColumnProfile],
) -> Found:
    """What was found, and answers that somebody may want to have learnt as JSON."""
    prompts = asked or text_prompts(free, joined=False)
    more = (Choice(names, c.name) for names in prompts for c in json_answers(columns))
    return replace(found, choices=(*found.choices, *more))


def is_other(column: ColumnProfile) -> bool:
    """A text of which the name does not say what it is."""
    option = len(column.name) == 1  # of a multiple choice: A, B, C and D
    untold = column.role in (None, "body", "title", "context", "chat")
    return untold and not option and not column.has_classes


def matched(
    prompts: Sequence[Names], answers: Sequence[ColumnProfile], columns: Sequence[ColumnProfile]
) -> tuple[Choice, ...]:
    """Each prompt with each answer; of several languages, each with its own answer alone."""
    variants = {c.name: c.says.variant for c in columns}

    def alike(names: Names, answer: ColumnProfile) -> bool:
        return answer.says.variant in [variants[name] for name in names]

    single = len(prompts) == 1 or len(answers) == 1
    return tuple(
        Choice(names, answer.name)
        for names in prompts
        for answer in answers
        if single or alike(names, answer) or not any(alike(names, other) for other in answers)
    )


def second_pair(free: Sequence[ColumnProfile], choices: Sequence[Choice]) -> list[Choice]:
    """A title and its text, beside a question and its answer."""
    rest = unused(free, (choice.names for choice in choices))
    titles = [c.name for c in rest if c.role == "title"]
    bodies = [c.name for c in rest if c.role == "body"]
    return [Choice((titles[0],), bodies[0])] if titles and bodies else []


def unused(free: Sequence[ColumnProfile], used: Iterable[Names]) -> list[ColumnProfile]:
    names = {name for some in used for name in some}
    return [c for c in free if c.name not in names and not c.has_classes]


def class_pairs(
    free: Sequence[ColumnProfile],
    asked: Sequence[Names],
    labels: Sequence[ColumnProfile],
    columns: Sequence[ColumnProfile],
) -> Found:
    """A text and the name of its class, which is sure only where there is no other text."""
    prompts = asked or text_prompts(free, joined=False)
    if not prompts:
        return only_answers(labels, free)
    others = unused(free, prompts)
    if others or len(prompts) > 1:
        every = in_order([*others, *(c for c in free if (c.name,) in prompts)], free)
        prompts = list(dict.fromkeys([*prompts, every]))
    unsure = "no column says that it holds answers, and classes may be meant" if others else None
    return Found(matched(prompts, labels, columns), unsure or feedback(columns))


def only_prompts(
    prompts: Sequence[Names], free: Sequence[ColumnProfile], columns: Sequence[ColumnProfile]
) -> Found:
    asked = {name for names in prompts for name in names}
    others = [c for c in free if is_other(c) and c.name not in asked]
    choices = tuple(Choice(names, other.name) for names in prompts for other in others)
    if len(choices) == 1 and others[0].role is None and others[0].questions <= TELL:
        return Found(choices)
    among = tuple(Choice(a, b[0]) for a, b in permutations(prompts, 2) if len(b) == 1)
    return Found((*choices, *among), no_answer(columns))


def only_answers(answers: Sequence[ColumnProfile], free: Sequence[ColumnProfile]) -> Found:
    others = [c for c in free if is_other(c)]
    choices = tuple(Choice((other.name,), c.name) for c in answers for other in others)
    return Found(choices, None if choices else "no column holds what was asked")


def from_texts_alone(free: Sequence[ColumnProfile], columns: Sequence[ColumnProfile]) -> Found:
    """Names say nothing: questions beside a text that asks nothing are a pair."""
    texts = sorted(filter(is_other, free), key=lambda c: c.questions < ASK)
    if len(texts) == 2 and texts[0].questions >= ASK and texts[1].questions <= TELL:
        return Found((Choice((texts[0].name,), texts[1].name),))
    choices = tuple(Choice((a.name,), b.name) for a, b in permutations(texts, 2))
    held = any(c.kind in ("lists", "objects") for c in columns)
    if unread_answers(columns) or not texts or (held and len(texts) == 1):
        return Found(choices, no_answer(columns))
    if len(texts) == 1:
        return Found((), raw_text(texts[0].name))
    return Found(choices, "neither names nor texts say what is asked and what is answered")


def raw_text(name: str) -> str:
    return (
        f"`{name}` is raw text: rows are needed that say what is asked and what is to be answered"
    )
