"""Files as a bank's people have them, with the faults that such files have."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

HEADER = ("Question", "Answer", "Class")
CLASSES = ("loans", "cards", "accounts", "insurance", "investments")
TEXT = """
abroad access account address advance agreement annual app approval arrears asset balance basis
beneficiary benefit bill bonus borrower branch budget business buyer cancel capital card cash
certificate change charge cheque claim clause client closing code collateral commission company
contract cost counter country coupon cover credit currency customer damage date deadline debit
deed default delay delivery department deposit discount document draft duty earnings employer
endorsement equity estate exchange expense expiry export extension failure fee file fine fixed
form fraud fund gift gold grace grant guarantor holder holiday house identity import income
increase index inheritance instalment interest invoice issue joint journey landlord lease letter
liability licence limit list loss maturity merchant minor mobile mortgage network nominee notice
number offer online order owner parent partner password payee payment penalty pension period
permit plan policy portal premium price principal profit proof property proposal purchase
quarter quote rate receipt record reference refund registration reminder renewal rent repayment
report request residence retail return risk salary sale saving scheme seal security seller
service settlement share signature spouse stamp statement stock student subsidy summary
surrender tariff tax teller tenant tenure term theft token transfer travel trust valuation
vehicle vendor visa voucher wage waiver wallet warrant withdrawal
"""
WORDS = TEXT.split()
HELPLINE = "+91 1800 209 4324"  # the bank's own, in many answers
CLOSING = "For more, visit your nearest branch."
CONFLICTS = 40


class Bank:
    """Questions with answers that follow from them; all by one seed."""

    def __init__(self, seed: int = 0) -> None:
        self.random = Random(seed)

    def pair(self) -> tuple[str, str]:
        a, b, c, d = self.random.sample(WORDS, 4)
        question = f"How does the {a} {b} affect my {c} {d}?"
        answer = f"The {a} {b} is set beside the {c}; bring the {d} and a {a} form."
        return question, answer

    def pairs(self, count: int) -> Iterator[tuple[str, str]]:
        return (self.pair() for _ in range(count))

    def records(self, distinct: int, repeats: int) -> list[tuple[str, str, str]]:
        """Rows with every fault: repeats, conflicts, blanks, placeholders, closing lines,
        helplines, personal data, a very long row, quotes, line ends, accents, and no class.
        """
        clean = [(q, a, self.random.choice(CLASSES)) for q, a in self.pairs(distinct)]
        found = [(q, f"{a} {CLOSING}" if i % 3 == 0 else a, c) for i, (q, a, c) in enumerate(clean)]
        found += self.random.choices(found, k=repeats)
        found += [(q, self.pair()[1], c) for q, _, c in clean[: min(CONFLICTS, distinct // 10)]]
        found += [(q, f"{a} Or call {HELPLINE}.", c) for q, a, c in clean[-12:]]
        found += self.odd()
        self.random.shuffle(found)
        return found

    def odd(self) -> list[tuple[str, str, str]]:
        (q1, a1), (q2, a2), (q3, a3), (q4, a4), (q5, a5), (q6, a6), (q7, _), (q8, _) = self.pairs(8)
        long = [answer for _, answer in self.pairs(59)]
        return [
            (q1, " ".join([a1, *long]), "loans"),  # far longer than the others
            (q2, f'{a2} Say "I agree",\r\nthen sign.', "cards"),
            (f"  {q3}  ", f"{a3} The café’s fee is £5 – naïve, isn’t it?", ""),
            (q4, f"{a4} Write to anna.lind@mailbox-of-hers.com first.", "cards"),
            (q5, f"{a5} View more", "accounts"),
            (q6, "", "loans"),
            (q7, "NULL", "loans"),
            (q8, "N/A", "cards"),
            ("", a6, "cards"),
        ]


def as_csv(rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([HEADER, *rows])
    return text.getvalue()


def write_csv(path: Path, distinct: int, repeats: int = 30) -> int:
    """A CSV in windows-1252; returns its number of records."""
    rows = Bank().records(distinct, repeats)
    path.write_bytes(as_csv(rows).encode("windows-1252"))
    return len(rows)


def write_chats(folder: Path, distinct: int) -> int:
    """Conversations in two files: some end with the user, some begin with a greeting."""
    folder.mkdir()
    bank = Bank(seed=1)
    lines = [json.dumps({"messages": conversation(bank, i)}) for i in range(distinct)]
    for name, own in (("a.jsonl", lines[::2]), ("b.jsonl", lines[1::2])):
        (folder / name).write_text("\n".join(own) + "\n")
    return len(lines)


def conversation(bank: Bank, number: int) -> list[dict[str, str]]:
    turns = [("assistant", "Welcome!")] if number % 5 == 0 else []
    for question, answer in bank.pairs(1 + number % 2):
        turns += [("user", question), ("assistant", answer)]
    if number % 7 == 0:
        turns.append(("user", "Thank you!"))
    return [{"role": role, "content": content} for role, content in turns]


def write_pairs(path: Path, distinct: int) -> int:
    """Better and worse answers as Parquet, with columns that nobody needs."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pairs = list(Bank(seed=2).pairs(distinct))
    pq.write_table(
        pa.table(
            {
                "id": list(range(distinct)),
                "prompt": [question for question, _ in pairs],
                "chosen": [answer for _, answer in pairs],
                "rejected": ["I cannot say: ask somebody else."] * distinct,
                "author": ["desk@bank-of-ours.com"] * distinct,
                "score": [0.5] * distinct,
            }
        ),
        path,
    )
    return distinct
