"""What a model is asked to write, and of which training rows it is shown what."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Literal

import jinja2

from project.canonical import digest_json
from project.errors import InputError
from project.records.data import Message, Row

Kind = Literal["paraphrase", "new"]
Kinds = Literal["paraphrase", "new", "both"]

EXAMPLES = 3  # that a new pair is modelled on, the seed among them
FOLDER = Path(__file__).parent / "templates"
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER), undefined=jinja2.StrictUndefined
)


@dataclass(frozen=True)
class Wish:
    """One thing that a model is asked to write."""

    kind: Kind
    seed: Row  # a paraphrase keeps its answer; a new pair its system prompt
    question: str  # what the model is asked


def seeds(train: Sequence[Row], aside: Sequence[str], seed: int) -> list[Row]:
    """The training rows that a model may be shown, in a random order, a function of the seed.

    Not those of sources that are aside, such as rehearsed ones, and none that a model wrote: copies
    of copies drift. Raises InputError where there are fewer than a new pair is modelled on.
    """
    found = [r for r in train if r.source not in aside and not r.synthetic and asks(r)]
    if len(found) < EXAMPLES:
        raise InputError(
            f"there are {len(found)} training rows to begin with: {EXAMPLES} are needed"
        )
    return sorted(found, key=lambda row: digest_json(["seed", seed, row.id]))


def asks(row: Row) -> bool:
    return row.prompt[-1].role == "user"


def wishes(seeds: Sequence[Row], count: int, kinds: Kinds) -> list[Wish]:
    """So many, from the first seeds on; where there are fewer seeds, they come again."""
    turns: tuple[Kind, ...] = ("paraphrase", "new") if kinds == "both" else (kinds,)
    every = list(islice(cycle(range(len(seeds))), count))
    return [wish(turns[n % len(turns)], seeds, i) for n, i in enumerate(every)]


def wish(kind: Kind, seeds: Sequence[Row], i: int) -> Wish:
    if kind == "paraphrase":
        return Wish(kind, seeds[i], rendered("paraphrase.txt", prompt=row_question(seeds[i])))
    shown = [seeds[(i + step) % len(seeds)] for step in range(EXAMPLES)]
    examples = [{"prompt": row_question(row), "completion": row.completion_text} for row in shown]
    return Wish(kind, seeds[i], rendered("new_pair.txt", examples=examples))


def row_question(row: Row) -> str:
    """The last thing that was said before the answer."""
    return row.prompt[-1].content


def with_asked(row: Row, text: str) -> tuple[Message, ...]:
    """The row's prompt with another last turn."""
    return (*row.prompt[:-1], Message(role="user", content=text))


def rendered(template: str, **values: object) -> str:
    return TEMPLATES.get_template(template).render(**values).strip()


# --- share ----------------------------------------------------------------------------------------

# Rows that a model wrote, in training: only what a person accepted, and no more than a share.

# Why a row is in no part; each reads well behind a number.
UNACCEPTED = "that a model wrote and nobody accepted"
SYNTHETIC_WAITS = "that wait: synthetic_share allows no more that a model wrote"


def unaccepted(rows: Iterable[Row], accepted: Collection[str]) -> dict[str, str]:
    """By id, the rows that a model wrote and that are in no source of accepted rows."""
    return {r.id: UNACCEPTED for r in rows if r.synthetic and r.source not in accepted}


def people_first(rows: Iterable[Row]) -> list[Row]:
    """The rows of people, then those of models, each in their order: who waits is a model's row."""
    return sorted(rows, key=lambda row: row.synthetic is not None)


def within_share(rows: Iterable[Row], share: float) -> list[Row]:
    """The rows, those of models being at most this share of every beginning; the rest waits.

    Of every beginning, because training may take the first rows alone. A row of a model that comes
    too early comes behind the next rows of people; the others keep their order.
    """
    found: list[Row] = []
    waiting: deque[Row] = deque()
    written = 0
    for row in rows:
        (waiting if row.synthetic else found).append(row)
        while waiting and written + 1 <= share * (len(found) + 1) + 1e-9:  # 0.2 * 5 may be below 1
            found.append(waiting.popleft())
            written += 1
    return found
