"""What many answers name is the organisation's own; what one names is a person's."""

from incumbent.init.findings import own_contacts
from project.personal_data import Contacts
from project.records.data import Row


def contacts(*answers: str, groups: str = "abcdefgh") -> Contacts:
    pairs = zip(answers, groups, strict=False)
    return own_contacts([Row.of(f"{a}?", a, group=group, source="s") for a, group in pairs])


def test_a_helpline_is_one_however_it_is_written() -> None:
    found = contacts("Call +49 30 901820.", "Call +49 (0)30 901820 now.", "Or +49-30-901820.")
    assert found.phones == ("+49 30 901820",)


def test_a_persons_number_stands_in_one_place() -> None:
    assert contacts("Ask Jana, +49 171 5551234.", "Ask Bo, +49 171 5554321.", "Ask.").phones == ()


def test_what_one_conversation_says_again_and_again_is_not_everybodys() -> None:
    again = [f"Your number is +49 171 5551234, {name}." for name in "abc"]
    assert contacts(*again).phones
    assert not contacts(*again, groups="aaa").phones


def test_of_addresses_the_domain_is_known_again() -> None:
    found = contacts("Write to help@acme.io.", "Or cards@acme.io.", "Or loans@ACME.io.")
    assert found.domains == ("acme.io",)


def test_where_everybody_has_an_address_is_nobodys_own() -> None:
    assert contacts("a.b@gmail.com", "c.d@gmail.com", "e.f@gmail.com").domains == ()
