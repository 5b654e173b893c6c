"""JSON out of a text, value by value, each with the place where it begins."""

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from curation.sources.tables.table import shortened
from curation.sources.tables.unpacked_file import LONGEST_LINE, MIB

BLANK = re.compile(r"[ \t\r\n]*")
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # half of a character, as JSON writes it
HALF = re.compile("[\ud800-\udfff]")
HALF_CHARACTER = "holds half of a character (a lone surrogate)"
CUT = "it is cut off"
MORE = "more follows behind its end: write a record a line, or all in one list"
PLAIN = json.JSONDecoder()  # which refuses less
DEEPEST = 100  # levels: more than any record needs, fewer than programs that read it can bear


class BadValueError(ValueError):
    """A value that JSON can spell and nobody can use, such as an object with a key twice."""


class BadJsonError(ValueError):
    """What is no JSON, with the place where it ceases to be."""

    def __init__(self, problem: str, place: int) -> None:
        super().__init__(f"is not JSON: {problem}")
        self.place = place


Keys = tuple[str, ...]  # one in the other


class JsonMember(NamedTuple):
    key: str
    place: int  # of the value
    value: Any


class JsonReader:
    """Reads values of one text; counts what became null: NaN and infinity are no JSON."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.nulled = 0
        self.decoder = json.JSONDecoder(
            object_pairs_hook=unique, parse_constant=self.null, parse_float=self.finite
        )

    def null(self, _: str) -> None:
        self.nulled += 1

    def finite(self, number: str) -> float | None:
        if math.isfinite(value := float(number)):
            return value
        self.null(number)
        return None

    def read(self, place: int) -> tuple[Any, int]:
        """The value at a place, and where it ends. Raises BadValueError, and BadJsonError."""
        value, end = decoded(self.decoder, self.text, place)
        if end - place > LONGEST_LINE:
            raise BadValueError(f"is longer than {LONGEST_LINE // MIB} MiB")
        if SURROGATE.search(self.text, place, end):
            try:
                json.dumps(value, ensure_ascii=False).encode()
            except UnicodeEncodeError:
                raise BadValueError(HALF_CHARACTER) from None
            except RecursionError:
                raise BadValueError("is nested too deep") from None
        brackets = self.text.count("[", place, end) + self.text.count("{", place, end)
        level = [value] if brackets > DEEPEST else []
        for _ in range(DEEPEST):
            inner = [list(o.values()) if isinstance(o, dict) else o for o in level]
            level = [part for element in inner if isinstance(element, list) for part in element]
        if level:
            raise BadValueError(f"is nested more than {DEEPEST} levels deep")
        return value, end

    def elements(self, place: int, *, all_there_is: bool = False) -> Iterator[tuple[int, Any]]:
        """The places and values of a list that opens at a place. Raises BadJsonError.

        What cannot be used comes as a BadValueError.
        """
        first = place = self.after("[", place)
        while not self.text.startswith("]", place):
            if place > first:
                place = self.after(",", place)
            value, end = self.read_or_pass(place)
            yield place, value
            place = self.after_blank(end)
        if all_there_is:
            self.refuse_rest(place + 1)

    def read_or_pass(self, place: int) -> tuple[Any, int]:
        try:
            return self.read(place)
        except BadValueError as bad:
            return bad, decoded(PLAIN, self.text, place)[1]

    def members(self, place: int, *, all_there_is: bool = False) -> list[JsonMember]:
        """What an object holds that opens at a place. Raises BadJsonError.

        The values are as they stand: what `read` refuses in them is not refused.
        """
        by_key: dict[str, JsonMember] = {}
        place = self.after("{", place)
        while not self.text.startswith("}", place):
            if by_key:
                place = self.after(",", place)
            member, end = self.member(place)
            if member.key in by_key:
                raise BadJsonError(f"the key {shortened(member.key)} is there twice", place)
            by_key[member.key] = member
            place = self.after_blank(end)
        if all_there_is:
            self.refuse_rest(place + 1)
        return list(by_key.values())

    def places_of(self, paths: Collection[Keys]) -> dict[Keys, int]:
        """Where the values stand that these keys lead to, from the outermost object on."""
        above = {path[:depth] for path in paths for depth in range(len(path))}
        places = dict[Keys, int]()
        open_places: list[tuple[Keys, int]] = [((), self.after_blank(0))]
        while open_places:
            keys, place = open_places.pop()
            places[keys] = place
            inner = self.members(place) if keys in above else ()
            told = (((*keys, member.key), member.place) for member in inner)
            open_places += [entry for entry in told if entry[0] in above or entry[0] in paths]
        return places

    def member(self, place: int) -> tuple[JsonMember, int]:
        key, end = decoded(PLAIN, self.text, place)
        if not isinstance(key, str):
            raise BadJsonError("a key is no text", place)
        if HALF.search(key):
            raise BadJsonError(f"a key {HALF_CHARACTER}", place)
        start = self.after(":", self.after_blank(end))
        value, end = decoded(PLAIN, self.text, start)
        return JsonMember(key, start, value), end

    def after(self, mark: str, place: int) -> int:
        """The next value's place, behind a mark that must be there."""
        if not self.text.startswith(mark, place):
            is_cut = place == len(self.text)
            raise BadJsonError(CUT if is_cut else f"{mark!r} is missing", place)
        return self.after_blank(place + 1)

    def refuse_rest(self, place: int) -> None:
        """Raise BadJsonError for anything but blanks from a place on."""
        place = self.after_blank(place)
        if place < len(self.text):
            raise BadJsonError(MORE, place)

    def after_blank(self, place: int) -> int:
        match = BLANK.match(self.text, place)
        return match.end() if match else place


def decoded(decoder: json.JSONDecoder, text: str, place: int) -> tuple[Any, int]:
    """The value at a place, and where it ends. Raises BadJsonError, and what the decoder raises."""
    try:
        return decoder.raw_decode(text, place)
    except json.JSONDecodeError as error:
        is_cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        raise BadJsonError(CUT if is_cut else error.msg, error.pos) from None
    except RecursionError:
        raise BadJsonError("it is nested too deep", place) from None
    except BadValueError:
        raise
    except ValueError:  # Python refuses to read integers of thousands of digits
        raise BadJsonError("it holds a number that is too long", place) from None


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Raises BadValueError when it has a key twice."""
    by_key = dict(pairs)
    if len(by_key) < len(pairs):
        (doubled, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise BadValueError(f"has the key {shortened(doubled)} twice")
    return by_key


def nulled_note(count: int) -> list[str]:
    return [f"{count} times NaN or infinity, read as null"] if count else []
