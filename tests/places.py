"""A registry anywhere, and the small true story that tests tell in it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple

from project.canonical import digest_folder
from project.records.adapters import Adapter, AdapterVersion
from project.records.data import DatasetVersion, Split
from project.records.evidence import Evidence, Verdict
from project.records.record import Digest
from registry.alpha_ledger.looks import SealedSet
from registry.storage.artifact_store import Artifacts
from registry.store import Registry
from tests.conftest import BASE, SEALED, decision_on, evidence_of, keep_decision

DATASET = DatasetVersion(rows="d" * 64, splits={Split.TRAIN: 1}, sources=("s",), contract="c" * 64)
START = datetime(2026, 1, 1, tzinfo=UTC)


class Place(NamedTuple):
    """Where a registry is: a folder, or URLs of its database and its artifacts."""

    root: Path
    database: str | None = None
    artifacts: str | None = None

    def open(self, clock: Callable[[], datetime] = lambda: START) -> Registry:
        return Registry(
            self.root,
            "test",
            database=self.database,
            artifacts=self.artifacts,
            actor="tester",
            clock=clock,
        )


def blob_file(artifacts: Artifacts, digest: Digest) -> Path:
    """The file of a blob in a folder of artifacts."""
    return Path(artifacts.blobs.location, digest[:2], digest)


def ticking() -> Callable[[], datetime]:
    """A clock that ticks once a second from the first of January 2026."""
    ticks = count()
    return lambda: START + timedelta(seconds=next(ticks))


def made(name: str, folder: Path) -> tuple[Adapter, Path]:
    """An adapter's folder below another one; its bytes are a function of its name."""
    files = folder / f"adapter-{name}"
    if not files.exists():
        files.mkdir(parents=True)
        (files / "adapter_model.safetensors").write_bytes(name.encode() * 100)
        (files / "adapter_config.json").write_text("{}")
    adapter = Adapter(
        files=digest_folder(files), base=BASE, recipe="c" * 64, dataset=DATASET.digest
    )
    return adapter, files


def submit(registry: Registry, name: str, folder: Path) -> AdapterVersion:
    adapter, files = made(name, folder)
    return registry.submit(adapter, files, f"made {name}", DATASET)


def evidence_on(
    registry: Registry, version: AdapterVersion, sealed: SealedSet = SEALED
) -> Evidence:
    """Evidence on a version against whoever is champion now."""
    champion = registry.champion()
    beaten = champion.adapter.files if champion else None
    return evidence_of(version.adapter.files, beaten, sealed.items.digest)


def decide(
    registry: Registry,
    version: AdapterVersion,
    verdict: Verdict = Verdict.PROMOTE,
    sealed: SealedSet = SEALED,
) -> AdapterVersion:
    """Keep a decision on a version against whoever is champion, at a look; returns the version."""
    evidence = evidence_on(registry, version, sealed)
    policy = evidence.pins  # any record will do
    decision = decision_on(evidence, verdict)
    keep_decision(registry, version.number, decision, evidence, policy, sealed)
    return version


def win(registry: Registry, name: str, folder: Path) -> AdapterVersion:
    version = decide(registry, submit(registry, name, folder))
    return registry.promote(version.number, f"{name} won")
