"""One real vLLM for all tests of this folder, and adapters for it.

`$INCUMBENT_VLLM` names the Python interpreter that has vLLM. Without it the tests are skipped, but
fail where $CI is set.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import missing
from tests.serving.vllm.server import VllmServer
from tests.serving.vllm.tiny_models import save_adapter, save_base


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One server for all of them, also where several processes run the tests (--dist loadgroup)."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.xdist_group("vllm"))


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
    python = os.environ.get("INCUMBENT_VLLM")
    if not python:
        missing("vLLM")
    server = VllmServer(Path(python), base, base.parent / "vllm.log")
    server.start()
    yield server
    server.kill()
