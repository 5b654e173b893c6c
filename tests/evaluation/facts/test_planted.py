"""What the facts scorer is held to, each kind apart, on texts that tuned it and others."""

import pytest

from tests.evaluation.facts.planted import (
    FACTS,
    HALVES,
    fallen,
    fresh,
    noticed,
    planted,
    rewordings,
    unmoved,
)


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("kind", FACTS)
def test_the_score_falls_in_95_percent_of_planted_errors(half: str, kind: str) -> None:
    rate = noticed("facts", planted(half, kind))
    assert rate.of >= 35
    assert rate.share >= 0.95, rate


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("kind", FACTS)
def test_the_score_stays_in_95_percent_of_harmless_rewordings(half: str, kind: str) -> None:
    rate = unmoved("facts", rewordings(half, kind))
    assert rate.of >= 35
    assert rate.share >= 0.95, rate


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(
    ("metric", "kind"), [("conditions_kept", "condition"), ("terms_swapped", "product")]
)
def test_dropped_conditions_and_swapped_products_are_mostly_noticed(
    half: str, metric: str, kind: str
) -> None:
    assert noticed(metric, planted(half, kind)).share >= 0.80
    assert unmoved(metric, rewordings(half)).share >= 0.95


@pytest.mark.parametrize("half", HALVES)
def test_an_error_is_planted_in_an_answer_that_is_right_without_it(half: str) -> None:
    answers = [answer for _, answer in rewordings(half)]
    assert [case.right for case in planted(half)] == answers
    assert all(case.wrong != case.right for case in planted(half))


def test_93_percent_of_what_another_writer_wrote_is_judged_right() -> None:
    errors, right = fallen("facts", fresh("error")), unmoved("facts", fresh("rewording"))
    assert errors.of == right.of == 120
    assert errors.share >= 0.93, errors
    assert right.share >= 0.93, right
