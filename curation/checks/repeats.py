"""Rows that say what another row says."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from curation.text_forms import NUMBER, key
from project.near_duplicates import SIMILARITY, cores_of, linked, near_links, word_sets
from project.records.data import Row
from project.unicode_words import folded, words

if TYPE_CHECKING:
    from numpy.typing import NDArray


# --- row texts ------------------------------------------------------------------------------------


def read_aloud(text: str) -> str:
    """A text as it is read aloud: its words, or its signs where it has no words."""
    return " ".join(words(folded(text))) or key(text)


@dataclass(frozen=True)
class RowTexts:
    """The rows of all parts in their order, and the part that each is in."""

    rows: Sequence[Row]
    splits: Sequence[str]

    @cached_property
    def prompts(self) -> list[str]:
        return [row.prompt_text for row in self.rows]

    @cached_property
    def completions(self) -> list[str]:
        return [row.completion_text for row in self.rows]

    @cached_property
    def prompt_keys(self) -> list[str]:
        return list(map(key, self.prompts))

    @cached_property
    def answer_keys(self) -> list[str]:
        return list(map(key, self.completions))

    @cached_property
    def prompt_families(self) -> list[int]:
        """A number for each row, the same where prompts are near-duplicates."""
        return families(self.prompt_keys, few_words=True)

    @cached_property
    def answer_families(self) -> list[int]:
        """The same for answers; those of few words are alike only where they are the same."""
        return families(self.answer_keys, few_words=False)

    @cached_property
    def spoken_pairs(self) -> list[tuple[str, str]]:
        """What is asked, beside what, and the answer."""
        asked = zip(map(read_aloud, self.prompts), self.beside, strict=True)
        return list(zip(map(" ".join, asked), map(read_aloud, self.completions), strict=True))

    @cached_property
    def asked_keys(self) -> list[str]:
        """A prompt on other passages, or in another scenario, may have another answer."""
        pairs = zip(self.prompt_keys, self.beside, strict=True)
        return [f"{prompt} {digests}".strip() for prompt, digests in pairs]

    @cached_property
    def beside(self) -> list[str]:
        """The digests of each row's passages and scenario; empty without these."""
        scenarios = (row.scenario.digest if row.scenario else "" for row in self.rows)
        pairs = zip(self.rows, scenarios, strict=True)
        return [f"{row.evidence_digest}{scenario}" for row, scenario in pairs]


def families(keys: Sequence[str], *, few_words: bool) -> list[int]:
    """Each text once, for what repeats costs nothing then."""
    places = {text: place for place, text in enumerate(dict.fromkeys(keys))}
    cores = cores_of(word_sets(places))
    label = linked(len(cores), near_links(cores, SIMILARITY, few_words=few_words))
    return [label[places[text]] for text in keys]


# --- repeats --------------------------------------------------------------------------------------

NONE = "none"


def duplicate_ids(texts: RowTexts) -> list[str]:
    ids = [row.id for row in texts.rows]
    return reasons_where(again(ids), "the id of another row")


def repeats(texts: RowTexts) -> list[str]:
    """The rows behind the first one of the same prompt and answer."""
    return reasons_where(again(texts.spoken_pairs), "repeats another row")


def near_duplicates(texts: RowTexts) -> list[str]:
    """The rows behind the first one whose prompt or answer is in nearly the same words.

    The very same words are no near-duplicate, but a repeat, a conflict or a common answer.
    """
    prompts = list(varied(texts.prompt_families, texts.prompt_keys))
    answers = list(varied(texts.answer_families, texts.answer_keys))
    repeated = again(texts.spoken_pairs)
    return [
        NONE if same else PROMPT if prompt else ANSWER if answer else NONE
        for prompt, answer, same in zip(prompts, answers, repeated, strict=True)
    ]


PROMPT, ANSWER = "nearly another row's prompt", "nearly another row's answer"


