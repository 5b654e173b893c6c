"""What `init` proposes sees wrong figures, however near the sentences are to the right ones."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from curation.curation_settings import Columns, FileSource
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import LEAST_DF
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from evaluation.evaluation_settings import ScoringParams
from evaluation.generation.answers import Answer, Role
from evaluation.look_decision import Decided
from evaluation.metrics.proposed_checks import LEAST_GROUPS, Checks, proposed_checks
from evaluation.preference.preference_pairs import AnswerPair, Judgement
from evaluation.report.report_data import ReportData, right_lines, unchecked
from evaluation.report.report_page import report
from evaluation.score import directions, score_both
from evaluation.scoring.scorers import load_scorers
from incumbent.init.findings import Findings, find
from incumbent.init.new_folder import Chosen, write_settings
from incumbent.output import console
from incumbent.project_files import copy_project
from incumbent.submission import SubmissionOutcome, print_comparison
from incumbent.verbs.init import finding_lines
from incumbent.verbs.show import told_by_evidence
from project.model_pins import BaseChoice
from project.paths import rows_of
from project.records.adapters import Adapter, Opponent
from project.records.data import Row, Split
from project.records.evidence import Decision, Evidence, Verdict
from project.records.record import write_records
from project.records.scores import Flags, ScoreTable
from project.settings import PARAMS, load
from registry.store import Registry
from tests.bank_files import write_csv
from tests.conftest import evidence_of, keep_decision

FILE = Path("datasets/sources/faq.csv")
COLUMNS = Columns(prompt=("Question",), completion="Answer", slices=("Class",))
PLACES = ("urban", "rural", "foreign", "online", "paper", "late")
SERVICES = ("transfer", "cheque", "card", "statement", "loan", "deposit", "guarantee", "draft")
SERVICES += ("token", "locker")
NAMES = [f"{place} {what}" for place in PLACES for what in SERVICES]
FEES = [(name, 500 + 37 * i) for i, name in enumerate(NAMES)]


def sentence(what: str, fee: int) -> str:
    return f"A {what} costs RWF {fee:,}, which is charged to your account at once."


ROWS = [
    Row.of(f"What is the fee of a {what}?", sentence(what, fee), group=what, source="fees.csv")
    for what, fee in FEES
]
ANSWERS = [row.completion_text for row in ROWS]


def asks_the_branch(i: int, what: str, fee: int) -> str:
    return f"Please ask your branch about that{', or call us' * (i % 3)}."


def guesses(i: int, what: str, fee: int) -> str:
    return f"It is{' about' * (i % 3)} RWF {fee + 90:,}."


def right_on_three(i: int, what: str, fee: int) -> str:
    return sentence(what, fee if i < 3 else fee + 111)


def right_but_on_three(i: int, what: str, fee: int) -> str:
    return sentence(what, fee if i >= 3 else fee + 111)


Model = Callable[[int, str, int], str]
Make = Callable[[str], tuple[Adapter, Path]]


def answers(model: Model) -> list[Answer]:
    said = [model(i, *fee) for i, fee in enumerate(FEES)]
    return [
        Answer(item=row.id, text=text, tokens=9, prompt_tokens=9)
        for row, text in zip(ROWS, said, strict=True)
    ]


class Fond:
    """A judge that likes the challenger's sentences, now more and now less."""

    source = "fond"

    def prefer(self, comparisons: Sequence[AnswerPair]) -> list[Judgement]:
        return [Judgement(win_probability=0.7 + 0.1 * (i % 3)) for i in range(len(comparisons))]


@pytest.fixture(scope="module")
def findings(word_base: Path) -> Findings:
    copy_project(Path(), sample=False)
    write_csv(FILE, 120)
    source = FileSource(kind="file", path=FILE, columns=COLUMNS)
    return find([source], BaseChoice(model=str(word_base)), word_base)


@pytest.fixture
def bank(findings: Findings) -> Findings:
    copy_project(Path(), sample=False)
    return findings


