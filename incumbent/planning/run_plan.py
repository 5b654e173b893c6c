"""What a run will take, and how many sealed items a decision needs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.decision.policy import Policy
from evaluation.decision.power import (
    SPREADS,
    chance,
    chance_of_all,
    detectable,
    percent,
    sealed_power_line,
)
from incumbent.planning.on_machines import (
    Lighter,
    MachineGroup,
    OnKnownMachine,
    OnMachine,
    lighter,
    on_gpus,
    on_others,
    on_this_machine,
)
from incumbent.planning.row_lengths import RowLengths, RunSettings, read_settings, row_lengths
from incumbent.planning.run_cost import Setup
from incumbent.planning.workload import Workload, unknown_work, workload
from project.errors import InputError, pip_install
from project.model_pins import EMBEDDED
from project.paths import CHAMPION, EVIDENCE, RAW
from project.records.adapters import Opponent
from project.records.evidence import Evidence, Measured, MetricEvidence, rated_by_people
from project.settings import PARAMS
from registry.alpha_ledger.spending import alpha_at
from training.cost.base_shape import SIZES, BaseShape, shape_of
from training.cost.machines import GPUS, ThisMachine, this_machine
from training.kept.books import off_by
from training.processes.step_processes import ALONE, who_trains

TOLD = 1.5  # times as long, or as short: what is less is not worth a word


@dataclass(frozen=True)
class RunPlan:
    """What is not known is None, and `missing` says why."""

    base: str
    shape: BaseShape | None
    settings: RunSettings
    work: Workload | None
    here: OnMachine | None
    others: tuple[OnKnownMachine, ...]  # common machines: processors of a cloud, and GPUs
    gpus: tuple[OnKnownMachine, ...]  # that were asked for; then nothing is told of other machines
    lighter: tuple[Lighter, ...]  # what to change here; empty where the run fits
    sealed: tuple[str, ...]  # what the sealed eval set can show
    assumed: tuple[str, ...]
    missing: tuple[str, ...]


def plan_run(
    base: str | None = None,
    prices: Mapping[str, float] | None = None,
    rows: RowLengths | None = None,
    gpus: Sequence[MachineGroup] = (),
) -> RunPlan:
    """Of the project here, with another base where one is named: a size or a folder.

    `prices` are of an hour, by a machine's name; `rows` of somebody who knows them before the
    project's files do. With `gpus` it is about these alone. Raises InputError for wrong settings,
    for a named base that is not here, and for GPUs that it does not fit.
    """
    assumed, missing, prices = list[str](), list[str](), prices or {}
    settings = choose_settings(base, missing)
    shape = find_shape(settings, missing, named=base is not None)
    if gpus and shape is None:
        raise InputError(f"{missing[-1]}; --base 7B names a size instead", field="--gpus")
    work = find_work(rows, settings, assumed, missing)
    machine = None if gpus else find_machine(settings, missing)
    setup = here = None
    if shape:
        on = machine.computing if machine else GPUS[0].computing(settings.base.precision)
        setup = Setup(shape, settings, work or unknown_work(settings), on)
        times = off_by() if PARAMS.exists() else 1.0
        here = on_this_machine(setup, machine, times) if machine else None
        if here and not 1 / TOLD < times < TOLD:
            assumed.append(f"the last steps here took {times:.1f} times as long as was reckoned")
    if here and PARAMS.exists() and (taken := who_trains()) != ALONE:
        assumed.append(f"{ALONE} trains: with these settings it is {taken}")
    return RunPlan(
        base=settings.base.model,
        shape=shape,
        settings=settings,
        work=work,
        here=here,
        others=on_others(setup, prices) if setup and not gpus else (),
        gpus=tuple(on_gpus(setup, group, prices) for group in gpus if setup),
        lighter=tuple(lighter(here.setup)) if here else (),
        sealed=tuple(sealed_set_lines(work.sealed, settings.policy)) if work and not gpus else (),
        assumed=tuple(assumed),
        missing=tuple(missing),
    )


# --- the parts of a plan --------------------------------------------------------------------------
# Each appends to `assumed` and `missing` what a reader of the plan has to know.


def choose_settings(base: str | None, missing: list[str]) -> RunSettings:
    settings = read_settings()
    if not PARAMS.exists():
        missing.append(
            f"no {PARAMS} here, so this is about the defaults: `incumbent init` makes a project"
        )
    if base is None:
        return settings
    size = base.upper() if base.upper() in SIZES else base
    other = settings.base.model_copy(update={"model": size, "revision": None})
    return settings.model_copy(update={"base": other})


def find_shape(settings: RunSettings, missing: list[str], *, named: bool) -> BaseShape | None:
    name = settings.base.model
    if named and name != EMBEDDED and name not in SIZES and not Path(name).expanduser().is_dir():
        problem = f"{name!r} is neither a folder here nor a size: {', '.join(SIZES)}"
        raise InputError(problem, field="--base")
    try:
        return shape_of(settings.base)
    except InputError as error:
        if named:
            raise
        missing.append(f"the base: {error}")
        return None


def find_work(
    rows: RowLengths | None, settings: RunSettings, assumed: list[str], missing: list[str]
) -> Workload | None:
    lengths = rows or row_lengths(settings.curate, settings.sft)
    if lengths is None:
        most = settings.base.max_length
        missing.append(
            f"how many rows: there is no {RAW} yet, which `dvc repro collect` writes, and no limit "
            "of rows in the settings"
        )
        assumed.append(f"rows of base.max_length, {most} tokens")
        return None
    if lengths.assumed:
        assumed.append(lengths.assumed)
    champion = CHAMPION.exists() and Opponent.read(CHAMPION).adapter is not None
    work = workload(lengths, settings, champion=champion)
    missing.extend(work.missing)
    return work


def find_machine(settings: RunSettings, missing: list[str]) -> ThisMachine | None:
    try:
        return this_machine(settings.base.precision)
    except ImportError:
        missing.append(f"how fast this machine is: {pip_install('train')} first")
        return None


# --- sealed set -----------------------------------------------------------------------------------

# What a project's sealed eval set can show, in sentences.

LEAST_SAID = 0.01  # of a lower bound: a smaller one says nothing


@dataclass(frozen=True)
class ExpectedGain:
    """A true gain in one metric, and what the last run measured of it, if there was one."""

    metric: str
    beyond: float  # the policy's threshold
    own: MetricEvidence | None

    @property
    def design(self) -> float:
        """The design effect: how much less the items say for being in clusters."""
        scores = self.own
        return scores.n * (scores.se / scores.sd) ** 2 if scores and scores.sd else 1.0

    @property
    def spread(self) -> float | None:
        return self.own.sd if self.own else SPREADS.get(self.metric)

    def chance(self, items: int, alpha: float) -> float | None:
        """None where no spread is known."""
        spread = self.spread
        return chance(items, self.beyond, spread, alpha, self.design) if spread else None

    def summary(self, items: int, alpha: float) -> str:
        if self.beyond <= 0:
            return f"{self.metric}: such a gain is within the policy's margin, and never wins"
        measured = self.own.sd if self.own else None
        line = sealed_power_line(items, self.beyond, self.metric, alpha, measured, self.design)
        return line or f"{self.metric}: how far items differ in it is not known before a first run"


def sealed_set_lines(items: int, policy: Policy, effect: float | None = None) -> Iterator[str]:
    """Of each gating metric, at a first look, and of all together; nothing without items.

    `effect` is the policy's where none is given. The spread of the items' differences is the
    project's own once it has run.
    """
    if not items:
        return
    measured, alpha = dev_measured(), alpha_at(policy.alpha, 1)
    gain = policy.effect if effect is None else effect
    gains = [
        ExpectedGain(m, gain - policy.threshold(m), measured.get(m))
        for m in policy.gating
        if not rated_by_people(m)  # of which dev tells nothing
    ]
    for expected in gains:
        yield expected.summary(items, alpha)
    chances = [metric_gain.chance(items, alpha) for metric_gain in gains if metric_gain.beyond > 0]
    known = [power for power in chances if power is not None]
    if len(known) == len(gains) > 1 and (all_win := chance_of_all(known)) >= LEAST_SAID:
        yield f"all of them win, as a promotion needs, in {percent(all_win)} of cases at least"


def refuse_powerless(items: int, policy: Policy) -> None:
    """Raise InputError where so many fresh items find the policy's effect in one of its gating
    metrics more seldom than it asks: small sets in a row would each have a first look.
    """
    measured, alpha = dev_measured(), alpha_at(policy.alpha, 1)
    for metric in policy.gating:
        gain = ExpectedGain(metric, policy.effect - policy.threshold(metric), measured.get(metric))
        power = gain.chance(items, alpha)
        if gain.spread and power is not None and power < policy.power:
            least = detectable(items, gain.spread, alpha, policy.power, gain.design)
            asked = percent(policy.power).removeprefix("about ")
            raise InputError(
                f"{items} fresh items find {policy.effect:+g} in {metric} in {percent(power)} of "
                f"cases, and {asked} are asked: add rows to curation.collect.sources and raise "
                "curation.curate.sealed, or say in evaluation.policy.effect what gain is worth "
                f"waiting for (so many items find {policy.threshold(metric) + least:+.2g})"
            )


def dev_measured() -> Measured:
    """What the last run measured on dev; empty before the first."""
    return Evidence.read(EVIDENCE).dev if EVIDENCE.exists() else {}
