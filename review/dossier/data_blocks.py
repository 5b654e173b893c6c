"""What the records say of the data that a version was trained on, and of how it was trained."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from monitoring.night_history import nights_before
from project.errors import IncumbentError
from project.records.data import Check, DatasetVersion, GateReport
from project.records.drift import Night
from project.records.events import BallotCast, BallotWithdrawn, Event
from registry.adapter_import.lora_config import Origin
from registry.experiments.experiment_events import experiments
from registry.lineage import Lineage, trace
from registry.model_card.card import licence
from registry.reader import RegistryReader
from registry.store import Registry
from registry.version_list import Entry, newest
from review.dossier.document import Block, listed
from review.traffic.version_traffic import ExperimentView, VersionTraffic, version_traffic, view
from review.voting.blinding import traced

# --- version records ------------------------------------------------------------------------------

# All records that a dossier is written from, read once.

INVENTORY = 50  # versions


@dataclass(frozen=True)
class VersionRecords:
    """What is stored about a version, and about its family where a dossier tells of it."""

    reader: RegistryReader
    lineage: Lineage
    before: Lineage | None  # whom it was compared with; None: the bare base, or nobody
    policy: Mapping[str, Any]  # of the newest decision, as it was stored; empty: none was made
    tenure: tuple[Event | None, Event | None]  # when it became champion, and ceased to be it
    nights: Sequence[Night]  # that watched it, the oldest first
    traffic: VersionTraffic | None  # None: no gateway told of the family, nobody tried it
    experiments_beside: Sequence[ExperimentView]  # in which it was the champion, the newest first
    # That were cast on its answers and not taken back; None: not for the eyes of who votes.
    ballots: Sequence[Event] | None
    inventory: Sequence[Entry]  # the newest versions of the family, the oldest first
    findings: Sequence[str]  # of the last check of all records

    @property
    def origin(self) -> Origin | None:
        return self.lineage.origin

    @property
    def number(self) -> int:
        return self.lineage.version.number


def read_records(
    registry: Registry, number: int, findings: Sequence[str], *, blind: bool
) -> VersionRecords:
    """Raises InputError when there is no such version, IncumbentError when one of its records is
    missing or damaged.
    """
    lineage = traced(registry, number, blind=blind)
    return VersionRecords(
        reader=registry,
        lineage=lineage,
        before=opponent_of(registry, lineage),
        policy=policy_of(registry, lineage),
        tenure=registry.tenure(number),
        nights=[n for n in nights_of(registry) if n.champion == number],
        traffic=version_traffic(registry, number),
        experiments_beside=experiments_beside(registry, number),
        ballots=None if blind else standing_ballots(registry, number),
        inventory=newest(registry, INVENTORY),
        findings=findings,
    )


def opponent_of(reader: RegistryReader, lineage: Lineage) -> Lineage | None:
    """Whom the newest decision compared it with; else whom it displaced."""
    known = lineage.opponent.version if lineage.opponent else None
    try:
        return trace(reader, known) if known else None
    except IncumbentError:  # its records were erased since: the changes are then not known
        return None


def policy_of(reader: RegistryReader, lineage: Lineage) -> Mapping[str, Any]:
    if lineage.decision is None:
        return {}
    found: Mapping[str, Any] = json.loads(reader.artifacts.get(lineage.decision.policy))
    return found


def nights_of(reader: RegistryReader) -> Sequence[Night]:
    return nights_before(reader.engine, reader.family, date.max)


def experiments_beside(reader: RegistryReader, number: int) -> list[ExperimentView]:
    return [view(reader, one) for one in experiments(reader) if one.told.champion == number]


def standing_ballots(reader: RegistryReader, number: int) -> list[Event]:
    taken_back = {
        event.told(BallotWithdrawn).ballot for event in reader.history(number, kind="unvote")
    }
    cast = reader.history(number, kind="vote")
    return [e for e in cast if e.seq not in taken_back and not e.told(BallotCast).repeat]


# --- data blocks ----------------------------------------------------------------------------------

ELSEWHERE = "Not known: the adapter was made elsewhere, and only its files were handed in."


def data_blocks(records: VersionRecords) -> Iterator[Block]:
    """The dataset, the checks that it went through, and what was excused."""
    lineage = records.lineage
    if lineage.dataset is None:
        yield Block(title="Data", text=(ELSEWHERE,))
        return
    yield dataset_block(lineage.dataset)
    if lineage.gate is None:
        yield Block(title="Checks of the data", text=("No report of checks is stored.",))
        return
    yield gate_block(lineage.gate)
    if lineage.gate.waived:
        yield waiver_block(lineage.gate)


def dataset_block(dataset: DatasetVersion) -> Block:
    splits = listed(f"{count:,} {split.value}" for split, count in dataset.splits.items())
    return Block(
        title="Dataset",
        text=(
            "Rows of one group are never split apart. Everybody may look at dev; sealed alone "
            "decides, and only sums over it are shown.",
        ),
        facts=(
            ("rows by split", splits),
            ("sources", listed(dataset.sources, "none named")),
            ("dataset version", dataset.digest),
            ("digest of the rows", dataset.rows),
            ("digest of the contract", dataset.contract),
            ("DVC revision", dataset.dvc_revision or "none"),
        ),
    )


def gate_block(gate: GateReport) -> Block:
    """Every check with its limit and what was found."""
    return Block(
        title="Checks of the data",
        text=(f"Of {gate.row_count:,} rows, {gate}.",),
        columns=("Check", "Severity", "Limit", "Found", ">Failing rows", "Outcome"),
        rows=tuple(check_row(check) for check in gate.checks),
    )


def check_row(check: Check) -> tuple[str, ...]:
    if check.crashed:
        outcome = f"the check crashed: {check.crashed}"
    elif check.passed:
        outcome = "passed" if check.met else "passed by a waiver"
    else:
        outcome = "failed"
    rows = f"{len(check.failing_rows):,}"
    return (check.name, check.severity.value, check.limit, check.observed, rows, outcome)


def waiver_block(gate: GateReport) -> Block:
    """What a person excused, for how long and why."""
    return Block(
        title="Waivers",
        columns=("Check", "Excused", "By", "Until", "Reason"),
        rows=tuple(
            (check.name, waived.extent, waived.by, waived.until.isoformat(), waived.reason)
            for check in gate.waived
            for waived in check.waived or ()
        ),
    )


def recipe_blocks(records: VersionRecords) -> Iterator[Block]:
    """The method: the base, what training started from, and every setting that was recorded."""
    lineage, adapter = records.lineage, records.lineage.version.adapter
    yield Block(
        title="Method",
        text=("A low-rank adapter (LoRA) on a base model whose own weights stay as they are.",),
        facts=(
            ("base model", adapter.base.name),
            ("trained from", lineage.parent or "the base, without an earlier adapter"),
            ("trained in", str(adapter.numerics or "not recorded")),
            ("digest of the recipe", adapter.recipe),
        ),
    )
    settings = tuple(lineage.recipe.items())
    if lineage.origin:
        yield Block(title="Recipe", text=(ELSEWHERE,))
    elif settings:
        yield Block(title="Recipe", columns=("Setting", "Value"), rows=settings)
    else:
        yield Block(title="Recipe", text=("Its settings are not stored any more.",))


def pin_block(records: VersionRecords) -> Block:
    """What exactly answers: every part of it by its digest."""
    adapter = records.lineage.version.adapter
    base = adapter.base
    return Block(
        title="What answers",
        facts=(
            ("adapter, digest of its files", adapter.files),
            ("base model", f"{base.name}, revision {base.revision or 'none'}"),
            ("base weights", base.weights),
            ("base configuration and tokenizer", base.config),
            ("chat template", base.chat_template or "none"),
            ("system prompt", adapter.system_prompt or "none"),
        ),
    )


def provenance_block(records: VersionRecords) -> Block:
    """The project that it was made from, and what was installed then."""
    found = records.lineage.provenance
    if found is None:
        return Block(title="What it was made from", text=("Its commit was not recorded.",))
    packages = (f"{name} {version}" for name, version in found.packages.items())
    return Block(
        title="What it was made from",
        text=(
            f"`incumbent registry reproduce {records.lineage.version.number}` trains it again "
            "from it.",
        ),
        facts=(
            ("commit", found.commit),
            ("which is", found.files_changed),
            ("repository", f"{found.remote or 'no remote'}, folder {found.folder}"),
            ("rows, by DVC's md5", found.rows or "none recorded"),
            ("rows kept at", found.data_remote or "no DVC remote"),
            ("packages", listed(packages)),
        ),
    )


def vendor_blocks(records: VersionRecords) -> Iterator[Block]:
    """What others made: the base, and an adapter that was handed in."""
    base = records.lineage.version.adapter.base
    stated = licence(base) or "its files name none: ask those who made it"
    yield Block(title="Base model", facts=(("name", base.name), ("licence", stated)))
    if records.origin:
        yield origin_block(records.origin)


def origin_block(origin: Origin) -> Block:
    return Block(
        title="Adapter of a third party",
        text=(str(origin), *(f"Hardly anything is left of {norm}." for norm in origin.absurd)),
        facts=(
            ("made for, as its files say", origin.declared_base or "no base in particular"),
            *((f"file {name}", digest) for name, digest in origin.files.items()),
        ),
    )
