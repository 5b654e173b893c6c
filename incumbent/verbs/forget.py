"""`data forget`: a person's rows leave all that a project can reach."""

from collections.abc import Collection, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from curation.collect import Collected, gathered, reads_of
from curation.curation_settings import CollectParams
from curation.eval_sets import changing
from incumbent.erasure.data_files import (
    Cut,
    Meant,
    by_hand,
    cut,
    cuts_of,
    data_files,
    preference_of,
)
from incumbent.erasure.erasure_request import ErasureRequest, Meaning, RowFinder
from incumbent.erasure.traces import (
    Trail,
    artifacts_of,
    md5_in_cache,
    out_of_reach,
    telling_versions,
    traces,
    trained_versions,
    upload_if_remote,
)
from incumbent.options import Json
from incumbent.output import print_json, say
from monitoring.traffic.traffic_store import held
from project.canonical import stamp
from project.erasures import ERASED, Erasable, Erased, Erasure, append_erasure, text_digest
from project.errors import InputError
from project.records.adapters import AdapterVersion
from project.records.data import Origin, counted
from project.records.record import Digest
from project.settings import load
from registry.store import Registry

SHOWN = 8


@dataclass(frozen=True)
class ErasureScope:
    """All that there is of the rows."""

    rows: list[Erasable]  # that the sources make
    others: list[Erasable]  # preferences beside the sources
    requests: list[str]  # ids, of the traffic
    meant: Meant
    cuts: list[Cut]
    by_hand: list[Path]  # files that name somebody where no record can be cut
    traces: list[Path]
    artifacts: list[Digest]  # of the registry
    versions: list[AdapterVersion]  # that were trained on them
    unknown: list[AdapterVersion]  # of which that is not known
    indexed: list[AdapterVersion]  # whose index names somebody, or whose kept answers are to them

    @property
    def records(self) -> int:
        return sum(len(file_cut.records) for file_cut in self.cuts)

    @property
    def places(self) -> list[Path]:
        return [*(file_cut.path for file_cut in self.cuts), *self.by_hand]

    @property
    def nothing(self) -> bool:
        kinds = (self.rows, self.cuts, self.by_hand, self.traces, self.artifacts, self.indexed)
        return not any(kinds)

    @property
    def to_delete(self) -> list[AdapterVersion]:
        """Versions that tell of them, each once."""
        return [*self.versions, *(v for v in self.indexed if v not in self.versions)]


