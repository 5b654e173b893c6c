"""Names of people that something beside them gives away.

Without a model, a name alone is no cue: most are those of public figures, places and products.
"""

from collections.abc import Iterable, Iterator

import regex

from curation.faults.looks import Look, lowered
from curation.faults.name_cues import (
    BUSINESS,
    CHINESE_CUE,
    FULL_CUES,
    FULL_LIKE,
    FULL_LIKE_ASCII,
    HINTS,
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


REACH = 100  # characters on both sides of what may be a name, in which its cue stands, and ends

Span = tuple[int, int]  # where it begins and ends

HINTED = Look(tells=lambda word: not HINTS.isdisjoint(WORD.findall(word)))


def person_name(row: Row) -> str | None:
    texts = row.prompt_text, row.completion_text
    hints = hints_of(texts[0]) | hints_of(texts[1])
    brief = is_brief("\n".join(texts), hints)
    found = any(any(cued(text, hints, brief)) for text in texts)
    return "name of a person" if found else None


def names(text: str) -> Iterator[Span]:
    """Where names begin and end; some may be found by several cues."""
    hints = hints_of(text)
    return cued(text, hints, is_brief(text, hints))


def hints_of(text: str) -> frozenset[str]:
    return frozenset(part for word in HINTED.at(text) for part in WORD.findall(word)) & HINTS


def is_brief(text: str, hints: frozenset[str]) -> bool:
    """Whether a title alone makes a name: in few words, or in those of business."""
    if MISTER_HINTS.isdisjoint(hints):
        return False
    return not BUSINESS.isdisjoint(hints) or len(set(WORD.findall(text.lower()))) <= SHORT


def cued(text: str, hints: frozenset[str], brief: bool) -> Iterator[Span]:
    whole = [(0, len(text))]
    full = FULL_LIKE_ASCII if text.isascii() else FULL_LIKE
    for place in around([match.span() for match in full.finditer(text)]):
        here = hints.intersection(WORD.findall(text[slice(*place)].lower()))
        for wanted, cue in FULL_CUES if here else ():
            if not wanted.isdisjoint(here):
                yield from named(cue, text, [place])
    for wanted, cue in SHORT_CUES:
        if not wanted.isdisjoint(hints):
            yield from named(cue, text, around(words_among(wanted & hints, text)))
    if brief:
        yield from named(MISTER_CUE, text, whole)
    if "我" in text or "姓名" in text:
        yield from named(CHINESE_CUE, text, whole)


def words_among(wanted: Iterable[str], text: str) -> Iterator[Span]:
    low = lowered(text)
    for word in wanted:
        at = low.find(word)
        while at >= 0:
            yield at, at + len(word)
            at = low.find(word, at + len(word))


def around(spans: Iterable[Span]) -> list[Span]:
    """The spans with what is near them; those that meet are one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start - REACH <= found[-1][1]:
            found[-1] = found[-1][0], max(end + REACH, found[-1][1])
        else:
            found.append((max(0, start - REACH), end + REACH))
    return found


def named(cue: regex.Pattern[str], text: str, places: Iterable[Span]) -> Iterator[Span]:
    for start, end in places:
        for match in cue.finditer(text, start, end):
            if NOT_NAMES.isdisjoint(match["it"].replace("-", " ").split()):
                yield match.span("it")
