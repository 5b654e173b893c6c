"""Personal data is found or becomes a label, and what only looks like it stays."""

from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from project.personal_data import (
    NO_CONTACTS,
    Contacts,
    Kind,
    PersonalDataItem,
    find_personal_data,
    redact,
)

PERSONAL = {
    "[email]": [
        "ana@example.org",
        "first.last+tag@mail.example.co.uk",
        "jörg@bücher.example",
        "jane.roe (at) some-bank.com",
        "jane.roe [at] some-bank [dot] com",
        "jane.roe at some-bank dot com",
        '"john smith"@bank.com',
        "“john smith”@bank.com",
        "jane＠bank．com",
    ],
    "[ip]": ["192.168.0.17", "8.8.8.8", "2001:db8::ff00:42:8329", "fe80::1", "٨.٨.٨.٨"],
    "[iban]": [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "gb82 west 1234 5698 7654 32",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
        "DE89.3704.0044.0532.0130.00",
        "FR14\u00a02004\u00a01010\u00a00505\u00a00001\u00a03M02\u00a0606",
        "DE89\u20093704\u20090044\u20090532\u20090130\u200900",
        "DE89  3704  0044  0532  0130  00",
        "ＤＥ８９ ３７０４ ００４４ ０５３２ ０１３０ ００",
    ],
    "[card]": [
        "4111 1111 1111 1111",
        "4111111111111111",
        "5500-0000-0000-0004",
        "3782 822463 10005",
        "4111.1111.1111.1111",
        "4111–1111–1111–1111",
        "4111  1111  1111  1111",
        "4111 1111-1111 1111",
        "4111\u202f1111\u202f1111\u202f1111",
        "４１１１ １１１１ １１１１ １１１１",
        "٤١١١ ١١١١ ١١١١ ١١١١",
        "3530 1113 3330 0000",
    ],
    "[id]": ["RSSMRA85T10A562S", "529.982.247-25"],
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
        "+44.20.7946.0958",
        "98765 43210",
        "(11) 98765-4321",
        "612-345-678",
        "138-1234-5678",
        "0171\u00a02345678",
        "07911\u202f123456",
        "06\u200912\u200934\u200956\u200978",
        "+49\u00a0171\u00a02345678",
        "+44 20 7946‑0958",
        "０７９１１ １２３４５６",
        "٠٧٩١١ ١٢٣٤٥٦",
        "०७९११ १२३४५६",
        "९८७६५ ४३२१०",
        "612 34 56 78",
        "347 1234567",
        "138 1234 5678",
        "11 98765 4321",
        "8 916 123-45-67",
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
    "XY12 3456 7890 1234 5678",  # of no country
    "529.982.247-24",  # no CPF
    "978-3-16-148410-0",
    "123-45-6789",
    "10-12-2020",
    "look at a dot here",
    "5-10-15-20-25",
    "999.300.1.1",
    "[[1, 2, 3], [4, 5, 6]]",
    "pages 100-2000",
    "x@y.dot(z)",
    "q@k.transpose(-2, -1)",
    "600-500-4000",
    "numpy 1.26.4.1",
    "numpy==1.26.4.1",
    "Chrome/91.0.4.124",
    "612 345 678",
    "2019 2020 2021 2022",
    "١٬٢٣٤٬٥٦٧",
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


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("my phone number is 555 0199 22", "my phone number is [phone]"),
        ("my number is 9876543210", "my number is [phone]"),
        ("Tel. 5550123", "Tel. [phone]"),
        ("WhatsApp: 9876543210", "WhatsApp: [phone]"),
        ("call me at 9876543210 today", "call me at [phone] today"),
        ("mi teléfono es 612345678", "mi teléfono es [phone]"),
        ("DNI: 54362315K", "DNI: [id]"),
        ("my SSN is 536-90-4399", "my SSN is [id]"),
        ("Aadhaar no. 2341 2341 2346", "Aadhaar no. [id]"),
        ("Ihre Steuer-ID ist 36 574 261 809", "Ihre Steuer-ID ist [id]"),
    ],
)
def test_the_word_beside_it_says_what_a_number_is(text: str, clean: str) -> None:
    assert redact(text) == clean
    number = text.removeprefix(clean.partition("[")[0])
    assert redact(f"It is {number}") == f"It is {number}"


@pytest.mark.parametrize(
    "text",
    ["Call 1234567 times", "DNI: 54362315L", "iPhone 13 1234567", "the SIN of 1986", "call 911"],
)
def test_a_word_alone_makes_no_number(text: str) -> None:
    assert redact(text) == text


def test_what_is_found_is_named_as_it_was_written() -> None:
    text = "„Ruf ０１７１\u00a0２３４５６７８“ – oder jane＠bank.com!"
    assert redact(text) == "„Ruf [phone]“ – oder [email]!"
    assert [one.text for one in find_personal_data(text)] == [
        "jane＠bank.com",
        "０１７１\u00a0２３４５６７８",
    ]


def test_the_code_on_its_back_does_not_hide_a_card() -> None:
    assert redact("4111 1111 1111 1111 123") == "[card] 123"


def test_an_address_is_one_before_a_remark_in_brackets() -> None:
    assert redact("jane@bank.com(work)") == "[email](work)"


@pytest.mark.parametrize("where", ["server", "from", "redis", "https://look.example/", "node"])
def test_an_address_of_a_machine_is_no_version(where: str) -> None:
    assert redact(f"{where} 8.8.8.8") == f"{where} [ip]"


@pytest.mark.parametrize(
    "before",
    ["ip=", "ip =", "server = ", "host: ", "src_ip==", "ip.addr == ", "<", "-> ", "client!=", "~"],
)
def test_a_sign_before_an_address_makes_no_version_of_it(before: str) -> None:
    assert redact(f"{before}8.8.8.8") == f"{before}[ip]"


