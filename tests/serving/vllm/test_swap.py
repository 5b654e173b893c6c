"""Swaps on a real vLLM: the suite of `tests/serving/deploying/swap_suite.py`."""

from pathlib import Path

import pytest

from evaluation.generation.backends.adapter_servers import VllmReplica
from tests.serving.deploying.swap_suite import Judged, RealEngine, SwapSuite
from tests.serving.vllm.server import VllmServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def judged(base: Path, adapters: dict[str, Path]) -> Judged:
    return Judged.of(base, adapters)


@pytest.fixture
def engine(vllm_server: VllmServer, judged: Judged) -> RealEngine:
    return RealEngine(judged, lambda: VllmReplica(vllm_server.url), vllm_server.restart)


@pytest.fixture
def swaps() -> int:
    return 10


class TestVllm(SwapSuite):
    """vLLM, one server for all."""
