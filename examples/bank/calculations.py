"""What a customer's case comes to: the numbers that an answer computes from the facts.

A case gives a few sets of further facts for one product: what the customer says, and the result.
Results are rounded to hundredths of a crown, half up.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from examples.bank.facts import Facts

DAYS, MONTHS = 365, 12
HUNDREDTH = Decimal("0.01")
VARIANTS = 4  # of a case, for one product

Case = Callable[[Facts, Random], Iterator[Facts]]


def number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def money(amount: Decimal | int) -> str:
    """As in 1,234.50; without pennies where there are none."""
    rounded = Decimal(amount).quantize(HUNDREDTH, ROUND_HALF_UP)
    return f"{rounded:,.0f}" if rounded == rounded.to_integral() else f"{rounded:,}"


def drawn(random: Random, low: Decimal, high: Decimal, steps: int = 40) -> list[Decimal]:
    """A few different amounts, as round as a customer would name them."""
    unit = next(u for u in (1000, 500, 100, 50, 10, 5, 1) if (high - low) / steps >= u or u == 1)
    first = int(low / unit) + 1
    choices = range(first, max(int(high / unit), first + VARIANTS + 1))
    return [Decimal(n * unit) for n in random.sample(choices, min(VARIANTS, len(choices)))]


def twelve_fees(facts: Facts, random: Random) -> Iterator[Facts]:
    yield {"yearly": money(12 * number(facts["fee"]))}


def twelve_premiums(facts: Facts, random: Random) -> Iterator[Facts]:
    yield {"yearly": money(12 * number(facts["premium"]))}


def overdraft_interest(facts: Facts, random: Random) -> Iterator[Facts]:
    buffer, rate = number(facts["buffer"]), number(facts["over_rate"])
    for debt in drawn(random, buffer, number(facts["over_limit"])):
        days = random.randrange(5, 60)
        interest = (debt - buffer) * rate / 100 * days / DAYS
        yield {
            "debt": money(debt),
            "days": str(days),
            "charged": money(debt - buffer),
            "interest": money(interest),
        }


def other_machines(facts: Facts, random: Random) -> Iterator[Facts]:
    free, fee = int(facts["atm_free"]), number(facts["atm_fee"])
    for paid in random.sample(range(2, 15), VARIANTS):
        yield {"uses": str(free + paid), "paid": str(paid), "cost": money(paid * fee)}


def currency_fee(facts: Facts, random: Random) -> Iterator[Facts]:
    for spent in drawn(random, Decimal(20), number(facts["app_limit"])):
        yield {"spent": money(spent), "surcharge": money(spent * number(facts["fx"]) / 100)}


def savings_interest(facts: Facts, random: Random) -> Iterator[Facts]:
    least = 12 * int(facts["years"].split()[0]) if "years" in facts else 2
    for amount in drawn(random, number(facts["minimum"]), number(facts["maximum"])):
        months = random.randrange(2, 12) if "years" not in facts else least
        earned = amount * number(facts["rate"]) / 100 * months / MONTHS
        yield {"amount": money(amount), "months": str(months), "earned": money(earned)}


def lost_interest(facts: Facts, random: Random) -> Iterator[Facts]:
    for amount in drawn(random, number(facts["minimum"]), number(facts["maximum"])):
        lost = amount * number(facts["rate"]) / 100 * int(facts["penalty"]) / DAYS
        yield {"amount": money(amount), "lost": money(lost)}


def card_interest(facts: Facts, random: Random) -> Iterator[Facts]:
    for debt in drawn(random, Decimal(40), number(facts["high"])):
        yield {
            "debt": money(debt),
            "interest": money(debt * number(facts["apr"]) / 100 * 30 / DAYS),
        }


def minimum_payment(facts: Facts, random: Random) -> Iterator[Facts]:
    for debt in drawn(random, number(facts["min_pay"]) * 2, number(facts["high"])):
        share = debt * number(facts["min_share"]) / 100
        yield {"debt": money(debt), "least": money(max(share, number(facts["min_pay"])))}


def cashback(facts: Facts, random: Random) -> Iterator[Facts]:
    for spent in drawn(random, Decimal(100), number(facts["waiver"])):
        yield {"spent": money(spent), "reward": money(spent * number(facts["back"]) / 100)}


def instalment(facts: Facts, random: Random) -> Iterator[Facts]:
    """The annuity: P·r / (1 − (1 + r)^−n) for a sum P, a monthly rate r and n months."""
    monthly_rate = number(facts["rate"]) / 100 / MONTHS
    terms = [m for m in range(int(facts["short"]), int(facts["long"]) + 1) if m % 6 == 0]
    for amount in drawn(random, number(facts["low"]), number(facts["high"])):
        months = random.choice(terms)
        monthly = money(amount * monthly_rate / (1 - (1 + monthly_rate) ** -months))
        yield {
            "sum": money(amount),
            "months": str(months),
            "monthly": monthly,
            "total": money(months * number(monthly)),
        }


def arrangement(facts: Facts, random: Random) -> Iterator[Facts]:
    for amount in drawn(random, number(facts["low"]), number(facts["high"])):
        fee = amount * number(facts["arrange"]) / 100
        yield {"sum": money(amount), "fee": money(fee), "payout": money(amount - fee)}


def after_excess(facts: Facts, random: Random) -> Iterator[Facts]:
    if facts["unit"] != "item":
        return  # it pays instalments, and not for damage
    excess, item = number(facts["excess"]), number(facts["item"])
    for damage in drawn(random, excess, item):
        yield {"damage": money(damage), "paid": money(damage - excess)}


def platform_fee(facts: Facts, random: Random) -> Iterator[Facts]:
    for value in drawn(random, number(facts["minimum"]), Decimal(40_000)):
        yield {"value": money(value), "charge": money(value * number(facts["platform"]) / 100)}


def orders(facts: Facts, random: Random) -> Iterator[Facts]:
    for count in random.sample(range(3, 30), VARIANTS):
        yield {"orders": str(count), "dealing": money(count * number(facts["deal"]))}


ALL: Sequence[Case] = (
    twelve_fees,
    twelve_premiums,
    overdraft_interest,
    other_machines,
    currency_fee,
    savings_interest,
    lost_interest,
    card_interest,
    minimum_payment,
    cashback,
    instalment,
    arrangement,
    after_excess,
    platform_fee,
    orders,
)
CASES: dict[str, Case] = {case.__name__: case for case in ALL}
