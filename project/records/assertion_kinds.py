"""Assertions: what a program can tell of an answer without a judge, each a kind of its own.

A row has some of its own, or the scorer `assertions` has some for all answers and for slices.
"""

from typing import Annotated, Literal, Self

import regex
from pydantic import AfterValidator, Field, JsonValue, NonNegativeInt, model_validator

from project.records.record import Record
from project.unicode_words import LANGUAGES

NAME = r"^[A-Za-z][A-Za-z0-9_]*$"
# Where in an answer a program's text stands: the whole of it; the whole, with or without a code
# fence around it; or each of its fenced blocks, with words around them.
Where = Literal["whole", "fence", "blocks"]

# Of SQL, as sqlglot names them.
Dialect = Literal[
    "athena",
    "bigquery",
    "clickhouse",
    "databricks",
    "duckdb",
    "hive",
    "mysql",
    "oracle",
    "postgres",
    "presto",
    "redshift",
    "snowflake",
    "spark",
    "sqlite",
    "teradata",
    "trino",
    "tsql",
]


def compiled(pattern: str) -> str:
    """Refuse what is no regular expression."""
    try:
        regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"no regular expression: {error}") from None
    return pattern


def known_language(code: str) -> str:
    """Refuse a language that cannot be told."""
    if code not in LANGUAGES:
        raise ValueError(f"no language {code!r}: name it by ISO 639, such as en, de, pt, zh")
    return code


Text = Annotated[str, Field(pattern=r"\S")]
Language = Annotated[str, AfterValidator(known_language)]


class Named(Record):
    """What all kinds have: a name, for a metric of its own."""

    name: str | None = Field(default=None, pattern=NAME)


class Phrases(Named):
    """Texts to look for, whatever blanks, line ends and kinds of quotation mark are in them."""

    texts: tuple[Text, ...] = Field(min_length=1)
    cased: bool = False  # whether capitals matter
    whole_words: bool = True  # false: "loan" is found in "loans" too


class Contains(Phrases):
    """The texts are in the answer."""

    kind: Literal["contains"]
    need: Literal["all", "any"] = "all"


class Excludes(Phrases):
    """None of the texts is in the answer."""

    kind: Literal["excludes"]


class Matches(Named):
    """A regular expression is found in the answer; `absent`: it is not."""

    kind: Literal["regex"]
    pattern: Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(compiled)]
    absent: bool = False
    whole: bool = False  # whether it has to match the answer from begin to end


class JsonValid(Named):
    """The answer is JSON that is valid against a JSON schema."""

    kind: Literal["json_schema"]
    inline: dict[str, JsonValue] | None = None  # the schema itself
    file: str | None = Field(default=None, min_length=1)  # or a file of it; not in a row
    where: Where = "whole"

    @model_validator(mode="after")
    def there_is_one_schema(self) -> Self:
        if (self.inline is None) == (self.file is None):
            raise ValueError("needs a schema: `inline`, or `file` with the path of one")
        return self


class Length(Named):
    """The answer has so many words or characters, counted as by the scorer `length`."""

    kind: Literal["length"]
    unit: Literal["words", "characters"] = "words"
    least: NonNegativeInt = 0
    most: NonNegativeInt | None = None

    @model_validator(mode="after")
    def some_lengths_are_allowed(self) -> Self:
        if not self.least and self.most is None:
            raise ValueError("needs `least`, `most` or both")
        if self.most is not None and self.most < self.least:
            raise ValueError(f"no length is at least {self.least} and at most {self.most}")
        return self


class Spoken(Named):
    """The answer is in one of the languages, or too short to tell."""

    kind: Literal["language"]
    languages: tuple[Language, ...] = Field(min_length=1)


class Parses(Named):
    """The answer parses as a program's text."""

    kind: Literal["parses"]
    syntax: Literal["json", "python", "sql"]
    dialect: Dialect | None = None  # of SQL; null: what most dialects have
    where: Where = "whole"

    @model_validator(mode="after")
    def only_sql_has_dialects(self) -> Self:
        if self.dialect is not None and self.syntax != "sql":
            raise ValueError(f"a dialect is for sql, not for {self.syntax}")
        return self


Assertion = Annotated[
    Contains | Excludes | Matches | JsonValid | Length | Spoken | Parses,
    Field(discriminator="kind"),
]


def whole_in_a_row(assertions: tuple[Assertion, ...]) -> tuple[Assertion, ...]:
    """Refuse what hangs on more than the row: an edited file would change an old row unseen."""
    for at, assertion in enumerate(assertions):
        if isinstance(assertion, JsonValid) and assertion.file is not None:
            raise ValueError(f"number {at} names a file: give a row's schema as `inline`")
    return assertions


RowAssertions = Annotated[
    tuple[Assertion, ...], Field(min_length=1), AfterValidator(whole_in_a_row)
]
