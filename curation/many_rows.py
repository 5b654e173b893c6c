"""What a function makes of many rows, by a process on each core, or by the workers of a cluster."""

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from multiprocessing import get_context
from typing import TypeVar

from project.engine.engine_settings import RayParams, light_engine
from project.engine.mapped import mapped
from project.libraries import cores
from project.records.data import Row

Result = TypeVar("Result")

MANY = 5_000  # rows: for fewer, it is not worth a second in which processes start
AT_ONCE = 500  # rows that a process gets


def of_many(work: Callable[[Sequence[Row]], Sequence[Result]], rows: Sequence[Row]) -> list[Result]:
    """The results of all rows in their order, as of `work(rows)`: one for each row, from it alone.

    `work` is sent to other processes: a function of a module, or a partial one. They are started
    anew, so that neither threads nor memory of this one are theirs.
    """
    if cluster := cluster_for(rows):
        return list(mapped(lambda: work, rows, cluster, batch=AT_ONCE))
    if len(rows) < MANY or cores() < 2:
        return list(work(rows))
    parts = [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]
    with ProcessPoolExecutor(
        cores(),
        mp_context=get_context("spawn"),
        initializer=signal.signal,  # Ctrl-C is for this process, which waits for them
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        return list(chain.from_iterable(pool.map(work, parts)))


def cluster_for(rows: Sequence[Row]) -> RayParams | None:
    """The cluster that so many rows are worth; None where this machine does the work."""
    return light_engine(len(rows) // AT_ONCE) if len(rows) >= MANY else None
