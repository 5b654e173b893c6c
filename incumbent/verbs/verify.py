"""`registry verify`, `anchor`, `sign`, `keygen`, `backup` and `restore`: what proves what is on
record, and keeps it.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from evaluation.decision.decision_replay import check_registry
from incumbent.options import (
    Json,
    Reason,
    VersionNumber,
    saying_what_stays,
    version_number,
    version_numbers,
)
from incumbent.output import console, print_json, print_table, say
from incumbent.reproducing.rows_check import (
    Remote,
    RowsLocation,
    VersionRows,
    check_rows,
    default_remote,
)
from monitoring.scheduling.anchor_delivery import deliver_anchor
from project.child_processes import ended_by_signals
from project.errors import IncumbentError, InputError
from project.object_stores import without_secrets
from project.records.data import Split, counted
from project.records.events import Restored
from project.records.record import short
from project.settings import load
from registry.backups.back_up import back_up as write_archive
from registry.backups.restore import restore as fill_registry
from registry.backups.tar_members import Manifest
from registry.chain_anchor import AnchorReport, newest_anchor, read_anchors
from registry.reader import RegistryReader
from registry.registry_settings import RegistryParams
from registry.signatures import make_keys
from registry.store import Registry

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
            versions = check_rows(reader, number)
        remote = default_remote()
        if as_json:
            url = remote.url if remote else None
            print_json({"remote": url, "versions": [fields_of(version) for version in versions]})
        else:
            print_rows(versions, remote)
        if any(version.rows is RowsLocation.LOST for version in versions):
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
        audit = check_registry(registry, anchors)
        known = () if audit.problems else registry.versions()
    hosted = [version for version in known if version.adapter.base.hosted]
    report = audit.anchors
    if as_json:
        told = report.model_dump(mode="json", exclude={"problems"}) if places else None
        counts = {"events": audit.events, "versions": audit.versions}
        print_json({"problems": audit.problems, **counts, "anchors": told})
    else:
        for place in report.cut_off:
            console.print(f"{place}: was cut off by a crash, and counts for nothing")
        say(*audit.problems)
    if audit.problems:
        sys.exit(1)
    if not as_json:
        if places:
            print_anchors(report, checked=bool(registry.keys.public))
        console.print(
            f"{counted(audit.events, 'event')} in an unbroken chain, "
            f"{counted(audit.versions, 'version')} whole"
        )
        decisions = counted(audit.decisions, "decision")
        console.print(f"{decisions} made again from the evidence: the same bytes")
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


def fields_of(version_rows: VersionRows) -> dict[str, object]:
    dataset = version_rows.dataset
    return {
        "number": version_rows.version.number,
        "rows": version_rows.rows,
        "dataset": dataset.digest if dataset else None,
        "dvc_revision": dataset.dvc_revision if dataset else None,
    }


def print_rows(versions: Sequence[VersionRows], remote: Remote | None) -> None:
    words = {
        RowsLocation.REMOTE: f"at {remote.name}" if remote else "",
        RowsLocation.CACHE: "only in this machine's cache",
        RowsLocation.ERASED: "erased at a person's wish",
        RowsLocation.LOST: "LOST",
        RowsLocation.UNKNOWN: "not known: it came without rows, or DVC did not track them",
    }
    if versions:
        rows = [
            (version.version.label, sizes(version), words[version.rows]) for version in versions
        ]
        print_table(["version", "rows", "where they are"], rows)
    else:
        console.print("there is no version yet")
    say(*notes(versions, remote))


def sizes(version_rows: VersionRows) -> str:
    splits = version_rows.dataset.splits if version_rows.dataset else {}
    return ", ".join(f"{splits[part]:,} {part}" for part in Split if part in splits)


def notes(versions: Sequence[VersionRows], remote: Remote | None) -> Iterator[str]:
    states = {version.rows for version in versions}
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
        if not chosen.is_file():
            problem = "is no file: --key or $INCUMBENT_SIGNING_KEY names what `keygen` made"
            raise InputError(problem, file=chosen)
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


# --- backup ---------------------------------------------------------------------------------------


@saying_what_stays("interrupted: no archive is written; run it again")
def back_up(
    to: Annotated[
        str, typer.Option(help="The archive: a file, or a URL such as s3://…, not there yet.")
    ],
    without_damaged: Annotated[
        bool,
        typer.Option(
            "--without-damaged", help="Leave out artifacts that are damaged or missing, by name."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the registry and its artifacts, as they are at one instant, to one archive.

    $ incumbent registry backup --to bank.tar
    """
    with RegistryReader.here() as registry, ended_by_signals():
        manifest = write_archive(registry, to, without_damaged=without_damaged)
    if as_json:
        print_json({"archive": without_secrets(to), **dict(manifest)})
        return
    say(f"{without_secrets(to)}: {contents(manifest)}")
    print_left_out(manifest)


@saying_what_stays("interrupted: all is restored or nothing; `incumbent status` says which")
def restore(
    archive: Annotated[
        str, typer.Argument(help="What `incumbent registry backup` wrote: a file or a URL.")
    ],
    as_json: Json = False,
) -> None:
    """Bring an archive's registry and artifacts to where params.yaml says, if nothing is there.

    Fills the registry, then checks it as `registry verify` does; exits with 1 for a problem.

    $ incumbent registry restore bank.tar
    """
    with Registry.here() as registry, ended_by_signals():
        manifest = fill_registry(registry, archive)
        restored = Restored(events=manifest.events, at=manifest.at)
        registry.record_restore(restored, f"restored {without_secrets(archive)}")
        problems = check_registry(registry).problems
    if as_json:
        print_json({"archive": without_secrets(archive), **dict(manifest), "problems": problems})
    else:
        say(f"restored: {contents(manifest)}, as of {manifest.at}")
        print_left_out(manifest)
        print_other_family(manifest, registry.family)
        say(*problems)
        if problems:
            say("what was restored stays, and does not verify: move it away for another archive")
        else:
            console.print("it verifies: chain, tables, artifacts, and every decision made again")
    if problems:
        sys.exit(1)


def contents(manifest: Manifest) -> str:
    rows = {table.name: table.rows for table in manifest.tables}
    versions, runs = (
        counted(rows.get("versions", 0), "version"),
        counted(rows.get("runs", 0), "run"),
    )
    artifacts = counted(manifest.artifacts.count, "artifact")
    return (
        f"{counted(manifest.events, 'event')}, {versions}, {runs} of jobs, "
        f"{artifacts} of {manifest.artifacts.size / 1e6:,.1f} MB"
    )


def print_left_out(manifest: Manifest) -> None:
    if manifest.left_out:
        say(
            f"left out, because they were damaged or missing: "
            f"{counted(len(manifest.left_out), 'artifact')}, "
            f"{', '.join(map(short, manifest.left_out))}"
        )


def print_other_family(manifest: Manifest, family: str) -> None:
    if manifest.families and family not in manifest.families:
        say(
            f"registry.family of params.yaml is {family}, and these versions are of "
            f"{', '.join(manifest.families)}: name that one to see them"
        )
