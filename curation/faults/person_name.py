"""Names of people that something beside them gives away.

Without a model, a name alone is no cue: most are those of public figures, places and products.
"""

from collections.abc import Iterator

import regex

from curation.faults.name_cues import (
    BUSINESS,
    CHINESE_CUE,
    CUES,
    FULL_LIKE,
    MISTER_CUE,
    MISTER_HINTS,
    SHORT,
    SHORT_CUES,
    WORD,
)
from project.records.data import Row

# What is greeted, titled or asked and is no person.
NO_PERSONS = """
    Sir Sirs Madam Ma'am Madame Monsieur Customer Customers Client Clients Team Support Service
    Services Hiring Manager Managers Everyone Everybody All Friend Friends Santa Diary God Lord
    World Reader Readers Editor Mom Mum Dad Mother Father Grandma Grandpa Professor Teacher
    Student Students Parent Parents Colleague Colleagues Member Members User Users Guest Guests
    Sales Human Resources Resource Committee Board Department Office Officer Company Organization
    Recipient Valued Prospective Future Investor Investors Employer Recruiter Recruitment Admissions
    Principal Representative Kids Children Guys Folks There Bot Chatbot Assistant AI Siri Alexa
    Cortana Claude ChatGPT Google Kitty Universe America Earth Right Wrong Not The This That These
    What Who Which Where When Why How You Your I My We Our It Its He She They His Her Their And But
    Or If So Please Yes No Well Thanks Thank Best Kind Warm Regards Sincerely Yours Damen Herren
    Kunde Kundin Kollege Kollegen Kolleginnen Zusammen Team Tous Toutes Messieurs Mesdames Señor
    Señora Señores Cliente Clientes Todos Equipo Equipe Senhor Senhora Senhores Tutti Signore
    Signora Signori Iedereen Name Full First Last Given Family None Null Unknown Anonymous Your
    January February March April May June July August September October November December Monday
    Tuesday Wednesday Thursday Friday Saturday Sunday English German French Spanish Italian Chinese
    Data Very Really So Too Super
    Japanese American British Indian Christian Muslim Python Java Excel Word Windows Linux Bank
    Account Card Savings Current Number Date Street Road Avenue City State Country Phone Email
    Questions Question Clarifying University College School
    Institute Hospital Inc Ltd Corp Corporation GmbH Group Centre Center
    Project Library Foundation Association Society
"""
NOT_NAMES = frozenset(NO_PERSONS.split())


def person_name(row: Row) -> str | None:
    text = f"{row.prompt_text}\n{row.completion_text}"
    return "name of a person" if any(names(text)) else None


def names(text: str) -> Iterator[tuple[int, int]]:
    """Where names begin and end; some may be found by several cues."""
    words = frozenset(WORD.findall(text.lower()))
    for hints, cue in CUES if FULL_LIKE.search(text) else SHORT_CUES:
        if not hints.isdisjoint(words):
            yield from named(cue, text)
    brief = len(words) <= SHORT
    if not MISTER_HINTS.isdisjoint(words) and (brief or not BUSINESS.isdisjoint(words)):
        yield from named(MISTER_CUE, text)
    if "我" in text or "姓名" in text:
        yield from named(CHINESE_CUE, text)


def named(cue: regex.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    for match in cue.finditer(text):
        if NOT_NAMES.isdisjoint(match["it"].replace("-", " ").split()):
            yield match.span("it")
