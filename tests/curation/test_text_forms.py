"""Which questions are of one template, so that having learnt one is knowing what another asks."""

import pytest

from curation.text_forms import capitals_tell_names, template

OF_ONE = [
    ("My balance is 53,784. Which rate do I get?", "My balance is 53,559. Which rate do I get?"),
    ("What is the fee on 3 June for a transfer?", "What is the fee on 28 July for a transfer?"),
    ("Which branches in Paris open on Monday?", "Which branches in Rome open on Friday?"),
]
OF_TWO = [
    ("How much is 4 + 7 in all, please?", "How much is 4 - 7 in all, please?"),
    ("How do I make an int32 of a list?", "How do I make an int64 of a list?"),
    ("How far did soldiers march each day then?", "How far did soldiers walk each day then?"),
    ("Choose one. a) Open the old account", "Choose one. a) Close the old account"),
    ("What is it to be: Paid in cash?", "What is it to be: Sent by post?"),
]


@pytest.mark.parametrize(("one", "other"), OF_ONE)
def test_other_figures_dates_and_names_make_no_other_template(one: str, other: str) -> None:
    assert template(one, names=True) == template(other, names=True) != ""


@pytest.mark.parametrize(("one", "other"), OF_TWO)
def test_other_words_and_signs_do(one: str, other: str) -> None:
    forms = [template(text, names=True) for text in (one, other)]
    assert forms[0] != forms[1] or not forms[0]


def test_whether_capitals_tell_names_does_not_hang_on_the_order() -> None:
    plain = ["where do I find it"] * 3_000 + ["Wo ist das Konto der Bank in Wien"] * 3_000
    assert capitals_tell_names(plain) == capitals_tell_names(plain[::-1]) is False
