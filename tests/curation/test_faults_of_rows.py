"""Faults of a row, and of how it is written, are found, and what looks like them is not."""

from collections.abc import Sequence

import pytest

from curation import many_rows
from curation.faults.every_fault import FAULTS, find_all
from curation.faults.missing_answers import unfilled
from curation.faults.suspect_words import Hints, SuspectWords, near
from curation.many_rows import of_many
from project.records.data import Message, Row

FOUND = {
    "no_answer": [("Explain it.", "none"), ("Who?", "[No response provided]"), ("Who?", "…")],
    "no_prompt": [("  ", "a"), ("<your question here>", "a"), ("Translate.\n\nInput: N/A", "a")],
    "several_in_one": [
        ("What is a cow?", "An animal.\n\nQuestion: What is a pig?\nAnswer: An animal too."),
        ("1. What is a cow?\n2. What is a pig?", "1. An animal.\n2. An animal."),
        ("Name a river.\n---\nName a lake.", "The Rhine.\n---\nLake Como."),
    ],
    "echo": [
        ("Who wrote the play about Hamlet?", "Who wrote the play about Hamlet?"),
        ("Who wrote the play about Hamlet?", "You asked: who wrote the play about Hamlet? He did."),
    ],
    "unseen": [
        ("What is in this photo?", "A dog."),
        ("Why is it so?", "As you can see in the diagram above, it is."),
        ("Please see the attached invoice.", "It is paid."),
        ("Where is it?", "https://example.org/a/b"),
        ("Fasse das Bild zusammen: was ist im Bild zu sehen?", "Ein Hund."),
    ],
    "chat_markers": [("Who?", "He.</s><|user|>More?"), ("Who?", "Assistant: it is he.")],
    "boilerplate": [
        ("Who?", "Absolutely! Let me tell you who it is."),
        ("Who?", "En tant qu'IA, je ne sais pas."),
    ],
    "refusal": [("How?", "I’m afraid I can’t assist with that."), ("Wie?", "我无法回答这个问题。")],
    "cut_off": [
        ("How do I do it?", "Open the menu, choose the second entry, and then press the"),
        ("How do I do it?", "Open the menu first. Then choose the second entry of the lis"),
    ],
    "loop": [
        ("Who?", "He is here now. " * 4),
        ("Who?", "it is what it is what it is what it is what"),
    ],
    "gibberish": [("Who?", "sdkjfh skdjfh wqeiuy zxmnbv"), ("Who?", "01101000 01100101 " * 4)],
    "shouting": [("Who?", "HE IS THE ONE WHO DID IT AND NOBODY ELSE.")],
    "unfilled": [
        ("Who?", "Dear [Customer Name], it is he."),
        ("Who?", "It is {first_name} again."),
    ],
}
NOT_FOUND = {
    "no_answer": [("Which of these are prime?", "None"), ("Status?", "pending"), ("Is it?", "-1")],
    "no_prompt": [("Why?", "So."), ("2+2", "4")],
    "several_in_one": [
        ("Write a quiz of two questions.", "Question: Who?\nAnswer: He."),
        ("Q: 1+1?\nA: 2\nQ: 2+2?\nA:", "4"),
        ("How do I start?", "Note: first read it.\nThen start."),
    ],
    "echo": [
        ("Correct the sentence: he go home now.", "He goes home now."),
        ("In which year did it open?", "It opened in 1903, in the year of the fair."),
    ],
    "unseen": [
        ("How do I attach a picture to an e-mail?", "Press the paper clip and choose it."),
        ("What does imread do?", "It reads an image from a file."),
        ("Summarise the following text: the sun is a star and it is hot.", "The sun is hot."),
    ],
    "chat_markers": [
        ("Which list is it?", "The list x[INST] and a <stdin> of it.".replace("[INST]", "[0]"))
    ],
    "boilerplate": [
        ("Shall we go?", "Sure, I'd love to."),
        ("Who are you?", "I am an AI assistant."),
    ],
    "refusal": [("Where is it?", "I can't find your order in the list of today.")],
    "cut_off": [
        ("Which city?", "Paris"),
        ("Who wrote it?", "Best regards,\nAnn"),
        ("how so", "They won the popular vote, but lost the electoral-college vote"),
    ],
    "loop": [("Who?", "No, no, no! He was here, and he was there, and he was gone.")],
    "gibberish": [
        ("Which keys?", "The keys qwerty are at the top."),
        ("Was?", "Strč prst skrz krk."),
        (
            "Where?",
            "See https://docs.google.com/document/d/1BNhaf9DSd5_tcZghEmkoTYm4IAdpOLzlFg9lt8PkaH8/edit",
        ),
    ],
    "shouting": [
        ("Which?", "NASA, ESA and JAXA work on it."),
        ("SQL?", "SELECT NAME FROM USERS WHERE ID"),
    ],
    "unfilled": [
        ("Give an f-string.", "Write {name} in it."),
        ("Which?", "The set is {1, 2} of [3]."),
    ],
}
# How a text is written; other languages and code are no fault of it.
OF_FORM = {
    "unicode": ["nai\u0308ve", "ｆｕｌｌ", "the o\ufb03ce", "𝐛𝐨𝐥𝐝 words", "fu\u00a8r alle"],
    "control_characters": ["a\x07b", "a\x85b", "a\x1b[1mb", "a\u2028b"],
    "invisible_characters": ["a\u200bb", "\ufeffa", "a\u00adb", "a\u202eb", "long\u00a0words"],
    "mojibake": ["itâ€™s", "GrÃ¶ÃŸe", "РџСЂРёРІРµС‚ РјРёСЂ", "caf├® and th├®"],
    "lost_characters": ["na\ufffdve", "M?nchen is big", "don?t do it", "caf?s and fianc?es"],
    "literal_escapes": [
        "One.\\nTwo.\\nThree.",
        "caf\\u00e9",
        "It\\'s so.",
        "a_x000D_b",
        "One./n/nTwo",
    ],
    "markup": ["<div>It</div>", "It&nbsp;is", "AT&amp;T", "[b]It[/b] is", "It#39;s so"],
    "web_leftovers": [
        "It is so. Learn more",
        "It is so.\nWas this page helpful? Yes No",
        "This website uses cookies to improve it.\nIt is so.",
        "It is so.\nHome | About | Contact | Login",
        "Es ist so. Weiterlesen",
    ],
}
FOUND |= {column: [("What is it?", text) for text in texts] for column, texts in OF_FORM.items()}
CLEAN = [
    "Über Größe und Maß: naïve Fälle, façade, señor, Łódź, Đà Nẵng.",
    "これはＡＩの例です。（日本語）",
    "Привет, мир! Это обычный текст. ЭТО.",
    "می‌خواهم בְּרֵאשִׁית हिन्दी ภาษาไทย 한국어",
    "The price is 10\u00a0€ « ici » – it’s “fine”…",
    "👨‍👩‍👧 and ❤️ and 🏴󠁧󠁢󠁥󠁮󠁧󠁿 are emoji.",
    "Is it so? Yes! What?? Why?! See a?b:c and /page?id=1.",
    'Write `"\\n"` or "a\\tb" in it, and $\\nu + \\theta$ in TeX.',
    "The types are List<int>, Map<K, V> and a < b && c > d.",
    "To learn more about it, click the button and read the rest of the page.",
    "def f(x):\n    return x & 1  # <= 3",
]
NOT_FOUND |= {column: [("What is it?", text) for text in CLEAN] for column in OF_FORM}


