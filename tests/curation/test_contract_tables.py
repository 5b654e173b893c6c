"""A contract speaks of rows, of slices and of the dataset as a whole."""

from pathlib import Path

import numpy as np
import pytest

from curation.checks.contract import Arguments, Contract, Expectation, check, limit
from curation.checks.contract_tables import Tables, tables_of
from curation.checks.dataset_measures import effective, vendi, word_shift
from curation.checks.embeddings import sample
from curation.checks.relevance import CheckReferences
from curation.faults.every_fault import FAULTS
from curation.validate import failing_examples, reference_texts
from incumbent.init.limits import FEWEST_ROWS
from project.errors import InputError
from project.records.data import Check, GateReport, Row, Severity, Split
from project.settings import read_settings
from tests.conftest import ROOT
from tests.curation.test_gate import made_words

CONTRACTS = ROOT / "datasets" / "contracts"


def rows(count: int, **slices: str) -> list[Row]:
    return [
        Row.of(f"{made_words(f'p{i}')}?", made_words(f"a{i}"), group=str(i), source="t", **slices)
        for i in range(count)
    ]


def outcome(tables: Tables, *names: str) -> dict[str, Check]:
    """The sample's checks, or those alone whose names hold one of these: each takes its time."""
    contract = read_settings(Contract, CONTRACTS / "sft.yaml")
    asked = tuple(one for one in contract.checks if any(name in one.name for name in names))
    chosen = contract.model_copy(update={"checks": asked}) if names else contract
    return {one.name: one for one in check(tables, chosen)}


def test_every_column_of_the_contracts_is_there(caplog: pytest.LogCaptureFixture) -> None:
    """And nothing of Great Expectations' own comes between a command's lines."""
    for one in outcome(tables_of({Split.TRAIN: rows(5)}, CheckReferences())).values():
        assert not one.crashed
    assert not caplog.records


def test_there_is_a_column_for_every_fault() -> None:
    assert set(FAULTS) <= set(tables_of({Split.TRAIN: rows(2)}, CheckReferences()).rows.columns)


@pytest.mark.parametrize(
    ("count", "failed"),
    [
        (29, {"there are rows enough to learn from", "there are rows enough to learn well from"}),
        (30, {"there are rows enough to learn well from"}),
        (500, set()),
    ],
)
def test_few_rows_are_a_warning_and_very_few_stop_the_gate(count: int, failed: set[str]) -> None:
    found = outcome(tables_of({Split.TRAIN: rows(count)}, CheckReferences()), "enough")
    assert {name for name, one in found.items() if not one.passed} == failed


def test_rows_that_repeat_or_are_only_rehearsed_do_not_count() -> None:
    rehearsed = [one.model_copy(update={"source": "general.jsonl"}) for one in rows(90)[29:]]
    again = [one.model_copy(update={"id": f"again {one.id}"}) for one in rows(29)]
    compared = CheckReferences(aside=("general.jsonl",))
    name = "there are rows enough to learn from"
    tables = tables_of({Split.TRAIN: [*rows(29), *again, *rehearsed]}, compared)
    enough = outcome(tables, name)[name]
    assert (enough.passed, enough.observed) == (False, "rows is 29")
    assert enough.limit == f"rows: at least {FEWEST_ROWS}"  # as `incumbent init` asks


def test_many_rows_of_few_distinct_pairs_do_not_pass() -> None:
    again = [one.model_copy(update={"id": f"{i}"}) for i, one in enumerate(rows(10) * 105)]
    found = outcome(tables_of({Split.TRAIN: again}, CheckReferences()), "rows are ")
    share = found["rows are not the same few again and again"]
    assert (share.passed, share.severity) == (False, Severity.CRITICAL)
    assert share.observed == "distinct_rows_share is 0.009524"
    assert not share.failing_rows
    assert not found["rows are more than a few with little changes"].passed


def test_a_small_slice_is_named() -> None:
    parts = {Split.TRAIN: [*rows(30, topic="cards"), *rows(40, topic="loans")[30:]]}
    name = "each slice has rows enough"
    found = outcome(tables_of(parts, CheckReferences()), name)[name]
    assert found.failing_rows == ("topic=loans",)
    assert found.observed == (
        "1 of 2 slices fail: topic=loans has 10, 10 too few; 39 sealed items show a win rate of "
        "70%, which takes some 156 rows of a slice"
    )


def test_what_no_embedder_looked_at_says_so() -> None:
    tables = tables_of({Split.TRAIN: rows(30)}, CheckReferences())
    found = outcome(tables, "about the task", "differ in what", "what an eval item asks")
    assert found["rows are about the task"].observed == "not looked at: without an embedder"
    assert found["rows differ in what they mean"].observed == "not looked at: without an embedder"
    leak = found["no training row asks what an eval item asks"]
    assert leak.observed == "0 of 30 rows fail, by words alone, without an embedder"


