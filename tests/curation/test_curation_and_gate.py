"""Whatever a gate would refuse of what curation dealt, curation mends, moves or leaves out."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import cycle, product
from pathlib import Path
from pydoc_data.topics import topics
from random import Random

import pytest
import regex
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from curation.account import account_of
from curation.checks.contract import Contract, check
from curation.checks.contract_tables import tables_of
from curation.checks.relevance import CheckReferences, suite_prompts
from curation.curate import Curated
from curation.kinship import asking_alike
from curation.sifting import clean, faulty, with_personal_data
from curation.sources.python_api import read_package
from curation.sources.row_formats import read_row
from curation.text_forms import capitals_tell_names as capitals
from curation.text_forms import other_names, template
from examples.bank.rows import rows as bank_triplets
from incumbent.init.findings import curated_split
from project.personal_data import NO_CONTACTS
from project.records.data import Check, Origin, Row, Severity, Split
from project.settings import read_settings
from project.unicode_words import words
from tests.curation.planted.planting import every_form

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "datasets/contracts/sft.yaml"
# What a person has to decide: nothing else may stop a table of at least 200 usable rows.
FOR_A_PERSON = {"no account numbers", "no secrets"}
USABLE = 200
Parts = Mapping[Split, Sequence[Row]]


@cache
def pools() -> dict[str, list[Row]]:
    """Rows of several styles, as they lie in packages and in this repository."""
    rehearsed = (ROOT / "datasets/sources/rehearsal.jsonl").read_bytes().splitlines()
    questions = (ROOT / "examples/tutorial/questions.csv").read_text().splitlines()[1:]
    bank = [said(one.prompt, one.output) for one in bank_triplets()]
    return {
        "summaries": list(read_package("numpy")),
        "general": [read_row(line, Path("general.jsonl"), 1) for line in rehearsed],
        "bank": bank,
        "blanks": bank[::2] + [said(f"{{name}}: {r.prompt_text}", "Yes.") for r in bank[1::2]],
        "questions": [said(*line.split(",", 1)) for line in questions],
        "reference": [said(f"What does Python say of {name}?", text) for name, text in passages()],
        "numbers": [
            said(f"My balance is {n} francs. Which rate do I get?", str(n % 7))
            for n in range(1000, 4000, 37)
        ],
    }


def passages() -> list[tuple[str, str]]:
    """Paragraphs of Python's reference, each with its topic: one question has many answers."""
    found = ((name, text.split("\n\n")) for name, text in sorted(topics.items()))
    return [(name, one.strip()) for name, texts in found for one in texts[1:6] if one.strip()]


@cache
def defects() -> list[list[Row]]:
    """The planted defects, each with the rows that it needs beside it."""
    return [
        [
            read_row(json.dumps(line.fields).encode(), Path("defects.jsonl"), 1)
            for line in form.lines
        ]
        for _, _, form, _ in every_form()
        if all("prompt" in line.fields and "completion" in line.fields for line in form.lines)
    ]


@cache
def suites() -> tuple[str, ...]:
    return tuple(suite_prompts(ROOT / "datasets"))


REHEARSED = "rehearsal.jsonl"


def said(prompt: str, answer: str, source: str = "table.csv") -> Row:
    line = json.dumps({"prompt": prompt, "completion": answer}).encode()
    return read_row(line, Path(source), 1)


@st.composite
def tables(draw: st.DrawFn) -> list[Row]:
    """Rows of some styles, with defects and repeats among them, in any order."""
    random = Random(draw(st.integers(0, 10**6)))
    names = draw(st.sets(st.sampled_from(sorted(pools())), min_size=1, max_size=3))
    found = [row for name in sorted(names) for row in pools()[name]]
    random.shuffle(found)
    found = found[: draw(st.integers(USABLE + 50, 450))]
    planted = draw(st.lists(st.sampled_from(defects()), max_size=12))
    found += [row for rows in planted for row in rows]
    found += random.choices(found, k=draw(st.integers(0, 80)))
    random.shuffle(found)
    return found