def varied(families: Sequence[int], keys: Sequence[str]) -> Iterator[bool]:
    """Whether a family was there before, in other words."""
    seen: dict[int, set[str]] = {}
    for family, wording in zip(families, keys, strict=True):
        before = seen.setdefault(family, set())
        yield bool(before) and wording not in before
        before.add(wording)


def again(values: Sequence[Hashable]) -> list[bool]:
    """Whether each was there before."""
    seen, repeated = set[Hashable](), []
    for value in values:
        repeated.append(value in seen)
        seen.add(value)
    return repeated


def reasons_where(which: Sequence[bool], why: str) -> list[str]:
    return [why if applies else NONE for applies in which]


# --- conflicts ------------------------------------------------------------------------------------

CLASS_WORDS = 4  # of a class name, at most
CLASS_ROWS = 5  # that have it, at least
# Of the words of the shorter one of two answers. None of 101 labelled pairs that say the same has
# so few in common: tests/curation/labelled.
FEW_COMMON, MANY_COMMON = 0.2, 0.5
LONG_ANSWER = 20  # different words of an answer
MOST_COMPARED = 50  # answers to one prompt, with all of them


def conflicts(texts: RowTexts) -> list[str]:
    """The rows whose prompt has another answer too, which says something else."""
    answers: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for prompt, (_, heard), answer in zip(
        texts.asked_keys, texts.spoken_pairs, texts.completions, strict=True
    ):
        answers[prompt].setdefault(heard, answer)
    answers.pop("", None)
    mixed = {
        (prompt, heard)
        for prompt, variants in answers.items()
        for heard, answer in variants.items()
        if any(
            other != answer and say_otherwise(answer, other)
            for other in islice(variants.values(), MOST_COMPARED)
        )
    }
    spoken = (answer for _, answer in texts.spoken_pairs)
    which = [pair in mixed for pair in zip(texts.asked_keys, spoken, strict=True)]
    return reasons_where(which, "another answer to the prompt")


def say_otherwise(one: str, other: str) -> bool:
    """Whether two answers to one question say something else, as far as words tell: yes and no,
    hardly a word in common, or the same words about other figures. Two long ones may both be right.
    """
    a, b = (set(words(folded(text))) for text in (one, other))
    if len(a) > LONG_ANSWER and len(b) > LONG_ANSWER:
        return False
    figures, others = (set(NUMBER.findall(text.replace(",", ""))) for text in (one, other))
    common = len(a & b) / max(min(len(a), len(b)), 1)
    if common <= FEW_COMMON or (common >= MANY_COMMON and figures - others and others - figures):
        return True
    return {first_word(one), first_word(other)} == {"yes", "no"}


def first_word(answer: str) -> str:
    return next(iter(words(folded(answer))), "").casefold()


def label_conflicts(texts: RowTexts) -> list[str]:
    """The rows whose answer is the name of a class, while nearly the same prompt has another."""
    known = class_names(texts.answer_keys)
    named = [i for i, answer in enumerate(texts.answer_keys) if answer in known]
    family = [texts.prompt_families[i] for i in named]
    seen: defaultdict[Hashable, set[str]] = defaultdict(set)
    for i, asked in zip(named, family, strict=True):
        seen[asked].add(texts.answer_keys[i])
    mixed = {asked for asked, answers in seen.items() if len(answers) > 1}
    places = {i for i, asked in zip(named, family, strict=True) if asked in mixed}
    which = [i in places for i in range(len(texts.rows))]
    return reasons_where(which, "another class for nearly the same prompt")


def class_names(answers: Sequence[str]) -> set[str]:
    """Short answers that so many rows have that they are names of classes."""
    return {name for name in frequent_answers(answers) if 0 < len(name.split()) <= CLASS_WORDS}


def frequent_answers(answers: Sequence[str]) -> set[str]:
    """Answers that so many rows have that they fit a kind of questions, however long they are."""
    return {answer for answer, count in Counter(answers).items() if count >= CLASS_ROWS}


# --- formats --------------------------------------------------------------------------------------

