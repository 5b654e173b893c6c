"""MLflow's side of benchmarks/registry_cost.py: it runs where MLflow 3 is, and nothing of ours.

python benchmarks/registry_mlflow.py FOLDER SIZE RUNS PAGE BYTES

The store is SQLite in the folder, with a folder of artifacts beside it. Compared are: upload of an
adapter's folder and registration of a version of it (submit), moving an alias (promote), the
version that an alias names (champion), and the first and the last page of all versions. Prints the
medians in seconds as JSON.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mlflow import MlflowClient

MODEL = "benchmark"


def main() -> None:
    folder = Path(sys.argv[1])
    size, runs, page, length = map(int, sys.argv[2:])
    folder.mkdir()
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.create_experiment(MODEL, artifact_location=(folder / "store").as_uri())
    run = client.create_run(experiment).info
    client.create_registered_model(MODEL)
    for _ in range(size):
        client.create_model_version(MODEL, f"{run.artifact_uri}/adapter", run.run_id)

    def submit(adapter: Path) -> None:
        client.log_artifacts(run.run_id, str(adapter), adapter.name)
        client.create_model_version(MODEL, f"{run.artifact_uri}/{adapter.name}", run.run_id)

    token = token_of_the_last_page(client, page)
    taken: dict[str, list[float]] = {}
    for number in range(runs + 1):
        adapter = folder / f"adapter-{number}"
        adapter.mkdir()
        (adapter / "adapter_model.safetensors").write_bytes(os.urandom(length))
        (adapter / "adapter_config.json").write_text("{}")
        verbs: dict[str, Callable[[], object]] = {
            "submit, 10 MB": lambda adapter=adapter: submit(adapter),
            "promote": lambda number=number: client.set_registered_model_alias(
                MODEL, "champion", str(number + 1)
            ),
            "champion": lambda: client.get_model_version_by_alias(MODEL, "champion"),
            "first page": lambda: pages(client, page, None),
            "last page": lambda: pages(client, page, token),
        }
        for verb, act in verbs.items():
            start = time.perf_counter()
            act()
            taken.setdefault(verb, []).append(time.perf_counter() - start)
    print(json.dumps({verb: statistics.median(times[1:]) for verb, times in taken.items()}))


def pages(client: MlflowClient, page: int, token: str | None) -> object:
    return client.search_model_versions(f"name = '{MODEL}'", max_results=page, page_token=token)


def token_of_the_last_page(client: MlflowClient, page: int) -> str | None:
    token = None
    while following := pages(client, page, token).token:
        token = following
    return token


if __name__ == "__main__":
    main()
