"""What a page tells to type is there: each verb with its options, and each key of params.yaml."""

import re
from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt

from docs.extension.setting_keys import every_key, parts_of_section
from incumbent.cli import app
from incumbent.command_tree import every_verb
from project.settings import SECTIONS
from tests.conftest import ROOT

VERBS = dict(every_verb(app))
GROUPS = {name.rpartition(" ")[0] for name in VERBS}
KEYS = every_key() | {part.name for name in SECTIONS for part in parts_of_section(name)}
KEY = re.compile(rf"(?:{'|'.join(SECTIONS)})(?:\.[a-z_0-9]+)+")
COMMAND = re.compile(r'(?:^|[\s`(])incumbent ([a-z][^\n#&|>;`"]*)')


def codes(text: str) -> Iterator[str]:
    """Of blocks, and of code in sentences."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "fence":
            yield token.content
        yield from (one.content for one in token.children or () if one.type == "code_inline")


def wrong(code: str) -> Iterator[str]:
    for typed in COMMAND.findall(code):
        words = typed.split()
        name = next((one for n in (3, 2, 1) if (one := " ".join(words[:n])) in VERBS), None)
        if name is None and " ".join(words) not in GROUPS:
            yield f"incumbent {typed}: no such verb"
        elif name:
            known = {option for one in VERBS[name].params for option in one.opts} | {"--help"}
            given = {word.partition("=")[0] for word in words if word.startswith("--")}
            yield from (f"incumbent {name}: no such option: {one}" for one in given - known)
    if KEY.fullmatch(code) and code not in KEYS:
        yield f"{code}: no such key"


@pytest.mark.parametrize("page", ["README.md", "docs/**/*.md"])
def test_every_verb_option_and_key_that_a_page_names_is_there(page: str) -> None:
    files = list(ROOT.glob(page))
    assert files
    found = {
        file.name: [one for code in codes(file.read_text()) for one in wrong(code)]
        for file in files
    }
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("$ incumbent registry shew 3", "no such verb"),
        ("incumbent data check a.csv --nonsense=3", "no such option: --nonsense"),
        ("training.sft.epoch", "no such key"),
    ],
)
def test_a_word_that_is_not_there_is_found(code: str, said: str) -> None:
    assert [said in found for found in wrong(code)] == [True]
