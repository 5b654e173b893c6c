"""Whether an assertion holds for an answer."""

import json
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from jsonschema.protocols import Validator

from evaluation.assertions.json_schemas import read_schema, valid, validator
from evaluation.assertions.patterns import matches
from evaluation.assertions.phrases import there
from evaluation.assertions.program_text import parses, parts
from project.errors import InputError
from project.records.assertions import (
    Assertion,
    Contains,
    Excludes,
    JsonValid,
    Length,
    Matches,
    Parses,
    Spoken,
)
from project.text_language import language_of
from project.unicode_words import words


def holds(assertion: Assertion, answer: str) -> bool | None:
    """Whether it holds; None where that cannot be told. Raises InputError for a bad assertion."""
    match assertion:
        case Contains():
            found = there(assertion, answer)
            return any(found) if assertion.need == "any" else all(found)
        case Excludes():
            return not any(there(assertion, answer))
        case Matches():
            return matches(assertion, answer) != assertion.absent
        case Length():
            return fits(assertion, answer)
        case Spoken():
            language = language_of(answer)
            return None if language is None else language in assertion.languages
        case Parses():
            return parses(assertion, answer)
        case JsonValid():
            return is_valid(assertion, answer)


def fits(assertion: Length, answer: str) -> bool:
    in_words = assertion.unit == "words"
    length = len(words(answer)) if in_words else len(unicodedata.normalize("NFC", answer))
    return assertion.least <= length and (assertion.most is None or length <= assertion.most)


def is_valid(assertion: JsonValid, answer: str) -> bool:
    assert assertion.inline is not None, "files were read before: see with_schemas"
    found = parts(answer, assertion.where, "json")
    schema = json.dumps(assertion.inline, sort_keys=True)
    return bool(found) and all(valid(made(schema), text) for text in found)


@lru_cache(1000)
def made(schema: str) -> Validator:
    return validator(json.loads(schema))


def with_schemas(assertions: Iterable[Assertion]) -> tuple[Assertion, ...]:
    """The assertions with the schemas that they name in place of the files. Raises InputError."""
    return tuple(with_schema(a) if isinstance(a, JsonValid) else a for a in assertions)


def with_schema(assertion: JsonValid) -> JsonValid:
    if assertion.file is None:
        validator(assertion.inline)
        return assertion
    schema = read_schema(Path(assertion.file))
    if not isinstance(schema, dict):
        raise InputError("a schema that is an object is needed here", file=assertion.file)
    return assertion.model_copy(update={"inline": schema, "file": None})
