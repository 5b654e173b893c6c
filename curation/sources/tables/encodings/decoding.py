"""The text of a file in whatever encoding, where its bytes tell which one that is."""

import codecs
import re
from pathlib import Path
from typing import NoReturn

from curation.sources.tables.encodings.chinese import UTF8_IN_CHINESE, read_chinese
from curation.sources.tables.encodings.likely import likely_encoding
from curation.sources.tables.encodings.western import UTF8_IN_WESTERN, read_western
from curation.sources.tables.text_file import TextFile
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
        line = line_as_named(data[: error.start], encoding)
        raise InputError(f"is not {encoding} on this line", file=path, line=line) from None
    except UnicodeError:
        raise InputError(f"is not {encoding}", file=path) from None
    except (LookupError, ValueError):
        raise InputError(f"no encoding is called {quoted(encoding)}", file=path) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"holds a NUL, so it is not {encoding}", file=path, line=line)
    return text


def line_as_named(before: bytes, encoding: str) -> int | None:
    """The line that these bytes lead to; a few encodings cannot decode a part of a text."""
    try:
        return before.decode(encoding).count("\n") + 1
    except UnicodeError:
        return None


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
    if found := ISO_2022.search(data):
        problem = f"looks like ISO-2022-JP or -KR: {SAY}"
        raise InputError(problem, file=path, line=line_at(data, found.start()))


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
    found = pattern.search(text)
    place = found.start() if found else 0
    line = text.count("\n" if "\n" in text else "\r", 0, place) + 1
    return f"line {line}: …{one_line(text[max(0, place - AROUND) : place + AROUND])}…"