def proposed(bank: Findings, checks: Checks) -> Policy:
    """The policy that `init` writes for such answers, without what needs an embedder."""
    write_settings(Chosen("fees", BaseChoice(), (), replace(bank, checks=checks)))
    written = yaml.safe_load(PARAMS.read_text())
    evaluation = written["evaluation"]
    evaluation["scoring"]["metrics"].remove("semantic")
    evaluation["scoring"]["metrics"].remove("perplexity")
    evaluation["policy"]["gating"].remove("semantic")
    PARAMS.write_text(yaml.safe_dump(written))
    return load(Policy)


def decided(champion: Model, challenger: Model, policy: Policy) -> tuple[Evidence, Decision]:
    scorers = load_scorers(load(ScoringParams), Path("no-embedder"))
    sides = {Role.CHAMPION: answers(champion), Role.CHALLENGER: answers(challenger)}
    items, _ = score_both(ROWS, sides, scorers, Fond())
    pins = evidence_of("1" * 64, None).pins
    table = ScoreTable(pins=pins, items=tuple(items), better=directions(scorers))
    evidence = weigh(table, policy)
    return evidence, rule(evidence, policy, 1)


@pytest.mark.parametrize("champion", [asks_the_branch, guesses])
def test_wrong_figures_in_the_right_sentences_are_not_promoted_and_right_ones_are(
    champion: Model, bank: Findings
) -> None:
    policy = proposed(bank, proposed_checks(ANSWERS, len(ROWS)))
    evidence, wrong = decided(champion, right_on_three, policy)
    assert evidence.sealed["rougeL"].challenger_mean > 0.9
    assert evidence.sealed["rougeL"].losses == 0
    assert wrong.verdict is Verdict.REJECT
    assert "figures_wrong is 0.950, above the most that the policy allows, 0.250" in wrong.reasons
    blind = policy.model_copy(update={"guards": None, "floors": {}})
    assert decided(champion, right_on_three, blind)[1].verdict is Verdict.PROMOTE
    assert decided(champion, right_but_on_three, policy)[1].verdict is Verdict.PROMOTE


def test_a_challenger_that_invents_where_the_champion_said_nothing_is_clearly_worse(
    bank: Findings,
) -> None:
    policy = proposed(bank, proposed_checks(ANSWERS, len(ROWS)))
    _, decision = decided(asks_the_branch, right_on_three, policy)
    assert (
        "the challenger is clearly worse in figures_wrong: -0.950 on 60 items" in decision.reasons
    )


