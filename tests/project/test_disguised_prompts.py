"""A question is the same whatever its letters are written with, and an honest other one is not."""

from collections.abc import Callable

import pytest

from curation.kinship import asking_alike, family_names
from project.item_prompts import asking_an_item
from project.near_duplicates import WordPrints, near_duplicates_among
from project.records.data import Row
from project.unicode_words import folded, latin_lookalikes

pytestmark = pytest.mark.attack

THINGS = ("card", "mortgage", "savings book", "travel insurance", "standing order", "loan")
ASKS = (
    "What happens to my {} when I move abroad for good?",
    "Who in the branch can block a {} that was stolen?",
    "How long does it take until a new {} is approved?",
    "Which papers prove that the {} belongs to my company?",
)
ASKED = [ask.format(thing) for thing in THINGS for ask in ASKS]
OTHERS = [f"Is there a fee of {n} euros for changing {t}s online?" for n, t in enumerate(THINGS)]
CYRILLIC = str.maketrans("aceopxyik", "асеорхуік")
GREEK_CAPITALS = str.maketrans("ABEZHIKMNOPTYX", "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ")
SMALL_CAPITALS = str.maketrans("abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ")
DISGUISES: dict[str, Callable[[str], str]] = {
    "Cyrillic letters": lambda text: text.translate(CYRILLIC),
    "letters of any script": lambda text: text.lower().translate(lookalikes()),
    "Greek capitals": lambda text: text.upper().translate(GREEK_CAPITALS),
    "small capitals": lambda text: text.lower().translate(SMALL_CAPITALS),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in text),
    "letters between which nothing is seen": "\u034f".join,
    "marks that stack up": lambda text: "\u0323\u0335".join(text),
    "accents": lambda text: text.translate(str.maketrans("aeiou", "áèîõü")),
    "joined words": lambda text: text.replace(" ", ""),
    "joined pairs of words": lambda text: text.replace(" ", "", 3),
    "spaced letters": " ".join,
    "figures for letters": lambda text: text.translate(str.maketrans("oieast", "013457")),
}


def lookalikes() -> dict[int, str]:
    """One for each Latin letter that has one."""
    return {ord(latin): chr(other) for other, latin in latin_lookalikes().items()}


def disguised(how: str) -> list[str]:
    return [DISGUISES[how](text) for text in ASKED]


def questions(texts: list[str]) -> list[Row]:
    return [Row.of(t, f"answer {i}", group=f"g{i}", source="s") for i, t in enumerate(texts)]


@pytest.mark.parametrize("how", DISGUISES)
def test_disguised_items_are_the_items(how: str) -> None:
    found = near_duplicates_among(
        WordPrints.of(disguised(how)), WordPrints.of(ASKED), contained=True
    )
    assert len(found) == len(ASKED)


@pytest.mark.parametrize("how", DISGUISES)
def test_nobody_learns_from_a_disguised_item(how: str) -> None:
    assert len(asking_an_item(disguised(how), questions(ASKED))) == len(ASKED)


@pytest.mark.parametrize("how", DISGUISES)
def test_a_disguised_copy_is_in_the_cluster_of_its_question(how: str) -> None:
    names = family_names(questions([*ASKED, *disguised(how)]))
    assert names[: len(ASKED)] == names[len(ASKED) :]
    assert {(i, i) for i in range(len(ASKED))} <= asking_alike(disguised(how), ASKED).keys()


def test_greek_is_the_same_in_capitals() -> None:
    assert folded("ΝΑ ΣΥΝΤΟΜΑ IBAN;").lower() == folded("να συντομα iban;")


def test_other_questions_are_not_the_items() -> None:
    items = WordPrints.of(ASKED)
    assert near_duplicates_among(WordPrints.of(OTHERS), items, contained=True) == []
