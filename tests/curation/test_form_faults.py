"""Insults, broken JSON, open fences, claims without a source, and other languages are found."""

import pytest

from curation.faults.every_fault import answer_language, other_language, prompt_language
from curation.faults.structure_faults import broken_json, open_fence
from curation.faults.toxicity import is_toxic, toxicity
from curation.faults.ungrounded import not_in_source
from project.records.data import Row
from project.unicode_words import language_of


def row(prompt: str, answer: str, context: str | None = None) -> Row:
    made = Row.of(prompt, answer, group="g", source="s")
    return made.model_copy(update={"context": context})


@pytest.mark.parametrize(
    "text",
    [
        *("You are a fucking idiot.", "This bullshit never works.", "Shut up!", "go kill yourself"),
        *("a dumb b1tch", "f*ck off", "a$$hole", "m0r0n"),
        *("you’re pathetic", "You worthless piece of garbage", "Du Arschloch", "hijo de puta"),
    ],
)
def test_an_insult_is_found_though_it_is_hidden(text: str) -> None:
    told = toxicity(row("How?", text))
    assert told and text not in told


@pytest.mark.parametrize(
    "text",
    [
        *("Scunthorpe lies in England.", "Dick Cheney", "the cockpit of a plane", "a bass player"),
        *("Essex and Sussex", "an assassin", "a screening for breast cancer", "Moby-Dick"),
        *("shiitake mushrooms", "x = a*b + c*d", "classic analysis", "The f1 score is 0.5"),
        *(
            "prick it with a fork",
            "a Maine coon",
            "en retard",
            "a chink in the armour",
            "b1 and b2",
        ),
    ],
)
def test_a_word_that_only_holds_one_is_none(text: str) -> None:
    assert not is_toxic(text)


ASKED = "Return it as JSON."


@pytest.mark.parametrize(
    "answer",
    [
        *('{"a": 1, "b": 2', "{'a': 1}", '["x", "y",]', '{"a": 1,}', "{a: 1}", '{"a" 1}'),
        *('"a": 1, "b": 2}', '{"a": 1}}', '{"a": "x "y" z"}', '{"a": [1, 2}', "[1, 2, 3"),
        *('```json\n{"a": 1 "b": 2}\n```', '```\n{"a": None}\n```', 'Here it is: {"a": tru}'),
        "[" * 100_000,
    ],
)
def test_json_that_does_not_parse_is_found(answer: str) -> None:
    assert broken_json(row(ASKED, answer)) == "JSON that does not parse"


def test_a_key_in_quotes_is_meant_as_json_though_nobody_asked() -> None:
    assert broken_json(row("Extract the fields.", '{"name": "Bo", "age": 3'))
    assert not broken_json(row("Show a Python dict.", "{'name': 'Bo'}"))


