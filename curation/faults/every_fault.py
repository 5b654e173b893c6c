"""Every fault by the name of its column, which a contract may speak of."""

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
from curation.faults.not_in_source import not_in_source, unseen
from curation.faults.person_name import person_name
from curation.faults.private_data import Finder, account_data, contact_data, secret
from curation.faults.structure_faults import broken_json, open_fence, several_in_one, turn_order
from curation.faults.toxicity import toxicity
from curation.faults.web_leftovers import markup, web_leftovers
from curation.many_rows import of_many
from project.personal_data import Contacts
from project.records.data import Row

FAULTS: dict[str, Finder] = {
    "unicode": unicode,
    "control_characters": control_characters,
    "invisible_characters": invisible_characters,
    "mojibake": mojibake,
    "lost_characters": lost_characters,
    "literal_escapes": literal_escapes,
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
}


def faults_for(ours: Contacts) -> dict[str, Finder]:
    """Every fault, where an organisation's own contacts are none."""
    return FAULTS | {"contact_data": partial(contact_data, ours=ours)}


# --- find all -------------------------------------------------------------------------------------

# The faults of many rows, all of one row before those of the next: they share looks at a text.

Found = tuple[str | None, ...]  # what each finder says of a row


def find_all(rows: Sequence[Row], faults: Mapping[str, Finder]) -> dict[str, list[str | None]]:
    """What is wrong with each row, by the name of the fault; None: nothing."""
    found = of_many(partial(found_by, tuple(faults.values())), rows)
    return {name: [own[i] for own in found] for i, name in enumerate(faults)}


def found_by(finders: Sequence[Finder], rows: Sequence[Row]) -> list[Found]:
    return [tuple(find(row) for find in finders) for row in rows]