NEARLY_ALL = 0.9
LEAST = 20  # rows, for there to be a usual form
ITEM = re.compile(r"\s*(?:[-*•–]|\d{1,3}[.)])\s+\S")
JSON, CLASS, LIST, TEXT = "JSON", "one of a few classes", "a list", "text"


def odd_formats(texts: RowTexts) -> list[str]:
    """What the answers of a row's source or slice nearly all are, where the row's is not."""
    known = class_names(texts.answer_keys)
    forms = [
        form(text, short, known)
        for text, short in zip(texts.completions, texts.answer_keys, strict=True)
    ]
    usual = usual_forms(texts.rows, forms)
    return [odd(row, row_form, usual) for row, row_form in zip(texts.rows, forms, strict=True)]


def form(text: str, short: str, known: Collection[str]) -> str:
    if is_json(text):
        return JSON
    if short in known:
        return CLASS
    lines = [line for line in text.splitlines() if line.strip()]
    return LIST if len(lines) > 1 and all(map(ITEM.match, lines)) else TEXT


def is_json(text: str) -> bool:
    """An object or a list; what is cut or broken is none."""
    text = text.strip()
    if text[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def usual_forms(rows: Sequence[Row], forms: Sequence[str]) -> dict[str, str]:
    """The form that nearly all answers of a source or a slice have, if it is no text."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row, row_form in zip(rows, forms, strict=True):
        for group in groups(row):
            counts[group][row_form] += 1
    most = {group: count.most_common(1)[0] for group, count in counts.items()}
    return {
        group: name
        for group, (name, number) in most.items()
        if name != TEXT
        and counts[group].total() >= LEAST
        and number >= NEARLY_ALL * counts[group].total()
    }


def groups(row: Row) -> Iterator[str]:
    yield f"source {row.source}"
    for name, value in row.slices.items():
        yield f"{name}={value}"


def odd(row: Row, value: str, usual: dict[str, str]) -> str:
    wanted = (usual[group] for group in groups(row) if group in usual)
    return next(
        (f"not {expected}, as the others" for expected in wanted if expected != value), NONE
    )


# --- lengths --------------------------------------------------------------------------------------

FAR = 5.0  # robust standard deviations
LEAST_SPREAD = 0.35  # of the logarithm: where nearly all are of one length, a third more is usual
NORMAL = 1.4826  # a normal distribution's standard deviation, in median absolute deviations
FEW, FEW_SHARE = 8, 0.01  # rows: of more, the length is usual too
LONG, SHORT = "far longer than the others", "far shorter than the others"


def odd_lengths(texts: RowTexts) -> list[str]:
    """Answers far from the median by the logarithm of their characters, as few others are."""
    sizes = np.log1p([len(text.strip()) for text in texts.completions])
    there = sizes > 0  # an empty answer is another matter
    far = robust_scores(sizes, LEAST_SPREAD, there)
    # How many values are further out than each one, or as far, on its side.
    ordered = np.sort(sizes[there])
    below = np.searchsorted(ordered, sizes, side="right") - 1
    above = len(ordered) - 1 - np.searchsorted(ordered, sizes, side="left")
    rare = np.minimum(below, above) < max(FEW, FEW_SHARE * len(sizes))
    long, short = (far > FAR) & rare, (far < -FAR) & rare & there
    return [LONG if a else SHORT if b else NONE for a, b in zip(long, short, strict=True)]


def robust_scores(
    values: "NDArray[np.floating]", least: float, usual: "NDArray[np.bool] | None" = None
) -> "NDArray[np.floating]":
    """How many standard deviations each value is from the median, by the median absolute deviation.

    `least` is the smallest deviation that counts for one; of the `usual` ones alone if given.
    """
    known = values if usual is None else values[usual]
    if not len(known):
        return np.zeros(len(values))
    middle = np.median(known)
    spread = max(NORMAL * float(np.median(np.abs(known - middle))), least)
    return np.asarray((values - middle) / spread)
