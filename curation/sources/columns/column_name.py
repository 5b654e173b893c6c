"""What a column's name says about it, in any language and any way of writing names."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

import regex

Role = Literal[
    "question",
    "instruction",
    "answer",
    "user",  # who asks
    "assistant",  # who answers
    "chat",
    "system",
    "context",  # what a question is about: part of the prompt
    "title",
    "body",  # a text; other words say whose
    "aside",  # an answer where there is no better one: a summary, an explanation
    "label",  # the answer of a classifier, or a slice
    "kind",  # a slice
    "name",  # of whatever the other words say; alone, a person's
    "author",
    "chosen",
    "rejected",
    "feedback",
    "split",
    "group",
    "id",
    "count",
    "date",
    "link",
    "e-mail",
    "score",
    "other",  # what the row comes with: a file, a picture
]

NAMES = Path(__file__).with_name("column_names.txt")  # the words that speak for each role

# Between two words of them, the first says what it is: "fecha de respuesta" is a date.
OF = frozenset({"of", "to", "for", "from", "de", "del", "della", "du", "da", "do", "di", "des"})
# They tell one column from another, though they look like words above.
SAYS_WHICH = frozenset({"original", "customs"})
# They say nothing.
SILENT = frozenset({"the", "a", "an", "my", "our", "your", "this", "is", "in", "and", "full"})

ACCENTS = re.compile("[\u0300-\u036f]")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
PART = regex.compile(r"[\p{L}\p{M}]+|\p{N}+")  # a letter of Hindi may be a mark
# Scripts without spaces, where a word is found inside of others.
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0e7f]")
# Roles that a text never has: where they stand, the name is not of a text.
NO_TEXT: tuple[Role, ...] = (
    *("kind", "name", "author", "split", "group", "id", "count", "date", "link", "e-mail"),
    *("score", "other", "feedback"),
)
ALWAYS: tuple[Role, ...] = ("id", "count")  # wherever in the name: `num_answers`, `id_pregunta`
WHOSE: tuple[Role, ...] = ("system", "chat", "question", "instruction", "answer", "aside")
SHORT: dict[tuple[str, ...], str] = {("q",): "question", ("a",): "answer"}
STEM = 5  # letters of a word that are enough to know it by


@dataclass(frozen=True)
class NameSays:
    role: Role | None
    text_role: Role | None  # the role if the values turn out to be texts
    roles: frozenset[Role]  # of all its words
    variant: tuple[str, ...]  # what is left: a language, a number
    part: Role | None = None  # title or body, of what the role says


def bare(text: str) -> str:
    """The text without case and accents."""
    plain = ACCENTS.sub("", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFKC", plain)


def roles_of_words(text: str) -> dict[str, Role]:
    """Of a list whose paragraphs are a role, a colon and words."""
    paragraphs = [part.split() for part in text.split("\n\n") if not part.startswith("#")]
    return {
        bare(word): cast(Role, role.rstrip(":"))
        for role, *words in reversed(paragraphs)
        for word in words
    }


ROLE_OF = roles_of_words(NAMES.read_text("utf-8"))
UNSPACED_WORDS = sorted(filter(UNSPACED.search, ROLE_OF), key=len, reverse=True)
INSIDE = re.compile("|".join(map(re.escape, UNSPACED_WORDS)))


def read_names(names: Iterable[str]) -> dict[str, NameSays]:
    """What each name says. Q and A are question and answer, but not where there is a B."""
    parts = {name: tuple(parts_of(name)) for name in names}
    there = set(parts.values())
    meant = SHORT if set(SHORT) <= there and ("b",) not in there else {}
    return {name: read_name(meant.get(part, name)) for name, part in parts.items()}


@cache
def read_name(name: str) -> NameSays:
    words = [word for part in parts_of(name) for word in known_words(part)]
    word_roles = [(word, None if word in SAYS_WHICH else role_of_word(word)) for word in words]
    if "answer" in [role for _, role in word_roles]:  # of people, beside those of a model
        word_roles = [(word, None if word == "human" else role) for word, role in word_roles]
    told = [role for _, role in word_roles if role]
    first = any(word in OF for word in words)
    texts = [role for role in told if role not in NO_TEXT]
    return NameSays(
        role=head_role(told, first=first),
        text_role=head_role(texts, first=first),
        roles=frozenset(told),
        variant=tuple(w for w, role in word_roles if not role and w not in OF | SILENT),
        part=next((role for role in ("title", "body") if role in texts), None),
    )


def parts_of(name: str) -> list[str]:
    """The words that blanks, marks, digits and capitals set apart."""
    return [bare(word) for part in PART.findall(name) for word in CAMEL.split(part)]


def known_words(part: str) -> Iterator[str]:
    """The words of which a part is made: `questionid` of two, 用户问题 of two, `answer` of one."""
    if UNSPACED.search(part):
        yield from INSIDE.findall(part) or [part]
    else:
        yield from (part,) if part in ROLE_OF else pieces(part) or (part,)


@cache
def pieces(part: str) -> tuple[str, ...]:
    """Known words that make up all of a part, at least one of them long; () where none do."""
    for at in range(len(part) - 2, 1, -1):
        head, rest = part[:at], part[at:]
        known = rest in ROLE_OF or rest in SILENT
        if head in ROLE_OF and known and max(len(head), len(rest)) >= STEM:
            return head, rest
    return ()


@cache
def role_of_word(word: str) -> Role | None:
    """The role of a known word, also with an ending (`questions`, ответа), with another ending
    (klausimai for klausimas), or behind others (Kundenfrage).
    """
    for letters in (0, 1, 2, 3):
        stem = word[: len(word) - letters]
        if stem in ROLE_OF and (not letters or len(stem) >= STEM):
            return ROLE_OF[stem]
    for known, role in ROLE_OF.items():
        same = next((i for i, (a, b) in enumerate(zip(known, word, strict=False)) if a != b), 0)
        if same > STEM and max(len(word), len(known)) - same <= 2:
            return role
    ends = (ROLE_OF.get(word[at:]) for at in range(2, len(word) - STEM + 1))
    return next((role for role in ends if role in (*WHOSE, "title", "body", "id")), None)


def head_role(roles: list[Role], *, first: bool) -> Role | None:
    """What the words make together: the last one is what a thing is, the others say whose."""
    if not roles:
        return None
    for role in (*ALWAYS, "chosen", "rejected"):
        if role in roles:
            return role
    head = roles[0] if first else roles[-1]
    whose = [role for role in roles if role != head]
    if head == "name":
        return next((r for r in whose if r in ("kind", "label", "group", "context")), "author")
    if head in NO_TEXT or head == "label":
        return head
    if "system" in whose and head in ("question", "instruction", "body"):
        return "system"
    if head in ("title", "body", "user", "assistant"):
        return next((r for r in (*WHOSE, "user", "assistant", "label") if r in whose), head)
    if head == "answer" and not first and ("question" in whose or "user" in whose):
        return None  # both, or the answer of one who asks
    return head