@pytest.mark.attack
@pytest.mark.parametrize("text", ["client=91.198.174.192", "ip=46.29.1.118"])
def test_an_address_that_a_log_names_by_a_field_is_redacted(text: str) -> None:
    assert redact(f"refused {text} twice") == f"refused {text.partition('=')[0]}=[ip] twice"


@pytest.mark.parametrize(
    "before", ["pkg==", "pkg >= ", "torch=", "version=", "pandas<", "pkg[extra]!=", "pkg~="]
)
def test_numbers_that_a_package_is_asked_for_by_are_a_version(before: str) -> None:
    assert redact(f"{before}8.8.8.8") == f"{before}8.8.8.8"


@given(st.text() | st.text("0123456789+-./:@() ab[]\u00a0٣４", max_size=60))
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


@pytest.mark.parametrize(
    "piece",
    [
        *"a1",
        "a@",
        "a@b.",
        "a@b.c1.",
        "0 1",
        "+1(",
        "1.2.",
        "1:",
        "a at b dot ",
        "phone no ",
        "call 1",
        '"a',
        '"@',
        "612 34 ",
        "４ ",
        "numpy 1.2.3.",
    ],
)
def test_beginnings_without_an_end_are_read_in_one_go(piece: str) -> None:
    text = piece * 100_000  # quadratic time would be hours
    assert redact(text) == text


# --- found, where it is shown to others ---------------------------------------------------------

OURS = Contacts(
    phones=("1800 209 4324", "+49 (0)30 / 901820", "(020) 7946 0958"),
    emails=("care@my-bank.in",),
    domains=("bank.com",),
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("jane@some-bank.com", Kind.EMAIL),
        ("8.8.8.8", Kind.IP),
        ("2606:4700:4700::1111", Kind.IP),
        ("DE89 3704 0044 0532 0130 00", Kind.IBAN),
        ("4111-1111-1111-1111", Kind.CARD),
        ("+49 30 1234 5678", Kind.PHONE),
    ],
)
def test_what_is_found_is_named_by_its_kind(text: str, kind: Kind) -> None:
    assert find_personal_data(f"It is {text}, you see.") == [PersonalDataItem(kind, text)]


@given(st.text("0123456789+-./:@() ab[]", max_size=60))
def test_nothing_is_found_that_is_not_redacted(text: str) -> None:
    assert not find_personal_data(text) or redact(text) != text


@pytest.mark.parametrize(
    "text",
    ["1-800-273-8255", "(888) 555-2345", "(555) 123-4567", "212-555-0142", "your.name@gmail.com"],
)
def test_what_reaches_nobody_in_particular_is_redacted_and_not_found(text: str) -> None:
    assert redact(f"It is {text}, you see.") != f"It is {text}, you see."
    assert find_personal_data(f"It is {text}, you see.") == []


def test_every_one_is_found_and_not_the_first_alone() -> None:
    text = "a@some-bank.com or b@some-bank.com, 030 1234567"
    assert [one.text for one in find_personal_data(text)] == [
        "a@some-bank.com",
        "b@some-bank.com",
        "030 1234567",
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("jane@example.com", "jane@mail.example.org", "Jane@EXAMPLE.net"),
        *("jane@bank.example", "x@y.test", "x@y.invalid", "root@a.localhost"),
        *("127.0.0.1", "0.0.0.0", "192.168.0.17", "10.1.2.3", "172.16.0.1", "255.255.255.0"),
        *("192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::ff00:42:8329", "224.0.0.1"),
    ],
)
def test_what_reaches_nobody_in_particular_is_redacted_but_not_found(text: str) -> None:
    assert find_personal_data(text) == []
    assert redact(text) in ("[email]", "[ip]")


@pytest.mark.parametrize(
    "text", ["jane@example.com.evil.in", "jane@notexample.com", "jane@example.co", "jane@attest.de"]
)
def test_a_domain_that_only_looks_reserved_is_somebodys(text: str) -> None:
    assert find_personal_data(text) == [PersonalDataItem(Kind.EMAIL, text)]


@pytest.mark.parametrize(
    "text",
    [
        *("+91 1800 209 4324", "+91-1800-2094-324", "0091 18002094324"),
        *("+4930901820", "0049 30 901820", "030 901820", "(030) 90 18 20", "+49 (0)30 / 901820"),
        *("020 7946 0958", "+44 20 7946 0958"),
        *("care@my-bank.in", "Care@My-Bank.in", "x@bank.com", "x@mail.bank.com", "X@BANK.COM"),
    ],
)
def test_an_organisations_own_is_none_however_it_is_written(text: str) -> None:
    assert find_personal_data(text, NO_CONTACTS)
    assert find_personal_data(text, OURS) == []


@pytest.mark.parametrize(
    "text",
    [
        "+43 30 901820",  # another country's
        "030 901821",
        "+49 30 9018 2012",
        "jane@my-bank.in",
        "x@notbank.com",
        "x@bank.com.evil.in",
    ],
)
def test_what_only_looks_like_an_organisations_own_is_found(text: str) -> None:
    assert [one.text for one in find_personal_data(text, OURS)] == [text]


@pytest.mark.parametrize(
    ("contacts", "complaint"),
    [
        ({"phones": ["112"]}, "'112' is no phone number of at least 7 digits"),
        ({"emails": ["bank.com"]}, "'bank.com' is no e-mail address"),
        ({"domains": ["com"]}, "'com' is no domain such as bank.com"),
        ({"domains": ["@bank.com"]}, "is no domain"),
    ],
)
def test_contacts_that_would_excuse_everybody_are_refused(
    contacts: dict[str, list[str]], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Contacts.model_validate(contacts)
