"""Names of people that something beside them gives away.

Without a model, a name alone is no cue: most are those of public figures, places and products.
Libraries that know names need a model, or lists of names, which are words of a language too.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

import regex

from curation.faults.suspect_words import SuspectWords, lowered
from project.records.data import Row

# --- name cues ------------------------------------------------------------------------------------

# What stands beside a name of a person: a title, a greeting, "my name is"; in many languages.

PARTICLES = (
    r"(?:de la|de los|van der|van den|von der|de|da|do|dos|del|della|di|du|van|von|zu|bin|ibn|al|el"
    r"|la|le|ter|ten|mac|st\.)"
)
PART = (
    r"(?:\p{Lu}[\p{Ll}\p{M}]+(?:[-'’]\p{Lu}?[\p{Ll}\p{M}]+){0,2}|(?:O|D)['’]\p{Lu}\p{Ll}+"
    r"|Mc\p{Lu}\p{Ll}+)"
)
INITIAL = r"\p{Lu}\."
SURNAME = rf"(?:(?:{INITIAL} ){{0,2}}(?:{PARTICLES} )?{PART}(?: (?:{PARTICLES} )?{PART}){{0,3}})"
# At least two parts, so that one capitalised word makes no name.
FULL = rf"(?:(?:{PART}|{INITIAL})(?: {INITIAL}){{0,2}}(?: (?:{PARTICLES} )?{PART}){{1,3}})"
NAME = rf"(?:{FULL}|{PART})"
OTHER = r"[\p{Han}]{2,4}"  # a Chinese name

TITLES = (
    r"Herrn?|Frau|Hr|Sra?|Srta|Señor(?:a|ita)?|Doña|Mme|Mlle|Monsieur|Madame|Mademoiselle|Sig"
    r"|Sig\.ra|Signora?|Senhora?|Dhr|Mevr|Mw|Meneer|Mevrouw|Fru|Pani|Shri|Smt|Sayın"
)
BEFORE = r"(?<![\p{L}\p{N}.])"
TITLED = (
    rf"{BEFORE}(?:(?:{TITLES})\.?(?: (?:Dr|Prof)\.?){{0,2}} (?P<it>{SURNAME})"
    rf"|(?:Mr|Mrs|Ms|Miss|Mx|M(?=\.))\.? (?P<it>{FULL}))"
)
# Novels and encyclopedias are full of these: they count in a short row, or in talk of business.
MISTER = (
    rf"{BEFORE}(?:Mr|Mrs|Ms|Mx|Dr|Prof)\.? (?P<it>{SURNAME})"
    rf"|{BEFORE}(?P<it>{FULL}),? \(?(?:born|geboren|nacid[oa])(?: on| am| el| le)?"
    r" (?:\d{1,2}[./ -]|\p{Lu}\p{Ll}{2,8} \d)"
)
MISTER_HINTS = frozenset(
    {"mr", "mrs", "ms", "mx", "dr", "prof", "born", "geboren", "nacido", "nacida"}
)
BUSINESS_WORDS = """
    appointment complaint customer insurance invoice mortgage patient refund reservation tenant
    voicemail
