"""The text of a file in whatever encoding, where its bytes tell which one that is.

What is read unasked is told by our own rules: charset-normalizer is at a loss in short files. It
takes English and Danish in windows-1252 for windows-1250, two Chinese words for Korean, and letters
come out wrong. Where nothing is sure it says which encoding is likely, and a person decides.
"""

import codecs
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from curation.sources.tables.table import TextFile
from project.errors import InputError
from project.untrusted_input import one_line, quoted

MARKS = {  # the longer ones first: UTF-32's begins like UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
UNMARKED = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
SAY = "say which encoding it is in (--encoding, or `encoding` of the source), or save it as UTF-8"
# Control characters that no text needs: not tab, line ends, form feed, end of file, escape.
CONTROLS = bytes({*range(32), 127} - {9, 10, 11, 12, 13, 26, 27})
MOST_CONTROLS = 0.01  # of the bytes of a text
ISO_2022 = re.compile(rb"\x1b\$[@AB()]")  # Japanese or Korean mail, which passes for ASCII
# Of the lines that are no UTF-8: fewer that are may look so by chance, in another encoding.
MANY = 0.05
FOREIGN = re.compile(r"[^\x00-\x7f]")
LOST = re.compile("\ufffd")  # what programs write for a character that they could not decode
AROUND = 15  # characters that a note shows on either side


def decode(data: bytes, path: Path, encoding: str | None = None) -> TextFile:
    """The text of a file, in the encoding that is named, or that its bytes show.

    Bytes that are no UTF-8 are taken for GB18030 or windows-1252 only where the text is likely in
    it, and a note says so. Raises InputError with the first line that cannot be told.
    """
    if named := encoding or marked(data):
        text, notes = as_named(data, named, path), list[str]()
    else:
        text, notes = as_shown(data, path)
    if lost := text.count("\ufffd"):
        notes.append(f"{lost} characters were lost before, such as in {sample(text, LOST)}")
    return TextFile(path, text.removeprefix("\ufeff").removesuffix("\x1a"), tuple(notes))


def marked(data: bytes) -> str | None:
    """The encoding that a byte-order mark tells."""
    return next((encoding for mark, encoding in MARKS.items() if data.startswith(mark)), None)


def as_named(data: bytes, encoding: str, path: Path) -> str:
    """Decode strictly. Raises InputError for an encoding that there is not, and for a bad byte."""
    try:
        text = data.decode(encoding)
        text.encode()  # some encodings can spell half of a surrogate pair, which is no character
    except UnicodeDecodeError as error:
        line = None
        with suppress(UnicodeError):  # a few encodings cannot decode a part of a text
            line = data[: error.start].decode(encoding).count("\n") + 1
        raise InputError(f"is not {encoding} on this line", file=path, line=line) from None
    except UnicodeError:
        raise InputError(f"is not {encoding}", file=path) from None
    except (LookupError, ValueError):
        raise InputError(f"no encoding is called {quoted(encoding)}", file=path) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"holds a NUL, so it is not {encoding}", file=path, line=line)
    return text


def as_shown(data: bytes, path: Path) -> tuple[str, list[str]]:
    """Decode by what the bytes show, with a note where that is no UTF-8. Raises InputError."""
    refuse_binary(data, path)
    try:
        return data.decode(), []
    except UnicodeDecodeError as error:
        encoding, text = in_older_encoding(data, path, line_at(data, error.start))
        return text, [f"read as {encoding}, such as in {sample(text, FOREIGN)}"]


def line_at(data: bytes, place: int) -> int:
    return data.count(b"\n" if b"\n" in data else b"\r", 0, place) + 1


def refuse_binary(data: bytes, path: Path) -> None:
    """Raise InputError for what is no text, or is one that passes for ASCII and is not."""
    if b"\0" in data and (likely := unmarked_unicode(data)):
        problem = f"looks like {likely.upper()} without a byte-order mark: save it as UTF-8"
        raise InputError(problem, file=path)
    controls = len(data) - len(data.translate(None, CONTROLS))
    if controls > MOST_CONTROLS * len(data):
        raise InputError("is binary data, not text", file=path)
    if b"\0" in data:
        problem = "holds a NUL: the file is damaged, or it is binary data"
        raise InputError(problem, file=path, line=line_at(data, data.index(b"\0")))
    if match := ISO_2022.search(data):
        problem = f"looks like ISO-2022-JP or -KR: {SAY}"
        raise InputError(problem, file=path, line=line_at(data, match.start()))


