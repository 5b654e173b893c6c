"""Batches on a Ray cluster, by Ray Data's pool of actors: each makes its function once.

A worker that is lost takes its half-done batch with it: Ray starts another, which does that batch
from its beginning. Of a batch only a whole result comes back, so each item is there once.
"""

import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from traceback import format_exc
from typing import Any, TypeVar

from ray import cloudpickle, get_runtime_context
from ray.data import ActorPoolStrategy, DataContext, Dataset, from_items
from ray.exceptions import RayError

from project.engine.engine_settings import RayParams
from project.engine.mapped import Maker
from project.engine.ray_cluster import connected, cpus_per_worker, workers_of
from project.errors import IncumbentError, InputError

T = TypeVar("T")
R = TypeVar("R")
LOSSES = 4  # of one worker, or of one batch's workers: more are the fault of what is done
CARRIED = ("INCUMBENT_HOME", "HF_HUB_OFFLINE", "HF_HOME")  # of this process' environment


def finished_on_ray(
    maker: Maker[T, R], batches: Sequence[Sequence[T]], params: RayParams
) -> Iterator[tuple[int, Sequence[R]]]:
    """Yield each batch's place and results when it is done. Raises the error of a worker as it is,
    and IncumbentError where workers are lost again and again.
    """
    with connected(params):
        missing = set(range(len(batches)))
        for place, outcome in outcomes(maker, batches, params):
            missing.remove(place)
            if isinstance(outcome, Exception):
                raise outcome
            yield place, outcome
    if missing:
        raise IncumbentError(f"Ray gave no result for {len(missing)} of {len(batches)} batches")


class Worker:
    """An actor: the function that its maker makes, in this process' folder and environment."""

    def __init__(self, maker: bytes, folder: str, environment: dict[str, str]) -> None:
        self.function: Any = None
        self.broken: Exception | None = None
        try:
            enter(folder)
            os.environ.update(environment)
            self.function = pickle.loads(maker)()
        except Exception as error:  # raised here, it would be one more lost worker
            self.broken = told(error)

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[Any]]:
        outcome = self.broken or self.outcome(pickle.loads(rows["batch"][0]))
        return {"place": list(rows["place"]), "outcome": [sent(outcome)]}

    def outcome(self, batch: Sequence[Any]) -> Any:
        try:
            return list(self.function(batch))
        except Exception as error:  # which Ray would wrap into one of its own
            return told(error)


# --- one level down -----------------------------------------------------------------------------


def outcomes(maker: Any, batches: Sequence[Any], params: RayParams) -> Iterator[tuple[int, Any]]:
    """Of each batch, in any order: its place, and its results or the exception that it met."""
    be_silent(DataContext.get_current())
    try:
        for rows in pool(maker, batches, params).iter_batches(
            batch_size=None, batch_format="pyarrow", prefetch_batches=0
        ):
            for place, outcome in zip(rows["place"], rows["outcome"], strict=True):
                yield place.as_py(), pickle.loads(outcome.as_py())
    except RayError as error:
        problem = f"a worker on the Ray cluster was lost {LOSSES + 1} times at the same work"
        advice = "it may need more memory than there is; what was done is kept: run it again"
        raise IncumbentError(f"{problem}: {advice}") from error


def pool(maker: Any, batches: Sequence[Any], params: RayParams) -> Dataset:
    """The outcomes, as Ray Data makes them when they are asked for; a block is a batch."""
    rows = [{"place": i, "batch": pickle.dumps(batch)} for i, batch in enumerate(batches)]
    size = min(workers_of(params), len(batches))
    cpus = cpus_per_worker(params)
    carried = {name: os.environ[name] for name in CARRIED if name in os.environ}
    return from_items(rows, override_num_blocks=len(rows)).map_batches(
        Worker,
        batch_size=1,
        compute=ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1),
        fn_constructor_args=(cloudpickle.dumps(maker), str(Path.cwd()), carried),
        num_cpus=cpus,
        num_gpus=params.gpus_per_worker,
        max_restarts=LOSSES,
        max_task_retries=LOSSES,
        runtime_env={"env_vars": {"OMP_NUM_THREADS": str(cpus)}},
    )


def be_silent(context: DataContext) -> None:
    context.enable_progress_bars = False
    context.print_on_execution_start = False


def enter(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        node = get_runtime_context().get_node_id()
        problem = f"machine {node} of the Ray cluster has no folder {folder}: {error}"
        raise InputError(f"{problem}; all of them must see the project in the same place") from None


def told(error: Exception) -> Exception:
    """An error with where it came from, which is lost on the way else."""
    if not isinstance(error, IncumbentError):
        error.add_note(f"on a worker of the Ray cluster:\n{format_exc()}")
    return error


def sent(outcome: Any) -> bytes:
    """Pickled; of an exception that cannot be, what it says."""
    with suppress(Exception):
        data = pickle.dumps(outcome)
        pickle.loads(data)  # some can be written only
        return data
    return pickle.dumps(IncumbentError(f"a worker failed: {outcome!r}"))
