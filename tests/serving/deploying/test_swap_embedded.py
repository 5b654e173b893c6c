"""Swaps on the embedded backend: the suite of `swap_suite.py`."""

import pytest

from serving.serving_settings import ServingParams
from tests.serving.deploying.swap_suite import Judged, RealEngine, SwapSuite
from tests.serving.vllm.tiny_models import save_adapter, save_base

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    folder = tmp_path_factory.mktemp("swap")
    base = save_base(folder / "base")
    names = enumerate(("ant", "bee", "cat", "dog"), 1)
    return Judged.of(base, {name: save_adapter(base, folder / name, seed) for seed, name in names})


@pytest.fixture
def engine(judged: Judged) -> RealEngine:
    # Imported here so that the fast tests do not wait for torch.
    from serving.embedded.embedded_backend import EmbeddedBackend

    return RealEngine(
        judged, lambda: EmbeddedBackend(judged.base, "float32", ServingParams(), name="base")
    )


@pytest.fixture
def swaps() -> int:
    return 40


class TestEmbedded(SwapSuite):
    """The embedded backend."""
