"""Which rows are worth a place, and why each of the others is not."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import TYPE_CHECKING

from curation.account import (
    ABOUT_UNSEEN,
    CONFLICT,
    CORRECTED,
    ECHO,
    GIBBERISH,
    LOOPS,
    NO_ANSWER,
    NO_PROMPT,
    OF_TEMPLATE,
    OUT_OF_TURN,
    REPEATED,
    SEVERAL,
    UNGROUNDED,
    WITH_BLANKS,
    WITH_MARKERS,
)
from curation.checks.waivers import Waivers
from curation.curation_settings import Conflicts, CurateParams, lot
from curation.faults.chat_markers import chat_markers, echo, loop
from curation.faults.gibberish import gibberish
from curation.faults.missing_answers import no_answer, no_prompt, unfilled
from curation.faults.private_data import Finder
from curation.faults.structure_faults import not_answered, several_in_one
from curation.faults.ungrounded import ungrounded
from curation.faults.unseen import unseen
from curation.many_rows import of_many
from curation.mending import mended
from curation.text_forms import capitals_tell_names, repeat_key, templates
from curation.token_lengths import TokenLengths
from project.near_duplicates import MIN_WORDS, SHARED_LEAST
from project.personal_data import Contacts, find_personal_data
from project.records.data import ACCEPTED, Row, Split
from project.shown_passages import every_text
from project.unicode_words import folded, words

if TYPE_CHECKING:
    from curation.checks.contract import RowGate

FEW_BLANKS = 0.1  # of the rows: less than the gate tolerates, for others may leave later


def clean(row: Row) -> Row:
    """The row with its texts put right; the same row where nothing is to be done."""
    return mended(row)[0]


def with_personal_data(rows: Iterable[Row], ours: Contacts) -> list[str]:
    """The ids of rows that seem to hold some, in prompt or answer."""
    return [row.id for row in rows if find_personal_data("\n".join(every_text(row)), ours)]


def sifted(
    rows: list[Row], params: CurateParams, unfit: Mapping[str, str]
) -> tuple[list[Row], dict[str, str]]:
    """The rows that are worth a place, and why each of the others is not."""
    left_out = {row.id: unfit[row.id] for row in rows if row.id in unfit}
    rows = [row for row in rows if row.id not in unfit]
    steps: tuple[tuple[str, Callable[[list[Row]], list[Row]]], ...] = (
        (CORRECTED, lambda rows: corrected(rows, params.train_only)),
        (REPEATED, lambda rows: list(unrepeated(rows))),
        (CONFLICT, lambda rows: settle(rows, params.conflicts)),
        (OF_TEMPLATE, lambda rows: few_of_each_template(rows, params)),
        (WITH_BLANKS, lambda rows: without_blanks(rows, params)),
    )
    for why, step in steps:
        kept = step(rows)
        left_out |= reasons((why, rows, kept))
        rows = kept
    return rows, left_out


def reasons(*steps: tuple[str, Sequence[Row], Sequence[Row]]) -> dict[str, str]:
    """Why each row left that a step had before it and not behind it; by id."""
    whys: dict[str, str] = {}
    for why, before, behind in steps:
        there = {row.id for row in behind}
        whys |= {row.id: why for row in before if row.id not in there}
    return whys


def corrected(rows: Iterable[Row], train_only: Collection[str]) -> list[Row]:
    """Drop the rows that ask what a row for training only asks too: it is their correction. No
    answer corrects a scenario.
    """
    known = list(rows)
    asked = {r.prompt_text for r in known if r.source in train_only and not r.scenario}
    return [r for r in known if r.scenario or r.source in train_only or r.prompt_text not in asked]


def few_of_each_template(rows: list[Row], params: CurateParams) -> list[Row]:
    """At most max_per_template rows of each, those of the highest lots, so that a large template
    is trained on. Rows for training only are counted by themselves.
    """
    gone: set[str] = set()
    for kind in (False, True):
        several = [r for r in rows if (r.source in params.train_only) is kind and not r.scenario]
        for same in of_templates(several).values():
            by_lots = sorted(same, key=lambda row: -lot(params.seed, row.id))
            gone |= {row.id for row in by_lots[params.max_per_template or len(by_lots) :]}
    return [row for row in rows if row.id not in gone]


def of_templates(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows that are of each template."""
    asked = [row.prompt_text for row in rows]
    by_template: dict[str, list[Row]] = {}
    for row, form in zip(rows, templates(asked, names=capitals_tell_names(asked)), strict=True):
        if form:
            by_template.setdefault(form, []).append(row)
    return by_template


def without_blanks(rows: list[Row], params: CurateParams) -> list[Row]:
    """A few rows with unfilled blanks stay, for somebody to look at; of many the gate would take
    none.
    """
    if params.faulty == "keep":
        return rows
    filled = [row for row in rows if not unfilled(row)]
    return rows if len(filled) >= (1 - FEW_BLANKS) * len(rows) else filled


def unrepeated(rows: Iterable[Row]) -> Iterator[Row]:
    """Pass on the first of the rows that ask and answer the same, but for case and punctuation."""
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        key = repeat_key(row)
        if key not in seen:
            seen.add(key)
            yield row


# --- faulty rows ----------------------------------------------------------------------------------

# The first that holds is the reason. The module mending.py says why the other faults are not here.
REMOVED: tuple[tuple[str, Finder], ...] = (
    (OUT_OF_TURN, not_answered),
    (NO_PROMPT, no_prompt),
    (NO_ANSWER, no_answer),
    (SEVERAL, several_in_one),
    (WITH_MARKERS, chat_markers),
    (ECHO, echo),
    (GIBBERISH, gibberish),
    (LOOPS, loop),
    (ABOUT_UNSEEN, unseen),
    (UNGROUNDED, ungrounded),
)