@pytest.mark.parametrize(("column", "pair"), [(c, p) for c, ps in FOUND.items() for p in ps])
def test_it_is_found(column: str, pair: tuple[str, str]) -> None:
    assert FAULTS[column](Row.of(*pair, group="g", source="test"))


@pytest.mark.parametrize(("column", "pair"), [(c, p) for c, ps in NOT_FOUND.items() for p in ps])
def test_what_looks_like_it_is_not(column: str, pair: tuple[str, str]) -> None:
    assert FAULTS[column](Row.of(*pair, group="g", source="test")) is None


@pytest.mark.parametrize(
    ("roles", "good"),
    [
        (("system", "user", "assistant", "user"), True),
        (("user",), True),
        (("user", "user"), False),
        (("user", "system"), False),
        (("assistant", "user"), False),
        (("user", "assistant"), False),
    ],
)
def test_turns_are_in_the_order_of_a_talk(roles: tuple[str, ...], good: bool) -> None:
    prompt = tuple(Message.model_validate({"role": r, "content": "words"}) for r in roles)
    row = Row.of("q", "a", group="g", source="test").model_copy(update={"prompt": prompt})
    assert (FAULTS["turn_order"](row) is None) == good


def test_what_redaction_left_is_no_blank() -> None:
    row = Row.of("Who is it?", "Ask [person] at [email] or [phone].", group="g", source="s")
    assert unfilled(row) is None
    assert unfilled(Row.of("Who is it?", "Dear [name], hello.", group="g", source="s"))


# --- test many rows -------------------------------------------------------------------------------

# Many rows are looked at by several processes, and what is found is the same.

ROWS = [
    Row.of("What is it?", answer, group="g", source="s")
    for answer in (
        "It is 5 pm.",
        "N/A",
        "Write to jane@bank.com, please.",
        "Click here to read more",
    )
]


def lengths(rows: Sequence[Row]) -> list[int]:
    return [len(row.completion_text) for row in rows]


def test_results_of_several_processes_come_in_the_order_of_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(many_rows, "MANY", 2)
    monkeypatch.setattr(many_rows, "AT_ONCE", 1)
    assert of_many(lengths, ROWS) == lengths(ROWS)


def test_all_faults_together_are_those_that_each_finder_finds() -> None:
    found = find_all(ROWS, FAULTS)
    assert found == {name: [find(row) for row in ROWS] for name, find in FAULTS.items()}
    assert found["no_answer"][1] and found["contact_data"][2]


def test_a_look_finds_the_words_that_tell_it_something() -> None:
    look = SuspectWords("cook", odd=lambda word: word.endswith("!"))
    assert set(look.at("A cookie, some COOKS and a friend! Friends")) == {
        "cookie",
        "cooks",
        "friend!",
    }


def test_hints_are_found_with_their_blanks_and_what_is_near_them() -> None:
    hints = Hints("click here| shown ")
    assert hints.found_in("Click here") == ["click here"]
    assert hints.found_in("It is not unshown, and nobody clicks") == []
    assert near("Long before. Click here now, later", hints, reach=4) == "re. click here now"
