"""One cluster for all tests here: to start it takes longer than most of them."""

from collections.abc import Iterator

import pytest

from project.engine.engine_settings import RayParams
from project.engine.ray_cluster import connected


@pytest.fixture(scope="session", autouse=True)
def cluster() -> Iterator[None]:
    with connected(RayParams(workers=2, cpus_per_worker=1)):
        yield
