"""Which engine the heavy stages run on. No result depends on it, so no stage of dvc.yaml does."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveInt, model_validator

from project.settings import PARAMS, Settings, load

Engine = Literal["local", "ray"]
PORTS = 1 << 16


class EngineParams(Settings):
    """What the heavy stages run on. In params.yaml it is a word: `engine: local` or `engine: ray`.

    "local": this process. "ray": the cluster of section `ray`, from which the same comes out.
    """

    name: Engine = "local"

    @model_validator(mode="before")
    @classmethod
    def bare_word(cls, value: object) -> object:
        if isinstance(value, dict) and value.keys() <= cls.model_fields.keys():
            return value
        if value not in get_args(Engine):
            raise ValueError(f"there are {' and '.join(get_args(Engine))}, and not {value!r}")
        return {"name": value}


def cluster_address(address: str) -> str:
    """Refuse what Ray would take for something else than a cluster that this machine is part of."""
    host, _, port = address.rpartition(":")
    if address.startswith("ray://"):
        raise ValueError("a driver elsewhere does not see the project: `ray job submit` it")
    if address != "auto" and not (host and port.isdecimal() and int(port) < PORTS):
        raise ValueError("must be null, auto or HOST:PORT")
    return address


class RayParams(Settings):
    """The cluster of `engine: ray`, and how much of it is used."""

    # null: a cluster on this machine, started when it is needed and stopped at the end. "auto": the
    # one that this machine is part of, as in a job of KubeRay or Anyscale. Or HOST:PORT.
    address: Annotated[str, AfterValidator(cluster_address)] | None = None
    # Copies of a model, or shards, at a time; null: as many as the cluster has room for now. State
    # it for a cluster that grows when it is asked to.
    workers: PositiveInt | None = None
    # Of one worker, which computes with as many threads; null: as many as this process would, so
    # that the last bit of a sum is the same too.
    cpus_per_worker: PositiveInt | None = None
    gpus_per_worker: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] = 0


def chosen_engine(batches: int) -> RayParams | None:
    """The cluster on which so many batches are done by the settings; None: in this process.

    So is a batch that is alone, where a cluster of this machine would have to be started for it.
    """
    if not batches or not PARAMS.exists():  # some verbs need no project
        return None
    params = load(RayParams) if load(EngineParams).name == "ray" else None
    return params if params and (params.address or batches > 1) else None


# --- kept -----------------------------------------------------------------------------------------

# What a block comes to need, and then keeps until its end: a cluster, a server.

Kept = ContextVar[ExitStack | None]  # None outside of such a block


@contextmanager
def kept_in_block(kept: Kept) -> Iterator[None]:
    """Let what is entered into the stack of `kept` stay until the block ends."""
    with ExitStack() as stack:
        token = kept.set(stack)
        try:
            yield
        finally:
            kept.reset(token)


# --- light work -----------------------------------------------------------------------------------

# Work of plain Python, such as reading and looking at rows: a worker takes one CPU and no GPU.


def light_engine(batches: int) -> RayParams | None:
    """The cluster on which so many batches of such work are done; None: in this process."""
    params = chosen_engine(batches)
    alone = {"cpus_per_worker": 1, "gpus_per_worker": 0}
    return params.model_copy(update=alone) if params else None
