"""The stages from `base` to `compare`, as `incumbent run` calls them, on the card."""

import pytest

from project.gpu import Card

pytestmark = [pytest.mark.gpu, pytest.mark.slow]


def test_the_pipeline_runs_on_the_card_and_says_so(card: Card) -> None:
    from project import paths
    from project.records.adapters import Adapter, Numerics
    from tests.incumbent.reproducible_project import lay_out_reproducible, run

    lay_out_reproducible(base__precision="auto")
    run("dvc", "repro")
    numerics = Adapter.read(paths.ADAPTER).numerics
    assert numerics is not None
    assert (numerics.processor, numerics.precision) == (card.name, card.fastest)
    assert Numerics.read(paths.NUMERICS).processor == card.name
    assert (paths.SCORES / "dev.jsonl").is_file()
