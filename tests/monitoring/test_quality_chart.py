"""The champion's quality on fresh labels, night by night, beside what it scored on dev."""

import pytest

from monitoring.charts import INTERVAL, quality_charts
from monitoring.night_page import page
from monitoring.night_text import line, quality_text
from project.records.drift import ChampionQuality, Night
from tests.monitoring.test_night_report import HOSTILE, Outline, night


def quality(mean: float, error: float | None = 0.02, dev: float | None = 0.33) -> ChampionQuality:
    return ChampionQuality(
        n=24,
        scores={"rougeL": mean},
        errors={} if error is None else {"rougeL": error},
        dev={} if dev is None else {"rougeL": dev},
        rows=("a",),
    )


def nights(*means: float | None, champion: int = 3, first: int = 1) -> list[Night]:
    return [
        night(first + i, champion=champion, quality=None if mean is None else quality(mean))
        for i, mean in enumerate(means)
    ]


def test_the_night_tells_its_quality_beside_that_of_dev() -> None:
    (one,) = nights(0.31)
    told = "on 24 fresh labels: rougeL 0.310 ± 0.020 (dev: 0.330)"
    assert f"  quality   {told}" in line(one).plain
    assert f"Tonight {told}" in Outline(page(one, [], None)).words


def test_one_label_has_no_error_and_a_forced_champion_no_dev() -> None:
    assert quality_text(quality(0.5, None, None)) == "on 24 fresh labels: rougeL 0.500"


def test_without_fresh_labels_the_page_says_so() -> None:
    shown = Outline(page(night(), nights(None), None)).words
    assert "no labels were accepted since the champion was submitted" in shown


def test_higher_is_better_and_the_interval_reaches_above_and_below() -> None:
    (chart,) = quality_charts(nights(0.3, 0.4), 100, 50)
    low, high = chart.marks
    assert low.y > high.y
    assert low.reach and low.reach[0] < low.y < low.reach[1]
    assert [level.text for level in chart.levels[:2]] == [
        f"{0.4 + INTERVAL * 0.02:.3g}",
        f"{0.3 - INTERVAL * 0.02:.3g}",
    ]
    assert (chart.levels[0].y, chart.levels[1].y) == (0, 50)


def test_nights_without_labels_leave_no_mark_and_keep_their_place() -> None:
    (chart,) = quality_charts(nights(0.3, None, None, 0.4), 140, 50)
    assert [mark.x for mark in chart.marks] == [105.0, 135.0]


def test_each_champion_has_a_line_and_a_dev_line_of_its_own() -> None:
    both = [*nights(0.3, 0.31), *nights(0.4, 0.41, champion=4, first=3)]
    (chart,) = quality_charts(both, 140, 50)
    assert [len(points.split()) for points in chart.lines] == [2, 2]
    first, second = (level for level in chart.levels if level.kind == "base")
    assert (first.label[:2], second.label[:2]) == ("v3", "v4")
    assert first.right == pytest.approx(second.left)


def test_a_metric_that_came_later_has_a_chart_of_its_own() -> None:
    both = ChampionQuality(n=2, scores={"rougeL": 0.2, "semantic": 0.6}, errors={})
    found = quality_charts([*nights(0.3), night(2, quality=both)], 100, 50)
    assert [(chart.title, len(chart.marks)) for chart in found] == [("rougeL", 2), ("semantic", 1)]


def test_one_value_alone_has_a_scale() -> None:
    (chart,) = quality_charts([night(quality=quality(0.5, None, None))], 100, 50)
    assert chart.marks[0].y == 25
    assert quality_charts([night()], 100, 50) == []


def test_what_a_scorer_is_called_stays_text() -> None:
    hostile = ChampionQuality(n=2, scores={HOSTILE: 0.5}, errors={HOSTILE: 0.1}, dev={HOSTILE: 0.4})
    shown = Outline(page(night(quality=hostile), [], None))
    assert "img" not in shown.tags
    assert "script" not in shown.tags