"""
BUSINESS = frozenset(BUSINESS_WORDS.split())
SHORT = 60  # different words
DOCTOR = rf"{BEFORE}(?:my|your|our|see|ask) (?:Dr|Prof|Doctor)\.? (?P<it>{SURNAME})"
SAID = (
    r"(?:[Mm]y (?:full |first |last |sur|maiden )?name(?:['’]s| is|:)|[Tt]he name['’]s"
    r"|(?i:i am called|mein name ist|ich hei(?:ß|ss)e|je m['’]appelle|mon nom est|me llamo"
    r"|mi nombre es"
    r"|me chamo|(?:o )?meu nome é|mi chiamo|il mio nome è|mijn naam is|ik heet|jag heter"
    r"|mitt namn är"
    r"|mit navn er|jeg heter|nazywam się|mam na imię|benim adım|меня зовут|me numesc|jmenuji se))"
)
TELLS = rf"(?<!\p{{L}}){SAID} (?P<it>{NAME})"
CHINESE = rf"(?:我叫|我的名字是|我的姓名是|姓名[:：])(?P<it>{OTHER})"
# What somebody is in a case that is told of, and what to the writer.
CASES = (
    r"customer|client|patient|account ?holder|card ?holder|policy ?holder|beneficiary|tenant"
    r"|employee|nominee|guarantor|applicant|passenger|caller|borrower|debtor|payee|nurse"
    r"|user|kundin|kunde|patientin|cliente|paciente"
)
PEOPLE = (
    r"landlord|colleague|co-?worker|manager|boss|supervisor|neighbou?r|husband|wife|spouse|son"
    r"|daughter|brother|sister|mother|father|uncle|aunt|cousin|friend|girlfriend|boyfriend"
    r"|partner|teacher|student|agent|advisor|adviser|doctor|lawyer|attorney|kollege|kollegin"
    r"|frau|mann|sohn|tochter|esposa|esposo|hijo|hija|mari|femme|fils|fille"
)
LINKED = r"(?:,| is| named| called|:)?"
INVOLVED = (
    rf"(?<!\p{{L}})(?:{CASES}|Kund(?:e|in)|Patient(?:in)?|Employee|Nurse){LINKED} (?P<it>{FULL})"
    r"(?= \p{Ll}| ?[,.;!?(\n]|$)"
)
RELATED = (
    rf"(?<!\p{{L}})(?i:my|your|our|mein|meine|mi|mon|ma|minha|meu) (?i:{PEOPLE}){LINKED}"
    rf" (?P<it>{FULL})"
)
ASKED = (
    r"(?<!\p{L})(?i:ask(?: for)?|contact|e-?mail(?:ed)?|spoke (?:to|with)|talk(?:ed)? to"
    r"|speak (?:to|with)|met(?: with)?|called by|on behalf of|in the name of|belongs to"
    r"|belonging to"
    r"|registered to|issued to|payable to|addressed to|attention of|attn:?|forward(?: \w+)? to"
    r"|(?:signed|reported|opened|filed|submitted|requested|approved|assigned|logged) (?:by|to|for)"
    r"|(?:account|ticket|file|record|order|invoice|card|loan|case|salary|address|résumé|cv"
    r"|phone|number|e-?mail|message|complaint) (?:of|from)|sincerely,?|regards,?) (?P<it>"
    + FULL
    + r")"
    r"(?= (?:from|at|in|on|of|about|for|by|or|if|and|who|with|has|had|is|was)\b|[,.;!?)\n]|$)"
)
# With what only a person has behind it.
DESCRIBED = (
    rf"(?<!\p{{L}})(?P<it>{FULL})(?:,? \(?(?:née|né|nee|geb\.|DOB|aged?(?= \d)"
    r"|date of birth)\b|,? \(?(?:extension|ext\.?|room|desk|office|tel\.?|employee|customer|patient"
    r"|member|id|ID|no\.) ?#?:? ?\d|,? \(?\d{1,2} years old\b|,? (?:who )?(?:lives|living|residing"
    r"|resides) (?:at|in)\b"
    r"|['’]s? (?:account|card|phone|e-?mail|address|password|salary|passport"
    r"|medical|policy|loan|ticket|order|invoice|desk|laptop|diagnosis|appointment)\b"
    r"|,? (?:\p{Ll}+ ){0,2}(?:account ?holder|card ?holder|policy ?holder|wohnhaft)\b)"
)
FIELD_END = r"(?=[\"'<,;.)\n]| [<(]|$)"
FIELD = (
    r"(?<![\p{L}_.])(?i:full[ _]?name|first[ _]?name|last[ _]?name|surname|vorname|nachname"
    r"|nombre completo|nom complet|prénom|nome completo|(?:customer|client|patient|account ?holder"
    r"|cardholder|employee|contact|applicant|passenger|guest|student|tenant|beneficiary|sender"
    r"|recipient|agent|user)[ _]?name|name of (?:the )?(?:customer|patient|account holder"
    r"|applicant)|name(?= ?= ?[\"']))"
    rf"[\"']? ?[:=] ?[\"']?(?P<it>{FULL}){FIELD_END}"
)
LINE = (
    r"(?m:^)[ \t*-]{0,4}(?i:customer|client|patient|account ?holder|cardholder|employee|contact"
    r"|applicant|passenger|guest|tenant|beneficiary|sender|recipient|agent|signed|from|to|cc|attn"
    rf"|kunde|cliente|name|nombre|nome|nom)\*{{0,2}}: ?\*{{0,2}} ?(?P<it>{FULL}){FIELD_END}"
)
GREETED = (
    rf"(?:^|\n|\. )[ \t]{{0,4}}(?:Dear|Hi|Hello|Hey|Liebe|Lieber|Hallo|Sehr geehrter?|Guten Tag"
    rf"|Chère?"
    r"|Bonjour|Querid[oa]|Estimad[oa]|Hola|Prezad[oa]|Car[oa]|Olá|Gentile|Egregi[oa]|Ciao|Beste"
    r"|Geachte|Kära|Hej|Kære|Drog[ia]|Szanown[ya]|Уважаем(?:ый|ая)|Здравствуйте,?)"
    rf" (?:(?:Mr|Mrs|Ms|Mx|Miss|Dr|Prof|{TITLES})\.? )?(?P<it>{NAME})(?=[,!:\n]| ?[-–—]\s|$)"
)
CLOSINGS = (
    r"(?:kind |best |warm |warmest |with )?(?:kind )?regards|(?:yours )?(?:sincerely|faithfully"
    r"|truly)(?: yours)?"
    r"|yours|best(?: wishes)?|cheers|many thanks|thanks|thank you"
    r"|respectfully(?: yours)?|cordially|love"
    r"|mit freundlichen grü(?:ß|ss)en|freundliche grü(?:ß|ss)e|(?:viele|liebe|beste"
    r"|herzliche) grü(?:ß|ss)e"
    r"|hochachtungsvoll|mfg|lg|vg|cordialement|bien à vous|sincères salutations|bien cordialement"
    r"|(?:un )?(?:cordial )?saludos?(?: cordiales)?|atentamente|atenciosamente|cumprimentos|abraços"
    r"|obrigad[oa]|(?:cordiali|distinti) saluti|met vriendelijke groet(?:en)?|groeten"
    r"|med vänliga hälsningar"
    r"|vänliga hälsningar|(?:med )?vennlig hilsen|med venlig hilsen|pozdrawiam|z poważaniem"
    r"|с уважением"
    r"|saygılarımla|signed"
)
SIGNED = (
    rf"(?<!\p{{L}})(?i:{CLOSINGS}),?[ \t]{{0,3}}(?:\n[ \t]{{0,4}}){{1,2}}[-–—]?"
    rf"(?P<it>{NAME})(?=\s*(?:\n|$|,|\())|\b[Ss]igned,? (?P<it>{FULL})"
    rf"|(?i:regards|sincerely|cheers|thanks|thank you|yours|grü(?:ß|ss)e|cordialement|saludos)"
    rf"(?:,| ?[-–—]) ?(?P<it>{NAME})(?=[ \t]*(?:\n|$))"
)
CALLING = (
    rf"(?<!\p{{L}})(?i:this is|here is|it's|i'm|i am|ich bin|je suis|soy|sou|sono) (?P<it>{FULL})"
    r"(?=,? (?:calling|speaking|writing|from|here|again|and (?:i|my|we)|account|customer|card|with"
    r"|Kunde|Kundin|client|cliente|titular|y |et |und |e |i )\b|, (?:your|the|a|an|head|\d)\b"
    r"|\.? ?[.(]|,)"
)
SPEAKS = rf"(?<!\p{{L}})(?P<it>{FULL}) (?:speaking|here)(?=[.,!\n]|$)"
# These take one word for a name: they are tried near a word of theirs, in lower case.
SHORT_CUES: tuple[tuple[frozenset[str], regex.Pattern[str]], ...] = tuple(
    (frozenset(words.split()), regex.compile(cue))
    for words, cue in (
        (
            "mr mrs ms miss mx herr herrn frau hr sr sra srta señor señora señorita doña mme mlle "
            "m monsieur madame mademoiselle sig signor signora senhor senhora dhr mevr mw meneer "
            "mevrouw fru pani shri smt sayın",
            TITLED,
        ),
        (
            "name called heiße heisse appelle nom llamo nombre chamo nome chiamo naam heet heter "
            "namn navn nazywam imię adım зовут numesc jmenuji",
            TELLS,
        ),
        (
            "dear hi hello hey liebe lieber hallo geehrter geehrte tag chère cher bonjour querida "
            "querido estimada estimado hola prezada prezado cara caro olá gentile egregia egregio "
            "ciao beste geachte kära hej kære droga drogi szanowna szanowny уважаемый уважаемая "
            "здравствуйте",
            GREETED,
        ),
        (
            "regards sincerely faithfully truly yours best cheers thanks thank respectfully "
            "cordially love grüßen grüssen grüße grüsse hochachtungsvoll mfg lg vg cordialement "
            "vous salutations saludo saludos atentamente atenciosamente cumprimentos abraços "
            "obrigado obrigada saluti groet groeten hälsningar hilsen pozdrawiam poważaniem "
            "уважением saygılarımla signed",
            SIGNED,
        ),
    )
)
# These want a full name: they are tried near what looks like one, beside one of their words.
FULL_WORDS_TEXT = """
    account accountholder address addressed adviser advisor age aged agent applicant appointment
    approved ask assigned attention attn attorney aunt behalf belonging belongs beneficiary
    borrower boss boyfriend brother called caller card cardholder case cc client cliente colleague
    complaint contact cousin coworker customer cv date daughter debtor desk diagnosis dob doctor
    dr email emailed employee esposa esposo ext extension father femme file filed fille fils
    firstname forward frau friend from fullname geb girlfriend guarantor
    guest here hija hijo holder husband i ich id invoice issued it kollege kollegin kunde kundin
    landlord laptop lastname lawyer lives living loan logged mail manager mann mari
    medical member message met mother nachname name nee neighbor neighbour no nom nombre nome
    nominee number nurse né née office opened order paciente partner passenger passport password
    patient patientin payable payee phone policy policyholder prof prénom recipient record regards
    registered reported requested resides residing room résumé salary sender signed sincerely
    sister sohn son sono sou soy speak speaking spoke spouse student submitted suis supervisor
    surname talk talked teacher tel tenant this ticket to tochter uncle user vorname wife wohnhaft
    worker years
