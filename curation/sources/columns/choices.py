"""Which columns are prompt and completion: by their names where those say it, else by the texts.

Where that leaves several choices, an error has them as options that can be typed.
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, permutations
from pathlib import Path

from curation.sources.columns.column_profile import ColumnProfile
from curation.sources.table_rows import NamedColumns
from project.errors import InputError
from project.untrusted_input import one_line

SHOWN = 60  # characters of a value
MOST = 6  # choices that are listed
MOST_SHOWN = 30  # columns


@dataclass(frozen=True)
class ColumnChoice:
    """Prompt and completion, or messages."""

    prompt: tuple[str, ...] = ()
    completion: str | None = None
    messages: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.prompt, *(n for n in (self.completion, self.messages) if n is not None))

    def __str__(self) -> str:
        named = [("--prompt", name) for name in self.prompt]
        named += [("--completion", self.completion)] if self.completion is not None else []
        named += [("--messages", self.messages)] if self.messages is not None else []
        return " ".join(f"{option} {shlex.quote(one_line(name))}" for option, name in named)


@dataclass(frozen=True)
class FittingColumns:
    """What fits. It is taken where it is one choice and nothing speaks against it."""

    choices: tuple[ColumnChoice, ...]
    unsure: str | None = None  # why somebody has to choose

    @property
    def sure(self) -> ColumnChoice | None:
        return self.choices[0] if len(self.choices) == 1 and not self.unsure else None


def has_to_choose(
    fitting: FittingColumns, columns: Sequence[ColumnProfile], file: Path
) -> InputError:
    """The error that lists the choices, with a value of each of their columns."""
    choices = fitting.choices[:MOST]
    why = one_line(fitting.unsure or "several columns fit")
    if not choices:
        options = "--prompt COLUMN --completion COLUMN, or --messages COLUMN"
        return InputError(f"{why}; name the columns: {options}\n{examples(columns)}", file=file)
    offered = "\n".join(f"  {choice}" for choice in choices)
    names = {name for choice in choices for name in choice.names}
    shown = examples([c for c in columns if c.name in names])
    return InputError(f"{why}; choose:\n{offered}\n{shown}", file=file)


def examples(columns: Sequence[ColumnProfile]) -> str:
    """A line for each of some columns, with its value in one row."""
    shown = columns[:MOST_SHOWN]
    # The place in the sample of the row of middling length among those with fewest empty cells.
    rows = list(zip(*(column.texts for column in shown), strict=True))
    empty = [sum(not text for text in row) for row in rows]
    fullest = [place for place, count in enumerate(empty) if count == min(empty)]
    by_length = sorted(fullest, key=lambda place: sum(map(len, rows[place])))
    place = by_length[len(by_length) // 2] if by_length else 0
    more = f"\n  and {len(columns) - MOST_SHOWN} columns more" if len(columns) > MOST_SHOWN else ""
    return (
        "such as\n" + "\n".join(f"  {one_line(c.name)}: {example(c, place)}" for c in shown) + more
    )


def example(column: ColumnProfile, place: int) -> str:
    """The value at a place of the sample in quotation marks, cut; or what the values are."""
    if not column.is_text:
        return column.kind
    text = one_line(column.texts[place]) if column.texts else ""
    return f'"{text}"' if len(text) <= SHOWN else f'"{text[:SHOWN].rstrip()}…"'


# --- prompt columns -------------------------------------------------------------------------------

Names = tuple[str, ...]


def asked_prompts(texts: Sequence[ColumnProfile]) -> list[Names]:
    """Prompts of columns whose names say that they ask, with what the question is about."""
    contexts = [c for c in texts if c.role == "context"]
    for roles in (("question", "instruction"), ("user",)):
        if asked := [c for c in texts if c.role in roles]:
            return with_contexts(asked_together(asked, texts), contexts, texts)
    return []


def text_prompts(texts: Sequence[ColumnProfile], *, joined: bool) -> list[Names]:
    """Prompts of columns that are texts of any kind; `joined`: a title is read with its text."""
    titles = [c for c in texts if c.role == "title"]
    bodies = [c for c in texts if c.role in ("body", "context")]
    if joined and len(titles) == len(bodies) == 1:
        return [in_order([*titles, *bodies], texts)]
    return [(c.name,) for c in bodies or titles]


def asked_together(asked: Sequence[ColumnProfile], texts: Sequence[ColumnProfile]) -> list[Names]:
    """An instruction with its input, a title with its text; else each is a choice of its own."""
    roles = [c.role for c in asked]
    if len(asked) <= 2 and len(set(roles)) == len(asked):
        return [in_order(asked, texts)]
    choices: list[Names] = []
    for _, group in groupby(sorted(asked, key=variant), key=variant):
        alike = list(group)
        parts = [(c.role, c.says.part) for c in alike]
        whole = all(c.says.part for c in alike) or len({c.role for c in alike}) == len(alike)
        if whole and len(set(parts)) == len(parts):
            choices.append(in_order(alike, texts))
        else:
            choices += [(c.name,) for c in alike]
    order = [c.name for c in texts]
    return sorted(choices, key=lambda names: order.index(names[0]))


def variant(column: ColumnProfile) -> Names:
    return column.says.variant


def with_contexts(
    asked: Sequence[Names], contexts: Sequence[ColumnProfile], texts: Sequence[ColumnProfile]
) -> list[Names]:
    if not contexts:
        return list(asked)
    by_name = {c.name: c for c in texts}
    return [
        in_order([*(by_name[name] for name in names), context], texts)
        for names in asked
        for context in contexts
    ]


def in_order(columns: Sequence[ColumnProfile], texts: Sequence[ColumnProfile]) -> Names:
    chosen = {c.name for c in columns}
    return tuple(c.name for c in texts if c.name in chosen)


# --- pair choice ----------------------------------------------------------------------------------

ASK, TELL = 0.5, 0.3  # shares of questions: of texts that ask, at least; of answers, at most
APART = ("system", "chosen", "rejected", "author")  # roles whose texts are no half of a pair


def find_pair(columns: Sequence[ColumnProfile], given: NamedColumns) -> FittingColumns:
    """The pairs that the columns make; what was named is taken as it is."""
    texts = [c for c in columns if c.is_text and c.role not in APART]
    named = [c for c in columns if c.name == given.completion]
    unnamed = [c for c in texts if c.name not in given.columns]
    answers = named or answer_choices(unnamed)
    free = [c for c in unnamed if c not in answers]
    asked = [given.prompt] if given.prompt else asked_prompts(free)
    if not answers:
        fitting = only_prompts(asked, free, columns) if asked else from_texts_alone(free, columns)
        if fitting.sure:
            return fitting
        # And answers that are called so, which somebody may want to have learnt as JSON.
        held = [c for c in columns if c.kind in ("lists", "objects") and c.says.role == "answer"]
        prompts = asked or text_prompts(free, joined=False)
        more = (ColumnChoice(names, c.name) for names in prompts for c in held)
        return replace(fitting, choices=(*fitting.choices, *more))
    if not named and answers[0].role == "label":
        return class_pairs([] if given.prompt else free, asked, answers, columns)
    strong = all(c.role in ("answer", "assistant") for c in answers)
    prompts = asked or text_prompts(free, joined=strong)
    if not prompts:
        return only_answers(answers, free)
    choices = matched(prompts, answers, columns)
    second = second_pair(free, choices) if not (named or given.prompt) else []
    return FittingColumns((*choices, *second), doubt(columns, answers, given))


def is_other(column: ColumnProfile) -> bool:
    """A text of which the name does not say what it is."""
    # Of a multiple choice: A, B, C and D.
    option = len(column.name) == 1 and column.questions < ASK
    untold = column.role in (None, "body", "title", "context", "chat")
    return untold and not option and not column.has_classes


def matched(
    prompts: Sequence[Names], answers: Sequence[ColumnProfile], columns: Sequence[ColumnProfile]
) -> tuple[ColumnChoice, ...]:
    """Each prompt with each answer; of several languages, each with its own answer alone."""
    variants = {c.name: c.says.variant for c in columns}

    def alike(names: Names, answer: ColumnProfile) -> bool:
        return answer.says.variant in [variants[name] for name in names]

    single = len(prompts) == 1 or len(answers) == 1
    return tuple(
        ColumnChoice(names, answer.name)
        for names in prompts
        for answer in answers
        if single or alike(names, answer) or not any(alike(names, other) for other in answers)
    )


def second_pair(
    free: Sequence[ColumnProfile], choices: Sequence[ColumnChoice]
) -> list[ColumnChoice]:
    """A title and its text, beside a question and its answer."""
    rest = unused(free, (choice.names for choice in choices))
    titles = [c.name for c in rest if c.role == "title"]
    bodies = [c.name for c in rest if c.role == "body"]
    return [ColumnChoice((titles[0],), bodies[0])] if titles and bodies else []


def unused(free: Sequence[ColumnProfile], used: Iterable[Names]) -> list[ColumnProfile]:
    names = {name for some in used for name in some}
    return [c for c in free if c.name not in names and not c.has_classes]


def class_pairs(
    free: Sequence[ColumnProfile],
    asked: Sequence[Names],
    labels: Sequence[ColumnProfile],
    columns: Sequence[ColumnProfile],
) -> FittingColumns:
    """A text and the name of its class, which is sure only where there is no other text."""
    prompts = asked or text_prompts(free, joined=False)
    if not prompts:
        return only_answers(labels, free)
    others = unused(free, prompts)
    if others or len(prompts) > 1:
        every = in_order([*others, *(c for c in free if (c.name,) in prompts)], free)
        prompts = list(dict.fromkeys([*prompts, every]))
    unsure = "no column says that it holds answers, and classes may be meant" if others else None
    return FittingColumns(matched(prompts, labels, columns), unsure or feedback(columns))


def only_prompts(
    prompts: Sequence[Names], free: Sequence[ColumnProfile], columns: Sequence[ColumnProfile]
) -> FittingColumns:
    asked = {name for names in prompts for name in names}
    others = [c for c in free if is_other(c) and c.name not in asked]
    choices = tuple(ColumnChoice(names, other.name) for names in prompts for other in others)
    if len(choices) == 1 and others[0].role is None and others[0].questions <= TELL:
        return FittingColumns(choices)
    among = tuple(ColumnChoice(a, b[0]) for a, b in permutations(prompts, 2) if len(b) == 1)
    return FittingColumns((*choices, *among), no_answer(columns))


def only_answers(answers: Sequence[ColumnProfile], free: Sequence[ColumnProfile]) -> FittingColumns:
    """Answers beside texts whose names say nothing: those that ask, where others do not."""
    others = [c for c in free if is_other(c)]
    asking = [c for c in others if c.questions >= ASK]
    if asking and all(c.questions <= TELL for c in others if c not in asking):
        others = asking
    choices = tuple(ColumnChoice((other.name,), c.name) for c in answers for other in others)
    if not choices:
        return FittingColumns(choices, "no column holds what was asked")
    rivals = [] if asking else unused(free, (choice.names for choice in choices))
    unsure = "no column's name or texts say that it asks, and there are several texts"
    return FittingColumns(choices, unsure if rivals else None)


def from_texts_alone(
    free: Sequence[ColumnProfile], columns: Sequence[ColumnProfile]
) -> FittingColumns:
    """Names say nothing: questions beside a text that asks nothing are a pair."""
    texts = sorted(filter(is_other, free), key=lambda c: c.questions < ASK)
    if len(texts) == 2 and texts[0].questions >= ASK and texts[1].questions <= TELL:
        return FittingColumns((ColumnChoice((texts[0].name,), texts[1].name),))
    choices = tuple(ColumnChoice((a.name,), b.name) for a, b in permutations(texts, 2))
    held = any(c.kind in ("lists", "objects") for c in columns)
    if unread_answers(columns) or not texts or (held and len(texts) == 1):
        return FittingColumns(choices, no_answer(columns))
    if len(texts) == 1:
        needed = "rows are needed that say what is asked and what is to be answered"
        return FittingColumns((), f"`{texts[0].name}` is raw text: {needed}")
    return FittingColumns(choices, "neither names nor texts say what is asked and what is answered")


# --- answer columns -------------------------------------------------------------------------------

AS_JSON = "name the column to have them learnt as JSON, or write the text of one answer into it"
# What to do where answers are of this kind.
INSTEAD = {
    "letters": ", the key of a multiple choice: write the text of the answer into the column",
    "numbers": ": where they stand for classes, write the names of these into the column",
    "true or false": ": write into the column what is to be said",
    "lists": f": {AS_JSON}",
    "objects": f": {AS_JSON}",
}

SPANS = (
    "holds marks on parts of a text (spans), which are not supported; what is read of an annotated"
    " text is an answer to it, or the class of all of it"
)
COMPARED = (
    "says which answer is better: of one column of answers, the worse ones are learnt too. To learn"
    " from the comparison, write records of prompt, chosen and rejected"
)
TRUE_OR_FALSE = frozenset({"true", "false", "0", "1", "-1", "0.0", "1.0", "-1.0"})


def answer_choices(texts: Sequence[ColumnProfile]) -> list[ColumnProfile]:
    """Answers; where there are none, summaries and the like; and else names of classes."""
    for role in ("answer", "assistant", "aside", "label"):
        if answers := [c for c in texts if c.role == role]:
            return answers
    return []


def doubt(
    columns: Sequence[ColumnProfile], answers: Sequence[ColumnProfile], given: NamedColumns
) -> str | None:
    """Why answers that fit may still be the wrong ones."""
    if given.completion:
        return None
    called = any(c.says.role == "answer" for c in unread_answers(columns))
    weak = len(answers) > 1 or answers[0].role == "aside"
    compared = next((c for c in columns if c.tells_the_better and len(answers) > 1), None)
    if compared:
        return f"`{compared.name}` {COMPARED}"
    return feedback(columns) or (no_answer(columns) if called and weak else None)


def feedback(columns: Sequence[ColumnProfile]) -> str | None:
    """A note that a column says which answers are good, where one does."""
    for column in columns:
        says = column.role in ("label", "feedback") and column.distinct > 1
        if says and {value.casefold() for value in column.counts} <= TRUE_OR_FALSE:
            return (
                f"`{column.name}` says true or false of each row: if that is of its answer, the"
                " wrong answers would be learnt too, so keep them out of the file"
            )
    return None


def unread_answers(columns: Sequence[ColumnProfile]) -> list[ColumnProfile]:
    """Those that are called answers, or classes, and hold something else than texts."""
    unread = [c for c in columns if not c.is_text]
    keys = [c for c in unread if c.kind == "letters" and c.says.text_role == "answer"]
    return [*keys, *(c for role in ("answer", "label") for c in unread if c.says.role == role)]


def no_answer(columns: Sequence[ColumnProfile]) -> str:
    """A note that there is no column of answers, and what the one is that could have been."""
    held = [c for c in columns if c.kind in ("lists", "objects")]
    held.sort(key=lambda c: c.says.role != "chat")
    column = next(iter([*unread_answers(columns), *held]), None)
    if column is None:
        return "no column says that it holds answers"
    return f"no column holds answers that are texts: {held_words(column)}"


def held_words(column: ColumnProfile) -> str:
    """What a column holds instead of texts, and what to do about it."""
    if column.kind == "nothing":
        return f"`{column.name}` is empty"
    if column.has_spans:
        return f"`{column.name}` {SPANS}"
    if column.kind == "lists" and column.says.role != "answer" and column.no_chat:
        return f"`{column.name}` holds lists that are no conversations ({column.no_chat})"
    return f"`{column.name}` holds {column.kind}{INSTEAD.get(column.kind, '')}"
