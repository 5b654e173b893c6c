"""One MLflow server for all tests here, in which each family is an experiment of its own."""

from collections.abc import Iterator

import pytest

from tests.incumbent.mirroring.mlflow_server import mlflow_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as url:
        yield url
