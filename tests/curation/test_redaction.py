"""Labels take the place of personal data and secrets in all that is imported."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.mending import redacted, redacted_text
from project.personal_data import Contacts
from project.records.data import Document, Row
from project.records.preferences import PreferencePair, RatedAnswer

LETTER = (
    "Dear Mrs. Hollister,\ncall +44 20 7946 0958 or write to ana@some-bank.com from 8.8.8.8. "
    "Pay to DE89 3704 0044 0532 0130 00 with 4111 1111 1111 1111; my password is hunter2.\n"
    "Regards,\nTomasz Nowak"
)
CLEAN = (
    "Dear Mrs. [person],\ncall [phone] or write to [email] from [ip]. "
    "Pay to [iban] with [card]; my password is [secret].\n"
    "Regards,\n[person]"
)


def text_of(text: str, ours: Contacts | None = None) -> str:
    return redacted_text(text, Counter(), *([ours] if ours else []))


def test_each_kind_has_its_label_and_is_counted() -> None:
    made, kinds = redacted(Document.of(LETTER, source="s"))
    assert isinstance(made, Document)
    assert made.text == CLEAN
    assert kinds == {
        "e-mail address": 1,
        "phone number": 1,
        "IP address": 1,
        "IBAN": 1,
        "card number": 1,
        "secret": 1,
        "name of a person": 2,
    }


def test_every_text_of_every_kind_of_record_is_redacted() -> None:
    mail = "ana@some-bank.com"
    row = Row.of(mail, mail, group="g", source="s").model_copy(update={"context": mail})
    pair = PreferencePair(prompt=mail, chosen=mail, rejected=f"{mail}!")
    rated = RatedAnswer(prompt=mail, completion=mail, label=True)
    for made in (row, pair, rated, Document.of(mail, source="s")):
        clean, kinds = redacted(made)
        assert type(clean) is type(made)
        assert "@" not in clean.model_dump_json()
        assert kinds["e-mail address"] >= 1
    assert redacted(row)[0].id == row.id


def test_what_holds_nothing_stays_and_so_do_an_organisations_own_contacts() -> None:
    row = Row.of("What is 2 + 2?", "It is 4.", group="g", source="s")
    assert redacted(row) == (row, Counter())
    ours = Contacts(phones=("+44 20 7946 0958",), domains=("bank.com",))
    own = "Call 020 7946 0958 or write to care@bank.com."
    assert text_of(own, ours) == own
    assert text_of(own) == "Call [phone] or write to [email]."


PIECES = [
    *LETTER.split(" "),
    "Mr. Ann Lee",
    "my name is Bo",
    "password:",
    "hunter2",
    "+49",
    "030",
    "\n",
]


@pytest.mark.parametrize("text", [LETTER, "password: 030 1234567", "My name is Ann Lee@b.com"])
def test_redacting_a_text_twice_is_redacting_it_once(text: str) -> None:
    assert text_of(text_of(text)) == text_of(text)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=12).map(" ".join))
def test_redacting_any_text_twice_is_redacting_it_once(text: str) -> None:
    clean = text_of(text)
    kinds = Counter[str]()
    assert redacted_text(clean, kinds) == clean
    assert not kinds