def test_what_an_embedder_saw_is_said_to_be_of_a_sample() -> None:
    def embed(texts: list[str]) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
        made = np.random.default_rng(0).normal(size=(len(texts), 8)).astype(np.float32)
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True))

    compared = CheckReferences(embed=embed, embedded_rows=40)
    name = "rows are about the task"
    found = outcome(tables_of({Split.TRAIN: rows(90)}, compared), name)[name]
    assert found.observed.endswith("on a sample of 40 of 90 rows")
    assert " of 40 rows fail" in found.observed


def test_a_sample_has_its_share_of_every_slice_and_is_the_same_each_time() -> None:
    every = [*rows(300, topic="a"), *rows(100, topic="b")]
    chosen = sample(every, ["train"] * 400, 40, seed=0)
    assert chosen == sample(every, ["train"] * 400, 40, seed=0)
    assert sum(every[i].slices["topic"] == "b" for i in chosen) == 10
    assert sample(every, ["train"] * 400, 400, seed=0) == list(range(400))


@pytest.mark.parametrize(
    ("weights", "number"), [([5.0], 1), ([1.0] * 8, 8), ([0.0, 0.0], 0), ([9, 0, 9], 2)]
)
def test_the_effective_number_is_that_of_equal_ones(weights: list[float], number: float) -> None:
    assert effective(np.array(weights, dtype=float)) == pytest.approx(number)


def test_equal_rows_are_one_row_to_the_vendi_score_and_orthogonal_ones_are_all() -> None:
    assert vendi(np.ones((50, 4), dtype=np.float32) / 2) == pytest.approx(1)
    assert vendi(np.eye(4, dtype=np.float32)) == pytest.approx(4)


def test_other_words_are_a_shift_and_other_rows_of_the_same_kind_are_none() -> None:
    draw = np.random.default_rng(0)
    words = [f"word{i}" for i in range(60)]
    said = [" ".join(draw.choice(words, 12)) for _ in range(400)]
    moved = [" ".join(draw.choice(words[30:], 12)) for _ in range(200)]
    assert word_shift(said[:200], said[200:]) == 0
    assert word_shift(said[:200], moved) > 0.3
    assert word_shift([], moved) == 0


def test_the_last_version_is_what_the_words_are_held_against() -> None:
    last = [made_words(f"last{i}") for i in range(60)]
    name = "the rows' words are those of the last version"
    tables = tables_of({Split.TRAIN: rows(60)}, CheckReferences(reference=last))
    assert "shift is" in outcome(tables, name)[name].observed


def test_an_example_shows_no_text_that_may_be_private() -> None:
    private = Row.of("Whom do I ask?", "Write to jane.doe@some-bank.com", group="g", source="s")
    short = Row.of("What is it?", "Yes.", group="h", source="s")
    tables = tables_of({Split.TRAIN: [*rows(60), private, short]}, CheckReferences())
    failed = Check(
        name="one",
        severity=Severity.WARNING,
        passed=False,
        limit="",
        observed="",
        failing_rows=(private.id, short.id),
        column="completion_words",
    )
    report = GateReport(dataset_rows="0" * 64, contract="1" * 64, row_count=62, checks=(failed,))
    first, second = failing_examples(report, tables)["one"]
    assert (first.prompt, first.completion) == (None, None)
    assert second.completion == "Yes."


def test_the_contracts_of_the_sample_are_read() -> None:
    assert {path.stem for path in CONTRACTS.glob("*.yaml")} == {
        "sft", "preference", "texts", "waivers",
    }  # fmt: skip


def test_a_reference_must_lie_where_dvc_watches() -> None:
    contract = read_settings(Contract, CONTRACTS / "sft.yaml")
    elsewhere = contract.model_copy(update={"reference": Path("datasets/raw/rows.jsonl")})
    with pytest.raises(
        InputError, match=r"c\.yaml: reference: must be a file in datasets/contracts"
    ):
        reference_texts(elsewhere, Path("c.yaml"))
    assert reference_texts(contract, Path("c.yaml")) == []


@pytest.mark.parametrize(
    ("expectation", "arguments", "words"),
    [
        ("values_to_be_in_set", {"column": "echo", "value_set": ["none"]}, "echo: none"),
        ("values_to_be_between", {"column": "rows", "min_value": 100}, "rows: at least 100"),
        (
            "values_to_be_between",
            {"column": "completion_words", "min_value": 3, "max_value": 200, "mostly": 0.95},
            "completion_words: from 3 to 200, in at least 0.95 of them",
        ),
        ("values_to_not_match_regex", {"column": "leak", "regex": "a|b"}, "leak: not regex a|b"),
        ("values_to_not_be_null", {"column": "id"}, "id: there"),
    ],
)
def test_a_limit_is_said_in_words(expectation: str, arguments: Arguments, words: str) -> None:
    asked = Expectation(
        name="n",
        severity=Severity.WARNING,
        expectation=f"expect_column_{expectation}",
        arguments=arguments,
    )
    assert limit(asked) == words
