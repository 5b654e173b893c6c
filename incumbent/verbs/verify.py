"""`registry verify`, `anchor`, `sign`, `keygen` and `reproduce`: what proves what is on record."""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from evaluation.decision.decision_replay import check_registry
from incumbent.options import Json, Reason, VersionNumber, version_number, version_numbers
from incumbent.output import console, print_json, print_table, say
from incumbent.reproducing.rows_check import (
    Remote,
    RowsLocation,
    VersionRows,
    check_rows,
    default_remote,
)
from incumbent.running.running_stage import duration_text
from monitoring.scheduling.anchor_delivery import deliver_anchor
from project.child_processes import ended_by_signals
from project.errors import IncumbentError, InputError
from project.records.data import Split
from project.records.record import short
from project.settings import load
from registry.anchor_places import read_anchors
from registry.chain_anchor import AnchorReport, newest_anchor
from registry.reader import RegistryReader
from registry.registry_settings import RegistryParams
from registry.signatures import make_keys
from registry.store import Registry

if TYPE_CHECKING:
    from incumbent.reproducing.reproduction import Reproduction


# --- verify ---------------------------------------------------------------------------------------

LOST = "what is lost may be in another clone: incumbent registry verify --data there"
ALONE = (
    "DVC has no default remote: only this machine has the rows. `dvc remote add -d storage URL` "
    "names one"
)


