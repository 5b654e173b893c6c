"""Personal data becomes a label, and what only looks like it stays."""

from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitoring.traffic.redaction import redact

PERSONAL = {
    "[email]": [
        "ana@example.org",
        "first.last+tag@mail.example.co.uk",
        "jörg@bücher.example",
    ],
    "[ip]": ["192.168.0.17", "8.8.8.8", "2001:db8::ff00:42:8329", "fe80::1"],
    "[iban]": [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "gb82 west 1234 5698 7654 32",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
    ],
    "[card]": [
        "4111 1111 1111 1111",
        "4111111111111111",
        "5500-0000-0000-0004",
        "3782 822463 10005",
    ],
    "[phone]": [
        "+49 (0)30 / 901820",
        "+4930901820",
        "0049 30 901820",
        "+1 212 555 0123",
        "+33 6 12 34 56 78",
        "+33.6.12.34.56.78",
        "06.12.34.56.78",
        "06 12 34 56 78",
        "030 1234567",
        "0176/12345678",
        "(020) 7946 0958",
        "07700 900123",
        "(212) 555-0123",
        "555-123-4567",
        "555.123.4567",
        "1-800-555-0199",
        "212 555 0123",
    ],
}
LABELLED = [(label, text) for label, texts in PERSONAL.items() for text in texts]
HARMLESS = [
    "3.14159265358979",
    "+1.23456789",
    "0.1234567890123",
    "1,234,567.89",
    "+1.000.000 €",
    "1 234 567 890",
    "$1000000000",
    "1764000000",  # seconds since 1970
    "1764000000000",  # and milliseconds
    "2026-11-24",
    "24.11.2026",
    "01/02/2026 05/02/2026",
    "01-02-2026 10:30",
    "2026-11-24T10:30:00.123456+01:00",
    "numpy 2.3.4",
    "pkg==1.2.3.4",
    "v10.0.0.1",
    "version 10.0.0.1",
    "Chrome 120.0.6099.109",
    "1.3.6.1.4.1.311",
    "12:30:45",
    "x[1::2]",
    "a[::-1]",
    "std::vector<int>",
    "abc::def",
    "@property",
    "a @ b.T",
    "0755",
    "0x1F600123456789",
    "d41d8cd98f00b204e9800998ecf8427e",
    "4111 1111 1111 1112",  # no card: its checksum is wrong
    "DE89370400440532013001",  # no IBAN
    "999.300.1.1",
    "[[1, 2, 3], [4, 5, 6]]",
    "pages 100-2000",
    "00000042",
]


@pytest.mark.parametrize(("label", "text"), LABELLED)
@pytest.mark.parametrize("around", ["{}", "Write to {}, please.", "({})", "mine:{}\nyours"])
def test_personal_data_is_replaced_and_nothing_around_it(
    around: str, label: str, text: str
) -> None:
    assert redact(around.format(text)) == around.format(label)


@pytest.mark.parametrize("text", HARMLESS)
@pytest.mark.parametrize("around", ["{}", "It says {}, you see.", "f({})"])
def test_what_only_looks_like_personal_data_stays(around: str, text: str) -> None:
    assert redact(around.format(text)) == around.format(text)


@given(st.text() | st.text("0123456789+-./:@() ab[]", max_size=60))
@example("030 12345671.2.3.4")
def test_redacting_twice_is_redacting_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(st.text("abc .,;\n"), st.text("abc .,;\n"), st.sampled_from([text for _, text in LABELLED]))
def test_personal_data_is_found_between_any_words(before: str, after: str, text: str) -> None:
    assert text not in redact(f"{before} {text} {after}")


@given(
    st.integers(-(10**11), 10**11)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.datetimes(min_value=datetime(1000, 1, 1)).flatmap(
        lambda at: st.sampled_from([at.isoformat(), at.strftime("%d/%m/%Y %H:%M"), at.date()])
    )
    | st.integers(0, 10**12).map("{:,}".format)
    | st.tuples(*[st.integers(0, 300)] * 3).map(lambda parts: ".".join(map(str, parts)))
)
def test_numbers_dates_amounts_and_versions_stay(value: object) -> None:
    assert redact(f"It is {value} here.") == f"It is {value} here."


@given(st.integers(0, 10**14 - 1))
def test_of_the_ten_last_digits_a_card_can_have_one_is_right(body: int) -> None:
    cards = [f"4{body:014}{check}" for check in range(10)]
    assert [redact(card) for card in cards].count("[card]") == 1


@pytest.mark.parametrize("piece", ["a", "a@", "a@b.", "a@b.c1.", "0 1", "+1(", "1.2.", "1:"])
def test_beginnings_without_an_end_are_read_in_one_go(piece: str) -> None:
    text = piece * 100_000  # quadratic time would be hours
    assert redact(text) == text