@pytest.mark.parametrize(
    "answer",
    [
        *('{"a": 1}', "[]", "null", '{"a": 1}\n{"a": 2}', '{"a": 1}\n\nThis is the object.'),
        *('```json\n{"a": 1}\n```', '```json\n{"a": ...}\n```', 'Use the key "a".'),
        *("[a link](https://x.org)", "[Name], hello", "JSON is a format: {key: value} is in it."),
    ],
)
def test_what_parses_or_is_no_json_is_left(answer: str) -> None:
    assert broken_json(row(ASKED, answer)) is None


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("```python\nx = 1\n", True),
        ("Like this:\n\n```\nx\n\nAnd so on.", True),
        ("~~~python\nfor\n", True),
        ("Here: ```python\nx = 1", True),
        ("```\na\n```\n```\nb\n", True),
        ("````\n```\na\n```\n", True),
        ("```\na\n```", False),
        ("a ```b``` c", False),
        ("````\n```\na\n````", False),
        ("~~~\n```\n~~~", False),
        ("- ```\n  a\n  ```", False),
        ("Here: ```python\nx = 1\n```", False),
        ("```python\nprint('```')\n```", False),
        ("A title\n~~~~~~~\n\nText.", False),
    ],
)
def test_a_fence_is_open_if_nothing_closes_it(text: str, is_open: bool) -> None:
    assert bool(open_fence(row("How?", text))) is is_open
    assert bool(open_fence(row(text, "So."))) is is_open


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("It takes 512 MB.", "It takes 80 MB."),
        ("It opens at 9:30.", "It opens at 8:15 on weekdays."),
        ("It closes on 14 June.", "It closes on 12 June each year."),
        ("It is maintained by Dmitri Volkov.", "It is maintained by the Berlin team."),
        ("The office is in Zurich.", "The office is in Geneva."),
    ],
)
def test_a_number_or_a_name_that_the_source_lacks_is_found(answer: str, source: str) -> None:
    assert not_in_source(row("What is it?", answer, source))
    assert not_in_source(row("What is it?", answer)) is None


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("About 1000 rows.", "There are 1,000 rows."),
        ("1,000 things.", "One thousand things."),
        ("25 people came.", "Twenty-five people came."),
        ("In total 30 apples.", "He has 10 apples and she has 20."),
        ("It costs 1.500 euros.", "It costs 1500 euros."),
        ("About 3.5 million people.", "3,482,911 people live there."),
        ("120 minutes.", "It takes two hours."),
        ("On 3 May 2020.", "On 2020-05-03."),
        ("They are Berliners.", "The team sits in Berlin."),
        ("1. Red\n2. Blue\n3. Green", "Red, blue and green."),
        ("The API returns JSON.", "The interface returns it."),
    ],
)
def test_the_same_in_other_words_is_in_the_source(answer: str, source: str) -> None:
    assert not_in_source(row("What is it?", answer, source)) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Loop over its lines; only one of them is in memory at a time.", "en"),
        ("Was macht die Funktion sorted mit einer Liste von Wörtern?", "de"),
        ("Elle remplace les valeurs manquantes par une valeur donnée.", "fr"),
        ("确定该句子所需的正确标点符号。", "zh"),
        ("配列をコピーするにはどうすればよいですか？", "ja"),
        *[
            (text, None)
            for text in ("ok", "42", "yes, sure", "x = foo(bar)", "```\nfor x in y\n```")
        ],
    ],
)
def test_a_language_is_told_where_there_are_words_enough(text: str, language: str | None) -> None:
    assert language_of(text) == language


ENGLISH = [
    row(
        f"What should I do with the words of list {i} when it is too long?",
        "Give back a part of it.",
    )
    for i in range(30)
]
GERMAN = "Sie gibt eine neue Liste zurück, in der die Wörter geordnet sind."
PROMPT = "the prompt is in another language than the others"
ANSWER = "the answer is in another language than the others"


def odd_ones(rows: list[Row]) -> list[str | None]:
    return other_language(
        rows, [prompt_language(one) for one in rows], [answer_language(one) for one in rows]
    )


def test_a_row_in_another_language_is_found_by_its_side() -> None:
    asked = row("Was macht die Funktion sorted mit einer Liste von Wörtern?", "It sorts the words.")
    answered = row("What does sorted do with a list of many words?", GERMAN)
    assert odd_ones([*ENGLISH, asked, answered]) == [None] * 30 + [PROMPT, ANSWER]


def test_what_is_asked_for_is_not_odd_and_nor_are_translations_of_all() -> None:
    wanted = row("Translate into German: it gives back a new list of words.", GERMAN)
    assert odd_ones([*ENGLISH, wanted]) == [None] * 31
    assert odd_ones([row(one.prompt_text, GERMAN) for one in ENGLISH]) == [None] * 30
    mixed = [row(o.prompt_text, GERMAN if i % 3 else "A word") for i, o in enumerate(ENGLISH)]
    assert odd_ones([*ENGLISH, *mixed]) == [None] * 60


def test_of_a_few_rows_none_is_odd() -> None:
    assert odd_ones([*ENGLISH[:5], row("What is it all about?", GERMAN)]) == [None] * 6
