"""What is to be erased: rows by their ids or texts, and whatever names somebody."""

import html
import io
import re
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import regex

from curation.sources.chat_shapes import parsed
from curation.sources.tables.decoding import marked
from curation.sources.tables.unpacked_file import GZIP, PARQUET
from curation.sources.tool_turns import holds_tools, tool_chat
from monitoring.traffic.traffic_store import user_digest
from monitoring.trigger.labels import pseudonym_of
from project.erasures import Erasable, texts_of
from project.errors import InputError
from project.records.data import Row
from project.tool_rendering import has_tools
from project.unicode_words import UNSPACED, plain

LEAST = 3  # letters or digits: less would stand in nearly every row
LEAST_UNSPACED = 2  # in a script where a letter is a word
REQUEST_IDS = ("spanId", "span_id", "request_id", "id")
HOLDERS = ("resourceSpans", "scopeSpans", "spans", "context", "observations", "response")
FEEDBACK_OF = "feedback_of"  # the request, where feedback stands apart from it
WORD_ITSELF = regex.compile(rf"[{UNSPACED}]")
# What people, keyboards and programs write one for the other.
ALIKE = str.maketrans({**dict.fromkeys("’‘ʼ`´", "'"), **dict.fromkeys("‐‑‒–—−", "-")})


@dataclass(frozen=True)
class ErasureRequest:
    """Ids, and texts that are found as whole words, whatever their letter case and blanks.

    A text is found too where it is the name of a user, and stands as a digest of it.
    """

    ids: frozenset[str]
    texts: tuple[str, ...] = ()
    users: frozenset[str] = frozenset()  # of the traffic, as it names them
    requests: frozenset[str] = frozenset()  # their ids

    def __post_init__(self) -> None:
        if not self.ids and not self.texts:
            raise InputError("say which rows: --id ID, or --match TEXT")
        for text in self.texts:
            least = LEAST_UNSPACED if WORD_ITSELF.search(text) else LEAST
            if sum(map(str.isalnum, text)) < least:
                raise InputError(f"--match {text!r} is too short to name somebody")

    def of_traffic(self, records: Iterable[Any]) -> Self:
        """The same, and what tells of requests that are meant: their ids, and their users' names
        where it is these that are. Feedback that is meant stands for the request that it is of.
        """
        requests = [record for record in records if is_request(record)]
        users = {
            str(request["user"])
            for request in requests
            if self.named_in(str(request.get("user") or ""))
        }
        return replace(
            self,
            users=self.users | users,
            requests=self.requests
            | {str(request["id"]) for request in requests}
            | set(answers_of(records)),
        )

    @cached_property
    def patterns(self) -> list[re.Pattern[str]]:
        return [re.compile(pattern_of(text)) for text in self.texts]

    @cached_property
    def digests(self) -> frozenset[str]:
        """The digests by which traffic and queues name users."""
        names = {*self.texts, *self.users}
        names |= {user_digest(name) for name in names}
        return frozenset(names | {pseudonym_of(name) for name in names}).difference(self.texts)

    def named_in(self, text: str) -> bool:
        """Whether a text holds one of the texts."""
        known = seen(text) if self.texts else ""
        return any(pattern.search(known) for pattern in self.patterns)

    def meant(self, record: Any) -> bool:
        """Whether a record, as JSON has it, is one of them, or a part of it names somebody."""
        if isinstance(record, dict):
            inner = record.get("data")  # of a task of Label Studio
            request = str(inner.get("id", "")) if isinstance(inner, dict) else ""
            logged = str(record["id"]) if is_request(record) else str(record.get(FEEDBACK_OF, ""))
            if str(record.get("id", "")) in self.ids:
                return True
            if not {request, logged}.isdisjoint(self.ids | self.requests):
                return True
            if not self.ids.isdisjoint(ids_within(record)):
                return True
        return any(text in self.digests or self.named_in(text) for text in strings(record))


