"""`incumbent search curve` draws nested shares, finds a known truth, and says what is not known."""

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from incumbent.searching.label_curve import LabelCurve, Measured, MetricCurve, fit, metric_curve
from incumbent.searching.label_measuring import nested, read_shares
from project.canonical import digest_folder
from project.errors import InputError
from project.files import home
from project.records.data import Row
from tests.incumbent.tiny_project import called, lay_out_project, run

RNG = np.random.default_rng(0)
ROWS = [Row.of(f"{i}?", f"{i}", group=f"g{i // 2}", source="faq.csv") for i in range(200)]
SHARES = read_shares("1/8,1/4,1/2,1")
NUMBERS = np.array([150.0, 300.0, 600.0, 1200.0])
GROUPS = [f"g{i // 2}" for i in range(120)]


# --- the shares -----------------------------------------------------------------------------------


def test_shares_are_read_in_their_order_and_once() -> None:
    assert read_shares("1, 1/4,0.25 ,1/2") == (Fraction(1, 4), Fraction(1, 2), Fraction(1))


@pytest.mark.parametrize("text", ["0,1", "1/2,3/2", "half,1", "1/0,1", "-1,1", "", "1"])
def test_what_is_no_share_or_one_alone_is_refused_by_name(text: str) -> None:
    problem = "two shares or more" if text == "1" else " is no share above 0 and up to 1"
    with pytest.raises(InputError, match=f"--shares: .*{problem}"):
        read_shares(text)


def test_smaller_shares_lie_within_larger_ones_and_groups_stay_whole() -> None:
    drawn = nested(ROWS, SHARES, seed=0)
    assert [len(rows) for rows in drawn] == [26, 50, 100, 200]  # whole groups of two
    sets = [{row.id for row in rows} for rows in drawn]
    assert all(small < large for small, large in pairwise(sets))
    for rows in drawn:
        groups = {row.group for row in rows}
        assert len(rows) == 2 * len(groups)
        assert rows == [row for row in ROWS if row.group in groups]


def test_draws_are_functions_of_their_seeds_and_of_no_order() -> None:
    one, again = (nested(rows, SHARES, 0)[0] for rows in (ROWS, ROWS[::-1]))
    assert {row.id for row in one} == {row.id for row in again}
    assert one != nested(ROWS, SHARES, 1)[0]


def test_a_share_of_too_few_rows_is_refused() -> None:
    with pytest.raises(InputError, match="1/8 of 20 training rows are 2, and fewer than 8"):
        nested(ROWS[:20], SHARES, 0)


def test_shares_that_take_the_same_rows_are_refused_for_they_make_no_curve() -> None:
    rows = [Row.of(f"{i}?", f"{i}", group="large", source="faq.csv") for i in range(60)]
    said = r"--shares: 1/4 and 1/2 take the same 60 rows, for the rows are in too few groups, 1"
    with pytest.raises(InputError, match=said):
        nested(rows, read_shares("1/4,1/2,1"), 0)


# --- the fit --------------------------------------------------------------------------------------


@pytest.mark.parametrize("c", [0.0, 0.5, 1.0, 2.0])
def test_points_of_a_power_law_give_it_back(c: float) -> None:
    curve = fit(NUMBERS, power_law(NUMBERS, c)[None])
    assert curve.c == pytest.approx(c, abs=0.01)
    assert curve.at(1400.0) == pytest.approx(power_law(1400, c), abs=1e-6)


def power_law(rows: Any, c: float) -> Any:
    return 0.3 + 0.1 * (np.log(rows) if c == 0 else (1 - rows**-c) / c)


def test_more_rows_are_not_taken_to_do_harm() -> None:
    curve = fit(NUMBERS, np.array([[0.5, 0.45, 0.42, 0.4]]))
    assert curve.b == 0
    assert curve.at(5000.0) == pytest.approx(0.4425)


# --- what follows ---------------------------------------------------------------------------------


def measured(slope: float, *, draws: int = 3, noise: float = 0.05, base: float = 0.2) -> Measured:
    """Scores of 120 items that grow by the logarithm of the number of rows."""
    items = RNG.normal(scale=0.1, size=120)
    means = 0.3 + slope * np.log(NUMBERS / NUMBERS[0])
    scores = means[:, None, None] + items + RNG.normal(scale=noise, size=(4, draws, 120))
    rows = np.repeat(NUMBERS[:, None], draws, axis=1)
    return Measured(scores, base + items, rows, ("1/8", "1/4", "1/2", "1"), GROUPS)


def grown(slope: float, at: int = 250, **how: Any) -> MetricCurve:
    return metric_curve(measured(slope, **how), "more", more=200, at=at, level=0.9)


