"""The next token: the likeliest, or drawn as its probability says."""

from collections import Counter
from random import Random

import pytest

from serving.embedded.engine_request import Sampling

pytestmark = pytest.mark.slow  # torch takes seconds to load

SHARES = (0.5, 0.125, 0.375)


def draws(sampling: Sampling, count: int = 4000) -> Counter[int]:
    import torch

    from serving.embedded.running_batch import next_tokens

    logits = torch.tensor([SHARES]).log().repeat(count, 1)
    chance = Random(0)
    return Counter(next_tokens(logits, [(sampling, chance)] * count))


def test_without_a_temperature_it_is_the_likeliest() -> None:
    assert draws(Sampling()) == {0: 4000}


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    found = draws(Sampling(temperature=1.0))
    for token, share in enumerate(SHARES):
        assert found[token] / 4000 == pytest.approx(share, abs=0.03)


def test_a_low_temperature_sharpens() -> None:
    found = draws(Sampling(temperature=0.5))  # shares squared: 16, 1 and 9 of 26
    assert found[0] / 4000 == pytest.approx(16 / 26, abs=0.03)


@pytest.mark.parametrize(
    ("top_p", "left"), [(0.01, {0}), (0.49, {0}), (0.6, {0, 2}), (0.9, {0, 1, 2})]
)
def test_top_p_leaves_the_likeliest_that_make_up_the_share(top_p: float, left: set[int]) -> None:
    assert set(draws(Sampling(temperature=1.0, top_p=top_p))) == left


@pytest.mark.parametrize("temperature", [1e-300, 2.0])
def test_extreme_settings_and_logits_that_are_no_numbers_give_a_token(temperature: float) -> None:
    import torch

    from serving.embedded.running_batch import next_tokens

    row = (Sampling(temperature=temperature, top_p=1e-300), Random(0))
    for logits in ([[1e30, -1e30, 0.0]], [[float("nan")] * 3], [[float("inf"), 0.0, 0.0]]):
        assert next_tokens(torch.tensor(logits), [row])[0] in (0, 1, 2)