def faulty(rows: Sequence[Row]) -> dict[str, str]:
    """Why a row is not worth a place, by its id. The rows are to be clean."""
    whys = of_many(whys_faulty, rows)
    return {row.id: why for row, why in zip(rows, whys, strict=True) if why}


def whys_faulty(rows: Sequence[Row]) -> list[str | None]:
    return list(map(why_faulty, rows))


def why_faulty(row: Row) -> str | None:
    return next((why for why, finds in REMOVED if finds(row)), None)


# --- conflicts ------------------------------------------------------------------------------------


def question(row: Row) -> str:
    """A prompt as people would call it the same: case, blanks and what is not seen left aside. On
    other passages it may have another answer.
    """
    shown = [row.evidence_digest, row.tools_text]
    return " ".join([*folded(row.prompt_text).casefold().split(), *filter(None, shown)])


def conflicting(rows: Iterable[Row]) -> list[list[Row]]:
    """The rows that share a prompt and not its answer, a list for each prompt, in their order."""
    ordered = sorted(rows, key=question)  # stable: rows of one prompt stay in their order
    together = (list(same) for _, same in groupby(ordered, key=question))
    return [same for same in together if len({row.completion_text for row in same}) > 1]


CHOICES: dict[Conflicts, Callable[[Sequence[Row]], Row]] = {
    "newest": lambda rows: rows[-1],
    "longest": lambda rows: max(rows, key=lambda row: len(row.completion_text)),
}


def settle(rows: Sequence[Row], policy: Conflicts) -> list[Row]:
    """The rows without those that a policy does not choose. "keep" and "refuse" leave all.

    The newest is the last one of the sources; of equally long answers the first one stays.
    """
    if policy not in CHOICES:
        return list(rows)
    gone = {
        row.id for same in conflicting(rows) for row in same if row is not CHOICES[policy](same)
    }
    return [row for row in rows if row.id not in gone]


# --- refused at gate ------------------------------------------------------------------------------

# Accepted rows that the gate would refuse are left out, so that it stays open for all others.


def accepted_of(rows: Iterable[Row], but: Collection[str] = ()) -> list[Row]:
    return [row for row in rows if row.source == ACCEPTED and row.id not in but]


def refused_alone(rows: Sequence[Row], lengths: TokenLengths, limit: int) -> dict[str, str]:
    """Why the gate would refuse an accepted row for what it says, by its id."""
    gate = row_gate() if rows else None
    if gate is None:
        return {}
    long = [c.row for c in lengths.count(rows) if c.prompt + c.completion > limit]
    return gate.alone(rows, too_long=long)


def refused_beside(
    parts: Mapping[Split, Sequence[Row]], params: CurateParams, fixed: Collection[str]
) -> dict[str, str]:
    """Why the gate would refuse an accepted row beside the others, by its id; items that are
    `fixed` stay.
    """
    every = [row for rows in parts.values() for row in rows]
    accepted = {row.id for row in accepted_of(every, fixed)}
    gate = row_gate() if accepted else None
    if gate is None:
        return {}
    together = conflicting(every) if params.conflicts == "refuse" else []
    return gate.beside(parts, accepted, {row.id for same in together for row in same})


def excused_leaks(rows: Iterable[Row], waivers: Waivers) -> frozenset[str]:
    """The ids of rows that a person lets stay though they ask what an item or a suite asks."""
    gate = row_gate() if waivers.waivers else None
    names = gate.names("leak", "contaminated") if gate else ()
    matching = [waiver for waiver in waivers.waivers if waiver.check in names]
    return frozenset(row.id for row in rows if any(waiver.excuses(row.id) for waiver in matching))


def row_gate() -> "RowGate | None":
    # Imported here, for Great Expectations takes seconds, and few datasets have accepted rows.
    from curation.checks.contract import RowGate

    return RowGate.here()


# --- carried items --------------------------------------------------------------------------------

# Which texts hold the words of an eval item: who learns from them knows its answer before.

ANSWER_WORDS = 8  # of an answer: fewer, such as a name or a price, stand in many a text

Run = tuple[str, ...]


def texts_with_an_item(texts: Sequence[str], items: Iterable[Row]) -> set[int]:
    """The positions of the texts in which a paragraph of an item's prompt, or the whole of its
    answer, stands word for word. Letter case and punctuation make no difference.
    """
    counts = Counter(chain.from_iterable(set(runs_of(item)) for item in items))
    begins: dict[Run, set[Run]] = {}
    for run, count in counts.items():
        if count <= SHARED_LEAST:  # what so many items share tells none of them
            begins.setdefault(run[:MIN_WORDS], set()).add(run)
    return {i for i, text in enumerate(texts) if holds(words(folded(text)), begins)}


def holds(text: Sequence[str], begins: dict[Run, set[Run]]) -> bool:
    return any(
        tuple(text[at : at + len(run)]) == run
        for at in range(len(text) - MIN_WORDS + 1)
        for run in begins.get(tuple(text[at : at + MIN_WORDS]), ())
    )


def runs_of(item: Row) -> Iterator[Run]:
    """The paragraphs of its prompt, and its answer."""
    asked = (message for message in item.prompt if message.role != "system")
    for paragraph in chain.from_iterable(message.text.split("\n\n") for message in asked):
        if len(run := tuple(words(folded(paragraph)))) >= MIN_WORDS:
            yield run
    if len(run := tuple(words(folded(item.completion_text)))) >= ANSWER_WORDS:
        yield run
