"""Rows made of a model's replies: what it is asked to write, and what of its replies may be
shown to people.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import jinja2

from curation.faults.private_data import Finder
from curation.sifting import clean
from project.canonical import digest_json
from project.errors import InputError
from project.item_prompts import asking_an_item
from project.near_duplicates import (
    WordPrints,
    near_duplicates,
    near_duplicates_among,
    word_sets,
)
from project.personal_data import Contacts
from project.personal_data import find_personal_data as personal_data
from project.records.data import Message, Row
from project.tool_rendering import has_tools

# --- wishes ---------------------------------------------------------------------------------------

Kind = Literal["paraphrase", "new", "answer"]  # of a teacher, to the seed's own prompt
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
    eligible = [r for r in train if r.source not in aside and not r.synthetic and asks(r)]
    if len(eligible) < EXAMPLES:
        raise InputError(
            f"there are {len(eligible)} training rows to begin with: {EXAMPLES} are needed"
        )
    return sorted(eligible, key=lambda row: digest_json(["seed", seed, row.id]))


def asks(row: Row) -> bool:
    """Whether a model may write one like it: none of tools, whose calls it would have to make."""
    return row.prompt[-1].role == "user" and not has_tools([row])


def wishes(seeds: Sequence[Row], count: int, kinds: Kinds) -> list[Wish]:
    """So many wishes, from the first seeds on; where there are fewer seeds, they come again."""
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


def rendered(template: str, **values: object) -> str:
    return TEMPLATES.get_template(template).render(**values).strip()


# --- proposals ------------------------------------------------------------------------------------

# Why a reply is dropped; each reads well behind a number.
UNREADABLE = "without what was asked for"
LOST = "that lost a name, a number or code of the question"
LONG_WINDED = "many times as long as the question"
COPIED = "in the words of a training row"
REPEATED = "in the words of another reply"
NEAR_ITEM = "near-duplicates of eval items"
PERSONAL = "with what seems to be personal data"
KNOWN = "that the row has already"
CUT = "cut off: longer than evaluation.decoding.max_new_tokens"
FAULTY = "with the fault "

LONGEST = (
    3  # times as long as the question: a paraphrase that goes on and on answers it, or rambles
)
BETWEEN_WORDS = re.compile(r"[\s,;:?!\"“”]+")
# What stands for itself: with a digit, or with a dot, a bracket or an underscore inside.
FIXED = re.compile(r"\d|\w[_.()\[\]/@#=]+\w")
AROUND = ".()[]'`*"


@dataclass(frozen=True)
class Proposal:
    """A row that a model wrote, and what for."""

    wish: Wish
    row: Row


@dataclass(frozen=True)
class Sifted:
    kept: list[Proposal]
    dropped: Counter[str]  # how many, by why


def proposal(wish: Wish, reply: str, model: str, source: str) -> Proposal | None:
    """What a reply proposes, marked as the model's; None where it does not hold what was asked for.

    A paraphrase has its seed's answer, a new pair its seed's system prompt.
    """
    if wish.kind == "paraphrase":
        question, completion = text_in(reply), wish.seed.completion
    else:
        pair = pair_in(reply)
        question = pair and pair.question
        completion = (Message(role="assistant", content=pair.answer),) if pair else ()
    if not question:
        return None
    prompt = (*beginning(wish).prompt[:-1], Message(role="user", content=question))
    return Proposal(wish, synthetic_row(prompt, completion, model, source))


def answered(seed: Row, answer: str, model: str, source: str) -> Proposal | None:
    """A teacher's answer to a training row's prompt, on the same passages; None of an empty one."""
    if not answer.strip():
        return None
    completion = (Message(role="assistant", content=answer),)
    row = synthetic_row(seed.prompt, completion, model, source)
    shown = {"evidence": seed.evidence, "answerable": seed.answerable}
    return Proposal(Wish("answer", seed, row_question(seed)), row.model_copy(update=shown))


def synthetic_row(
    prompt: tuple[Message, ...], completion: tuple[Message, ...], model: str, source: str
) -> Row:
    """A group of its own, with the id that the same texts have when they come back as a label."""
    row = Row(
        id="draft", prompt=prompt, completion=completion, group="", source=source, synthetic=model
    )
    row = clean(row)
    name = digest_json([source, row.prompt_text, row.completion_text])[:16]
    return row.model_copy(update={"id": name, "group": name})


def beginning(wish: Wish) -> Row:
    """The seed; of a new pair without the turns that led to its question."""
    if wish.kind == "paraphrase":
        return wish.seed
    kept = (*(m for m in wish.seed.prompt if m.role == "system"), wish.seed.prompt[-1])
    return wish.seed.model_copy(update={"prompt": kept})


def sifted(
    proposals: Sequence[Proposal | None],
    train: Sequence[Row],
    items: Sequence[Row],
    faults: Mapping[str, Finder],
    ours: Contacts,
) -> Sifted:
    """Those that a person may be asked about, and why each of the others is not: by the first check
    that it fails. Items are the rows of dev and sealed: nothing may be learnt that is like them.
    """
    there = [p for p in proposals if p]
    rows = [p.row for p in there]
    near_item = near_items(rows, items)
    copied = asking_an_item([row.prompt_text for row in rows], train)
    dropped = Counter({UNREADABLE: len(proposals) - len(there)})
    kept: list[Proposal] = []
    for i, draft in enumerate(there):
        why = NEAR_ITEM if i in near_item else COPIED if i in copied else wrong(draft, faults, ours)
        if why is None and draft.wish.kind != "answer" and repeats(draft, kept):
            why = REPEATED
        if why is None:
            kept.append(draft)
        else:
            dropped[why] += 1
    return Sifted(kept, +dropped)


def repeats(proposal: Proposal, kept: Sequence[Proposal]) -> bool:
    before = WordPrints.of_prompts(other.row for other in kept)
    return bool(near_duplicates_among(WordPrints.of_prompts([proposal.row]), before))


def wrong(proposal: Proposal, faults: Mapping[str, Finder], ours: Contacts) -> str | None:
    if proposal.wish.kind == "paraphrase":
        before, after = row_question(proposal.wish.seed), row_question(proposal.row)
        if not fixed(before) <= fixed(after):
            return LOST
        if len(after) > LONGEST * len(before):
            return LONG_WINDED
    if (
        proposal.wish.kind == "answer"
        and proposal.row.completion_text == proposal.wish.seed.completion_text
    ):
        return KNOWN
    if personal_data(f"{proposal.row.prompt_text}\n{proposal.row.completion_text}", ours):
        return PERSONAL
    return next(
        (f"{FAULTY}{name}" for name, finder in faults.items() if finder(proposal.row)), None
    )


def fixed(text: str) -> set[str]:
    """The words that a paraphrase must keep as they are: names, numbers, code."""
    words = (word.strip(AROUND) for word in BETWEEN_WORDS.split(text))
    return {word for word in words if FIXED.search(word)}


def near_items(rows: Sequence[Row], items: Sequence[Row]) -> set[int]:
    """The positions of rows whose prompt or answer is a near-duplicate of an item's."""
    proposed, theirs = (word_sets(r.completion_text for r in side) for side in (rows, items))
    near = near_duplicates(proposed, theirs, few_words=False)
    return asking_an_item([row.prompt_text for row in rows], items) | set(near.coords[0].tolist())


