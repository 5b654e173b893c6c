"""MLflow's side of benchmarks/registry_cost.py: it runs where MLflow 3 is, and nothing of ours.

python -m benchmarks.registry_mlflow FOLDER SIZE PAGE BYTES

The store is SQLite in the folder, with a folder of artifacts beside it. Compared are: upload of an
adapter's folder and registration of a version of it (submit), moving an alias (promote), the
version that an alias names (champion), and the first and the last page of all versions. MLflow
leaves what it uploads to the system's cache, where a crash of the machine may lose it, so submit
is also measured with every file and folder of the upload synced before it is registered. For each
line that it reads it makes one run, and prints what each verb took in seconds as JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from mlflow import MlflowClient

MODEL = "benchmark"


def main() -> None:
    folder = Path(sys.argv[1])
    size, page, length = map(int, sys.argv[2:])
    folder.mkdir()
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.create_experiment(MODEL, artifact_location=(folder / "store").as_uri())
    run = client.create_run(experiment).info
    client.create_registered_model(MODEL)
    for _ in range(size):
        client.create_model_version(MODEL, f"{run.artifact_uri}/adapter", run.run_id)

    def submit(adapter: Path, *, synced: bool) -> None:
        client.log_artifacts(run.run_id, str(adapter), adapter.name)
        if synced:
            stored = Path(url2pathname(urlparse(run.artifact_uri).path), adapter.name)
            sync(*stored.iterdir(), stored, stored.parent)
        client.create_model_version(MODEL, f"{run.artifact_uri}/{adapter.name}", run.run_id)

    token = token_of_the_last_page(client, page)
    for number, _ in enumerate(sys.stdin):
        plain, durable = (made(folder / f"{kind}-{number}", length) for kind in ("a", "b"))
        verbs: dict[str, Callable[[], object]] = {
            "submit, 10 MB": lambda adapter=plain: submit(adapter, synced=False),
            "submit, 10 MB, synced": lambda adapter=durable: submit(adapter, synced=True),
            "promote": lambda number=number: client.set_registered_model_alias(
                MODEL, "champion", str(number + 1)
            ),
            "champion": lambda: client.get_model_version_by_alias(MODEL, "champion"),
            "first page": lambda: pages(client, page, None),
            "last page": lambda: pages(client, page, token),
        }
        print(json.dumps({verb: timed(act) for verb, act in verbs.items()}), flush=True)


def timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def made(adapter: Path, length: int) -> Path:
    """An adapter's folder that is on the disk, as training leaves it."""
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(os.urandom(length))
    (adapter / "adapter_config.json").write_text("{}")
    sync(*adapter.iterdir(), adapter)
    return adapter


def sync(*paths: Path) -> None:
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def pages(client: MlflowClient, page: int, token: str | None) -> object:
    return client.search_model_versions(f"name = '{MODEL}'", max_results=page, page_token=token)


def token_of_the_last_page(client: MlflowClient, page: int) -> str | None:
    token = None
    while following := pages(client, page, token).token:
        token = following
    return token


if __name__ == "__main__":
    main()
