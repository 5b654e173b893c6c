"""A Ray cluster: one that is there, or one on this machine for as long as it is needed.

Ray says nothing here, on either stream: what goes wrong is an error of ours, and its own logs are
in /tmp/ray. It reports nothing to its makers.
"""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

from project.engine.engine_settings import Kept, RayParams, kept_in_block
from project.errors import IncumbentError, InputError, name_missing_extras
from project.libraries import cores, threads
from project.settings import PARAMS

# What Ray reads when it is imported, unless the user's environment says else.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "false",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # of what it would print into our stdout
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns of what it will do in later versions
}
STARTS = 5  # tries
SECONDS_TO_KNOCK = 10
LOGS = "/tmp/ray/session_latest/logs"
KEPT: Kept = ContextVar("KEPT", default=None)


@contextmanager
def connected(params: RayParams) -> Iterator[None]:
    """A cluster for the block. One that this process is connected to already serves, and stays.

    Raises InputError where Ray is not installed, or where no cluster answers at the address.
    """
    with ExitStack() as stack:
        if not imported_ray().is_initialized():
            (KEPT.get() or stack).enter_context(connection(params))
        yield


def cluster_kept() -> AbstractContextManager[None]:
    """Let a cluster that the block comes to need serve until the block's end."""
    return kept_in_block(KEPT)


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


# --- connecting, and starting a cluster ---------------------------------------------------------


def imported_ray() -> Any:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    # Imported here because it takes a second, and the local engine does without it.
    with name_missing_extras():
        import ray
        import ray.data
    logger = logging.getLogger("ray.data")
    for handler in logger.handlers[:]:
        if isinstance(handler, logging.StreamHandler):  # the other one writes a file of its session
            logger.removeHandler(handler)
    return ray


@contextmanager
def connection(params: RayParams) -> Iterator[None]:
    ray = imported_ray()
    with own_signals():
        connect(ray, params)
    try:
        yield
    finally:
        ray.shutdown()


def connect(ray: Any, params: RayParams) -> None:
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    if params.address is None:
        start(ray, {"num_cpus": own_cpus(params), "include_dashboard": False, **quiet})
        return
    try:
        knock(params.address)
        ray.init(address=params.address, **quiet)
    except Exception as error:  # of many kinds: Ray's, gRPC's, and plain ones
        problem = f"no Ray cluster answers at {params.address}: {first_line(error)}"
        advice = "start it, or set ray.address to null for one on this machine"
        raise InputError(f"{problem}; {advice}", file=PARAMS, field="ray.address") from error


def knock(address: str) -> None:
    """Raise OSError where nothing listens: Ray itself would wait for many minutes."""
    host, _, port = address.rpartition(":")
    if host:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_KNOCK).close()


def start(ray: Any, options: dict[str, Any]) -> None:
    """Tried again, for Ray gives its own processes few seconds to come up on a busy machine."""
    for left in reversed(range(STARTS)):
        try:
            ray.init(address="local", **options)
            return
        except Exception as error:  # Ray raises no other kind here
            ray.shutdown()
            if not left:
                problem = f"Ray did not start on this machine: {first_line(error)}"
                raise IncumbentError(f"{problem}; its logs are in {LOGS}") from error


def own_cpus(params: RayParams) -> int:
    """The CPUs of a cluster of this machine. They are counted, not measured: any number will do."""
    return max(cores(), (params.workers or 1) * cpus_per_worker(params))


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
