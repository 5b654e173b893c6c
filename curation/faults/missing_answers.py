"""Rows in which nobody answers, or asks."""

import re

from curation.faults.suspect_words import (
    SuspectWords,
    holds,
    is_code,
    question_text,
    without_code,
    without_quotations,
)
from project.records.data import Row

# What keeps the place of a prompt; an answer may be such a word.
PROMPTS = frozenset(
    ("prompt", "question", "instruction", "untitled", "none", "nil", "void", "[]", "{}", "new chat")
) | {"new conversation", "ask me anything", "enter prompt"}
# What an instruction without an input has in its place.
NO_INPUT = ("no input", "noinput", "nan", "n/a", "null", "undefined", "none given")
# Who asks so wants sentences: "none" is no answer.
OPEN = re.compile(
    r"\W*(?:please |can you |could you )?(?:write|explain|describe|summari[sz]e|translate|generate"
    r"|create|compose|tell me|give me|how (?:do|can|to|does|should)|why|what (?:does|do|is the"
    r" difference|are the)|in one)\b",
    re.IGNORECASE,
)


def no_answer(row: Row) -> str | None:
    text = row.completion_text.strip(UNSEEN)
    if not text:
        return "an empty answer"
    # A word that may be a class is in brackets a note of nothing.
    match = BRACKETED.fullmatch(text) if len(text) <= LONGEST else None
    nothing = match is not None and match[1].casefold() in AMBIGUOUS - SIGNS
    if nothing or not is_more_than_placeholder(text) or noted(text):
        return "a placeholder for an answer"
    if text.casefold().strip(" .") in AMBIGUOUS and OPEN.match(question_text(row)):
        return "a placeholder for an answer"
    return None


def no_prompt(row: Row) -> str | None:
    text = question_text(row).strip(UNSEEN)
    if not text:
        return "an empty prompt"
    if (
        not is_more_than_placeholder(text)
        or noted(text)
        or (len(text) <= LONGEST and core(text) in PROMPTS)
    ):
        return "a placeholder for a prompt"
    *before, last = text.rsplit("\n", 1)  # an instruction with nothing to follow it on
    if before and len(last) <= LONGEST and core(LABEL.sub("", last, count=1)) in NO_INPUT:
        return "a placeholder for what the prompt is about"
    return None


# --- placeholders ---------------------------------------------------------------------------------

# What stands in a file where nobody wrote a text.

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


def is_more_than_placeholder(text: str) -> bool:
    """Whether a text says something, and does not only keep the place of one."""
    text = text.strip(UNSEEN)
    if not text or len(text) > LONGEST:
        return bool(text) and not (len(text) <= 200 and NOTHING.fullmatch(text))
    if NOTHING.fullmatch(text) or LABEL.fullmatch(text):
        return False
    bare = core(text)
    return bare not in PLACEHOLDERS and not SENTENCES.fullmatch(bare)


def core(text: str) -> str:
    """The text in lower case, without what people put around a placeholder."""
    text = text.strip().casefold()
    while True:
        bare = text.strip(" \t\n\"'`*_.!:;…").strip()
        match = BRACKETED.fullmatch(bare)
        bare = match[1] if match else bare
        if bare == text:
            return text.replace("_", " ")
        text = bare


def noted(text: str) -> bool:
    """Whether a text is a note that one is to be written."""
    return bool(LOREM.match(text) or NOTE.match(text)) or text.strip(" .!?:") in NOTES


# --- unfilled -------------------------------------------------------------------------------------

# A place of a template that nobody filled.

