"""A good answer made worse in one known way."""

import pytest

from evaluation.preference.worse_answers import GENERIC, WORSE

LOAN = (
    "You may keep a book for 21 days. Please return it by Friday. "
    "It cannot be renewed unless nobody else waits for it."
)
KEYS = [str(number) for number in range(20)]


@pytest.mark.parametrize("kind", WORSE)
def test_the_same_text_and_key_give_the_same_answer_and_never_the_text_itself(kind: str) -> None:
    made = [WORSE[kind](LOAN, key) for key in KEYS]
    assert made == [WORSE[kind](LOAN, key) for key in KEYS]
    assert LOAN not in made and None not in made


def test_a_wrong_fact_changes_one_fact_and_no_other_word() -> None:
    for key in KEYS:
        made = str(WORSE["wrong_fact"](LOAN, key)).split()
        changed = [old for old, new in zip(LOAN.split(), made, strict=True) if old != new]
        assert changed in (["21"], ["Friday."])


def test_a_name_is_a_fact_too() -> None:
    assert WORSE["wrong_fact"]("Ask for Mrs Okafor at the desk.", "k") != "Ask at the desk."
    assert WORSE["wrong_fact"]("Ask somebody at the desk.", "k") is None


def test_the_month_of_may_is_not_what_one_may_do() -> None:
    assert WORSE["wrong_fact"]("May dogs come in? They may.", "k") is None


def test_a_missing_disclaimer_is_a_whole_sentence_or_the_clause_at_the_end() -> None:
    worse = WORSE["missing_disclaimer"]
    assert worse(LOAN, "k") == "You may keep a book for 21 days. Please return it by Friday."
    assert worse("Dogs are welcome, unless it rains.", "k") == "Dogs are welcome."
    assert worse("Dogs are welcome.", "k") is None


def test_impolite_says_the_same_without_kind_words() -> None:
    made = [str(WORSE["impolite"](LOAN, key)) for key in KEYS]
    assert all("21 days" in text and "Please" not in text for text in made)
    assert len(set(made)) > 5


def test_cut_off_is_a_beginning_that_ends_in_the_middle() -> None:
    made = [str(WORSE["cut_off"](LOAN, key)) for key in KEYS]
    assert all(LOAN.startswith(text) and not text.endswith(".") for text in made)
    assert WORSE["cut_off"]("Yes, you can.", "k") is None


def test_generic_is_of_like_length_and_says_nothing_of_the_answer() -> None:
    made = str(WORSE["generic"](LOAN, "k"))
    assert 0.8 * len(LOAN) <= len(made) < 2 * len(LOAN)
    assert "book" not in made and any(made.startswith(sentence) for sentence in GENERIC)
    assert WORSE["generic"]("", "k") is None
