"""What can be put right is, on record; what teaches nothing goes, with its reason."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.account import ABOUT_UNSEEN, NO_ANSWER, OUT_OF_TURN
from curation.faults.every_fault import FAULTS
from curation.mending import changed, mended
from curation.sifting import clean, faulty, why_faulty
from project.records.data import Message, Row

ELSEWHERE = ("account_data", "contact_data", "person_name", "secret", "toxicity")
ELSEWHERE += ("broken_json", "open_fence", "not_in_source")  # with tests of their own
OWN = [finds for name, finds in FAULTS.items() if name not in ELSEWHERE]


def row(prompt: str, answer: str = "It adds two numbers.") -> Row:
    return Row.of(prompt, answer, group="g", source="test")


# What is likely to hide something else.
PIECES = [
    *(
        "word",
        " ",
        "\n",
        "\r\n",
        "&amp;",
        "amp;",
        "lt;",
        "&lt;b&gt;",
        "<b>",
        "</b>",
        "<br>",
        "\\n",
        "\\u00e9",
    ),
    *(
        '\\"',
        "e\u0301",
        "\ufb01",
        "\u200b",
        "\u00ad",
        "\x00",
        "\x1b[0m",
        "Ã©",
        "â€™",
        "</s>",
        "<s>",
    ),
    *(
        "Read more",
        "View more »",
        ".",
        "?",
        "A",
        "`",
        "ｆｕｌｌ",
        "Home | Login | Search",
        "\ufeff",
    ),
]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=12), st.lists(st.sampled_from(PIECES), max_size=12)
)
def test_cleaning_twice_is_cleaning_once(prompt: list[str], answer: list[str]) -> None:
    once = clean(row("".join(prompt), "".join(answer)))
    assert clean(once) == once


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_cleaned_once_and_for_all(prompt: str, answer: str) -> None:
    once = clean(row(prompt, answer))
    assert clean(once) is once


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Cafe\u0301, \ufb01ne", "Café, fine"),
        ("one\r\ntwo\x0bthree\x00", "one\ntwo\nthree"),
        ("\x1b[31mred\x1b[0m alert", "red alert"),
        ("zero\u200bwidth and soft\u00adhyphen", "zerowidth and softhyphen"),
        ("The cafÃ© isnâ€™t open.", "The café isn’t open."),
        ("<p>It is <b>bold</b>.</p><p>And new.</p>", "It is bold.\nAnd new."),
        ("a &lt; b &amp;amp; c", "a < b & c"),
        ("First.\\nSecond.\\nThird.", "First.\nSecond.\nThird."),
        ("It is the mean. Read more »", "It is the mean."),
        ("It is the mean.\n\nHome | Login | Search | Help", "It is the mean."),
        ("It is the mean.<|im_end|>", "It is the mean."),
    ],
)
def test_what_can_be_put_right_is(before: str, after: str) -> None:
    assert clean(row("What is it of them all?", before)).completion_text == after


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Which tag makes text bold in HTML?", "Write <b>text</b> &amp; close it."),
        ("How do I write a new line?", 'Print "one\\ntwo" with the escape.'),
        ("How do I join paths?", r"Use C:\new\table as the folder."),
        ("What is the family emoji?", "It is 👨\u200d👩\u200d👧, of three."),
        ("What does it say in Persian?", "می\u200cخواهم"),
        ("Give the price.", "C'est 10\u00a0€ ; merci\u00a0!"),
        ("Which code is it?", "```\n<p>kept</p>\n```"),
        ("What do I do with the app?", "Steps:\n- Login\n- Search"),
    ],
)
def test_what_is_meant_so_stays(prompt: str, answer: str) -> None:
    before = row(prompt, answer)
    assert mended(before) == (before, ())


def test_each_change_is_on_record_with_its_reason() -> None:
    _, changes = mended(row("Why?\r\n", "So\u200bft &lt; hard."))
    assert [(c.field, c.why) for c in changes] == [
        ("prompt", "line ends of another system"),
        ("prompt", "blanks around it"),
        ("completion", "characters without a width"),
        ("completion", "marks of HTML"),
    ]
    assert set(changed(changes).values()) == {
        "line ends of another system; blanks around it; characters without a width; marks of HTML"
    }


def test_of_a_long_text_the_record_shows_what_is_around_the_change() -> None:
    (change,) = mended(row("Why?", "x" * 5000 + "\u200b" + "y" * 5000))[1]
    assert len(change.before) <= 60
    assert "x\u200by" in change.before


def test_a_row_that_teaches_nothing_has_a_reason() -> None:
    talk = (Message(role="user", content="Hello?"), Message(role="assistant", content="Yes?"))
    turned = row("q").model_copy(update={"id": "turned", "prompt": talk})
    assert why_faulty(row("What is it?", "N/A")) == NO_ANSWER
    assert why_faulty(row("What does the attached picture show?")) == ABOUT_UNSEEN
    assert faulty([turned, row("What is a sum?")]) == {"turned": OUT_OF_TURN}


def test_what_only_looks_wrong_stays() -> None:
    for answer in ("none", "no", "0", "pending", "NA", "IT IS LOUD, AND ALL OF IT IS TRUE."):
        assert why_faulty(row("Which class is it?", answer)) is None


HOSTILE = (
    "a",
    " ",
    "\n",
    "?",
    "\\n",
    "<",
    "[",
    "&amp;",
    "<s>",
    "</s> ",
    "<b",
    "é",
    "\u200b",
    "{{",
    "Ã©",
)
HOSTILE += (
    "USER: ",
    "1. ",
    "read more\n",
    "a b ",
    "\\",
    '"',
    "`",
    "Q: ",
    "ab ",
    "http://",
    "image ",
    "</s>x",
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_text_is_looked_at_in_time_linear_in_its_length(piece: str) -> None:
    text = piece * (30_000 // len(piece))
    for made in (row("<" + text + "x", "? \\" + text), row("What is it?", text + "<|x")):
        assert clean(clean(made)) == clean(made)
        assert why_faulty(made) is None or why_faulty(made)
        assert all(finds(made) is None or finds(made) for finds in OWN)