@dataclass(frozen=True)
class RowFinder:
    """Rows, found again in records that hold what they say, by an answer and what was asked."""

    made: Sequence[Erasable]
    _by_end: dict[tuple[str, str], list[tuple[Erasable, list[str]]]] = field(
        init=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        for item in self.made:
            *asked, answer = map(seen_lines, parts_of(item))
            self._by_end.setdefault(
                (answer, (asked[0].rpartition("\n")[2] if asked else "")), []
            ).append((item, asked))

    def told_in(self, record: Any) -> list[Erasable]:
        """Those whose answer a record has, with whole lines of the question, the last included."""
        texts = {seen_lines(text) for text in (*strings(record), *call_texts(record))} - {""}
        ends = {"", *(text.rpartition("\n")[2] for text in texts)}
        return [
            item
            for answer in texts
            for end in ends
            for item, asked in self._by_end.get((answer, end), ())
            if all(is_told(part, texts) for part in asked)
        ]


@dataclass(frozen=True)
class Meaning:
    """Whether a record, as JSON has it, is to go."""

    wanted: ErasureRequest
    rows: RowFinder

    def __call__(self, record: Any) -> bool:
        return self.wanted.meant(record) or bool(self.rows.told_in(record))


def parts_of(record: Erasable) -> tuple[str, ...]:
    """What was asked, and the answer; of a row with tools every turn by itself, for many rows end
    with one result and one answer to it.
    """
    if isinstance(record, Row) and has_tools([record]):
        asked = (turn.text for turn in record.prompt if turn.role != "system")
        return (*asked, record.completion_text)
    return texts_of(record)


def call_texts(record: Any) -> Iterator[str]:
    """The turns of the conversations with tools that a record holds, as rows have them."""
    for value in record.values() if isinstance(record, dict) else ():
        if holds_tools(value):
            with suppress(ValueError, RecursionError):
                yield from (turn.text for turn in tool_chat(value, record).messages)


def is_told(said: str, texts: Collection[str]) -> bool:
    """Whether one of the texts is what was said, or whole lines of it, the last one among them."""
    return said in texts or any(said.endswith(f"\n{text}") for text in texts)


def is_request(record: Any) -> bool:
    """Whether a record is one of a traffic log."""
    return isinstance(record, dict) and {"id", "prompt", "response", "adapter"} <= record.keys()


def ids_within(record: Any) -> Iterator[str]:
    """Of requests that a log of another tool names below its lines, or by another field: the spans
    of OpenTelemetry, the generations of a trace, a response of an API.
    """
    if isinstance(record, dict):
        yield from (str(record[name]) for name in REQUEST_IDS if name in record)
        for name in HOLDERS:
            yield from ids_within(record.get(name))
    elif isinstance(record, list):
        for part in record:
            yield from ids_within(part)


def answers_of(records: Iterable[Any]) -> Iterator[str]:
    """The requests that late feedback among the records is of."""
    yield from (str(record[FEEDBACK_OF]) for record in records if is_late_feedback(record))


def is_late_feedback(record: Any) -> bool:
    return isinstance(record, dict) and {FEEDBACK_OF, "at"} <= record.keys()


def pattern_of(text: str) -> str:
    """Whole words and addresses; a script without blanks does not tell where words end."""
    known = seen(text)
    before, after = r"(?<!\w)", r"(?!\w)"
    if "@" in known:
        before, after = r"(?<![\w+-])(?<!\w\.)", r"(?![\w-]|\.\w)"
    before = "" if WORD_ITSELF.match(known[:1]) else before
    after = "" if WORD_ITSELF.match(known[-1:]) else after
    return f"{before}{re.escape(known)}{after}"


def seen(text: str) -> str:
    """The text as the eye has it, in lower case, with one blank between words."""
    text = html.unescape(text) if "&" in text else text
    text = text if text.isascii() else plain(text).translate(ALIKE)
    return " ".join(text.replace("`", "'").casefold().split())


def seen_lines(text: str) -> str:
    """The same, by lines; blank ones are left out."""
    return "\n".join(lines_of(text))


def lines_of(text: str) -> Iterator[str]:
    yield from filter(None, map(seen, text.splitlines()))


# --- file text ------------------------------------------------------------------------------------

# All that a file says, however it is packed, encoded and escaped: for a search.

ZIP = b"PK\x03\x04"  # DOCX is one
HEAD = 4096  # bytes at which a file is looked at to tell whether it is a text
TAG = re.compile(r"<[^<>]*>")
# As JSON writes a character, and JSON in a text of JSON, such as the arguments of a call.
ESCAPE = re.compile(r'(?<!\\)\\+(?:u([0-9a-fA-F]{4})|([nrt"/]))')
BLANKS = {"n": "\n", "r": "\r", "t": "\t"}
BROKEN = (OSError, EOFError, RuntimeError, ValueError, zlib.error, zipfile.BadZipFile)


def text_in(data: bytes) -> str:
    """The text of a file; nothing of what is neither a text nor packed in a way that is known."""
    try:
        if data.startswith(GZIP):
            return text_in(unpacked(data))
        if data.startswith(PARQUET):
            return "\n".join(strings(records_of_parquet(data)))
        if data.startswith(ZIP):
            return "\n".join(parts_of_zip(data))
    except BROKEN:
        return ""
    if encoding := marked(data):
        return unescaped(data.decode(encoding, errors="replace"))
    return "" if b"\0" in data[:HEAD] else unescaped(decoded(data))


def unpacked(data: bytes) -> bytes:
    """The bytes of a packed file; of one that is torn, what is whole."""
    whole, left = bytearray(), data
    try:
        while left.startswith(GZIP):
            stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            whole += stream.decompress(left)
            left = stream.unused_data
    except zlib.error:
        pass
    return bytes(whole)


def decoded(data: bytes) -> str:
    """UTF-8; of a line that is none the western encoding, where nearly every byte is a letter."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "\n".join(map(decoded_line, data.split(b"\n")))


def decoded_line(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def unescaped(text: str) -> str:
    """A text as its readers see it, where JSON or a page escapes characters."""
    if "\\" in text:
        text = ESCAPE.sub(character, text)
    return html.unescape(text) if "&" in text else text


def character(escape: re.Match[str]) -> str:
    code, letter = escape.groups()
    return chr(int(code, 16)) if code else BLANKS.get(letter, letter)


def records_of_parquet(data: bytes) -> list[dict[str, Any]]:
    # Imported here because few projects have such files.
    import pyarrow.parquet as parquet

    records: list[dict[str, Any]] = parquet.read_table(io.BytesIO(data)).to_pylist()
    return records


def parts_of_zip(data: bytes) -> Iterator[str]:
    """The texts of the parts, without their tags: a name may stand in several."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        for name in packed.namelist():
            text = text_in(packed.read(name))
            yield TAG.sub("", text) if name.endswith((".xml", ".html", ".xhtml")) else text


def strings(value: Any) -> Iterator[str]:
    """Every text and number of a value of JSON, as it is written, and of the JSON in a text, such
    as the arguments of a call; the names of fields aside.
    """
    if isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from strings(part)
    elif value is not None and not isinstance(value, bool):
        text = decoded(value) if isinstance(value, bytes) else str(value)
        yield text
        if text.lstrip()[:1] in ("{", "[") and (held := parsed(text)) is not None:
            yield from strings(held)
