"""An export differs from what was judged by no more than the margin, whichever way."""

import pytest

from project.errors import IncumbentError
from serving.exporting.judged_answers import refuse_outside
from serving.exporting.start_scripts import ScoredAgain, outside, table


def scored(judged: float, exported: float) -> ScoredAgain:
    return ScoredAgain(metric="rougeL", judged=judged, exported=exported)


@pytest.mark.parametrize(
    ("judged", "exported", "refused"),
    [
        (0.5, 0.5, False),
        (0.5, 0.48, False),  # the margin itself
        (0.5, 0.479, True),
        (0.5, 0.521, True),  # better was not judged either
    ],
)
def test_what_is_outside_the_margin(judged: float, exported: float, refused: bool) -> None:
    assert bool(outside([scored(judged, exported)], 0.02)) is refused


def test_a_refusal_names_the_metric_and_shows_every_score() -> None:
    scores = [scored(0.5, 0.3), ScoredAgain(metric="semantic", judged=0.9, exported=0.9)]
    with pytest.raises(IncumbentError) as refused:
        refuse_outside(scores, 0.02, "bank v1", "gguf")
    lines = str(refused.value).splitlines()
    assert "bank v1 as gguf is not what was judged: rougeL differs" in lines[0]
    assert "\n".join(lines[1:4]) == table(scores)


def test_the_table_stands_in_columns() -> None:
    scores = [scored(0.5, 0.3), ScoredAgain(metric="semantic", judged=0.9, exported=0.91)]
    assert table(scores).splitlines() == [
        "metric    judged  exported  difference",
        "rougeL     0.500     0.300      -0.200",
        "semantic   0.900     0.910      +0.010",
    ]