def unmarked_unicode(data: bytes) -> str | None:
    """What the bytes are a text in, if it has a line end or begins with a character of ASCII."""
    for encoding in UNMARKED:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and ("\n" in text or text[:1].isascii()):
            return encoding
    return None


def in_older_encoding(data: bytes, path: Path, line: int) -> tuple[str, str]:
    """The encoding, and the text, of what is not UTF-8 on a line, its first such one."""

    def refuse(problem: str) -> NoReturn:
        raise InputError(problem, file=path, line=line)

    encoding, text = "gb18030", read_chinese(data)
    traces = UTF8_IN_CHINESE
    if text is None:
        encoding, text = "windows-1252", read_western(data)
        traces = UTF8_IN_WESTERN
    utf8, others = told_apart(data, traces)
    if utf8 and (text is not None or len(utf8) > MANY * others):
        refuse(f"is not UTF-8, but line {utf8[0]} is: the file mixes encodings, save all as UTF-8")
    if text is None or traces.search(data):
        likely = likely_encoding(data)
        refuse(f"is not UTF-8{f', likely {likely}' if likely else ''}: {SAY}")
    return encoding, text


def told_apart(data: bytes, traces: re.Pattern[bytes]) -> tuple[list[int], int]:
    """The numbers of the lines that are UTF-8 with traces of it, and how many are no UTF-8."""
    utf8, others = [], 0
    for number, line in enumerate(data.split(b"\n"), start=1):
        try:
            line.decode()
        except UnicodeDecodeError:
            others += 1
        else:
            if traces.search(line):
                utf8.append(number)
    return utf8, others


def sample(text: str, pattern: re.Pattern[str]) -> str:
    """The first place of a pattern: its line, and what stands around it."""
    match = pattern.search(text)
    place = match.start() if match else 0
    line = text.count("\n" if "\n" in text else "\r", 0, place) + 1
    return f"line {line}: …{one_line(text[max(0, place - AROUND) : place + AROUND])}…"


# --- western --------------------------------------------------------------------------------------

UPPER = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞŒŠŽŸ"
LOWER = "ßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþœšžÿ"
# The letters beyond ASCII that each language is written with. All of a text's are of one of them,
# or nearly: in Czech or Turkish that was decoded by mistake, they are of several.
ALPHABETS = (
    "äöüßéà",  # German
    "àâæçéèêëîïôœùûüÿñ",  # French
    "áéíñóúüç",  # Spanish, Galician
    "áâãàçéêíóôõúü",  # Portuguese
    "àèéìíîòóùú",  # Italian
    "àçèéíïòóúü",  # Catalan
    "áéëèêïóöüúíçà",  # Dutch
    "åäöéàü",  # Swedish, Finnish
    "æøåéèêóòôöäü",  # Danish, Norwegian
    "áðéíóúýþæö",  # Icelandic
    "äöõüšž",  # Estonian
    "áéíóúàèìòù",  # Irish, Gaelic
)
OF_ONE_ALPHABET = 0.95  # of the letters beyond ASCII at least
# Below this share of all letters, those beyond ASCII are in names and words from anywhere.
FEW = 0.01
MOST_UNLIKELY = 0.02  # of the characters beyond ASCII

# What stands between two letters in a word or between two words; all else there is a letter of
# another alphabet, such as the ł of Polish, which is ³ in windows-1252.
BETWEEN = "’‘´·–—…\xa0\xad"
LETTERS = f"A-Za-z{UPPER}{LOWER}"
# What € is, and Š, š, ž, Œ, œ and Ÿ in a word, of ISO 8859-15, in windows-1252.
LATIN_9 = re.compile(f"¤|(?<=[{LETTERS}])[¦¨¸¼½¾](?=[{LETTERS}])")
UNLIKELY = re.compile(
    "[¨¯¸ˆ˜]"  # no keyboard's
    f"|[{UPPER}{LOWER}]{{3,}}"  # a word in Greek or Cyrillic
    f"|(?<=[a-z{LOWER}])[{UPPER}]"  # an apostrophe of Mac Roman
    f"|(?<=[{LETTERS}])[^\\x00-\\x7f{LETTERS}{BETWEEN}](?=[{LETTERS}])"
)

