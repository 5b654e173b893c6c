"""Swaps by llama.cpp's server: the suite of `swap_suite.py`, a process for each adapter."""

from pathlib import Path

import pytest

from evaluation.generation.backends.own_llama import LlamaReplica, find_server
from project.errors import InputError
from project.model_pins import ModelChoice, pin
from tests.servers import missing
from tests.serving.deploying.swap_suite import Judged, RealEngine, SwapSuite
from tests.serving.embedded.conftest import save_adapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def judged(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    folder = tmp_path_factory.mktemp("swap")
    names = enumerate(("ant", "bee", "cat", "dog"), 1)
    # On all modules and at a large scale: its answers change with the scale.
    adapters = {name: save_adapter(tiny_base, folder / name, i, alpha=16) for i, name in names}
    return Judged.of(tiny_base, adapters)


@pytest.fixture
def engine(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> RealEngine:
    monkeypatch.setenv("LLAMA_ARG_THREADS", "1")  # two that spin take longer on a busy machine
    try:
        find_server()
    except InputError:
        missing("llama.cpp's server (pip install xllamacpp)")
    made: list[LlamaReplica] = []

    def make() -> LlamaReplica:
        made.append(LlamaReplica(pin(ModelChoice(model=str(judged.base)), "base")))
        return made[-1]

    def restart() -> None:
        for server in made[-1].servers.values():
            server.process.stop()

    return RealEngine(judged, make, restart)


@pytest.fixture
def swaps() -> int:
    return 4


class TestLlama(SwapSuite):
    """llama.cpp."""
