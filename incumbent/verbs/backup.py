"""`registry backup` and `restore`: registry and artifacts as one archive, and back."""

import sys
from typing import Annotated

import typer

from evaluation.decision.decision_replay import check_registry
from incumbent.options import Json, saying_what_stays
from incumbent.output import console, print_json, say
from project.child_processes import ended_by_signals
from project.object_stores import without_secrets
from project.records.events import Restored
from project.records.record import short
from registry.backups.back_up import back_up as write_archive
from registry.backups.restore import restore as fill_registry
from registry.backups.tar_members import Manifest
from registry.reader import RegistryReader
from registry.store import Registry


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
        if not problems:
            console.print("it verifies: chain, tables, artifacts, and every decision made again")
    if problems:
        sys.exit(1)


def contents(manifest: Manifest) -> str:
    rows = {table.name: table.rows for table in manifest.tables}
    files, size = manifest.artifacts.count, manifest.artifacts.size
    return (
        f"{manifest.events} events, {rows.get('versions', 0)} versions, {rows.get('runs', 0)} "
        f"runs of jobs, {files} artifacts of {size / 1e6:,.1f} MB"
    )


def print_left_out(manifest: Manifest) -> None:
    if manifest.left_out:
        say(
            f"left out, because they were damaged or missing: {len(manifest.left_out)} artifacts, "
            f"{', '.join(map(short, manifest.left_out))}"
        )


def print_other_family(manifest: Manifest, family: str) -> None:
    if manifest.families and family not in manifest.families:
        say(
            f"registry.family of params.yaml is {family}, and these versions are of "
            f"{', '.join(manifest.families)}: name that one to see them"
        )
