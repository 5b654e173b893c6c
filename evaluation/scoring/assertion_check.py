"""Whether an assertion holds for an answer."""

import ast
import json
import logging
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from pathlib import Path

import regex
from jsonschema.protocols import Validator

from evaluation.scoring.json_schemas import (
    matches_pattern,
    read_schema,
    strict_json,
    valid,
    validator,
)
from evaluation.scoring.phrases import there
from project.errors import InputError
from project.records.assertion_kinds import (
    Assertion,
    Contains,
    Excludes,
    JsonValid,
    Length,
    Matches,
    Parses,
    Spoken,
    Where,
)
from project.unicode_words import language_of, words


def holds(assertion: Assertion, answer: str) -> bool | None:
    """Whether it holds; None where that cannot be told. Raises InputError for a bad assertion."""
    match assertion:
        case Contains():
            hits = there(assertion, answer)
            return any(hits) if assertion.need == "any" else all(hits)
        case Excludes():
            return not any(there(assertion, answer))
        case Matches():
            whole = assertion.whole
            return matches_pattern(assertion.pattern, answer, whole=whole) != assertion.absent
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
    texts = parts(answer, assertion.where, "json")
    schema = json.dumps(assertion.inline, sort_keys=True)
    return bool(texts) and all(valid(made(schema), text) for text in texts)


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


# --- program text ---------------------------------------------------------------------------------

# Texts for programs in an answer: where they stand, and whether they parse.

BLOCK = regex.compile(r"^[ \t]*```[ \t]*([\w+-]*)[^\n]*\n(.*?)^[ \t]*```[ \t]*$", regex.M | regex.S)
TAGS = {  # that fences of a syntax have; others are not looked at
    "json": ("", "json"),
    "python": ("", "py", "python", "python3"),
    "sql": ("", "sql", "mysql", "postgres", "postgresql", "sqlite", "tsql", "plsql"),
}
# Of these alone a text of a few words may be made: "Yes, sure" is a tuple of two names.
NO_PROGRAM = (ast.Module, ast.Expr, ast.Name, ast.Load, ast.Tuple, ast.Attribute)


def parts(answer: str, where: Where, syntax: str) -> list[str]:
    """The texts of an answer that are meant for a program; none where it lacks a fenced block."""
    if where == "whole":
        return [answer]
    if where == "fence":
        whole = BLOCK.fullmatch(answer.strip())
        return [whole[2] if whole and whole[1].lower() in TAGS[syntax] else answer]
    return [match[2] for match in BLOCK.finditer(answer) if match[1].lower() in TAGS[syntax]]


def parses(assertion: Parses, answer: str) -> bool:
    """Whether there is such a text, and every one of them parses."""
    texts = parts(answer, assertion.where, assertion.syntax)
    readers: Mapping[str, Callable[[str], bool]] = {
        "json": is_json,
        "python": is_python,
        "sql": partial(is_sql, dialect=assertion.dialect),
    }
    return bool(texts) and all(map(readers[assertion.syntax], texts))


def is_json(text: str) -> bool:
    try:
        strict_json(text)
    except (ValueError, RecursionError):
        return False
    return True


def is_python(text: str) -> bool:
    """Whether it is Python of this version, and more than a few words that happen to parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes, which are no errors
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last of deep nesting
        return False
    return any(not isinstance(node, NO_PROGRAM) for node in ast.walk(tree))


def is_sql(text: str, dialect: str | None = None) -> bool:
    """Whether it is one or more statements of which the parser knows every word.

    Sentences such as "This is a test" parse as SQL expressions, so a query, a change of rows or a
    change of tables is asked for. Of commands that a parser passes on unread, such as EXPLAIN,
    nothing can be told.
    """
    # Imported here: it takes a tenth of a second, and few projects ask for it.
    import sqlglot
    from sqlglot import exp

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of commands
    around = (exp.Transaction, exp.Commit, exp.Rollback)
    kinds = (exp.Query, exp.Values, exp.DML, exp.DDL, exp.Drop, exp.Alter, exp.TruncateTable)
    try:
        trees = [tree for tree in sqlglot.parse(text, dialect=dialect) if tree is not None]
    except (sqlglot.errors.SqlglotError, RecursionError):
        return False
    return all(isinstance(tree, (*kinds, *around)) for tree in trees) and any(
        isinstance(tree, kinds) for tree in trees
    )
