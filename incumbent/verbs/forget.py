"""`incumbent data forget`: a person's rows leave all that a project can reach."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.collect import Collected, gathered, reads_of
from curation.curation_settings import CollectParams
from curation.splitting.eval_sets import changing
from incumbent.erasure.out_of_reach import out_of_reach
from incumbent.erasure.record_files import ByHandError, Cut, cut
from incumbent.erasure.traces import Trail, files_in, traces
from incumbent.erasure.trained_versions import trained_versions
from incumbent.erasure.wanted import Rows, Wanted
from incumbent.output import console, print_json
from monitoring.traffic.traffic_store import held
from project.erasures import ERASED, Erasable, Erased, Erasure, append_erasure, text_digest
from project.errors import InputError
from project.paths import CURATED, RAW
from project.records.adapters import AdapterVersion
from project.records.data import Row, counted
from project.records.record import Digest
from project.settings import PARAMS, load
from project.times import stamp
from registry.store import Registry

DATA = Path("datasets")
OURS = frozenset({"contracts", RAW.parent.name, CURATED.name})  # below it; no records of people
SHOWN = 8


@dataclass(frozen=True)
class Found:
    """All that there is of the rows."""

    rows: list[Erasable]  # that the sources make
    cuts: list[Cut]
    by_hand: list[Path]  # files that name somebody and have no records
    traces: list[Path]
    artifacts: list[Digest]  # of the registry
    versions: list[AdapterVersion]  # that were trained on them
    unknown: list[AdapterVersion]  # of which that is not known

    @property
    def records(self) -> int:
        return sum(len(one.records) for one in self.cuts)

    @property
    def nothing(self) -> bool:
        return not (self.rows or self.cuts or self.by_hand or self.traces or self.artifacts)


def forget(
    ids: Iterable[str], texts: Sequence[str], reason: str | None, *, erase: bool, as_json: bool
) -> None:
    """List what there is of rows, and erase it if asked; what is gone stays on record by digests.

    Raises InputError where nothing is found, or for want of a reason, and IncumbentError for an
    actor who may not promote. Killed on the way, it is done by typing it again.
    """
    wanted = Wanted(frozenset(ids), tuple(texts))
    if erase and not (reason and reason.strip()):
        raise InputError("say why they are erased: --reason")
    if not Path(PARAMS).exists():
        raise InputError("here is no project", file=PARAMS)
    with Registry.here() as registry, changing() if erase else nullcontext():
        if erase:
            registry.roles.require("promote", registry.actor)
        found = find(wanted, registry)
        if found.nothing:
            raise InputError(f"nothing here is or names {', '.join([*wanted.ids, *texts])}")
        if erase and reason:
            erase_all(found, registry, reason)
    if as_json:
        print_json(fields_of(found, erased=erase))
    else:
        print_found(found, erased=erase)


def find(wanted: Wanted, registry: Registry) -> Found:
    """Rows that are meant, or that stand in a record which is; then all that tells of them.

    Rows that are on the list already too: then a killed erasure goes on.
    """
    every = everything(gathered(reads_of(load(CollectParams).sources), erased=Erased()))
    meant = {one.id: one for one in every if wanted.meant(one.model_dump(mode="json"))}
    known = Rows(every)
    first, _ = cuts_of(wanted.meant)
    named = (one for cut_ in first for record in cut_.records for one in known.told_in(record))
    rows = meant | {one.id: one for one in named}
    own = Rows(list(rows.values()))
    cuts, by_hand = cuts_of(lambda record: wanted.meant(record) or bool(own.told_in(record)))
    trail = Trail.of(wanted, rows.values())
    learnt, unknown = trained_versions(registry, [r for r in rows.values() if isinstance(r, Row)])
    return Found(
        rows=list(rows.values()),
        cuts=cuts,
        by_hand=by_hand,
        traces=traces(trail, rows=bool(rows)),
        artifacts=[d for d in registry.artifacts.digests() if tells(registry, d, trail)],
        versions=learnt,
        unknown=unknown,
    )


def everything(collected: Collected) -> list[Erasable]:
    return [
        *collected.rows.values(),
        *collected.preferences.values(),
        *collected.documents.values(),
    ]


def cuts_of(meant: Any) -> tuple[list[Cut], list[Path]]:
    cuts, by_hand = list[Cut](), list[Path]()
    for path in data_files():
        try:
            if found := cut(path, meant):
                cuts.append(found)
        except ByHandError:
            by_hand.append(path)
    return cuts, by_hand


def data_files() -> Iterator[Path]:
    """What people and gateways put there; not what stages made of it, nor our own records."""
    for path in files_in(DATA):
        below = path.relative_to(DATA)
        own = below.parts[0] in OURS or path == ERASED or path.suffix in (".md", ".dvc")
        if not own and not path.name.startswith("."):
            yield path


def tells(registry: Registry, digest: Digest, trail: Trail) -> bool:
    """Whether an artifact that is a text tells of them."""
    head = next(registry.artifacts.blobs.pieces(digest) or iter(()), b"")
    if b"\0" in head[:4096]:
        return False
    return trail.is_in(registry.artifacts.blobs.read(digest) or b"")


def erase_all(found: Found, registry: Registry, reason: str) -> None:
    """The list first: whatever comes after it, no row of it comes back."""
    known, ids = Erased.here(), tuple(one.id for one in found.rows)
    texts = tuple(text_digest(one) for one in found.rows)
    if not known.rows.issuperset(ids):
        at, by = stamp(registry.clock()), registry.actor
        append_erasure(Erasure(at=at, by=by, reason=reason, rows=ids, texts=texts))
    for one in found.cuts:
        with held(one.path):  # a gateway may append to it
            (cut(one.path, one.records.__contains__) or one).apply()
    for path in found.traces:
        path.unlink(missing_ok=True)
    trained = [version.number for version in found.versions]
    registry.record_erasure(ids, trained, found.artifacts, reason)


def print_found(found: Found, *, erased: bool) -> None:
    say = console.print
    gone = "erased" if erased else "would be erased"
    say(f"{gone}: {counted(len(found.rows), 'row')} of the sources", soft_wrap=True)
    for one in found.cuts:
        say(f"  {counted(len(one.records), 'record')} of {one.path}", soft_wrap=True)
    say(f"  {counted(len(found.traces), 'file')} that stages, caches and nights made of them")
    if found.artifacts:
        say(f"  {counted(len(found.artifacts), 'artifact')} of the registry")
    for path in found.by_hand:
        say(f"by hand: {path} has no records that could be cut", soft_wrap=True)
    for version in found.versions:
        say(f"trained on them: {version.label}", soft_wrap=True)
    if found.unknown:
        labels = ", ".join(version.label for version in found.unknown[:SHOWN])
        say(f"not known whether it was trained on them: {labels}", soft_wrap=True)
    if not erased:
        say("nothing is changed: the same with --yes and a --reason erases them")
        return
    say(f"they stay away: {ERASED} has their digests, and imports respect it; commit it")
    say("\nout of reach:")
    for place, command in out_of_reach([one.path for one in found.cuts], found.versions):
        say(f"  {place}:\n    {command}", soft_wrap=True, highlight=False)
    say("\nnow `incumbent run`: it trains without them")


def fields_of(found: Found, *, erased: bool) -> dict[str, Any]:
    cut_paths = [one.path for one in found.cuts]
    return {
        "erased": erased,
        "rows": [one.id for one in found.rows],
        "records": {str(one.path): len(one.records) for one in found.cuts},
        "by_hand": [str(path) for path in found.by_hand],
        "files": [str(path) for path in found.traces],
        "artifacts": found.artifacts,
        "versions": [version.number for version in found.versions],
        "unknown": [version.number for version in found.unknown],
        "out_of_reach": [
            {"where": where, "type": command}
            for where, command in out_of_reach(cut_paths, found.versions)
        ],
    }
