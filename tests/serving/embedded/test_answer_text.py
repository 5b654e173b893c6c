"""What of an answer may be shown while its tokens come."""

from collections.abc import Sequence

import pytest

from serving.embedded.draft import AnswerText


def decode(tokens: Sequence[int]) -> str:
    """A token a byte."""
    return bytes(tokens).decode(errors="replace")


def shown(text: str, *stops: str) -> tuple[list[str], AnswerText]:
    """What is shown of a text after each of its bytes, up to a stop string or the end."""
    answer, pieces = AnswerText(decode, stops), []
    for number, token in enumerate(text.encode(), 1):
        answer.tokens.append(token)
        answer.read()
        end = answer.stopped or number == len(text.encode())
        pieces.append(answer.show(whole=end))
        if answer.stopped:
            break
    return pieces, answer


def test_a_character_is_shown_when_all_its_bytes_are_there() -> None:
    assert shown("é😀!")[0] == ["", "é", "", "", "", "😀", "!"]


def test_bytes_that_never_become_a_character_are_shown_at_the_end() -> None:
    answer = AnswerText(decode, tokens=[65, 0xF0])
    answer.read()
    assert answer.show(whole=False) == "A"
    assert answer.show(whole=True) == "�"


def test_nothing_of_a_stop_string_is_shown_though_it_comes_in_parts() -> None:
    pieces, answer = shown("one END two", "END")
    assert "".join(pieces) == "one "
    assert answer.stopped


def test_what_only_looked_like_a_stop_string_is_shown_when_that_is_known() -> None:
    assert shown("aENxb", "END")[0] == ["a", "", "", "ENx", "b"]


def test_an_answer_that_ends_inside_a_stop_string_keeps_its_beginning() -> None:
    assert "".join(shown("one EN", "END")[0]) == "one EN"


@pytest.mark.parametrize(
    ("text", "stops", "left"),
    [
        ("aabaaab", ("aaab",), "aab"),
        ("x\n\ny", ("\n\n", "y"), "x"),
        ("bc abc", ("abc", "bc"), ""),
        ("größe", ("ö",), "gr"),
        ("plain", ("never",), "plain"),
    ],
)
def test_the_first_stop_string_ends_the_answer(text: str, stops: tuple[str], left: str) -> None:
    assert "".join(shown(text, *stops)[0]) == left


def test_several_tokens_at_once_stop_at_the_earliest_stop_string() -> None:
    answer = AnswerText(decode, ("c", "b"), tokens=list(b"abcd"))
    answer.read()
    assert answer.show(whole=True) == "a"
