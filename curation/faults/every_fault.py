"""Every fault by the name of its column, which a contract may speak of."""

from functools import partial

from curation.faults.account_data import account_data
from curation.faults.boilerplate import boilerplate
from curation.faults.broken_json import broken_json
from curation.faults.chat_markers import chat_markers
from curation.faults.contact_data import contact_data
from curation.faults.cut_off import cut_off
from curation.faults.echo import echo
from curation.faults.finder import Finder
from curation.faults.gibberish import gibberish
from curation.faults.hidden_characters import control_characters, invisible_characters
from curation.faults.literal_escapes import literal_escapes
from curation.faults.loops import loop
from curation.faults.lost_characters import lost_characters
from curation.faults.markup import markup
from curation.faults.merged_instructions import several_in_one
from curation.faults.missing_answers import no_answer, no_prompt
from curation.faults.mojibake import mojibake
from curation.faults.not_in_source import not_in_source
from curation.faults.open_fence import open_fence
from curation.faults.person_name import person_name
from curation.faults.refusal import refusal
from curation.faults.secret import secret
from curation.faults.shouting import shouting
from curation.faults.toxicity import toxicity
from curation.faults.turn_order import turn_order
from curation.faults.unfilled import unfilled
from curation.faults.unicode_form import unicode
from curation.faults.unseen import unseen
from curation.faults.web_leftovers import web_leftovers
from project.contacts import Contacts

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
