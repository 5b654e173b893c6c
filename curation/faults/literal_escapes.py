"""Characters that were written out: `\\n` where a new line was meant."""

import re

from curation.faults.prose import in_either, without_code, without_quotations
from project.records.data import Row

# In prose: `\n` at the end of a sentence or before a list, `\u00e9`, `\"`, `\/`, `%20`, `=C3=A9`.
BROKEN = re.compile(
    r"(?:\\r)?\\n(?=\\[rnt]|\s*(?:[A-Z0-9À-Þ*•\-–#>\"“(]|$))|(?<=[.!?:,;])(?<![A-Z]:)\\n|\\t(?=[A-Z0-9À-Þ])"
)
CODED = re.compile(r"\\u\{?[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[0-3][0-7]{2}\\[0-3][0-7]{2}|\\N\{")
ESCAPED = re.compile(r"\w\\'\w|\\\"|:\\/\\/|<\\/")
PERCENT = re.compile(
    r"(?<![/=&?])\b[\w,.]{1,40}%20\w{1,40}%20|(?:%[CDE][0-9A-F]%[89AB][0-9A-F]){2}"
)
PRINTABLE = re.compile(r"(?:=[CDE][0-9A-F](?:=[89AB][0-9A-F]){1,2})|=20(?:\s|$)|=\n")
CELL = re.compile(r"_x000[0-9A-F]_")
SLASHED = re.compile(r"[.!?:]\s?/n(?=/n|\s?[A-Z]|$)|/n/n")
BYTES = re.compile(r"""b(['"]).+\1""", re.S)
LINKS = re.compile(r"https?://\S+")
TEX = re.compile(
    r"\\(?:frac|alpha|beta|nabla|neq?|nu|times|theta|text|begin|sum|int|left|cdot)\b|\$"
)


def literal_escapes(row: Row) -> str | None:
    return in_either(row, escapes_of)


def escapes_of(text: str) -> str | None:
    if CELL.search(text) if "_x000" in text else False:
        return "the escapes of a spreadsheet"
    if "\\" in text and written_out(text):
        return "escapes that were written out"
    if "%" in text and PERCENT.search(LINKS.sub(" ", text)):
        return "the escapes of a link"
    if "=" in text and len(PRINTABLE.findall(without_code(text))) > 1:
        return "the escapes of an e-mail"
    if "/n" in text and SLASHED.search(text):
        return "escapes that were written out"
    if text[:2] in ("b'", 'b"') and BYTES.fullmatch(text):
        return "bytes as Python shows them"
    return None


def written_out(text: str) -> bool:
    prose = without_quotations(without_code(text))
    if "\\" not in prose and not text.startswith(('"', "'")):
        return len(ESCAPED.findall(without_code(text))) > 3
    if TEX.search(prose):
        return False
    return any(pattern.search(prose) for pattern in (BROKEN, CODED, ESCAPED))


SIGNS = {"n": "\n", "r": "\n", "t": "\t", '"': '"', "'": "'", "/": "/"}
WITHIN = re.compile(r"[^\W\d_]\\(?:'[^\W\d_]|u[0-9a-fA-F]{4})")
ESCAPE = re.compile(r"\\r\\n|\\u[0-9a-fA-F]{4}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2})?|\\[nrt\"'/]")


def unescaped(text: str) -> str:
    """The characters that escapes stand for, where a text has no code whose own they could be."""
    if "\\" not in text or "`" in text or not written_out(text):
        return text
    if len(ESCAPE.findall(text)) < 2 and not WITHIN.search(text):
        return text  # it may be what the text is about
    return ESCAPE.sub(sign, text)


def sign(found: re.Match[str]) -> str:
    escape = found[0]
    if escape.startswith("\\u"):
        units = [int(code, 16) for code in escape.split("\\u")[1:]]
        raw = b"".join(unit.to_bytes(2, "big") for unit in units)
        return raw.decode("utf-16-be", errors="replace")
    return "\n" if escape == "\\r\\n" else SIGNS[escape[1]]
