"""What is found in the rows of a new project: its own contacts, and what they are to teach."""

from pathlib import Path

import pytest

from curation.checks.contract import Contract
from incumbent.init.findings import own_contacts
from incumbent.init.limits import CONTRACT, proposed_task, write_task
from project.personal_data import Contacts
from project.records.data import Row
from project.settings import read_settings
from tests.conftest import ROOT

# --- own contacts ---------------------------------------------------------------------------------


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


# --- task proposal --------------------------------------------------------------------------------


BANK = [
    "How do I open a savings account at the bank?",
    "What does the loan cost me?",
    "Can I pay the loan back earlier than agreed?",
    "Which card has no fee?",
    "Where do I see the fee of my card?",
    "Why was my account closed?",
]
GERMAN = ["Wie hoch ist die Gebühr für das Konto?", "Wo sehe ich die Gebühr für meine Karte?"]


def rows(*prompts: str) -> list[Row]:
    return [Row.of(one, "It depends.", group=one, source="t") for one in prompts]


@pytest.mark.parametrize(
    ("prompts", "task"),
    [
        (BANK, "answers to questions about account, loan and card"),
        ([f"Summarize the {one} contract" for one in "ab"] * 5, None),  # all is template
        (
            GERMAN * 3 + ["Was kostet es, wenn man nicht zahlt und es dann doch will?"] * 6,
            "gebühr, kostet",
        ),
    ],
)
def test_a_task_is_proposed_by_the_words_that_many_rows_share(
    prompts: list[str], task: str | None
) -> None:
    found = proposed_task(rows(*prompts))
    assert found == task


def test_what_is_told_stands_in_the_contract() -> None:
    CONTRACT.parent.mkdir(parents=True)
    CONTRACT.write_text((ROOT / CONTRACT).read_text())
    write_task("answers: to customers' questions")
    assert read_settings(Contract, Path(CONTRACT)).task == "answers: to customers' questions"
