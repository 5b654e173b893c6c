"""A page of the documentation as steps: what its reader types, writes and sees, in this order.

Parsed by markdown-it, which the product and the site use too. What a block is for stands where the
reader sees it, so that no second copy of a page is needed:

- a `console` block: lines with `$ ` are typed, `> ` goes on, all others are seen; `…` is anything;
- a block behind "Write this to `FILE`:" or "Add this to `FILE`:" is that file;
- a block behind "In `params.yaml`:" (or "…, under …:") has the keys that its reader sets there,
  with their own address in place of a `$VARIABLE` that holds it;
- a block behind `<!-- not run: REASON -->` is only read.

Any other block is an error, so none is left unread by accident.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

NOT_RUN = re.compile(r"<!-- not run: (\S.*?) -->\s*$", re.DOTALL)
WRITE = re.compile(r"(Write|Add) this to `([^`]+)`:$")
SET = re.compile(r"In `params\.yaml`[^.]*:$")


@dataclass(frozen=True)
class Command:
    """What is typed at one prompt."""

    line: int  # of the page, from 1
    text: str
    shown: str = ""  # what the page says that it prints
    may_fail: bool = False  # the next command asks for its exit code


@dataclass(frozen=True)
class WrittenFile:
    line: int
    name: str
    text: str
    added: bool  # behind what the file holds


@dataclass(frozen=True)
class SetKeys:
    """Keys of params.yaml, nested as they are there."""

    line: int
    text: str


@dataclass(frozen=True)
class NotRun:
    line: int
    reason: str


Step = Command | WrittenFile | SetKeys | NotRun


def read_page(page: Path) -> list[Step]:
    """Raises ValueError for a block whose use is not said, with its line."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text())
    steps: list[Step] = []
    for place, token in enumerate(tokens):
        if token.type == "fence":
            steps += steps_of(token, before(tokens[:place]), page)
    return steps


def before(tokens: Sequence[Token]) -> str:
    """The paragraph or the comment that stands right before a block."""
    if tokens and tokens[-1].type == "html_block":
        return tokens[-1].content
    if tokens and tokens[-1].type == "paragraph_close":
        return tokens[-2].content
    return ""


def steps_of(block: Token, said: str, page: Path) -> Iterator[Step]:
    """Of one block, behind which words it may stand."""
    assert block.map is not None
    line = block.map[0] + 1
    if left := NOT_RUN.search(said):
        yield NotRun(line, left[1])
    elif written := WRITE.search(said):
        yield WrittenFile(line, written[2], block.content, added=written[1] == "Add")
    elif SET.search(said):
        yield SetKeys(line, block.content)
    elif block.info.strip() == "console":
        yield from commands(block.content, line + 1)
    else:
        raise ValueError(f"{page}:{line}: say what this block is for; {__name__} has the ways")


def commands(text: str, first: int) -> Iterator[Command]:
    """Of a console block that begins in this line of its page."""
    typed: list[tuple[int, list[str], list[str]]] = []
    for number, line in enumerate(text.splitlines(), first):
        if line.startswith("$ "):
            typed.append((number, [line[2:]], []))
        elif line.startswith("> ") and typed and not typed[-1][2]:
            typed[-1][1].append(line[2:])
        elif typed:
            typed[-1][2].append(line)
        else:
            raise ValueError(f"line {number}: a console block begins with a command, `$ …`")
    asked = [lines == ["echo $?"] for _, lines, _ in typed]
    for (number, lines, shown), may_fail in zip(typed, [*asked[1:], False], strict=True):
        yield Command(number, "\n".join(lines), "\n".join(shown), may_fail)
