"""Batches on a Ray cluster, by Ray Data's pool of actors: each makes its function once.

A worker that is lost takes its half-done batch with it: Ray starts another, which does that batch
from its beginning. Of a batch only a whole result comes back, so each item is there once.
"""

import os
import pickle
import sys
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from functools import cached_property
from pathlib import Path
from traceback import format_exc
from typing import Any, NamedTuple, TypeVar

from ray import cloudpickle, get_runtime_context
from ray.data import ActorPoolStrategy, DataContext, Dataset, from_items
from ray.exceptions import RayError

from project.engine.engine_settings import RayParams
from project.engine.ray_cluster import connected, cpus_per_worker, first_line, workers_of
from project.errors import IncumbentError, InputError
from project.libraries import CAPS, CHOICES, settle_processor

T = TypeVar("T")
B = TypeVar("B")
LOSSES = 4  # of workers over one batch or step: more are the fault of what is done
# Of this process' environment, what decides where things are and how a processor rounds.
CARRIED = ("INCUMBENT_HOME", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", *CAPS)


def finished_on_ray(
    maker: Callable[[], Callable[[Sequence[T]], B]],
    batches: Sequence[Sequence[T]],
    params: RayParams,
) -> Generator[tuple[int, B]]:
    """Yield each batch's place and result when it is done. Raises the error of a worker as it is,
    and IncumbentError where workers are lost again and again.
    """
    missing = set(range(len(batches)))
    with connected(params), closing(outcomes(maker, batches, params)) as results:
        for place, outcome in results:
            missing.remove(place)
            if isinstance(outcome, Exception):
                raise outcome
            yield place, outcome
    if missing:
        raise IncumbentError(f"Ray gave no result for {len(missing)} of {len(batches)} batches")


class Driver(NamedTuple):
    """Where the process is that the workers work for: they go there too."""

    folder: str
    path: list[str]  # that Python imports from
    environment: dict[str, str]


class Worker:
    """An actor: the function that its maker makes, in the driver's folder and environment.

    It is made with the first batch, so that a worker which is lost over it is one of LOSSES.
    """

    def __init__(self, maker: bytes, driver: Driver) -> None:
        self.maker = maker
        self.driver = driver

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[Any]]:
        outcome = self.outcome(rows["batch"][0])
        return {"place": list(rows["place"]), "outcome": [sent(outcome)]}

    def outcome(self, batch: bytes) -> Any:
        """The function's result, or what it raised, which Ray would wrap into one of its own."""
        try:
            return self.function(pickle.loads(batch))
        except Exception as error:
            if not isinstance(error, IncumbentError):
                error.add_note(f"on a worker of the Ray cluster:\n{format_exc()}")
            return error

    @cached_property
    def function(self) -> Any:
        enter(self.driver)
        return pickle.loads(self.maker)()


# --- the pool of actors -------------------------------------------------------------------------


def outcomes(maker: Any, batches: Sequence[Any], params: RayParams) -> Generator[tuple[int, Any]]:
    """The place of each batch, in any order, and its result or the exception that it met."""
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    try:
        for rows in pool(maker, batches, params).iter_batches(
            batch_size=None, batch_format="pyarrow", prefetch_batches=0
        ):
            for place, outcome in zip(rows["place"], rows["outcome"], strict=True):
                yield place.as_py(), pickle.loads(outcome.as_py())
    except RayError as error:
        problem = f"the Ray cluster gave up, after {LOSSES} more tries if a worker was lost"
        advice = "a worker may need more memory than there is"
        raise IncumbentError(f"{problem}: {first_line(error)}; {advice}") from error


def pool(maker: Any, batches: Sequence[Any], params: RayParams) -> Dataset:
    """The outcomes, as Ray Data makes them when they are asked for; a block is a batch."""
    rows = [{"place": i, "batch": pickle.dumps(batch)} for i, batch in enumerate(batches)]
    size = min(workers_of(params), len(batches))
    cpus = cpus_per_worker(params)
    driver = Driver(str(Path.cwd()), sys.path, worker_environment(cpus))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that max_task_retries will have another place in Ray 2.64
        return from_items(rows, override_num_blocks=len(rows)).map_batches(
            Worker,
            batch_size=1,
            compute=ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1),
            fn_constructor_args=(cloudpickle.dumps(maker), driver),
            num_cpus=cpus,
            num_gpus=params.gpus_per_worker,
            max_task_retries=LOSSES,
        )


def worker_environment(cpus: int) -> dict[str, str]:
    """What a worker of so many CPUs is told of this process' environment."""
    carried = {name: os.environ[name] for name in CARRIED if name in os.environ}
    return carried | {"OMP_NUM_THREADS": str(cpus)}


def enter(driver: Driver) -> None:
    """Be where the driver is. Before torch is imported, which reads how many threads it has."""
    os.environ.pop(CHOICES, None)  # those of the process that started the cluster
    os.environ.update(driver.environment)
    settle_processor()
    sys.path[:] = dict.fromkeys([*driver.path, *sys.path])
    try:
        os.chdir(driver.folder)
    except OSError as error:
        node = get_runtime_context().get_node_id()
        problem = f"machine {node} of the Ray cluster has no folder {driver.folder}: {error}"
        raise InputError(f"{problem}; all of them must see the project in the same place") from None


def sent(outcome: Any) -> bytes:
    """Pickled; of an exception that cannot be, what it says."""
    with suppress(Exception):
        data = pickle.dumps(outcome)
        pickle.loads(data)  # some can be written only
        return data
    return pickle.dumps(IncumbentError(f"a worker failed: {outcome!r}"))