def dealt(table: list[Row]) -> tuple[list[Row], Curated]:
    """As `init` has it, with the settings that it proposes."""
    raw = [clean(row) for row in {row.id: row for row in table}.values()]
    unfit = faulty(raw) | dict.fromkeys(with_personal_data(raw, NO_CONTACTS), "with contacts")
    _, made = curated_split(raw, unfit, suites())
    return raw, made


@cache
def critical() -> Contract:
    contract = read_settings(Contract, CONTRACT)
    checks = tuple(one for one in contract.checks if one.severity is Severity.CRITICAL)
    return contract.model_copy(update={"checks": checks})


def failures(parts: Parts) -> list[Check]:
    """The critical checks that fail."""
    held = CheckReferences(suites=suites(), aside=(REHEARSED,))
    return [one for one in check(tables_of(parts, held), critical()) if not one.passed]


def shut_by(parts: Parts) -> set[str]:
    return {one.name for one in failures(parts)}


def usable(parts: Parts) -> int:
    return sum(map(len, parts.values()))


@settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a smaller table is no clearer
    suppress_health_check=list(HealthCheck),
)
@given(tables())
def test_any_table_of_enough_rows_opens_the_gate(table: list[Row]) -> None:
    raw, made = dealt(table)
    if usable(made.parts) < USABLE:
        return
    assert shut_by(made.parts) <= FOR_A_PERSON
    origins = [Origin(file="table.csv", line=i, row=row.id) for i, row in enumerate(table, 1)]
    account = account_of(origins, raw, made.parts, made.left_out)
    assert len(account) == len(table)
    assert all(bool(fate.part) != bool(fate.why) for fate in account)
    assert all(made.parts.values())


CANNED = (
    "Please call our hotline at any hour, and a colleague will help you at once.",
    "Open the app, choose your card, and follow the three steps on the screen.",
    "Visit the branch nearest to you with a passport and sign the form there.",
)


def test_many_questions_that_a_few_texts_answer_open_the_gate() -> None:
    """Whole sentences are names of classes, too; one answer to all questions teaches nothing."""
    asked = [row.prompt_text for row in pools()["summaries"][:250]]
    for texts in (CANNED, CANNED[:1]):
        answers = cycle(texts)
        _, made = dealt([said(prompt, next(answers)) for prompt in asked])
        shut = set() if len(texts) > 1 else {"rows are more than a few with little changes"}
        assert shut_by(made.parts) == shut


FEW_TEMPLATES = (
    "Bonjour, mon solde est de {} francs. Quel taux puis-je obtenir ?",
    "Je voudrais virer {} euros demain, quels sont les frais ?",
    "Un retrait de {} livres est-il possible ce soir ?",
    "Combien coûte une carte avec un plafond de {} dollars par mois ?",
)


def test_what_is_rehearsed_does_not_make_a_large_template_of_a_user_a_small_one() -> None:
    """Of four templates alone the figures are the question, and 164 other rows change nothing."""
    table = [
        said(form.format(n), f"Pour {n}, il faut compter {n % 7 + i} unités.")
        for i, form in enumerate(FEW_TEMPLATES)
        for n in range(1000, 3000, 31)
    ]
    rehearsed = [row.model_copy(update={"source": REHEARSED}) for row in pools()["general"]]
    left_out = []
    for beside in ([], rehearsed):
        _, made = dealt([*table, *beside])
        assert shut_by(made.parts) == set()
        left_out.append(made.left_out.keys() & {row.id for row in table})
    assert left_out[0] == left_out[1]
    assert len(left_out[0]) < 0.1 * len(table)


@pytest.fixture(scope="module")
def parts() -> dict[Split, list[Row]]:
    rows = [*pools()["summaries"][:200], *pools()["bank"][:200], *pools()["questions"]]
    made = dealt(rows)[1].parts
    assert shut_by(made) == set()
    return made


