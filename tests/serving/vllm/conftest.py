"""One real vLLM for all tests of this folder, and adapters for it.

`$INCUMBENT_VLLM` names the Python interpreter that has vLLM. Without it the tests are skipped, but
fail where $CI is set.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import python_of
from tests.serving.vllm.server import VllmServer
from tests.serving.vllm.tiny_models import save_adapter, save_base


@pytest.fixture(scope="package")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny base with random weights, its tokenizer and its chat template."""
    return save_base(tmp_path_factory.mktemp("vllm") / "base")


@pytest.fixture(scope="package")
def adapters(base: Path) -> dict[str, Path]:
    """Adapters on it that all answer differently, by names that say nothing."""
    names = ("ant", "bee", "cat", "dog")
    return {
        name: save_adapter(base, base.parent / name, seed) for seed, name in enumerate(names, 1)
    }


@pytest.fixture(scope="package")
def vllm_server(base: Path) -> Iterator[VllmServer]:
    """A running server; a test that kills it has to restart it."""
    server = VllmServer(Path(python_of("vllm")), base, base.parent / "vllm.log")
    server.start()
    yield server
    server.kill()
