"""Numbers of accounts, contacts, names and secrets are found; what looks like them is not."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.faults.every_fault import FAULTS, faults_for
from curation.faults.person_name import names, person_name
from curation.faults.private_data import account_data, contact_data, secret
from curation.mending import redacted, redacted_text
from project.personal_data import Contacts
from project.records.data import Document, Row
from project.records.preferences import PreferencePair, RatedAnswer

HOSTILE = [
    *("a", "1 ", "Aa ", "Aa-", "Mr. A", "my name is ", "regards,\n", "from: Aa ", "eyJ", "eyJa."),
    *("://a:", "password is ", "password for a ", "api key=", "sk-", "xoxb-1-", "token: ", "u: a/"),
    *("-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "f*", "a.b.", "you ", "```", "{", '["a",'),
]


def row(answer: str) -> Row:
    return Row.of("What is said?", answer, group="g", source="s")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Pay with 4532 0151 1283 0366.", "card number"),
        ("To ES91 2100 0418 4502 0005 1332.", "IBAN"),
        ("CPF 529.982.247-25", "national id"),
        ("4532 0151 1283 0367", None),
        ("Write to ana@some-bank.com.", None),
        ("Order 4000123412341235 is late.", None),
    ],
)
def test_a_number_of_an_account_is_certain_by_its_check_digits(text: str, kind: str | None) -> None:
    assert account_data(row(text)) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write to ana@some-bank.com.", "e-mail address"),
        ("Call +44 20 7946 0958.", "phone number"),
        ("From 84.17.52.203.", "IP address"),
        ("Pay with 4532 0151 1283 0366.", None),
        ("Write to ana@example.com, or to 127.0.0.1.", None),
        ("It was 1,234,567 in 2019-2021.", None),
    ],
)
def test_a_contact_is_told_by_its_kind(text: str, kind: str | None) -> None:
    assert contact_data(row(text)) == kind


def test_an_organisations_own_contacts_are_none() -> None:
    ours = Contacts(phones=("+44 20 7946 0958",), domains=("bank.com",))
    told = row("Call 020 7946 0958, or write to care@bank.com.")
    assert FAULTS["contact_data"](told) == "e-mail address"
    assert faults_for(ours)["contact_data"](told) is None
    assert contact_data(row("Write to ana@some-bank.com."), ours) == "e-mail address"


@pytest.mark.parametrize(
    "text",
    [
        "My name is Rajesh Venkataraman and my kernel dies.",
        "Ask Margaret Hollister from the second floor.",
        "Dear Mr. Thompson,",
        "Hi Stephen,\nthank you.",
        "It works.\n\nBest regards,\nTomasz Nowak",
        "Mrs. Eleonora Bianchi was admitted.",
        "Herr Müller hat angerufen.",
        "La Sra. Carmen López llamó.",
        "Mme Dupont a téléphoné.",
        "Mein Name ist Katharina Vogel.",
        "Je m'appelle Luc Moreau.",
        "Mit freundlichen Grüßen\nKlaus Richter",
        "Меня зовут Иван",
        "我叫王小明",
        "I am Julia Fernandez, account holder since May.",
        "This is Peter Osei calling about my card.",
        "The account holder is Fatima Zahra.",
        "Please call my husband Thomas Berg.",
        "I spoke with Karen Whitfield at the branch.",
        "Sophie Turner's account is locked.",
        "Customer: John Okafor",
        'full_name: "Grace Hopperson"',
        "Emma Jansson, 34 years old, called.",
    ],
)
def test_what_stands_beside_a_name_gives_a_person_away(text: str) -> None:
    assert person_name(row(text)) == "name of a person"


@pytest.mark.parametrize(
    "text",
    [
        "Albert Einstein wrote it in 1905.",
        "Barack Obama was born in Hawaii.",
        "Dear Sir or Madam,",
        "Dear Customer,\nthank you.",
        "My name is not shown.",
        "Hello World!",
        "I'm German, and I am Very Happy.",
        "Ask Google, or contact Customer Support.",
        "Miss Universe was chosen in 2019.",
        "Kind regards,\nThe Team",
        "Name: Savings Account",
        "Hi there,\nwelcome.",
        "The 3. **Customer Relationship Management** system is new.",
    ],
)
def test_a_name_that_nothing_gives_away_is_nobodys(text: str) -> None:
    assert person_name(row(text)) is None


def test_of_a_name_the_whole_is_found_and_no_more() -> None:
    text = "Dear Mrs. Anna-Maria van der Berg,\nthank you."
    assert {text[start:end] for start, end in names(text)} >= {"Anna-Maria van der Berg"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("My password is hunter2.", "password"),
        ("password: Sunflower!1987", "password"),
        ("DB_PASSWORD=9fj3kd02", "password"),
        ("Passwort: Sommer2024!", "password"),
        ("I changed my password to BlueSky77, and now?", "password"),
        ("The admin password is 'sunshine' for now.", "password"),
        ("The wifi password is correct-horse-battery.", "password"),
        ("credentials: admin/Passw0rd1", "password"),
        ("curl -u admin:S3cr3tX host", "password"),
        ("My PIN is 4821.", "code"),
        ("postgresql://app:Xk29sla@db.uni.edu/marks", "password in an address"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIB\n", "private key"),
        ("AKIAQ3EGRUCP2LMVX7KD", "key or token"),
        ("ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8", "key or token"),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "key or token"),
        ("aws_secret_access_key = 7kXr9PqLm2Vn8sTzYb4WcD6fGhJ1aEoUi5Q3RtNx", "key or token"),
        ("api_key = 'd8f7a6s5d4f3a2s1d0f9'", "key or token"),
        ("Authorization: Bearer abc123def456ghi789jkl0", "key or token"),
    ],
)
def test_a_secret_is_found(text: str, kind: str) -> None:
    assert secret(row(text)) == kind


@pytest.mark.parametrize(
    "text",
    [
        "Choose a password with at least 8 characters.",
        "password: required, 8-64 characters",
        "Enter your password: <your-password>",
        "password=os.environ['PW2']",
        "password: ********",
        "The password is case-sensitive.",
        "I forgot my password yesterday at 10pm.",
        "Your PIN code 560001 is that of Bengaluru.",
        "The PIN is 4 digits.",
        "AKIAIOSFODNN7EXAMPLE",
        "api_key = 'your-api-key-here-1234'",
        "access token: see https://docs.example.com/api1234",
        "The commit is d41d8cd98f00b204e9800998ecf8427e.",
        "def login(username, password1, password2): ...",
        "pass the 2nd parameter",
        "git clone git@github.com:a/b",
    ],
)
def test_what_speaks_of_secrets_or_stands_in_for_one_is_none(text: str) -> None:
    assert secret(row(text)) is None


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_texts_are_read_in_one_go(piece: str) -> None:
    text = row(piece * (100_000 // len(piece)))  # quadratic time would be hours
    for name in ("account_data", "contact_data", "person_name", "secret", "toxicity"):
        FAULTS[name](text)
    for name in ("broken_json", "open_fence", "not_in_source"):
        FAULTS[name](text.model_copy(update={"context": piece * 1000}))


@given(st.text(max_size=80))
def test_no_fault_repeats_the_text_or_breaks_on_it(text: str) -> None:
    for find in FAULTS.values():
        told = find(Row.of("?", text, group="g", source="s"))
        assert told is None or len(told) < 80


# --- test redaction -------------------------------------------------------------------------------

# Labels take the place of personal data and secrets in all that is imported.

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
