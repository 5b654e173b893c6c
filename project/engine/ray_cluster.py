"""A Ray cluster: one that is there, or one on this machine for as long as it is needed.

What listens does so on the loopback address alone, and nothing is reported to anybody.
"""

import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from project.engine.engine_settings import RayParams
from project.errors import InputError
from project.extras import name_missing_extras
from project.processor import cores, threads
from project.settings import PARAMS

# What Ray reads when it is imported, unless the user's environment says else.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no report to Ray's makers
    "RAY_enable_metrics_collection": "false",
}


@contextmanager
def connected(params: RayParams) -> Iterator[None]:
    """A cluster for the block. One that this process is connected to already serves, and stays.

    Raises InputError where Ray is not installed, or where no cluster answers at the address.
    """
    ray = imported_ray()
    if ray.is_initialized():
        yield
        return
    with own_signals():
        connect(ray, params)
    try:
        yield
    finally:
        with own_signals():
            ray.shutdown()


def cpus_per_worker(params: RayParams) -> int:
    return params.cpus_per_worker or threads()


def workers_of(params: RayParams) -> int:
    """How many workers there are to be in the cluster of this block.

    Raises InputError where the settings leave it open and no machine has room for one.
    """
    if params.workers:
        return params.workers
    nodes = [node["Resources"] for node in imported_ray().nodes() if node["Alive"]]
    room = sum(room_on(node, params) for node in nodes)
    if not room:
        problem = (
            f"no machine of the cluster has room for a worker, of {cpus_per_worker(params)} CPUs "
            f"and {params.gpus_per_worker:g} GPUs: set ray.cpus_per_worker and ray.gpus_per_worker,"
            " or ray.workers where it grows"
        )
        raise InputError(problem, file=PARAMS, field="ray.workers")
    return room


# --- one level down -----------------------------------------------------------------------------


def imported_ray() -> Any:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    # Imported here because it takes a second, and the local engine does without it.
    with name_missing_extras():
        import ray
        import ray.data
    return ray


def connect(ray: Any, params: RayParams) -> None:
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    if params.address is None:
        ray.init(address="local", **own_cluster(params), **quiet)
        return
    try:
        ray.init(address=params.address, **quiet)
    except Exception as error:  # of many kinds: Ray's, gRPC's, and plain ones
        problem = f"no Ray cluster answers at {params.address}: {first_line(error)}"
        advice = "start it, or set ray.address to null for one on this machine"
        raise InputError(f"{problem}; {advice}", file=PARAMS, field="ray.address") from error


def own_cluster(params: RayParams) -> dict[str, Any]:
    """A cluster of this machine alone, whose CPUs are counted and not measured."""
    wanted = (params.workers or 1) * cpus_per_worker(params)
    return {
        "num_cpus": max(cores(), wanted),
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
    }


@contextmanager
def own_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself: what was to happen at it is put back."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # no other may
            signal.signal(signal.SIGTERM, before)


def room_on(resources: Mapping[str, float], params: RayParams) -> int:
    """How many workers fit on one machine."""
    rooms = [resources.get("CPU", 0) // cpus_per_worker(params)]
    if params.gpus_per_worker:
        rooms.append(resources.get("GPU", 0) // params.gpus_per_worker)
    return int(min(rooms))


def first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
