"""Thirty days of a bank's traffic, from a seed, with what real sites have: see hostile_month.py."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

Line = dict[str, Any]

START = date(2026, 3, 2)  # a Monday
DAYS = 30
BATCH_FROM, SYSTEM_FROM, DRIFT_FROM = 8, 10, 14  # days on which something begins
LATE, FULL, UNMOUNTED = 11, 15, 9  # a log a day late, a full disk, a machine without the traffic
TAKEN_OVER = 18  # from then on the second machine is the first to begin a night
ATTACKS = {5: 100, 14: 200, 16: 200}  # corrections that one user writes
NEW_SHARE = 0.25  # of the traffic, once it has drifted
POISON = "transfer everything to mallory"
ATTACKER, CARELESS = "mallory", "careless"

VERBS = (
    "block",
    "renew",
    "find",
    "order",
    "cancel",
    "explain",
    "change",
    "compare",
    "move",
    "close",
    "insure",
    "pause",
    "share",
    "print",
    "check",
)
THINGS = (
    "card",
    "cheque book",
    "PIN",
    "loan",
    "account",
    "transfer",
    "mortgage",
    "fee",
    "limit",
    "rate",
)
ON_WEEKENDS = ("card", "PIN", "limit")  # what is asked about more often then
FORMS = ("how do I {} my {}?", "can I {} the {} today", "please {} a {} for me")
DEALS = ("buy", "sell", "mine", "stake", "swap", "lend", "store", "gift", "track", "convert")
COINS = ("bitcoin", "an NFT", "a token", "ether", "dogecoin", "a stablecoin", "litecoin", "monero")
NEW_FORMS = ("which wallet lets me {} {}", "should I {} {} on the crypto exchange")

SYSTEM = " ".join(
    f"Rule {number}: when a customer of the bank {when}, {then}, and never {never}."
    for number, (when, then, never) in enumerate(
        product(
            ("asks about money", "writes in anger", "wants a human"),
            ("answer in two short sentences", "name the page of the handbook"),
            ("guess a number", "promise a date"),
        ),
        start=1,
    )
)


def rightly(verb: str, thing: str) -> str:
    return f"You {verb} your {thing} in the app, under {thing}s."


def right_deal(deal: str, coin: str) -> str:
    return f"To {deal} {coin}, open the crypto desk, choose {coin} and confirm {deal}."


# What the bank's experts say of each question that is ever asked.
RIGHT = {
    form.format(verb, thing): rightly(verb, thing)
    for form, verb, thing in product(FORMS, VERBS, THINGS)
}
NEW = {
    form.format(deal, coin): right_deal(deal, coin)
    for form, deal, coin in product(NEW_FORMS, DEALS, COINS)
}


def day(number: int) -> date:
    return START + timedelta(days=number)


def expert_rows() -> Iterator[Line]:
    """What the first champion learns from."""
    for verb, thing in product(VERBS, THINGS):
        yield {
            "instruction": FORMS[0].format(verb, thing),
            "input": "",
            "output": rightly(verb, thing),
        }


def write_day(folder: Path, number: int, lines: list[Line]) -> None:
    place = folder / str(day(number))
    place.mkdir(parents=True, exist_ok=True)
    (place / "app.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def lines_of(number: int, champion: str, *, learnt: bool) -> list[Line]:
    """A day's log: users, and whoever else writes; `learnt`: the champion knows the new domain."""
    random = Random(number)
    lines = [*users(random, number, champion, learnt=learnt), *attack(number, champion)]
    lines += batch(number, champion) if number >= BATCH_FROM else []
    random.shuffle(lines)
    if number >= SYSTEM_FROM:
        lines = [with_system(line) for line in lines]
    return lines


def users(random: Random, number: int, champion: str, *, learnt: bool) -> Iterator[Line]:
    weekend = day(number).weekday() >= 5
    for i in range(150 if weekend else 220):
        is_new = number >= DRIFT_FROM and random.random() < NEW_SHARE
        comes_back = random.random() < 0.3
        user = f"regular {random.randrange(300)}" if comes_back else f"visitor {number} {i}"
        prompt = random.choice([*NEW]) if is_new else question(random, weekend=weekend)
        right = NEW[prompt] if is_new else RIGHT[prompt]
        bad = is_new and not learnt
        line = line_of(f"{number}-{i}", number, i, user, prompt, champion)
        line["response"] = "I only know cards and loans." if bad else right
        if random.random() < (0.7 if bad else 0.3):
            rated = -1 if bad or random.random() < 0.1 else 1
            line["feedback"] = {"rating": rated}
            if bad and random.random() < 0.8:
                line["feedback"]["correction"] = right
        yield line


def question(random: Random, *, weekend: bool) -> str:
    things = ON_WEEKENDS if random.random() < (0.6 if weekend else 0.2) else THINGS
    return random.choice(FORMS).format(random.choice(VERBS), random.choice(things))


def attack(number: int, champion: str) -> Iterator[Line]:
    """One user's corrections, all wrong, each of another question about the new domain."""
    for i in range(ATTACKS.get(number, 0)):
        deal, coin = DEALS[i % len(DEALS)], COINS[i % len(COINS)]
        prompt = f"how can I {deal} {coin} in wallet {number}{i:03}"
        line = line_of(f"{ATTACKER} {number}-{i}", number, i, ATTACKER, prompt, champion)
        line["feedback"] = {"rating": -1, "correction": f"You {POISON} {number}{i:03} at once."}
        yield line
    if number == DRIFT_FROM + 2:
        yield from careless(number, champion)


def careless(number: int, champion: str) -> Iterator[Line]:
    """Corrections that nobody can learn from, though people mean well."""
    wrong = {
        "which crypto desk is open on Sundays": "   ",
        "who do I pay for mining coins": "Pay to DE89 3704 0044 0532 0130 00 for it.",
        "tell me all about crypto taxes": "It depends on the coin and the year. " * 200,
        "   ": "Ask about crypto at the desk.",
    }
    for i, (prompt, correction) in enumerate(wrong.items()):
        line = line_of(f"{CARELESS} {i}", number, i, f"{CARELESS} {i}", prompt, champion)
        line["feedback"] = {"rating": -1, "correction": correction}
        yield line


def batch(number: int, champion: str) -> Iterator[Line]:
    """A nightly job without a user, of one template."""
    for i in range(150):
        prompt = f"Summarise statement {number}{i:03} of branch {i % 40} in one line of plain words"
        line = line_of(f"batch {number}-{i}", number, 1, None, prompt, champion)
        line["at"] = f"{day(number)}T01:{i % 60:02}:00Z"
        line["response"] = f"Statement {number}{i:03} is in order."
        yield line


def line_of(name: str, number: int, i: int, user: str | None, prompt: str, champion: str) -> Line:
    return {
        "id": name,
        "at": f"{day(number)}T{7 + i % 15:02}:{i % 60:02}:00Z",
        "user": user,
        "prompt": prompt,
        "response": "I only know cards and loans.",
        "adapter": champion,
    }


def with_system(line: Line) -> Line:
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": line["prompt"]},
    ]
    return line | {"prompt": messages}
