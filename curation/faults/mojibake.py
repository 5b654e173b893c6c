"""Text that was read in another encoding than it was written in."""

import re

from project.records.data import Row

# The encodings in which UTF-8 is read by mistake.
SINGLE = (
    "cp1252",
    "latin-1",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "koi8-r",
    "cp437",
    "cp850",
    "cp866",
    "mac_roman",
)
DOUBLE = ("gb18030", "shift_jis", "big5", "euc-kr")
HEAD = 4_000  # characters that are looked at
MOSTLY = 0.7  # of the bytes are UTF-8, and no accident
# Russian in KOI8 that was read as Windows-1251 has its capitals the wrong way round.
SWAPPED = re.compile(r"\b[а-яё][А-ЯЁ]{2,}\b")
NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
RUN = re.compile(r"[^\x00-\x7f‘’“”–—…]{2}|â[^\x00-\x7f]")  # no letter becomes one alone
OTHER_FIXES = (
    "unescape_html",
    "remove_terminal_escapes",
    "fix_latin_ligatures",
    "fix_character_width",
    "uncurl_quotes",
    "fix_line_breaks",
    "fix_surrogates",
    "remove_control_chars",
)
HAN = re.compile(r"[\u4e00-\u9fff\uac00-\ud7a3]{2}")


def mojibake(row: Row) -> str | None:
    text = f"{row.completion_text}\n{row.prompt_text}"
    if text.isascii() or not (RUN.search(text) or "Â" in text or "Ã" in text):
        return None
    return "text in a wrong encoding" if misread(text[:HEAD]) else None


def misread(text: str) -> bool:
    if is_bad(text) or len(SWAPPED.findall(text)) > 1:
        return True
    strange = " ".join(NOT_ASCII.findall(text))  # what stands apart is no character together
    codecs = [*SINGLE, *DOUBLE] if HAN.search(strange) else SINGLE
    return any(is_utf8_in(strange, codec) for codec in codecs)


def is_utf8_in(text: str, codec: str) -> bool:
    """Whether the bytes that a text has in an encoding are UTF-8, nearly all of them."""
    raw = text.encode(codec, errors="ignore")
    read = raw.decode(errors="ignore")
    strange = [c for c in read if c > "\x7f"]
    size = len(raw) - raw.count(b" "), len(text) - text.count(" ")
    least = 4 if codec in DOUBLE else 2
    return len(strange) >= least and len("".join(strange).encode()) >= MOSTLY * max(size)


def decoded(text: str) -> str:
    """The text as it was written, as far as ftfy is sure of it."""
    if text.isascii() or not is_bad(text):
        return text
    from ftfy import TextFixerConfig, fix_text

    nothing_else = dict.fromkeys(OTHER_FIXES, False)
    return str(fix_text(text, TextFixerConfig(normalization=None, explain=False, **nothing_else)))


def is_bad(text: str) -> bool:
    # Imported here, and above, because the verbs go without an extra.
    from ftfy.badness import is_bad

    return bool(is_bad(text))
