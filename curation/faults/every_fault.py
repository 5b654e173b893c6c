"""Every fault that a row's text can have, its language among them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from curation.faults.boilerplate import boilerplate, refusal
from curation.faults.characters import (
    control_characters,
    invisible_characters,
    literal_escapes,
    lost_characters,
    shouting,
    unicode,
)
from curation.faults.chat_markers import chat_markers, echo, loop
from curation.faults.cut_off import cut_off
from curation.faults.gibberish import gibberish, mojibake
from curation.faults.missing_answers import no_answer, no_prompt, unfilled
from curation.faults.person_name import person_name
from curation.faults.private_data import Finder, account_data, contact_data, secret
from curation.faults.structure_faults import broken_json, open_fence, several_in_one, turn_order
from curation.faults.suspect_words import in_either
from curation.faults.toxicity import toxicity
from curation.faults.ungrounded import not_in_source, ungrounded
from curation.faults.unseen import unseen
from curation.faults.web_leftovers import markup, web_leftovers
from curation.many_rows import of_many
from project.personal_data import Contacts
from project.records.data import Row
from project.unicode_words import language_of

FAULTS: dict[str, Finder] = {
    "unicode": partial(in_either, fault=unicode),
    "control_characters": partial(in_either, fault=control_characters),
    "invisible_characters": partial(in_either, fault=invisible_characters),
    "mojibake": mojibake,
    "lost_characters": partial(in_either, fault=lost_characters),
    "literal_escapes": partial(in_either, fault=literal_escapes),
    "markup": markup,
    "web_leftovers": web_leftovers,
    "no_answer": no_answer,
    "no_prompt": no_prompt,
    "several_in_one": several_in_one,
    "echo": echo,
    "unseen": unseen,
    "chat_markers": chat_markers,
    "boilerplate": boilerplate,
    "refusal": refusal,
    "cut_off": cut_off,
    "loop": loop,
    "gibberish": gibberish,
    "shouting": shouting,
    "unfilled": unfilled,
    "turn_order": turn_order,
    "account_data": account_data,
    "contact_data": contact_data,
    "person_name": person_name,
    "secret": secret,
    "toxicity": toxicity,
    "broken_json": broken_json,
    "open_fence": open_fence,
    "not_in_source": not_in_source,
    "ungrounded": ungrounded,
}


def faults_for(ours: Contacts) -> dict[str, Finder]:
    """Every fault, where an organisation's own contacts are none."""
    return FAULTS | {"contact_data": partial(contact_data, ours=ours)}


# --- find all -------------------------------------------------------------------------------------

# The faults of many rows, all of one row before those of the next: they share looks at a text.

Found = tuple[str | None, ...]  # what each finder says of a row


def find_all(rows: Sequence[Row], faults: Mapping[str, Finder]) -> dict[str, list[str | None]]:
    """What is wrong with each row, by the name of the fault; None: nothing."""
    by_row = of_many(partial(found_by, tuple(faults.values())), rows)
    return {name: [row_faults[i] for row_faults in by_row] for i, name in enumerate(faults)}


def found_by(finders: Sequence[Finder], rows: Sequence[Row]) -> list[Found]:
    return [tuple(find(row) for find in finders) for row in rows]


# --- language -------------------------------------------------------------------------------------

NEARLY_ALL = 0.9  # of the rows whose language can be told
FEWEST_ROWS = 20  # of these
# Prompts that ask for another language.
TRANSLATION = re.compile(
    r"(?i:translat|übersetz|tradu|vertaal|przetłumacz|перевед|перевод|översätt|oversæt|oversett"
    r"|翻译|翻訳|번역)|\b(?:in|into|to|from) (?:[A-Z]\w+(?:ese|ish|ian|an|ch|ic|di|ek)|Thai)\b",
)


def prompt_language(row: Row) -> str | None:
    """The language of what a user wrote: the system prompt is the same in all rows."""
    asked = "\n".join([message.content for message in row.prompt if message.role == "user"])
    return language_of(asked)


def answer_language(row: Row) -> str | None:
    return language_of(row.completion_text)


def other_language(
    rows: Sequence[Row], prompts: Sequence[str | None], answers: Sequence[str | None]
) -> list[str | None]:
    """For each row, which side of it is not in the language that nearly all have on that side.

    So where all answers are translations, none is odd; and nor is one that its prompt asks for.
    """
    odd = zip(odd_ones(prompts), odd_ones(answers), strict=True)
    return [
        side(*both) if any(both) and not TRANSLATION.search(row.prompt_text) else None
        for row, both in zip(rows, odd, strict=True)
    ]


def side(prompt: bool, answer: bool) -> str:
    odd = "the prompt" if prompt else "the answer"
    return f"{odd} is in another language than the others"


def odd_ones(languages: Sequence[str | None]) -> list[bool]:
    """Which languages are other than nearly all; none, if there is no such language."""
    told = Counter(language for language in languages if language)
    if told.total() < FEWEST_ROWS:
        return [False] * len(languages)
    ((usual, count),) = told.most_common(1)
    if count < NEARLY_ALL * told.total():
        return [False] * len(languages)
    return [language is not None and language != usual for language in languages]