def verify(
    number: Annotated[
        int | None,
        typer.Argument(
            parser=version_number,
            autocompletion=version_numbers,
            help="With --data: one version alone.",
        ),
    ] = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option(help="Anchors to hold the history against: a file, git or git:REMOTE."),
    ] = None,
    data: Annotated[
        bool, typer.Option("--data", help="Instead: whether every version's rows can be fetched.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the whole registry: events, tables, artifacts, and every decision made again.

    $ incumbent registry verify
    """
    if data:
        with RegistryReader.here() as reader:
            found = check_rows(reader, number)
        remote = default_remote()
        if as_json:
            url = remote.url if remote else None
            print_json({"remote": url, "versions": [fields_of(one) for one in found]})
        else:
            print_rows(found, remote)
        if any(one.rows is RowsLocation.LOST for one in found):
            sys.exit(1)
    elif number is None:
        verify_registry(as_json, anchor or ())
    else:
        raise InputError(f"say what of it: incumbent registry verify --data {number}")


def verify_registry(as_json: bool, places: Sequence[str] = ()) -> None:
    """Print what does not hold, and exit with 1; or say how much does.

    The history is held against the anchors in `places`, which are read before anything is checked.
    """
    anchors = [anchor for place in places for anchor in read_anchors(place)]
    with Registry.here() as registry:
        found = check_registry(registry, anchors)
        known = () if found.problems else registry.versions()
    hosted = [version for version in known if version.adapter.base.hosted]
    report = found.anchors
    if as_json:
        told = report.model_dump(mode="json", exclude={"problems"}) if places else None
        counts = {"events": found.events, "versions": found.versions}
        print_json({"problems": found.problems, **counts, "anchors": told})
    else:
        for place in report.cut_off:
            console.print(f"{place}: was cut off by a crash, and counts for nothing")
        say(*found.problems)
    if found.problems:
        sys.exit(1)
    if not as_json:
        if places:
            print_anchors(report, checked=bool(registry.keys.public))
        console.print(
            f"{found.events} events in an unbroken chain, {found.versions} versions whole"
        )
        console.print(f"{found.decisions} decisions made again from their evidence: the same bytes")
        say(
            *(
                f"{version.label}, {version.adapter}: its kept answers are whole; which weights "
                "gave them, and what answers there now, is not proven"
                for version in hosted
            )
        )


def print_anchors(report: AnchorReport, *, checked: bool) -> None:
    """What the anchors cover, where all of them hold; `checked`: a public key could be asked."""
    signed = report.checked - report.unsigned
    console.print(f"the history fits its anchors: {report.checked}, signed: {signed}")
    if signed and not checked:
        console.print("no signature was checked: registry.public_keys in params.yaml names no key")
    say(f"the newest: {report.newest}; events since then: {report.later}")


def fields_of(found: VersionRows) -> dict[str, object]:
    dataset = found.dataset
    return {
        "number": found.version.number,
        "rows": found.rows,
        "dataset": dataset.digest if dataset else None,
        "dvc_revision": dataset.dvc_revision if dataset else None,
    }


def print_rows(found: Sequence[VersionRows], remote: Remote | None) -> None:
    words = {
        RowsLocation.REMOTE: f"at {remote.name}" if remote else "",
        RowsLocation.CACHE: "only in this machine's cache",
        RowsLocation.ERASED: "erased at a person's wish",
        RowsLocation.LOST: "LOST",
        RowsLocation.UNKNOWN: "not known: it came without rows, or DVC did not track them",
    }
    if found:
        rows = [(one.version.label, sizes(one), words[one.rows]) for one in found]
        print_table(["version", "rows", "where they are"], rows)
    else:
        console.print("there is no version yet")
    say(*notes(found, remote))


def sizes(found: VersionRows) -> str:
    splits = found.dataset.splits if found.dataset else {}
    return ", ".join(f"{splits[part]:,} {part}" for part in Split if part in splits)


def notes(found: Sequence[VersionRows], remote: Remote | None) -> Iterator[str]:
    states = {one.rows for one in found}
    if remote is None:
        yield ALONE
    elif RowsLocation.CACHE in states:
        # In a tag DVC goes by the settings of that commit, but for those that git does not track.
        again = f"dvc remote add --local -f -d {remote.name} {remote.url} && dvc push --all-tags"
        yield f"to send what is here alone: {again}"
    else:
        yield f"{remote.name} is {remote.url}"
    if RowsLocation.LOST in states:
        yield LOST


# --- anchor ---------------------------------------------------------------------------------------


def write_anchor(
    to: Annotated[
        str | None,
        typer.Option(
            help="A file, git, git:REMOTE or a webhook's address; registry.anchor if left out."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write down outside of the registry how far its history goes, signed where there is a key.

    $ incumbent registry anchor --to anchors.jsonl
    """
    place = to or load(RegistryParams).anchor_place
    if place is None:
        problem = "say where to: a file, git, git:REMOTE or a webhook, also as registry.anchor"
        raise InputError(problem, field="--to")
    with RegistryReader.here() as registry:
        anchor = newest_anchor(registry)
    if anchor is None:
        raise IncumbentError("there is no event to anchor yet: `incumbent submit` makes the first")
    where = deliver_anchor(anchor, place)
    if as_json:
        print_json(anchor)
    else:
        signed = "signed" if anchor.signature else "not signed: $INCUMBENT_SIGNING_KEY names no key"
        say(f"event {anchor.seq} is anchored in {where}, {signed}")


# --- sign -----------------------------------------------------------------------------------------


def sign_version(
    number: VersionNumber,
    key: Annotated[
        Path | None, typer.Option(help="A private key; $INCUMBENT_SIGNING_KEY if left out.")
    ] = None,
    reason: Reason = "signed by hand",
) -> None:
    """Sign a version, its data and the decision on it; needs the signing extra.

    $ incumbent registry sign v3 --key release.pem
    """
    with Registry.here() as registry:
        chosen = key or registry.keys.private
        if chosen is None:
            raise InputError("name a private key, or let $INCUMBENT_SIGNING_KEY do", field="--key")
        statement = registry.sign(number, chosen, reason)
    on = "as decided" if statement.decision else "before any decision"
    console.print(f"{statement.label} is signed {on}")


def generate_keys(
    file: Annotated[Path, typer.Argument(help="Where the private key goes; FILE.pub is public.")],
) -> None:
    """Make a pair of keys to sign versions with.

    $ incumbent registry keygen release.pem
    """
    public = make_keys(file)
    console.print(f"{file} is secret: INCUMBENT_SIGNING_KEY={file} signs with it")
    console.print(f"{public} is for everybody: name it in params.yaml, registry.public_keys")


# --- reproduce ------------------------------------------------------------------------------------

COLUMNS = ("metric", ">original", ">reproduced", ">difference", ">95 % interval", ">items")


def reproduce_version(
    number: VersionNumber,
    keep: Annotated[
        Path | None,
        typer.Option(help="A new folder to work in, which is kept; if left out, none is kept."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a version again from its commit, and say whether the adapter has the same bytes.

    Raises IncumbentError where that fails.

    $ incumbent registry reproduce v3
    """
    said = Console(stderr=True, highlight=False, markup=False)
    with RegistryReader.here() as registry, ended_by_signals():
        # Imported here because they bring libraries that take a second.
        from incumbent.reproducing.project_copy import reproducible
        from incumbent.reproducing.reproduction import make_again

        wanted = reproducible(registry, number)
        with working_folder(keep) as folder:
            found = make_again(registry, wanted, folder, lambda text: said.print(text, style="dim"))
    if as_json:
        print_json(found.model_dump(mode="json") | {"same": found.same, "kept": keep and str(keep)})
    else:
        print_reproduction(found)
        if keep:
            say(f"kept: {keep}")


@contextmanager
def working_folder(keep: Path | None) -> Iterator[Path]:
    """An empty folder: a new one that stays, or one that is gone afterwards, come what may."""
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="incumbent-reproduce-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    if keep.exists() and not (keep.is_dir() and not any(keep.iterdir())):
        raise InputError(f"{keep} is there already: name a new folder", field="--keep")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.resolve()


def print_reproduction(found: "Reproduction") -> None:
    how = "the same bytes" if found.same else "other bytes"
    say(f"{found.version} was made again from commit {found.commit[:12]}: {how}")
    facts = [
        ("adapter", short(found.original)),
        *([] if found.same else [("reproduced", short(found.reproduced))]),
        *([] if found.same else [("its files that differ", ", ".join(found.files))]),
        ("trained in", str(found.numerics or "numerics that were not recorded")),
        ("its stages took", duration_text(found.seconds)),
    ]
    print_table(("", ""), facts)
    print_differences(found)
    if not found.same:
        print_dev(found)


def print_differences(found: "Reproduction") -> None:
    if found.differences:
        console.print("\nwhat differs" + (", and changed nothing" if found.same else ""))
        for line in found.differences:
            say(f"  {line}")
    elif not found.same:
        say(
            "\nnothing that is on record differs: the number of threads or of GPUs may, or the "
            "model of the processor"
        )


def print_dev(found: "Reproduction") -> None:
    if found.not_compared:
        say(f"\nthe two were not compared on dev: {found.not_compared}")
        return
    console.print("\non dev, reproduced − original")
    rows = [
        (
            one.metric,
            number(one.original),
            number(one.reproduced),
            f"{one.difference:+.3f}",
            f"{one.interval[0]:+.3f} … {one.interval[1]:+.3f}",
            str(one.items),
        )
        for one in found.dev
    ]
    print_table(COLUMNS, rows)
    if found.beyond_chance:
        told = f"more than chance in {', '.join(found.beyond_chance)}"
    else:
        told = "within chance in every metric"
    say(f"\nthey differ {told} (Holm's procedure, 5 % over all metrics)")


def number(mean: float | None) -> str:
    return "" if mean is None else f"{mean:.3f}"