# --- replies --------------------------------------------------------------------------------------

# What a model's reply says: models add labels, quotes and talk to what they were asked for.

# In front of a text that stands alone.
LABEL = re.compile(
    r"\A\**(?:the )?(?:new |rewritten |rephrased |paraphrased )?"
    r"(?:text|question|paraphrase|version|request)\**\s*:\**\s*",
    re.IGNORECASE,
)
FENCE = re.compile(r"\A(?:```\w*|<<<)\s*|\s*(?:```|>>>)\Z")
QUOTES = {'"': '"', "“": "”", "'": "'", "«": "»"}
# In front of a part of a pair: "Question:", "**Answer 2:**".
PART = re.compile(r"\W{0,4}(question|answer)\W{0,3}\d{0,3}\W{0,2}:[\s*]{0,3}", re.IGNORECASE)


class QuestionAnswer(NamedTuple):
    question: str
    answer: str


def text_in(reply: str) -> str | None:
    """The text that a reply consists of; None where it is empty."""
    text = FENCE.sub("", reply.strip())
    text = unquoted(LABEL.sub("", text).strip())
    return text or None


def pair_in(reply: str) -> QuestionAnswer | None:
    """The first question with its answer; None where there is none.

    What follows is another pair, of which nobody asked.
    """
    return next(pairs_in(reply), None)


def pairs_in(reply: str) -> Iterator[QuestionAnswer]:
    """Each question that an answer follows."""
    parts: list[tuple[str, list[str]]] = []
    for line in FENCE.sub("", reply.strip()).splitlines():
        if label := PART.match(line):
            parts.append((label[1].lower(), [line[label.end() :]]))
        elif parts:
            parts[-1][1].append(line)
    texts = [(name, unquoted("\n".join(lines).strip())) for name, lines in parts]
    for (first, question), (second, answer) in pairwise(texts):
        if (first, second) == ("question", "answer") and question and answer:
            yield QuestionAnswer(question, answer)


def unquoted(text: str) -> str:
    closing = QUOTES.get(text[:1])
    inner = text[1:-1]
    whole = closing and len(text) > 1 and text.endswith(closing) and closing not in inner
    return inner.strip() if whole else text
