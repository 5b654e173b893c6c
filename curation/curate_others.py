"""Preferences and documents beside the rows: clean, each once, and none that shows an eval item."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from curation.account import (
    NEAR_FROZEN,
    PERSONAL,
    REPEATED,
    RETIRED,
    SPARE,
    WAITS,
)
from curation.mending import PLAIN, mended_message
from curation.sifting import texts_with_an_item
from project.item_prompts import asking_an_item, asking_in_a_sentence
from project.paths import RAW_DOCUMENTS, RAW_PREFERENCES
from project.personal_data import Contacts, find_personal_data
from project.records.data import Document, Message, Row, Split, evidence_digest
from project.records.preferences import Preference, PreferencePair, read_preferences
from project.records.record import Record

PREFERENCES, DOCUMENTS = "preferences", "documents"  # as parts, in outputs/rows.csv

# Why one is in neither; each reads well behind a number.
ASKS_ITEM = "that ask what an eval item asks, or nearly so"
HOLDS_ITEM = "that hold the words of an eval item"
ONE_ANSWER = "whose two answers are one"
NO_WORDS = "without a text"

# Why rows are in no part that may be items later, or were some.
KEPT_BACK = (SPARE, WAITS, RETIRED, NEAR_FROZEN)

Other = TypeVar("Other", bound=Record)


@dataclass(frozen=True)
class Others:
    """What is learnt from beside the rows, and what became of each, by its id when collected."""

    preferences: list[Preference]
    documents: list[Document]
    part_of: Mapping[str, str]
    left_out: Mapping[str, str]  # the reason


def read_others() -> tuple[Sequence[Preference], Sequence[Document]]:
    """Read what stage `collect` left; it writes no file where there are none."""
    return (
        read_preferences(RAW_PREFERENCES) if RAW_PREFERENCES.exists() else (),
        Document.read_lines(RAW_DOCUMENTS) if RAW_DOCUMENTS.exists() else (),
    )


def untaught(
    raw: Iterable[Row], parts: Mapping[Split, Sequence[Row]], left_out: Mapping[str, str]
) -> list[Row]:
    """The rows that nothing may be learnt about: eval items, those that were, and those that are
    kept to take their places.
    """
    items = [row for part in (Split.DEV, Split.SEALED) for row in parts[part]]
    return [*items, *(row for row in raw if left_out.get(row.id) in KEPT_BACK)]


def curate_others(
    preferences: Sequence[Preference],
    documents: Sequence[Document],
    items: Sequence[Row],
    ours: Contacts,
) -> Others:
    """What may be learnt from, given the rows that it must not show. Pure.

    No check looks at these: what seems to hold personal data, other than the organisation's own
    contacts, is left out, whatever the settings say of rows.
    """
    asking = asking_an_item([preference.prompt for preference in preferences], items)
    texts = [document.text for document in documents]
    holding = texts_with_an_item(texts, items) | asking_in_a_sentence(texts, items)
    unfit = {preferences[i].id: ASKS_ITEM for i in asking}
    unfit |= {documents[i].id: HOLDS_ITEM for i in holding}
    kept, out = sifted({preference.id: preference for preference in preferences}, unfit, ours)
    clean, no_texts = sifted({document.id: document for document in documents}, unfit, ours)
    parts_of = dict.fromkeys(kept, PREFERENCES) | dict.fromkeys(clean, DOCUMENTS)
    return Others([*kept.values()], [*clean.values()], parts_of, out | no_texts)


def sifted(
    given: Mapping[str, Other], unfit: Mapping[str, str], ours: Contacts
) -> tuple[dict[str, Other], dict[str, str]]:
    """Those that stay, cleaned, and why each other one does not; by their ids as they were given.

    `unfit` says by id why one is to go.
    """
    kept, left_out, seen = dict[str, Other](), dict[str, str](), set[object]()
    for name, raw in given.items():
        made = raw.model_copy(update={n: clean_text(getattr(raw, n)) for n in text_fields(raw)})
        why = unfit.get(name) or fault(made, ours)
        why = why or (REPEATED if what_it_says(made) in seen else None)
        seen.add(what_it_says(made))
        if why:
            left_out[name] = why
        else:
            kept[name] = made
    return kept, left_out


def fault(record: Record, ours: Contacts) -> str | None:
    texts = [getattr(record, name) for name in text_fields(record)]
    if not all(texts):
        return NO_WORDS
    if isinstance(record, PreferencePair) and record.chosen == record.rejected:
        return ONE_ANSWER
    shown = [passage.text for passage in getattr(record, "evidence", None) or ()]
    return PERSONAL if find_personal_data("\n".join([*texts, *shown]), ours) else None


def clean_text(text: str) -> str:
    return mended_message(Message(role="user", content=text), PLAIN, "", "", []).content


def text_fields(record: Record) -> tuple[str, ...]:
    if isinstance(record, Document):
        return ("text",)
    answers = ("chosen", "rejected") if isinstance(record, PreferencePair) else ("completion",)
    return ("prompt", *answers)


def what_it_says(record: Record) -> object:
    """The same for two that say the same, wherever they are from."""
    texts = tuple(getattr(record, name) for name in text_fields(record))
    shown = evidence_digest(getattr(record, "evidence", None))
    return texts, getattr(record, "label", None), shown