def forget(
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="A row's id; can be given several times.")
    ] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(help="A name, an address or a number that stands anywhere in a record."),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in the history.")] = None,
    erase: Annotated[
        bool, typer.Option("--yes", "-y", help="Erase them; without it, they are only listed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Erase a person's rows: from sources, caches, queues, traffic, and what was made of them.

    What is gone stays on record by digests. Raises InputError where nothing is found, or for want
    of a reason, and IncumbentError for an actor who may not promote. Killed on the way, it is done
    by typing it again.

    $ incumbent data forget --match "Jane Doe" --reason "she asked for it"
    """
    texts = tuple(match or ())
    wanted = ErasureRequest(frozenset(ids or ()), texts)
    if erase and not (reason and reason.strip()):
        raise InputError("say why they are erased: --reason")
    if reason and wanted.named_in(reason):
        raise InputError("the reason is kept: say it without what --match names")
    with Registry.here() as registry, changing() if erase else nullcontext():
        if erase:
            registry.roles.require("promote", registry.actor)
        scope = find(wanted, registry)
        if scope.nothing:
            raise InputError(f"nothing here is or names {', '.join([*wanted.ids, *texts])}")
        if erase and reason:
            erase_all(scope, registry, reason)
    if as_json:
        print_json(fields_of(scope, erased=erase))
    else:
        print_found(scope, erased=erase)


def find(wanted: ErasureRequest, registry: Registry) -> ErasureScope:
    """Rows that are meant, or that stand in a record which is; then all that tells of them.

    Rows that are on the list already too: then a killed erasure goes on.
    """
    collected = gathered(reads_of(load(CollectParams).sources), erased=Erased())
    every = everything(collected)
    meant = {item.id: item for item in every if wanted.meant(item.model_dump(mode="json"))}
    known, first = RowFinder(every), records_in(cuts_of(wanted.meant))
    wanted = wanted.of_traffic(first)
    rows = meant | {item.id: item for record in first for item in known.told_in(record)}
    finder = RowFinder(list(rows.values()))
    tells_of = Meaning(wanted, finder)
    cuts = cuts_of(tells_of)
    trail = Trail.of(wanted, rows.values(), (item for item in every if item.id not in rows))
    learnt, unknown = trained_versions(registry, rows.values())
    return ErasureScope(
        rows=list(rows.values()),
        others=others_in(records_in(cuts), known),
        requests=sorted(wanted.requests),
        meant=tells_of,
        cuts=cuts,
        by_hand=list(by_hand(wanted, cuts, origins_of(rows, collected.origins))),
        traces=traces(trail, rows=bool(rows)),
        artifacts=artifacts_of(registry, trail),
        versions=learnt,
        unknown=unknown,
        indexed=telling_versions(registry, trail, rows.values()),
    )


def everything(collected: Collected) -> list[Erasable]:
    return [
        *collected.rows.values(),
        *collected.preferences.values(),
        *collected.documents.values(),
    ]


def origins_of(rows: Collection[str], origins: Iterable[Origin]) -> set[str]:
    """The names of the files that rows were read from."""
    return {origin.file for origin in origins if origin.row in rows}


def records_in(cuts: Iterable[Cut]) -> list[Any]:
    return [record for file_cut in cuts for record in file_cut.records]


def others_in(records: Iterable[Any], known: RowFinder) -> list[Erasable]:
    """Preferences that no source holds: they are learnt from all the same."""
    preferences = (preference_of(record) for record in records if not known.told_in(record))
    return [preference for preference in preferences if preference]


def erase_all(scope: ErasureScope, registry: Registry, reason: str) -> None:
    """The list first: whatever comes after it, no row of it comes back. The sources last: as long
    as they hold a row, an erasure that was killed finds all that was made of it.
    """
    known, gone = Erased.here(), [*scope.rows, *scope.others]
    ids = tuple(dict.fromkeys([*(item.id for item in gone), *scope.requests]))
    texts = tuple(dict.fromkeys(map(text_digest, gone)))
    if not known.rows.issuperset(ids):
        at, by = stamp(registry.clock()), registry.actor
        append_erasure(Erasure(at=at, by=by, reason=reason, rows=ids, texts=texts))
    delete_files(scope.traces)
    trained = [version.number for version in scope.versions if version.family == registry.family]
    files = list(filter(None, map(md5_in_cache, scope.traces)))
    registry.record_erasure(ids, trained, scope.artifacts, reason, files=files)
    for file_cut in scope.cuts:
        cut_again(file_cut.path, scope.meant)
    for file_cut in cuts_of(scope.meant):  # a gateway's rows have got other files meanwhile
        cut_again(file_cut.path, scope.meant)
    delete_files(scope.traces)  # those too that a source was a link to


def delete_files(paths: Iterable[Path]) -> None:
    """But not what is all that there is of a file of the datasets: DVC may have put links there."""
    linked = {path.resolve() for path in data_files() if path.is_symlink()}
    for path in paths:
        if path.resolve() not in linked:
            path.unlink(missing_ok=True)


def cut_again(path: Path, meant: Meant) -> None:
    """A gateway may append to it, and may have since it was looked at."""
    with suppress(FileNotFoundError), held(path):  # a night may have deleted it
        if file_cut := cut(path, meant):
            file_cut.apply()
            upload_if_remote(path)


def print_found(scope: ErasureScope, *, erased: bool) -> None:
    gone = "erased" if erased else "would be erased"
    say(f"{gone}: {counted(len(scope.rows), 'row')} of the sources")
    for file_cut in scope.cuts:
        say(f"  {counted(len(file_cut.records), 'record')} of {file_cut.path}")
    say(f"  {counted(len(scope.traces), 'file')} that stages, caches and nights made of them")
    if scope.artifacts:
        say(f"  {counted(len(scope.artifacts), 'artifact')} of the registry")
    for path in scope.by_hand:
        say(f"by hand: {path} names them where no record can be cut")
    for version in scope.versions:
        say(f"trained on them: {version.label}")
    for version in scope.indexed:
        say(f"its index or kept answers tell of them: {version.label}")
    if scope.unknown:
        labels = ", ".join(version.label for version in scope.unknown[:SHOWN])
        say(f"not known whether it was trained on them: {labels}")
    if not erased:
        say("nothing is changed: the same with --yes and a --reason erases them")
        return
    say(f"they stay away: {ERASED} has their digests, and imports respect it; commit it")
    say("\nout of reach:")
    for place, command in out_of_reach(scope.places, scope.to_delete):
        say(f"  {place}:\n    {command}")
    say("\nnow `incumbent run`: it trains without them")


def fields_of(scope: ErasureScope, *, erased: bool) -> dict[str, Any]:
    return {
        "erased": erased,
        "rows": [row.id for row in scope.rows],
        "records": {str(file_cut.path): len(file_cut.records) for file_cut in scope.cuts},
        "by_hand": [str(path) for path in scope.by_hand],
        "files": [str(path) for path in scope.traces],
        "artifacts": scope.artifacts,
        "versions": [version.number for version in scope.versions],
        "unknown": [version.number for version in scope.unknown],
        "indexed": [version.number for version in scope.indexed],
        "out_of_reach": [
            {"where": where, "type": command}
            for where, command in out_of_reach(scope.places, scope.to_delete)
        ],
    }