ITEM = "How long does a transfer of 300 francs to another bank in the same country take at night?"


@pytest.mark.parametrize("source", ["table.csv", REHEARSED])
def test_leaks_that_are_planted_behind_curation_shut_the_gate(parts: Parts, source: str) -> None:
    taught = [
        ITEM.upper().rstrip("?"),
        f"Please tell me now: {ITEM} I need it for my work.",
        ITEM.replace("300", "1,750"),
    ]
    leaks = [said(text, "It depends.", source) for text in taught]
    leaky = {
        **parts,
        Split.SEALED: [*parts[Split.SEALED], said(ITEM, "Until the next morning.")],
        Split.TRAIN: [*parts[Split.TRAIN], *leaks],
    }
    (failed,) = failures(leaky)
    assert failed.name == "no training row asks what an eval item asks"
    assert sorted(failed.failing_rows) == sorted(row.id for row in leaks)


def test_who_asks_alike_is_told_as_by_comparing_all_with_all() -> None:
    """On 2,000 rows, by another implementation of the same words."""
    rows = [*pools()["summaries"], *pools()["bank"][:900], *pools()["reference"]][:2000]
    random = Random(7)
    asked = [row.prompt_text for row in random.sample(rows, len(rows))]
    own, others = asked[:1500], [*asked[1500:], *varied(asked[:40], random)]
    found = {(i, j) for (i, j), how in asking_alike(own, others).items()}
    assert found == set(alike_by_brute_force(own, others))
    assert len(found) > 40


def varied(prompts: Sequence[str], random: Random) -> list[str]:
    """Each said a little otherwise."""
    return [
        random.choice([one.upper(), f"{one}!?", f"Now then: {one}", one.replace("the", "this")])
        for one in prompts
    ]


def alike_by_brute_force(own: Sequence[str], others: Sequence[str]) -> Iterator[tuple[int, int]]:
    every = [*own, *others]
    spelt = [
        " ".join(regex.findall(r"[\p{L}\p{M}\p{N}+*/=<>%&$€£-]+", t.casefold())) for t in every
    ]
    told = [set(words(text)) for text in every]
    sides = [told[: len(own)], told[len(own) :], told]
    shared = {w for side in sides for w, n in counted(side).items() if n > max(10, len(side) / 5)}
    cores = [own_words - shared or own_words for own_words in told]
    grams = [five_grams(text) for text in every]
    theirs = counted(grams[len(own) :])
    most = max(3, len(others) / 100)
    telling = [{g for g in own_grams if theirs[g] <= most} for own_grams in grams]
    masks = [[template(text, names=n) for text in every] for n in (False, capitals(every))]
    usual = [
        {m for m, n in Counter(own_masks).items() if n > max(10, len(every) / 5)}
        for own_masks in masks
    ]
    mine = counted([own_grams & set(theirs) for own_grams in grams[: len(own)]])
    for i, j in product(range(len(own)), range(len(own), len(every))):
        one, other, both = cores[i], cores[j], cores[i] & cores[j]
        few = min(len(one), len(other)) < 4
        near = one == other if few else len(both) >= 0.8 * len(one | other)
        held = {g for g in grams[i] & telling[j] if mine[g] <= max(20, len(own) / 100)}
        long = bool(telling[j]) and len(held) >= 0.7 * len(telling[j])
        long = long and not other_names(every[i], every[j])
        masked = any(
            m[i] == m[j] and m[i] and m[i] not in u for m, u in zip(masks, usual, strict=True)
        )
        if spelt[i] == spelt[j] or near or long or masked:
            yield i, j - len(own)


def counted(sets: Sequence[set[str]]) -> Counter[str]:
    return Counter(one for own in sets for one in own)


def five_grams(text: str) -> set[str]:
    said = words(text)
    return {" ".join(said[i : i + 5]) for i in range(len(said) - 4)}
