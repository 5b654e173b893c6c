"""`project doctor`: what this machine has, what it lacks, and what to do about it."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.text import Text

from incumbent.options import Json
from incumbent.output import print_json, print_table
from incumbent.pipeline import older_project, project_version
from incumbent.planning.run_plan import plan_run
from project.errors import IncumbentError, name_missing_extras, pip_install
from project.libraries import describe_threads
from project.model_pins import BaseChoice, ModelChoice, ModelKind, locate
from project.settings import load
from registry.store import Registry
from training.precision import Machine, measure_machine, numerics, slowness
from training.processes.step_processes import who_trains

PACKAGES = (  # of the extra `train`
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "trl",
    "evaluate",
    "sentence-transformers",
    "dvc",
    "great-expectations",
)
LEAST_GIB = 4
GIB = 1 << 30


@dataclass(frozen=True)
class Finding:
    what: str
    ok: bool
    detail: str


def print_diagnosis(as_json: Json = False) -> None:
    """Say what this machine can do, and what it lacks.

    Exits with 1 when something that a run needs is missing.

    $ incumbent project doctor
    """
    diagnosis = list(findings())
    if as_json:
        print_json([asdict(finding) for finding in diagnosis])
    else:
        marks = {True: Text("ok", "green"), False: Text("missing", "red")}
        print_table(("", "", ""), ((marks[f.ok], f.what, f.detail) for f in diagnosis))
    if not all(finding.ok for finding in diagnosis):
        sys.exit(1)


def findings() -> Iterator[Finding]:
    if version := project_version():
        yield Finding("project", True, older_project() or f"version {version}")
    yield Finding("python", sys.version_info >= (3, 11), platform.python_version())
    yield Finding("processor", True, f"{os.cpu_count()} cores, {platform.machine()}")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    yield Finding("memory", memory >= LEAST_GIB, f"{memory:.0f} GiB, at least {LEAST_GIB} needed")
    disk = shutil.disk_usage(Path.cwd()).free / GIB
    yield Finding("disk", disk >= LEAST_GIB, f"{disk:.0f} GiB free, at least {LEAST_GIB} needed")
    for package in PACKAGES:
        yield installed(package)
    yield accelerator()
    yield from speed()
    yield model("base")
    yield model("embedder")
    yield registry()


def installed(package: str) -> Finding:
    try:
        return Finding(package, True, version(package))
    except PackageNotFoundError:
        return Finding(package, False, pip_install("train"))


def accelerator() -> Finding:
    # Imported here because the other findings must not wait for it, nor need it.
    try:
        import torch
    except ImportError:
        return Finding("accelerator", False, "torch cannot be imported")
    if torch.cuda.is_available():
        return Finding("accelerator", True, torch.cuda.get_device_name())
    return Finding("accelerator", True, "none: training and answering run on the processor")


def speed() -> Iterator[Finding]:
    """The precision and the threads with which models will be computed, why, and how long."""
    yield Finding("threads", True, describe_threads())
    try:
        machine, choice = measure_machine(), load(BaseChoice)
        chosen = numerics(choice.precision, machine)
        yield Finding("precision", True, f"{chosen}: {reason(choice.precision, machine)}")
        if warning := slowness(chosen, machine):
            yield Finding("precision", True, f"warning: {warning}")
    except IncumbentError as error:
        yield Finding("precision", False, str(error))
        return
    except ImportError:
        return  # which is reported above
    yield training()
    with suppress(IncumbentError):  # of settings that are wrong: others report that
        if here := plan_run().here:
            fits = here.trains and here.answers
            yield Finding("first run", fits, f"{here}: `incumbent plan` says more")


def training() -> Finding:
    try:
        return Finding("training", True, f"by {who_trains()}")
    except IncumbentError as error:
        return Finding("training", False, str(error))


def reason(wanted: str, machine: Machine) -> str:
    if wanted != "auto":
        return "set in params.yaml"
    if machine.gpu:
        return "the best that this GPU can do"
    times = ", ".join(f"{p} {seconds * 1e3:.1f} ms" for p, seconds in machine.seconds.items())
    return f"the fastest here in a measurement ({times})"


def model(kind: ModelKind) -> Finding:
    try:
        choice = load(BaseChoice if kind == "base" else ModelChoice)
        with name_missing_extras():  # which a model of the Hub may need
            folder = locate(choice, kind)
    except IncumbentError as error:
        return Finding(f"{kind} model", False, str(error))
    ready = str(folder) if folder.is_dir() else "will be converted by `dvc repro`, once"
    return Finding(f"{kind} model", True, ready)


def registry() -> Finding:
    try:
        # Its database, or its store of artifacts, may need an extra.
        with name_missing_extras(), Registry.here() as opened:
            database = opened.engine.url.render_as_string()  # without its password
            return Finding("registry", True, f"{database}, versions: {len(opened.versions())}")
    except IncumbentError as error:
        return Finding("registry", False, str(error))
