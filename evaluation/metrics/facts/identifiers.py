"""Names that are spelled like no word: code, codes, web addresses, acronyms."""

import regex

NO_CODE = r"(?:INR|USD|EUR|GBP|CHF|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)-?\d"
# Written as a word would not be. Each part is bounded: a text is from anybody.
IDENTIFIER = regex.compile(
    r"(?P<tick>`{1,2})(?P<code>[^`\n]{1,80})(?P=tick)"
    r"|(?P<web>https?://[^\s<>\"')\]]{1,200}|www\.[^\s<>\"')\]]{1,200})"
    r"|(?P<mail>(?<![\w.+-])[\w.+-]{1,60}@[\w-]{1,60}(?:\.[\w-]{1,30}){1,4})"
    r"|(?<![\w.-])(?P<dotted>[A-Za-z_]\w{1,40}(?:\.[A-Za-z_]\w{1,40}){1,6})(?:\(\))?"
    r"(?![\w@])"
    r"|(?<!\w)(?P<snake>\w{0,40}[^\W_]_\w{1,40}|__\w{1,40}__|--[a-z][\w-]{1,40})(?!\w)"
    r"|(?<![\w.])(?P<camel>\p{Lu}?\p{Ll}{1,40}\p{Lu}\w{0,40}|\w{2,40}\(\))(?!\w)"
    r"|(?<!\w)(?P<dots>(?:\p{Lu}\.){2,6})(?!\w| dollars?\b)"  # U.S.
    # W-8BEN, ITR-1, S23; but no INR500 and no UTF-16 units
    rf"|(?<![\w-])(?P<mixed>(?!{NO_CODE})\p{{Lu}}{{1,6}}-?\d[\p{{Lu}}\d]{{0,8}}"
    r"(?:-[\p{Lu}\d]{1,8}){0,3})(?![\w%])"
)
ACRONYM = regex.compile(r"\p{Lu}[\p{Lu}\d&]{1,7}s?")


def shape(name: str) -> str:
    """Code, acronym or words: what a name could be taken for."""
    if is_acronym(name):
        return "acronym"
    return "code" if IDENTIFIER.fullmatch(name) else "words"


def is_acronym(word: str) -> bool:
    return bool(ACRONYM.fullmatch(word))
