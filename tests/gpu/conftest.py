"""What anybody with a card can run, in some minutes: `pytest -m gpu` (docs/how-to/hardware.md).

Where no card is, the tests are skipped and say so. What loads torch is imported where it is used.
"""

from pathlib import Path

import pytest

from project.gpu import Card, card_here
from training.precision import GPUS


@pytest.fixture(scope="session", autouse=True)
def card() -> Card:
    """The one that the tests compute on."""
    if not any(found for pattern in GPUS for found in Path("/dev").glob(pattern)):
        pytest.skip("there is no GPU here: docs/how-to/hardware.md says what was never run on one")
    import torch

    found = card_here(torch)
    if found is None:
        pytest.skip("there is a GPU, and torch cannot use it: `incumbent project doctor` says more")
    return found


@pytest.fixture(scope="session")
def base(base_model: Path) -> Path:
    """The base that the tests train and ask: 135 million weights, for cards of 8 GB too."""
    return base_model


@pytest.fixture(scope="session")
def adapter(card: Card, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that was trained on the card, and answers unlike its base."""
    from tests.gpu.on_card import ground_on, trained

    folder = tmp_path_factory.mktemp("adapters") / "adapter"
    trained(ground_on(card, base), folder, epochs=4, learning_rate=5e-3)
    return folder
