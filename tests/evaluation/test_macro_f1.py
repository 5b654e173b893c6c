"""Macro-F1 is a score over all items, with an honest error of the difference of two."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from evaluation.decision.metric_evidence import differences, macro_f1
from evaluation.decision.policy import Policy
from evaluation.decision.rule import decide
from evaluation.decision.score_evidence import measure, sliced, weigh
from evaluation.decision.statistics import Array, satterthwaite
from evaluation.evaluation_settings import ScoringParams
from evaluation.generation.answers import SIDES, Answer, Role
from evaluation.score import item_score
from evaluation.scoring.score_table import read_score_table
from evaluation.scoring.scorers import Scores, load_scorers, refuse_absent_slices, score
from evaluation.sealed_look import against
from project.errors import InputError
from project.records.data import Row
from project.records.evidence import Verdict
from project.records.record import write_records
from project.records.scores import ItemScore, Labels, ScoreTable
from project.settings import load

NAMES = np.array(["ham", "spam", "junk", "news", "?"])  # the last one is no label
POLICY = Policy(gating=("macro_f1",))


def alone(count: int) -> list[str]:
    return [str(i) for i in range(count)]


def drawn(rng: np.random.Generator, expected: Array, accuracy: float, chance: Array) -> Array:
    """Answers [n] to labels [n]: right in a share of them, else any of the names at random."""
    anything = (chance * len(NAMES)).astype(int) % len(NAMES)
    right = rng.random(len(expected)) < accuracy
    return np.where(right, expected, anything)


def texts(codes: Array) -> list[str | None]:
    return [None if code == len(NAMES) - 1 else str(NAMES[code]) for code in codes]


def test_the_mean_of_the_values_is_macro_f1_whatever_the_clusters() -> None:
    rng = np.random.default_rng(0)
    expected = rng.choice(4, 200, p=[0.6, 0.25, 0.1, 0.05])
    given = drawn(rng, expected, 0.6, rng.random(200))
    known = sorted(NAMES[:4])
    by_hand = f1_score(NAMES[expected], NAMES[given], labels=known, average="macro")
    references = list(NAMES[expected])
    for clusters in (alone(200), [str(i // 3) for i in range(200)], ["a"] * 200):
        values = macro_f1(references, texts(given), clusters)
        assert values.mean() == pytest.approx(by_hand, abs=1e-12)


def test_all_right_is_one_and_all_wrong_is_none() -> None:
    references = ["a", "b", "b"]
    assert macro_f1(references, ["a", "b", "b"], alone(3)).tolist() == [1.0, 1.0, 1.0]
    assert macro_f1(references, [None, "a", None], alone(3)).mean() == 0.0


def true_macro_f1(shares: Array, accuracy: float) -> float:
    """Of the whole population that `drawn` draws from."""
    wrong = (1 - accuracy) / len(NAMES)
    right = shares * (accuracy + wrong)
    return float(np.mean(2 * right / (shares + shares * accuracy + wrong)))


@pytest.mark.parametrize(
    ("shares", "count", "size", "accuracies"),
    [
        ([0.5, 0.25, 0.15, 0.1], 120, 1, (0.6, 0.8)),
        ([0.6, 0.3, 0.06, 0.04], 150, 1, (0.75, 0.75)),
        ([0.4, 0.3, 0.2, 0.1], 180, 3, (0.6, 0.7)),
    ],
)
def test_the_interval_of_a_difference_covers_the_truth(
    shares: list[float], count: int, size: int, accuracies: tuple[float, float]
) -> None:
    """Over 1,000 runs; items of a cluster share their label and half of their wrong answers."""
    rng = np.random.default_rng(7)
    truth = np.subtract(*(true_macro_f1(np.array(shares), a) for a in accuracies[::-1]))
    clusters = [str(i // size) for i in range(count)]
    covered = 0
    for _ in range(1000):
        expected = np.repeat(rng.choice(4, count // size, p=shares), size)
        chance = np.where(
            np.repeat(rng.random(count // size) < 0.5, size),
            np.repeat(rng.random(count // size), size),
            rng.random(count),
        )
        sides = [texts(drawn(rng, expected, a, chance)) for a in accuracies]
        values = [macro_f1(list(NAMES[expected]), side, clusters) for side in sides]
        covered += abs((values[1] - values[0]).mean() - truth) <= reach(values[1] - values[0], size)
    assert 930 <= covered <= 970


def reach(values: Array, size: int) -> float:
    """Half of the 95 % interval that `paired` gives, without its bootstrap, which takes long."""
    sums = (values - values.mean()).reshape(-1, size).sum(axis=1)
    error = np.sqrt((sums**2 / (1 - size / len(values))).sum()) / len(values)
    df = satterthwaite(np.full(len(sums), float(size)))
    return float(stats.t.ppf(0.975, df) * error)


def table(count: int = 80) -> ScoreTable:
    """Half of the items are to be sorted; there the challenger is right on more of them."""
    items = [
        ItemScore(
            item=str(i),
            slices=("task=sort" if i % 2 else "task=write",),
            champion={"rougeL": 0.5},
            challenger={"rougeL": 0.5},
            labels={"macro_f1": labels(i)} if i % 2 else None,
            inapplicable=None if i % 2 else ("macro_f1",),
        )
        for i in range(count)
    ]
    return ScoreTable(pins=None, items=tuple(items))


def labels(i: int) -> Labels:
    reference = "spam" if i % 4 == 1 else "ham"
    champion = "ham" if i % 3 else reference
    challenger = reference if i % 10 else None
    return Labels(reference=reference, champion=champion, challenger=challenger)


def test_only_items_with_labels_count_and_each_slice_has_its_own() -> None:
    found = measure(table(), POLICY)["macro_f1"]
    assert (found.n, found.clusters) == (40, 40)
    assert found.challenger_mean == 1.0
    assert found.wins > 0 == found.losses
    by_slice = sliced(table(), POLICY)
    assert by_slice["task=sort"]["macro_f1"] == found
    assert "macro_f1" not in by_slice["task=write"]


def test_several_answers_to_an_item_are_a_cluster() -> None:
    several = [item.model_copy(update={"sample": s}) for item in table().items for s in (0, 1)]
    once, twice = (
        measure(ScoreTable(pins=None, items=tuple(items)), POLICY)["macro_f1"]
        for items in (table().items, several)
    )
    assert (twice.n, twice.clusters, twice.samples) == (40, 40, 2)
    assert (twice.diff, twice.se) == pytest.approx((once.diff, once.se), rel=0.02)


def test_a_policy_gates_on_it() -> None:
    decision = decide(table(), POLICY.model_copy(update={"critical_slices": {"task=sort": 40}}))
    assert decision.verdict is Verdict.PROMOTE
    floor = POLICY.model_copy(update={"floors": {"macro_f1": 1.1}})
    assert decide(table(), floor).verdict is Verdict.REJECT
    with pytest.raises(InputError, match="lacks the gating metric 'macro_f2'"):
        weigh(table(), Policy(gating=("macro_f2",)))


def test_what_is_drawn_of_it_is_who_alone_is_right() -> None:
    assert set(differences(table().items, "macro_f1").tolist()) == {0.0, 1.0}


def test_labels_are_part_of_a_score_table_of_anybodys(tmp_path: Path) -> None:
    write_records(tmp_path / "scores.jsonl", table().items)
    assert read_score_table(tmp_path / "scores.jsonl") == table()
    assert b"labels" not in table().items[0].canonical()
    line = '{"item": "1", "champion": {"f": 1}, "challenger": {"f": 1}, "labels": {"f": %s}}'
    pair = '{"reference": "a", "champion": null, "challenger": "a"}'
    (tmp_path / "scores.jsonl").write_text(line % pair)
    with pytest.raises(InputError, match=r"scores\.jsonl:1: .*'f' has labels, and is a score too"):
        read_score_table(tmp_path / "scores.jsonl")


def row(number: int, reference: str, **slices: str) -> Row:
    made = Row.of("Which?", reference, group=str(number), source="s", **slices)
    return made.model_copy(update={"id": str(number)})


ROWS = [row(i, text, task="sort") for i, text in enumerate(["Spam.", "the ham", "A"])]
ROWS.append(row(3, "Dear Ann, your card is on its way.", task="write"))


def scored(options: str, *answers: str, rows: list[Row] = ROWS) -> Scores:
    head = "evaluation:\n  scoring:\n    metrics:\n    - metric: macro_f1\n      options: "
    Path("params.yaml").write_text(head + options)
    made = [
        Answer(item=r.id, text=t, tokens=1, prompt_tokens=1, reference_logprob=0.0)
        for r, t in zip(rows, answers, strict=True)
    ]
    return score(load_scorers(load(ScoringParams), Path("no-embedder")), rows, made)


def test_texts_are_labels_after_normalisation_and_others_are_wrong_and_flagged() -> None:
    found = scored("{only: task=sort, name: intent}", "SPAM", "maybe ham", "a", "Dear Ann,")
    pairs = [one and (one.reference, one.answer) for one in found.labels["intent"]]
    assert pairs == [("spam", "spam"), ("ham", None), ("a", "a"), None]
    assert found.values == {}
    assert found.flags.items == {
        "answer is no known label": ("1",),
        "label with fewer than 5 references": ("0", "1", "2"),
    }


def test_an_item_whose_reference_is_none_of_the_labels_does_not_count() -> None:
    found = scored("{only: task=sort, labels: [Spam, Ham]}", "spam", "ham", "a", "")
    assert [one is not None for one in found.labels["macro_f1"]] == [True, True, False, False]
    assert found.flags.items["reference is none of the labels"] == ("2",)


@pytest.mark.parametrize("options", ["{only: task=sot}", "{only: task=sort}"])
def test_a_slice_that_no_item_has_is_known_before_a_look(options: str) -> None:
    head = "evaluation:\n  scoring:\n    metrics:\n    - metric: macro_f1\n      options: "
    Path("params.yaml").write_text(head + options)
    if options == "{only: task=sort}":
        refuse_absent_slices(load(ScoringParams), {"task=sort"})
    else:
        with pytest.raises(InputError, match=r"^params\.yaml:5: \S+options\.only: no item is in"):
            refuse_absent_slices(load(ScoringParams), {"task=sort"})


def test_another_system_takes_the_champions_place_with_its_labels() -> None:
    sides = {role: scored("{only: task=sort}", "ham", "ham", "a", "") for role in SIDES}
    table = [item_score(row, i, sides) for i, row in enumerate(ROWS)]
    other = scored("{only: task=sort}", "spam", "", "", "")
    labels = [item.labels and item.labels["macro_f1"] for item in against(table, [other])]
    assert [one and one.champion for one in labels] == ["spam", None, None, None]
    assert [one and one.challenger for one in labels] == ["ham", "ham", "a", None]


def test_both_sides_labels_come_into_the_table() -> None:
    sides = {
        Role.CHAMPION: scored("{only: task=sort}", "ham", "ham", "", ""),
        Role.CHALLENGER: scored("{only: task=sort}", "spam", "spam", "a", ""),
    }
    assert item_score(ROWS[2], 2, sides).labels == {
        "macro_f1": Labels(reference="a", champion=None, challenger="a")
    }
    assert item_score(ROWS[3], 3, sides).labels is None


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("{only: task=sorts}", r"only: no item is in slice 'task=sorts'; there are task=sort, "),
        (
            "{labels: [ja, nein]}",
            r"labels: no reference is one of the labels; there are 'a', 'dear",
        ),
        ("{labels: [Spam, spam.]}", r"labels: 'spam\.' and 'Spam' are one label"),
        ("{labels: [spam, spam]}", r"labels: needs labels, each of them once"),
        ("{labels: ['']}", r"labels: '' is no label"),
        ("{labels: []}", r"labels: needs labels"),
        ("{name: macro-f1}", r"params\.yaml:5: \S+options\.name: .*pattern"),
        ("{slice: a}", r"macro_f1 has no option 'slice'; there are: labels, only, name"),
    ],
)
def test_an_option_that_does_not_fit_is_named(options: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        scored(options, "", "", "", "")


def test_answers_that_are_all_different_are_no_classification() -> None:
    rows = [row(i, f"answer {i}") for i in range(30)]
    with pytest.raises(InputError, match=r"30 references have 30 labels: name the slice"):
        scored("{}", *[""] * 30, rows=rows)