WHAT = (
    r"(?:insert|your|enter|add|fill|put|type|write|state|choose|select|customer"
    r"|client|user|recipient|sender|company|business|employee|manager|agent|first"
    r"|last|full|phone|email|e-mail|order|account|ticket|invoice|tracking|product"
    r"|street|zip|city|country|date|name|address|number|amount|price|company"
    r"|position|job|title here|time|url|website|placeholder|topic|subject"
    r"|department|day|month|year|signature|school|university|hotel|event|location"
    r"|venue|friend|beneficiary"
    r"|name des|ihr name|datum|nom|votre|nombre|su|tu|fecha|nome|seu|data|naam"
    r"|ваше|имя|дата|姓名|日期|公司|名字|您的|你的)"
)
DOUBLE = re.compile(
    r"\{\{[^{}\n]{1,60}\}\}|\{%[^%\n]{1,80}%\}|<%[^%\n]{1,80}%>|\$\{[\w. ]{1,40}\}"
    r"|\*\|\w{2,30}\|\*|@@\w{2,30}@@|%%\w{2,30}%%|\[%[\w ]{1,30}%\]|«[^\W_]+_\w+»"
    r"|<<[\w ]{2,40}>>|\[\[[A-Za-z_ ]{2,40}\]\]"
)
SINGLE = re.compile(r"(?<![\w$\"'{(/\\}^_=])\{[A-Za-z_][\w .-]{0,30}\}(?![\w}\"'/^_(])")
BRACKETS = re.compile(
    rf"\[{WHAT}(?:[ _/'’-][^\]\n]{{0,50}})?(?:\s*here)?\](?![(\[])"
    rf"|\[[^\]\n]{{2,30}} (?:name|number|date|address|here|title)\](?![(\[])"
    rf"|【[^】\n]{{0,20}}(?:姓名|日期|公司|名称|地址|电话)】",
    re.I,
)
CAPITALS = re.compile(
    r"\[[A-Z][A-Z]{2,15}(?:[ _-][A-Z0-9]{1,15}){0,4}\](?![(\[])"
    r"|(?<!\w)__[A-Z]{2,15}(?:_[A-Z]{1,15}){0,3}__(?!\w)|<[A-Z]{3,20}(?:[_"
    r" -][A-Z]{2,20}){0,3}>|(?<![\w%])%[A-Z]{3,15}(?:_[A-Z]{2,15}){0,3}%(?!\w)"
    r"|(?<![\w#])#[A-Z]{3,15}(?:_[A-Z]{2,15}){0,3}#"
)
# Logs, marks of forums, tokens of templates and of redaction are in brackets too.
USUAL_TEXT = (
    "error info warning warn debug fatal trace notice critical todo inst mask"
    " user assistant system cls sep pad unk"
    " bos eos edit solved closed optional update spoiler citation needed sic"
    " email ip iban card id phone end start begin"
    " deprecated experimental required beta new hot nsfw oc xml cdata"
)
USUAL = frozenset(USUAL_TEXT.split())
ANGLES = re.compile(rf"<(?:{WHAT})(?:[ _-][\w '-]{{0,40}})?>", re.I)
CROSSES = re.compile(
    r"\b[Xx]{4,}\b(?!-)|\bX{2,}[/-]X{2,}(?:[/-]X{2,})?|\bxxx[-. ]xx(?:x|xx)\b"
    r"|#{3}[-. ]#{3,4}\b|\$\s?X{2,}\b|\$\s?_{2,}"
)
BLANKS = re.compile(r"_{4,}|\.{8,}(?!\s*\d)")
PERCENT = re.compile(r"(?<![\w%\d])%(?:s|d|\(\w{1,30}\)s)(?!\w)")
PARENTHESES = re.compile(r"\((?:insert|enter|your|fill in) [^)\n]{2,40}\)", re.I)
OBJECT = re.compile(
    r"\[object Object\]|\bundefined undefined\b|\bInvalid Date\b|\$undefined\b|\bNaN NaN\b"
)
FORMS = re.compile(
    r"template|jinja|vue|angular|handlebars|mustache|helm|ansible|liquid"
    r"|placeholder|fill|blank|form\b|quiz|worksheet|format|f-string|variable"
    r"|boilerplate|mad ?lib|cloze|latex|math|equation|set of|script|code|program"
    r"|function|regex|html|react|url|api\b|command|模板|填空|填写",
    re.I,
)
# By a sign that every match of them has.
MARKED = (
    (("{{", "${", "{%", "<%", "*|", "@@", "%%", "[%", "«", "<<", "[["), DOUBLE),
    (("[", "【"), BRACKETS),
    (("<",), ANGLES),
    (("xxx", "XX", "###", "$_", "$ _", "xx-"), CROSSES),
    (
        ("(insert", "(Insert", "(INSERT", "(enter", "(Enter", "(your", "(Your", "(fill", "(Fill"),
        PARENTHESES,
    ),
    (("[obj", "undefined", "Invalid D", "NaN"), OBJECT),
)
SIGN = re.compile(r"[\[<%#_{](?:[A-Za-z_]|\()")  # a quick look
# What stands in a word where any of the patterns matches.
PIECES = frozenset(sign.lower().split()[0] for signs, _ in MARKED for sign in signs) - {"$"}
PLACES = SuspectWords(
    *PIECES, "[", "{", "<", ".....", odd=lambda word: SIGN.search(word) or word == "$"
)


# What redaction leaves in the place of a name or a number is no blank.
REDACTED = re.compile(r"\[(?:email|ip|iban|card|id|phone|person|secret)\]")


def unfilled(row: Row) -> str | None:
    prompt, answer = (REDACTED.sub("…", text) for text in row.texts)
    if left_open(answer) and not FORMS.search(DOUBLE.sub(" ", prompt)):
        return "a place of a template is left open"
    asks = left_open(prompt, blanks=False)
    if asks and not FORMS.search(SINGLE.sub(" ", DOUBLE.sub(" ", prompt))):
        return "a place of a template is left open in the prompt"
    return None


def left_open(text: str, *, blanks: bool = True) -> bool:
    if not PLACES.at(text):
        return False
    marked = any(holds(text, signs) and pattern.search(text) for signs, pattern in MARKED)
    if not (marked or SIGN.search(text) or (blanks and "....." in text)):
        return False
    prose = without_code(text)
    if not any(holds(prose, signs) and pattern.search(prose) for signs, pattern in MARKED):
        return has_placeholder(prose, blanks=blanks) and not is_code(text)
    return not is_code(text)


def has_placeholder(prose: str, *, blanks: bool) -> bool:
    if blanks and holds(prose, ("____", ".....")) and BLANKS.search(prose):
        return True
    if holds(prose, "[<_%#") and any(not usual(m[0]) for m in CAPITALS.finditer(prose)):
        return True
    if "{" not in prose and "%" not in prose:
        return False
    bare = without_quotations(prose)
    return SINGLE.search(bare) is not None or PERCENT.search(bare) is not None


def usual(mark: str) -> bool:
    words = mark.strip("[]<>_%#").lower().replace("_", " ").replace("-", " ").split()
    return not words or all(word in USUAL for word in words)