# UTF-8 of letters, punctuation or emoji: no two letters and signs stand so in windows-1252. Of
# other scripts it takes two characters, for a word that ends in ß or É before a quote is like one.
UTF8_IN_WESTERN = re.compile(
    rb"[\xc2-\xc5][\x80-\xbf]"
    rb"|\xe2[\x80-\x86][\x80-\xbf]"
    rb"|(?:[\xc6-\xdf][\x80-\xbf]){2}"
    rb"|(?:[\xe0-\xef][\x80-\xbf]{2}){2}"
    rb"|[\xf0-\xf4][\x80-\xbf]{3}"
)


def read_western(data: bytes) -> str | None:
    """The text, if all of it is windows-1252 and likely in a language of Western Europe."""
    try:
        text = data.decode("windows-1252")
    except UnicodeDecodeError:  # five bytes stand for nothing
        return None
    if LATIN_9.search(text):
        return None
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    unlikely = sum(len(run) for run in UNLIKELY.findall(text))
    return text if unlikely <= MOST_UNLIKELY * foreign and is_one_language(text) else None


def is_one_language(text: str) -> bool:
    """Whether its letters are of one alphabet; few letters can be in names from anywhere."""
    lower = text.lower()
    counts = {letter: lower.count(letter) for letter in LOWER}
    total = sum(counts.values())
    if total <= FEW * sum(map(lower.count, "abcdefghijklmnopqrstuvwxyz")):
        return True
    best = max(sum(counts[letter] for letter in alphabet) for alphabet in ALPHABETS)
    return best >= OF_ONE_ALPHABET * total


# --- chinese --------------------------------------------------------------------------------------

# The characters that Chinese texts are made of for a third or more. Korean, or Russian, decoded as
# GB18030 by mistake gives Chinese characters too, but not these.
FREQUENT = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过"
    "发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心本"
    "前开但因只从想实日者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最"
    "重并物手应向头文体政美相见被利什等产或新己制身果加月话合回特代内信化老给位次度门任常先通教"
    "提立及比员解水名真论处走义各入几口认条平系气题更别打女变四何电数安少报才结反受目量再感务做"
    "接必场件管期市直资命金请您答码账户卡银费款否询办款需号"
)
FREQUENT_SHARE = 0.1  # of the characters at least
COMMON_SHARE = 0.9  # of what is not ASCII at least
LAST_COMMON = b"\xd7"  # lead byte of the last of the 3,755 common characters in GB2312
PUNCTUATION = {b"\xa1", b"\xa3"}  # lead bytes: punctuation, and full-width letters and digits

# UTF-8 of two or more characters from U+3000 on, where a run of bytes above ASCII begins: in a
# Chinese text in GB18030, next to no words look like it.
UTF8_IN_CHINESE = re.compile(rb"(?<![\x80-\xff])(?:[\xe3-\xef][\x80-\xbf]{2}){2}")


def read_chinese(data: bytes) -> str | None:
    """The text, if all of it is GB18030 and likely Chinese."""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    counts = Counter(text)
    foreign = {c: n for c, n in counts.items() if not c.isascii()}
    total = sum(foreign.values())
    # Chinese punctuation, or a character that most texts keep to: of other ones there is no lead.
    leads = ((c.encode("gb2312", "ignore")[:1], n) for c, n in foreign.items())
    common = sum(n for lead, n in leads if lead in PUNCTUATION or b"\xb0" <= lead <= LAST_COMMON)
    frequent = sum(n for c, n in foreign.items() if c in FREQUENT)
    likely = common >= COMMON_SHARE * total and frequent >= FREQUENT_SHARE * total
    return text if likely else None


# --- likely ---------------------------------------------------------------------------------------

# The encoding that a text is likely in, for a message: nothing is read by it unasked.

LOOKED_AT = 20_000  # bytes of lines that are not ASCII
LEAST = 30  # bytes that are not ASCII: of fewer, what is likely is mostly wrong


def likely_encoding(data: bytes) -> str | None:
    """The name that Python has for the encoding; None where none is likely."""
    # Imported here because it takes a while, and most files are in UTF-8.
    from charset_normalizer import from_bytes

    lines, size = [], 0
    for line in data.split(b"\n"):
        if not line.isascii():
            lines.append(line[:LOOKED_AT])
            size += len(line)
        if size > LOOKED_AT:
            break
    foreign = b"\n".join(lines)
    if len(foreign) - len(foreign.decode("ascii", "ignore")) < LEAST:
        return None
    best = from_bytes(foreign).best()
    return best.encoding if best else None