def test_what_labels_are_worth_is_near_the_truth_and_inside_its_interval() -> None:
    curve = grown(0.1)
    truth = 0.1 * np.log(1400 / 1200)
    assert curve.more.low < truth < curve.more.high
    assert curve.more.value == pytest.approx(truth, abs=0.01)
    whole, part = 0.3 + 0.1 * np.log(8), 0.3 + 0.1 * np.log(250 / 150)
    assert curve.of_score and curve.of_gain
    assert curve.of_score.value == pytest.approx(part / whole, abs=0.03)
    assert curve.of_gain.value == pytest.approx((part - 0.2) / (whole - 0.2), abs=0.05)
    assert curve.enough == pytest.approx(150 * np.exp((0.9 * whole - 0.3) / 0.1), rel=0.15)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    truth = 0.1 * np.log(1400 / 1200)
    covers = [one.more.low <= truth <= one.more.high for one in (grown(0.1) for _ in range(20))]
    assert np.mean(covers) >= 0.75


def test_labels_that_bring_nothing_are_not_shown_to_bring_anything() -> None:
    curve = grown(0.0, base=0.3)
    assert curve.more.low == pytest.approx(0, abs=1e-9)
    assert curve.of_gain is None
    said = "\n".join(told(curve).sentences)
    assert "rougeL: 200 labels more: +0.0" in said
    assert "], no gain is shown" in said
    assert "rougeL: all labels together are not shown to beat the base" in said


def test_draws_that_differ_widen_the_intervals() -> None:
    alike = measured(0.1)
    apart = np.array([-0.05, 0.0, 0.05])[None, :, None]
    other = Measured(alike.scores + apart, alike.base, alike.rows, alike.shares, alike.groups)
    narrow, wide = (
        metric_curve(one, "more", more=200, at=250, level=0.9).points[0].score
        for one in (alike, other)
    )
    assert wide.high - wide.low > 1.2 * (narrow.high - narrow.low)


def test_where_less_is_better_a_falling_score_is_a_gain() -> None:
    more = measured(0.1)
    curve = metric_curve(more, "less", more=200, at=250, level=0.9)
    assert curve.base == pytest.approx(-float(more.base.mean()))
    assert curve.points[0].score.value > curve.points[-1].score.value
    assert curve.points[0].score.low < curve.points[0].score.value < curve.points[0].score.high
    assert curve.more.value > 0
    assert (curve.of_score, curve.enough) == (None, None)
    assert curve.of_gain
    for _, low, high in curve.band:
        assert low < high
    said = told(curve).sentences
    assert "rougeL: less is better, so there is no share of the score to tell" in said


def test_numbers_outside_of_what_was_measured_are_not_told() -> None:
    assert grown(0.1, at=100).of_score is None
    assert grown(0.1, at=1201).of_gain is None
    assert grown(0.1, at=1200).of_score is not None


# --- what is said of it ---------------------------------------------------------------------------


def told(curve: MetricCurve, seeds: int = 3) -> LabelCurve:
    return LabelCurve(
        rows=1200,
        kept=20,
        items=120,
        clusters=60,
        level=0.9,
        seeds=seeds,
        more=200,
        at=250,
        judged_by=("rougeL",),
        metrics={"rougeL": curve},
    )


def test_the_outcome_is_told_in_words_and_drawn() -> None:
    found = told(grown(0.1))
    said = "\n".join(found.sentences)
    assert "120 dev items in 60 groups; intervals of 90%; 3 draws of each share" in said
    assert "each adapter also learns 20 rehearsed or accepted rows" in said
    assert "rougeL: 200 labels more: +0.0" in said
    assert said.count("rougeL: 250 of 1,200 labels reach") == 2
    assert max(map(len, said.splitlines())) <= 80
    assert "labels reach 90% of the score of all" in said
    found.write_page(Path("labels.html"))
    page = Path("labels.html").read_text()
    assert page.count("<circle") == 4
    assert "<script" not in page
    assert LabelCurve.model_validate(json.loads(found.canonical())) == found


def test_one_draw_is_one_draw() -> None:
    said = told(grown(0.1, draws=1), seeds=1).sentences
    assert said[-1] == "another draw may differ: --seeds 3 makes three"


# --- the whole ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_shares_are_learnt_and_held_to_dev_and_nothing_is_made_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lay_out_project()
    before = digest_folder(Path("outputs"))
    code, _, said = called(capsys, "search", "curve", "--shares", "1/8,1")
    assert code == 2
    assert "error: --shares: 1/8 of 40 training rows are 5, and fewer than 8 teach nothing" in said
    drawn = ("--shares", "1/4,1/2,1", "--seeds", "2")
    asked = ("search", "curve", *drawn, "--more", "20", "--at", "15")
    found, said = run(capsys, *asked)
    assert "6 adapters on up to 40 rows: about" in said
    assert (found["rows"], found["kept"], found["seeds"]) == (40, 1, 2)
    rouge = found["metrics"]["rougeL"]
    assert [point["rows"] for point in rouge["points"]] == [10, 20, 40]
    assert all(len(point["draws"]) == 2 for point in rouge["points"])
    assert {"semantic", "reference_logprob"} <= found["metrics"].keys()
    assert Path(found["page"]).is_file()
    assert len(list((home() / "selection" / "adapters").iterdir())) == 6
    again, said = run(capsys, *asked)
    assert again == found
    assert digest_folder(Path("outputs")) == before
    assert called(capsys, *asked)[1].startswith("share")
