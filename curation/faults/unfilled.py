"""A place of a template that nobody filled."""

import re

from curation.faults.looks import Look
from curation.faults.prose import holds, is_code, without_code, without_quotations
from project.records.data import Row

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
GREETED = re.compile(
    r"\b(?:dear|hello|hi|hey|mr\.?|mrs\.?|ms\.?|liebe[r]?|bonjour|hola|cher"
    r"|estimad[oa])[ ,]+(?:none|null|undefined|nan|n/a|name|first_?name|user_?name"
    r"|customer_?name|\[|\{|<(?!3))",
    re.I,
)
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
NAMELESS = ("none", "null", "undefined", "nan", "n/a", "name", "[", "{", "<")
# What stands in a word where any of the patterns matches.
PIECES = frozenset(sign.lower().split()[0] for signs, _ in MARKED for sign in signs) - {"$"}
PLACES = Look(*PIECES, *NAMELESS, ".....", odd=lambda word: SIGN.search(word) or word == "$")


# What redaction leaves in the place of a name or a number is no blank.
REDACTED = re.compile(r"\[(?:email|ip|iban|card|id|phone|person|secret)\]")


def unfilled(row: Row) -> str | None:
    prompt, answer = (REDACTED.sub("…", text) for text in row.said)
    if left_open(answer) and not FORMS.search(DOUBLE.sub(" ", prompt)):
        return "a place of a template is left open"
    asks = left_open(prompt, blanks=False)
    if asks and not FORMS.search(SINGLE.sub(" ", DOUBLE.sub(" ", prompt))):
        return "a place of a template is left open in the prompt"
    return None


def left_open(text: str, *, blanks: bool = True) -> bool:
    if not PLACES.at(text):
        return False
    found = any(holds(text, signs) and pattern.search(text) for signs, pattern in MARKED)
    if not (found or greets_nobody(text) or SIGN.search(text) or (blanks and "....." in text)):
        return False
    prose = without_code(text)
    if not any(holds(prose, signs) and pattern.search(prose) for signs, pattern in MARKED):
        return named(prose, blanks=blanks) and not is_code(text)
    return not is_code(text)


def named(prose: str, *, blanks: bool) -> bool:
    if greets_nobody(prose) or (
        blanks and holds(prose, ("____", ".....")) and BLANKS.search(prose)
    ):
        return True
    if holds(prose, "[<_%#") and any(not usual(m[0]) for m in CAPITALS.finditer(prose)):
        return True
    if "{" not in prose and "%" not in prose:
        return False
    bare = without_quotations(prose)
    return SINGLE.search(bare) is not None or PERCENT.search(bare) is not None


def greets_nobody(text: str) -> bool:
    head = text[:40].lower()
    return holds(head, NAMELESS) and GREETED.search(text[:60]) is not None


def usual(mark: str) -> bool:
    words = mark.strip("[]<>_%#").lower().replace("_", " ").replace("-", " ").split()
    return not words or all(word in USUAL for word in words)
