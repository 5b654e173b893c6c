"""Which facts a text has, and what each comes to."""

import pytest

from evaluation.metrics.facts.find_facts import find_facts


def values(text: str) -> list[str]:
    return [fact.value for fact in find_facts(text)]


@pytest.mark.parametrize(
    "same",
    [
        ["1,200", "1200", "1 200", "twelve hundred", "one thousand two hundred", "१२००"],
        ["2.5%", "2.5 per cent", "two and a half percent", "2,5 %"],
        ["½", "one half", "1/2"],
        ["Rs. 500", "INR 500", "₹500", "500 rupees", "five hundred rupees", "Rs 500/-"],
        ["€5", "5 EUR", "five euros", "5 €"],
        ["it is -18 °C", "minus 18 °C", "\N{MINUS SIGN}18 °C", "(-18 °C)"],
        ["it is -$200", "minus $200", "$-200", "-200 dollars", "USD -200", "a loss of -US$200"],
        ["a rate of -0.5%", "rate: -0.5 per cent"],
        ["$1.5m", "1.5 million dollars", "USD 1,500,000", "1.5 million US dollars"],
        ["Rs 5 lakh", "₹5,00,000", "5 lakh rupees", "INR 500,000"],
        ["€1.200,50", "€1,200.50", "1200.50 euros", "1 200,50 €"],
        ["2 dollars and 50 cents", "$2.50"],
        ["3 March 2024", "2024-03-03", "March 3rd, 2024", "03/03/2024", "3rd of March 2024"],
        ["5 pm", "17:00", "5:00 p.m.", "5 PM"],
        ["14 days", "two weeks", "a period of a fortnight", "fourteen days"],
        ["12 months", "one year", "a one-year"],
        ["90 minutes", "an hour and a half", "1 hour 30 minutes", "1.5 hours"],
        ["3 working days", "three business days"],
        ["1.5 kg", "1500 grams"],
        ["1800 209 4455", "1800-209-4455", "18002094455"],
        ["it is monthly", "it is per month", "it is each month"],
        ["on Mondays", "on Mon.", "on Monday"],
    ],
    ids=lambda same: same[0],
)
def test_a_fact_has_one_value_however_it_is_written(same: list[str]) -> None:
    first = {reading for value in values(same[0]) for reading in value.split("|")}
    for text in same[1:]:
        found = {reading for value in values(text) for reading in value.split("|")}
        assert first & found, (text, values(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5-7 days", ["432000 s", "604800 s"]),
        ("$5 to 10", ["5 USD", "10 USD"]),
        ("gift cards of 25, 50 or 100 dollars", ["25 USD", "50 USD", "100 USD"]),
        ("$300,000–$500,000", ["300000 USD", "500000 USD"]),
        ("from 9 to 11 am", ["T09:00", "T11:00"]),
    ],
)
def test_a_range_shares_its_unit(text: str, found: list[str]) -> None:
    assert values(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from 5 to -5 °C", ["5 °c", "-5 °c"]),
        ("5 -10 items", ["5", "10"]),
        ("20 °C -25 °C", ["20 °c", "25 °c"]),
        ("5% -10%", ["5 %", "10 %"]),
        ("$10 -$20 or €10-€20", ["10 USD", "20 USD", "10 EUR", "20 EUR"]),
        ("a fee - 5 euros - is due", ["5 EUR"]),
        ("a fee—5 euros—is due", ["5 EUR"]),
    ],
)
def test_a_dash_between_two_numbers_or_before_a_blank_is_no_minus(
    text: str, found: list[str]
) -> None:
    assert values(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from 6 to 19 November", ["--11-06", "--11-19"]),
        ("the 6th and the 19th of November 2021", ["2021-11-06", "2021-11-19"]),
        ("on 6, 8 and 19 November", ["--11-06", "--11-08", "--11-19"]),
        ("6–19 Nov 2021", ["2021-11-06", "2021-11-19"]),
        ("November 6-19, 2021", ["2021-11-06", "2021-11-19"]),
        ("November 6 to 19", ["--11-06", "--11-19"]),
    ],
)
def test_days_of_one_month_share_it(text: str, found: list[str]) -> None:
    assert values(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from 29 to 2 November", ["29", "--11-02"]),
        ("at desk 6, 19 November", ["6", "--11-19"]),
        ("from November 6 to 19 December", ["--11-06", "--12-19"]),
        ("on November 6 to 9 pm", ["--11-06", "T21:00"]),
        ("$6 to 19 November", ["6 USD", "--11-19"]),
    ],
)
def test_a_number_near_a_date_is_no_day_of_its_month(text: str, found: list[str]) -> None:
    assert values(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("换一张卡要99元，5天内到。", ["99", "5"]),
        ("手数料は9%です", ["9 %"]),
        ("于2024年12月31日，到2024-03-05为止", ["2024", "12", "31", "2024-03-05"]),
        ("ราคา๙๙บาท", ["99"]),
        ("총99유로, 수수료€5입니다", ["99", "5 EUR"]),
    ],
)
def test_a_number_next_to_letters_of_a_script_without_blanks_is_seen(
    text: str, found: list[str]
) -> None:
    assert values(text) == found


def test_an_ambiguous_date_has_both_readings() -> None:
    (fact,) = find_facts("03/04/2024")
    assert fact.readings == ("2024-04-03", "2024-03-04")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("You may ask the Reserve Bank of India (RBI).", ["reserve bank of india", "rbi"]),
        ("Please write to Mr. Smith and to Mary Jones.", ["smith", "mary jone"]),
        ("Use NEFT or upload your KYC form.", ["neft", "kyc"]),
        ("Call `os.path.join` with MAX_RETRIES.", ["os path join", "max retrie"]),
        ("It is St. Mary's Hospital.", ["st mary hospital"]),
        ("Bring form W-8BEN to Lot C.", ["w 8ben", "lot c"]),
    ],
)
def test_names_are_found_by_their_capitals(text: str, found: list[str]) -> None:
    assert values(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "Please visit your nearest branch. You can also call us.",
        "One has to wait. You may ask, and we march on.",
        "PLEASE VISIT YOUR BRANCH",
        "I'm sorry. It's free.",
        "",
        "…",
    ],
)
def test_a_text_without_facts_has_none(text: str) -> None:
    assert values(text) == []


def test_a_fact_stands_where_it_says() -> None:
    text = "Am 3. März zahlt ₹५०० bis 17:00 – oder £2.5k."
    for fact in find_facts(text):
        assert text[fact.start : fact.end] == fact.text
    assert {"500 INR", "T17:00", "2500 GBP"} <= set(values(text))


@pytest.mark.parametrize(
    "text",
    [
        "1" * 50_000,
        "1," * 25_000,
        "5-" * 10_000,
        "a" * 50_000,
        "aB" * 25_000,
        "`" * 50_000,
        "half a " * 7_000,
        "Bank of " * 6_000,
        "\0" * 50_000,
        "$" * 50_000,
        "a.b@" * 12_000,
        "1, 2 to " * 6_000,
    ],
    ids=lambda text: text[:8],
)
def test_a_hostile_text_is_read_to_its_end(text: str) -> None:
    find_facts(text)
