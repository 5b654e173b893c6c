"""What stands in a file where nobody wrote a text."""

import re

# In lower case, without the brackets, quotation marks and points around them; ";" parts them.
WORDS = """
null; n/a; #n/a; n.a; nan; undefined; nooutput; noinput; tbd; tba; tbc; fixme; placeholder; ditto
idem; k.a; s.o; \\n; coming soon; left blank; intentionally left blank; lorem ipsum; answer pending
keine angabe; keine antwort; nicht verfügbar; entfällt; siehe oben; folgt; sin respuesta
no disponible; no aplica; ver arriba; sans réponse; pas de réponse; non disponible; non applicable
voir ci-dessus; nessuna risposta; non disponibile; sem resposta; não disponível; geen antwoord
niet beschikbaar; zie boven; нет ответа
нет данных; см. выше; brak odpowiedzi; 暂无; 暂无回答; 暂无答案
没有答案; 无回答; 待补充; 同上
未回答; 回答なし; 該当なし; 답변 없음; 해당 없음; 응답 없음
"""
PLACEHOLDERS = frozenset(filter(None, map(str.strip, re.split(r"[;\n]", WORDS))))
TEXT = (
    r"(?:answers?|outputs?|responses?|reply|replies|completions?|texts?|contents?|inputs?|prompts?"
    r"|questions?|instructions?|messages?|descriptions?|results?|data|summary|solution)"
)
STATE = (
    r"(?:available|given|provided|yet|found|needed|required|recorded|entered|generated|specified"
    r"|supplied|submitted|written|set|filled in|known yet|answered|applicable)"
)
DONE = (
    r"(?:done|added|completed|defined|written|determined|confirmed|announced|decided|filled(?: in)?"
    r"|provided|supplied|answered|inserted|specified|continued|discussed|reviewed|advised)"
)
SENTENCES = re.compile(
    rf"(?:there (?:is|was) )?no {TEXT}(?: (?:was |is |has been |yet )?{STATE})?"
    rf"|{TEXT} (?:is |was )?(?:missing|pending|omitted|unavailable|deleted|removed"
    rf"|to follow|not {STATE})"
    rf"|{TEXT} (?:goes |text )?here|not (?:yet )?{STATE}|none (?:given|provided"
    rf"|available|yet|recorded)"
    rf"|(?:please )?(?:insert|enter|write|type|add|put|paste|fill in|provide) (?:in"
    rf" )?(?:your|the|an?|some)?"
    rf" ?(?:\w+ )?{TEXT}(?: here| below)?|(?:your|the|sample|example|dummy|test)"
    rf" (?:\w+ )?{TEXT}(?: goes)? here"
    rf"|to be {DONE}(?: later| soon)?|to follow|will be (?:added|provided|completed) (?:later|soon)"
    r"|(?:please )?(?:see|as|same as|same answer as|refer to|like) (?:the )?(?:answer )?"
    r"(?:above|below|before|previous(?: (?:answer|one|question))?)"
    r"|(?:dummy|sample|placeholder|filler) (?:text|answer|response|output|question|prompt)"
)
# Names of classes, and true answers to many a question; in brackets they are none.
AMBIGUOUS_WORDS = """
none; nil; nul; na; no; -; 0; x; void; empty; unknown; []; {}; (); blank; missing; pending; deleted
removed; redacted; todo; wip; unanswered; to do; work in progress
"""
AMBIGUOUS = frozenset(filter(None, map(str.strip, re.split(r"[;\n]", AMBIGUOUS_WORDS))))
SIGNS = frozenset(("x", "0", "-", "[]", "{}", "()"))
NOTES = ("TODO", "WIP")  # in capitals: a note to oneself
NOTE = re.compile(r"[\W_]*(?:todo|tbd|fixme|placeholder|wip)\b\s*[:\-–—(\]]", re.IGNORECASE)
LOREM = re.compile(r"\W*lorem ipsum\b", re.IGNORECASE)
BRACKETED = re.compile(r"[<\[({]{1,2}\s{0,60}(.{1,60}?)\s*[>\])}]{1,2}")
NOTHING = re.compile(r"[.…?~_=—–\-\s]+")  # dots, dashes, question marks
LABEL = re.compile(
    r"[#*\s]*(?:answer|response|output|completion|assistant|bot|question|prompt|instruction|input"
    r"|user|human|antwort|frage|réponse|respuesta|[qa])\s*[:：][*\s]*",
    re.IGNORECASE,
)
LONGEST = 60  # characters of a placeholder
UNSEEN = " \t\r\n\v\f\u00a0\u3000\u200b\u200c\u200d\u2060\ufeff\u00ad"


def said(text: str) -> bool:
    """Whether a text says something, and does not only keep the place of one."""
    text = text.strip(UNSEEN)
    if not text or len(text) > LONGEST:
        return bool(text) and not (len(text) <= 200 and NOTHING.fullmatch(text))
    if NOTHING.fullmatch(text) or LABEL.fullmatch(text):
        return False
    bare = core(text)
    return bare not in PLACEHOLDERS and not SENTENCES.fullmatch(bare)


def core(text: str) -> str:
    """In lower case, without what people put around a placeholder."""
    text = text.strip().casefold()
    while True:
        bare = text.strip(" \t\n\"'`*_.!:;…").strip()
        found = BRACKETED.fullmatch(bare)
        bare = found[1] if found else bare
        if bare == text:
            return text.replace("_", " ")
        text = bare


def noted(text: str) -> bool:
    """Whether a text is a note that one is to be written."""
    return bool(LOREM.match(text) or NOTE.match(text)) or text.strip(" .!?:") in NOTES


def bracketed_nothing(text: str) -> bool:
    """Whether a word that may be a class is in brackets, as a note of nothing."""
    found = BRACKETED.fullmatch(text) if len(text) <= LONGEST else None
    return found is not None and found[1].casefold() in AMBIGUOUS - SIGNS