"""
FULL_WORDS = frozenset(FULL_WORDS_TEXT.split())
FULL_CUES = tuple(
    map(
        regex.compile,
        (DOCTOR, INVOLVED, RELATED, ASKED, DESCRIBED, FIELD, LINE, CALLING, SPEAKS),
    )
)
HINTS = frozenset(chain(MISTER_HINTS, BUSINESS, *(hints for hints, _ in SHORT_CUES)))
CHINESE_CUE = regex.compile(CHINESE)
MISTER_CUE = regex.compile(MISTER)
WORD = re.compile(r"[^\W\d_]+")
# Two words with capitals, or an initial: a look before the cues that want a full name. Where there
# is but ASCII, classes of letters of all scripts would take twice as long.
FULL_LIKE = re.compile(r"[^\W\d_a-z][\w'’.-]{0,30} (?:[a-z]{2,3}\.? ){0,2}[^\W\d_a-z]")
FULL_LIKE_ASCII = re.compile(r"[A-Z](?:\.|[a-z'][\w'.-]{0,30}) (?:[a-z]{2,3}\.? ){0,2}[A-Z][a-z.']")


# --- person name ----------------------------------------------------------------------------------

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

HINTED = SuspectWords(tells=lambda word: not HINTS.isdisjoint(WORD.findall(word)))


def person_name(row: Row) -> str | None:
    texts = row.prompt_text, row.completion_text
    hints = hints_of(texts[0]) | hints_of(texts[1])
    brief = is_brief("\n".join(texts), hints)
    named = any(any(cued(text, hints, brief)) for text in texts)
    return "name of a person" if named else None


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
        if not FULL_WORDS.isdisjoint(WORD.findall(text[slice(*place)].lower())):
            for cue in FULL_CUES:
                yield from name_spans(cue, text, [place])
    for wanted, cue in SHORT_CUES:
        if not wanted.isdisjoint(hints):
            words = re.finditer(
                "|".join(sorted(wanted & hints, key=len, reverse=True)), lowered(text)
            )
            yield from name_spans(cue, text, around([word.span() for word in words]))
    if brief:
        yield from name_spans(MISTER_CUE, text, whole)
    if "我" in text or "姓名" in text:
        yield from name_spans(CHINESE_CUE, text, whole)


def around(spans: Iterable[Span]) -> list[Span]:
    """The spans with what is near them; those that meet are one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start - REACH <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end + REACH, merged[-1][1])
        else:
            merged.append((max(0, start - REACH), end + REACH))
    return merged


def name_spans(cue: regex.Pattern[str], text: str, places: Iterable[Span]) -> Iterator[Span]:
    for start, end in places:
        for match in cue.finditer(text, start, end):
            if NOT_NAMES.isdisjoint(match["it"].replace("-", " ").split()):
                yield match.span("it")