def lines(*texts: str) -> list[str]:
    return [text.format(i=i) for i in range(60 // len(texts)) for text in texts]


@pytest.mark.parametrize(
    ("texts", "scorers", "guards", "floored"),
    [
        (ANSWERS, ["facts"], {"facts_kept", "facts", "figures_wrong"}, True),
        (
            [f"A {name} is a matter for the Reserve Bank of India." for name in NAMES],
            ["facts"],
            {"facts_kept", "facts"},
            False,
        ),
        (lines("{i} days."), ["token_f1", "facts"], {"exact_match", "figures_wrong"}, True),
        (
            lines("card lost", "Card lost", "loan", "fee"),
            ["token_f1", "macro_f1"],
            {"macro_f1"},
            False,
        ),
        (lines('{{"fee": {i}}}'), ["json"], {"json_valid", "json_fields"}, False),
        ([f"we are glad to help you with a {name}, as ever" for name in NAMES], [], set(), False),
    ],
)
def test_what_answers_are_like_says_what_checks_them(
    texts: list[str], scorers: list[str], guards: set[str], floored: bool, bank: Findings
) -> None:
    found = proposed_checks(texts, 60)
    policy = proposed(bank, found)
    named = [choice.metric for choice in load(ScoringParams).metrics]
    assert [name for name in named if name not in ("rouge", "refusal", "length")] == scorers
    assert guards <= set(policy.guards or ())
    assert bool(guards) == bool(policy.guards)
    assert bool(policy.floors) == floored


def test_without_any_check_it_is_said_what_is_missing() -> None:
    found = proposed_checks(["we are glad to help you with that, as ever we can"] * 60, 60)
    assert "nothing checks what is right" in found.held


def test_too_few_sealed_items_with_figures_guard_nothing() -> None:
    few = proposed_checks(ANSWERS, 6)
    assert (len(few.scorers), dict(few.guards), dict(few.floors)) == (1, {}, {})
    assert "figures alone guard nothing" in few.held
    assert LEAST_GROUPS == LEAST_DF + 1, "of fewer clusters no verdict is given"
    in_few_groups = proposed_checks(ANSWERS, 60, LEAST_DF)
    assert in_few_groups.guards.keys() == in_few_groups.floors.keys() == {"figures_wrong"}


def test_init_says_what_is_checked(bank: Findings) -> None:
    told = dict(finding_lines(bank))
    assert list(told["checks"]) == [f"{bank.checks.answers}: {bank.checks.held}"]


SAID = "right figures: 3 of 60 answers (champion 0); wrong figures: 57 of 60 answers (champion 0)"


@pytest.fixture
def wrong(bank: Findings) -> tuple[Evidence, Decision, Policy]:
    policy = proposed(bank, proposed_checks(ANSWERS, len(ROWS)))
    return *decided(asks_the_branch, right_on_three, policy), policy


def test_the_report_says_first_how_many_figures_are_right(
    wrong: tuple[Evidence, Decision, Policy],
) -> None:
    material = ReportData(opponent=Opponent(), dev=(), flags=Flags(), examples=())
    page = report(*wrong, material)
    assert page.index(SAID) < page.index("figures_wrong is 0.950")
    assert "guarded, may lose 0.15" in page
    assert "right answers first (figures_wrong" in page


def test_so_does_a_submission(
    wrong: tuple[Evidence, Decision, Policy],
    registry: Registry,
    make_adapter: Make,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(console, "width", 120)
    evidence, decision, policy = wrong
    write_records(rows_of(Split.DEV), ROWS)
    version = registry.submit(*make_adapter("a"), "made a")
    outcome = SubmissionOutcome(
        version, Decided(evidence, decision), Opponent(), None, False, False, False, False, ()
    )
    print_comparison(outcome, policy)
    _, first, *table = capsys.readouterr().out.strip().splitlines()
    assert first == SAID
    assert any(re.match(r"figures_wrong ↓ .* worse", line) for line in table)


def test_so_does_why_with_what_would_turn_it(
    wrong: tuple[Evidence, Decision, Policy], registry: Registry, make_adapter: Make
) -> None:
    evidence, decision, policy = wrong
    version = registry.submit(*make_adapter("a"), "made a")
    pins = evidence_of(version.adapter.files, None).pins
    evidence = evidence.model_copy(update={"pins": pins})
    decision = decision.model_copy(update={"pins": pins, "evidence": evidence.digest})
    keep_decision(registry, 1, decision, evidence, policy)
    right, (way,) = told_by_evidence(registry, 1)
    assert right == [SAID]
    assert way.startswith("right answers first (")


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (
            "[rouge]",
            ["right or wrong: nothing checks it", "not checked: 100 % of the answers hold"],
        ),
        ("[rouge, facts]", ["right figures: 57 of 60 answers"]),
        ("[rouge, token_f1]", ["right to the word: 57 of 60 answers", "not checked: 100 % of"]),
        ("[rouge, json]", ["valid JSON: 0 of 60 answers", "not checked: 100 % of the answers"]),
    ],
)
def test_a_project_that_lacks_a_check_says_which_one(metrics: str, said: list[str]) -> None:
    PARAMS.write_text(f"evaluation: {{scoring: {{metrics: {metrics}}}}}\n")
    evidence, _ = decided(asks_the_branch, right_but_on_three, Policy(gating=("rougeL",)))
    lines = [*right_lines(evidence.sealed), *unchecked(evidence.sealed, ANSWERS)]
    assert [line[: len(start)] for line, start in zip(lines, said, strict=True)] == said
    assert ("add facts to evaluation.scoring.metrics" in lines[-1]) == ("facts" not in metrics)
