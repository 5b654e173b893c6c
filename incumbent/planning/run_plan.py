"""A run's plan: what it computes, what that takes here and elsewhere, and what would fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from incumbent.planning.minutes import Disk, Setup, disk
from incumbent.planning.on_devices import (
    Lighter,
    OnOther,
    OnThisMachine,
    lighter,
    on_others,
    on_this_machine,
)
from incumbent.planning.on_gpus import OnGpus, Wanted, on_gpus
from incumbent.planning.prices import GpuGroup
from incumbent.planning.row_lengths import RowLengths, RunSettings, read_settings, row_lengths
from incumbent.planning.sealed_set import said_of_sealed_set
from incumbent.planning.workload import Workload, longest_allowed, workload
from project.errors import InputError
from project.extras import pip_install
from project.model_pins import EMBEDDED
from project.paths import CHAMPION, RAW
from project.records.adapters import Opponent
from project.settings import PARAMS
from training.cost.computing import SIZES, BaseShape, shape_of
from training.cost.gpus import ThisMachine, this_machine
from training.processes.start import ALONE, who_trains


@dataclass(frozen=True)
class RunPlan:
    """What is not known is None, and `missing` says why."""

    base: str
    shape: BaseShape | None
    settings: RunSettings
    work: Workload | None
    here: OnThisMachine | None
    disk: Disk | None
    others: tuple[OnOther, ...]  # common machines: processors of a cloud, and GPUs
    gpus: tuple[OnGpus, ...]  # that were asked for; then nothing is told of other machines
    lighter: tuple[Lighter, ...]  # what to change here; empty where the run fits
    sealed: tuple[str, ...]  # what the sealed eval set can show
    assumed: tuple[str, ...]
    missing: tuple[str, ...]


def plan_run(
    base: str | None = None,
    prices: Mapping[str, float] | None = None,
    rows: RowLengths | None = None,
    gpus: Sequence[GpuGroup] = (),
) -> RunPlan:
    """Of the project here, with another base where one is named: a size or a folder.

    `prices` are of an hour, by a machine's name; `rows` of somebody who knows them before the
    project's files do. With `gpus` it is about these alone. Raises InputError for wrong settings,
    for a named base that is not here, and for GPUs that it does not fit.
    """
    notes = Notes([], [])
    settings = choose_settings(base, notes)
    shape = find_shape(settings, notes, named=base is not None)
    if gpus and shape is None:
        raise InputError(f"{notes.missing[-1]}; --base 7B names a size instead", field="--gpus")
    work = find_work(rows, settings, notes)
    longest = work.longest if work else longest_allowed(settings)
    machine = None if gpus else find_machine(settings, notes)
    here = setup = None
    if shape and machine:
        setup = Setup(shape, settings, longest, machine.computing)
        here = on_this_machine(setup, machine, work)
        note_processes(notes)
    return RunPlan(
        base=settings.base.model,
        shape=shape,
        settings=settings,
        work=work,
        here=here,
        disk=disk(setup, work) if setup else None,
        others=on_others(shape, settings, longest, work, prices or {})
        if shape and not gpus
        else (),
        gpus=tuple(
            on_gpus(Wanted(shape, settings.base.model, settings, longest, work), one, prices or {})
            for one in gpus
            if shape
        ),
        lighter=tuple(lighter(setup)) if setup else (),
        sealed=tuple(said_of_sealed_set(work.sealed, settings.policy)) if work and not gpus else (),
        assumed=tuple(notes.assumed),
        missing=tuple(notes.missing),
    )


@dataclass(frozen=True)
class Notes:
    """What is written down on the way."""

    assumed: list[str]
    missing: list[str]


def choose_settings(base: str | None, notes: Notes) -> RunSettings:
    settings = read_settings()
    if not PARAMS.exists():
        notes.missing.append(
            f"no {PARAMS} here, so this is about the defaults: `incumbent init` makes a project"
        )
    if base is None:
        return settings
    size = base.upper() if base.upper() in SIZES else base
    other = settings.base.model_copy(update={"model": size, "revision": None})
    return settings.model_copy(update={"base": other})


def find_shape(settings: RunSettings, notes: Notes, *, named: bool) -> BaseShape | None:
    name = settings.base.model
    if named and name != EMBEDDED and name not in SIZES and not Path(name).expanduser().is_dir():
        problem = f"{name!r} is neither a folder here nor a size: {', '.join(SIZES)}"
        raise InputError(problem, field="--base")
    try:
        return shape_of(settings.base)
    except InputError as error:
        if named:
            raise
        notes.missing.append(f"the base: {error}")
        return None


def find_work(rows: RowLengths | None, settings: RunSettings, notes: Notes) -> Workload | None:
    found = rows or row_lengths(settings.curate, settings.sft)
    if found is None:
        most = settings.base.max_length
        notes.missing.append(
            f"how many rows: there is no {RAW} yet, which `dvc repro collect` writes, and no limit "
            "of rows in the settings"
        )
        notes.assumed.append(f"rows of base.max_length, {most} tokens")
        return None
    if found.assumed:
        notes.assumed.append(found.assumed)
    champion = CHAMPION.exists() and Opponent.read(CHAMPION).adapter is not None
    work = workload(found, settings, champion=champion)
    notes.missing.extend(work.missing)
    return work


def note_processes(notes: Notes) -> None:
    """That of this machine it is known what one process takes, where more are to train."""
    if PARAMS.exists() and (taken := who_trains()) != ALONE:
        notes.assumed.append(f"{ALONE} trains: with these settings it is {taken}")


def find_machine(settings: RunSettings, notes: Notes) -> ThisMachine | None:
    try:
        return this_machine(settings.base.precision)
    except ImportError:
        notes.missing.append(f"how fast this machine is: {pip_install('train')} first")
        return None
