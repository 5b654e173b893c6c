"""What changes who is champion: `incumbent submit`, `promote` and `rollback`, and in `registry`
reevaluate, withdraw, reject, alias, delete, gc and adopt-looks.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from incumbent.mirroring.mirror import mirror
from incumbent.options import ExitVerdict, Json, Promote, Reason, VersionNumber, version_option
from incumbent.output import console, print_json, say
from incumbent.pipeline import Stage, after, read_pipeline
from project.errors import IncumbentError, InputError
from project.files import home
from project.paths import ADAPTER, ADAPTER_FILES, BASE
from project.records.adapters import AdapterVersion, ModelPin
from project.records.data import counted
from registry.adapter_import.adapter_folder import refuse_misfit
from registry.alpha_ledger.look_bytes import LOOKS
from registry.champion import based_here
from registry.garbage import collect
from registry.store import Registry

ALREADY = "is the champion already: nothing was changed"

# --- submit ---------------------------------------------------------------------------------------


def submit_challenger(
    promote: Promote = False,
    reason: Reason = "pipeline run",
    as_json: Json = False,
    exit_verdict: ExitVerdict = False,
) -> None:
    """Register the pipeline's challenger and decide on its evidence.

    $ incumbent submit --promote
    """
    from incumbent.submission import submit_and_tell  # not before it is called: it takes a while

    code = submit_and_tell(promote=promote, reason=reason, as_json=as_json)
    if exit_verdict:
        raise typer.Exit(code)


# --- reevaluate -----------------------------------------------------------------------------------

TRAIN, CODE, GATE = "training.train", "incumbent.code", "curation.gate"
TRAINING = "training."  # the package of the stages that train
PINS = "training.base"  # the one of them that trains nothing
OUTPUTS = Path("outputs")


def reevaluate(
    number: VersionNumber,
    promote: Promote = False,
    reason: Reason = "evaluated again",
    as_json: Json = False,
    exit_verdict: ExitVerdict = False,
) -> None:
    """Compare a version with the champion anew, such as after fresh eval items came.

    The evaluation stages run in a folder of their own, on the project's data and models as the
    last `dvc repro` left them, so that the pipeline's own challenger stays what it is.

    $ incumbent registry reevaluate v3
    """
    with Registry.here() as registry:
        version = registry.version(number)
        if registry.deleted(number):
            raise InputError(f"{version.label} was deleted: its files may be gone")
        if registry.champion() == version:
            raise InputError(f"{version.label} is the champion: there is no other to compare with")
        project = ModelPin.read(BASE)
        if version.adapter.base.weights != project.weights:
            based_here(version.adapter.contestant, project, version.label)
        folder = lay_out(registry, version)
    os.environ["INCUMBENT_HOME"] = str(home().resolve())
    for stage in stages_to_run(read_pipeline()):
        # Progress is for people; with --json, standard output is for programs.
        print(f"{version.label}: {stage.name}", file=sys.stderr)
        command = [str(Path(sys.executable).with_name("incumbent")), "stage", stage.name]
        if subprocess.run(command, cwd=folder, stdout=sys.stderr).returncode:
            raise IncumbentError(f"{stage.name} failed: see its message above")
    from incumbent.submission import submit_and_tell  # as above, and it takes a while

    with contextlib.chdir(folder):
        code = submit_and_tell(promote=promote, reason=reason, as_json=as_json)
    if exit_verdict:
        raise typer.Exit(code)


def stages_to_run(pipeline: Sequence[Stage]) -> list[Stage]:
    """Those of ours after training, and those that look at what lies outside the project; but not
    the gate, for nothing is trained.
    """
    later = [stage for s in pipeline if s.module == TRAIN for stage in after(s.name, pipeline)]
    idle = (None, CODE, GATE)
    ours = [stage for stage in pipeline if stage.module not in idle and not trains(stage)]
    return [stage for stage in ours if stage in later or stage.always]


def trains(stage: Stage) -> bool:
    return bool(stage.module and stage.module.startswith(TRAINING) and stage.module != PINS)


def lay_out(registry: Registry, version: AdapterVersion) -> Path:
    """A folder laid out like the project, with this version's adapter as its challenger."""
    folder = home() / "reevaluate" / version.label.replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    pipeline = read_pipeline()
    made = [out for stage in stages_to_run(pipeline) for out in stage.outs]
    given = [out for stage in pipeline if not trains(stage) for out in stage.outs]
    names = [path.name for path in Path().iterdir() if path.name[0] != "." and path != OUTPUTS]
    for name in (*names, *(out for out in given if out not in made)):
        if not Path(name).exists():
            raise InputError("is not there: run `dvc repro` first", file=name)
        if not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(Path(name).resolve())
    registry.artifacts.check_out(version.adapter.files, folder / ADAPTER_FILES)
    version.adapter.write(folder / ADAPTER)
    return folder


# --- promote --------------------------------------------------------------------------------------


def promote_version(
    number: VersionNumber,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in the history.")] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Promote without a verdict; needs a reason, and stays marked for ever."
        ),
    ] = False,
) -> None:
    """Make a version the champion, if its decision says PROMOTE.

    $ incumbent promote v3 --reason "the owner agreed"
    """
    if force and not reason:
        raise InputError("a forced promotion needs a --reason: it is marked for ever")
    with Registry.here() as registry:
        before = registry.champion()
        version = registry.promote(number, reason or "promoted by hand", force=force)
    marked = ", by force and marked so" if force else ""
    outcome = ALREADY if before == version else f"is the champion{marked}"
    console.print(f"{version.label} {outcome}")
    mirror(number, before.number if before else None)


def roll_back(
    to: Annotated[
        int | None, version_option("An earlier champion; the one before if left out.")
    ] = None,
    reason: Reason = "rolled back by hand",
) -> None:
    """Make an earlier version champion again.

    $ incumbent rollback --to v2
    """
    with Registry.here() as registry:
        champion, target = registry.champion(), to or registry.before_champion()
        expected = champion.number if champion else None
        note = None
        if target and not registry.deleted(target):
            note = refuse_misfit(registry.version(target), registry.artifacts)
        version = registry.rollback(reason, to, expected=expected)
    if version == champion:
        console.print(f"{version.label} {ALREADY}")
    else:
        console.print(f"{version.label} is the champion again")
        say(*([note] if note else []))
    mirror(version.number, expected)


def withdraw_champion(number: VersionNumber, reason: Reason) -> None:
    """Take the champion out: the bare base is in its place until a version beats it.

    $ incumbent registry withdraw v3 --reason "it invents figures"
    """
    with Registry.here() as registry:
        version = registry.withdraw(number, reason)
    say(
        f"{version.label} is no longer the champion: the bare base is in its place, and gateways "
        f"refuse requests until a version is promoted. `incumbent rollback --to {number}` brings "
        "it back"
    )
    mirror(number)


def reject_version(number: VersionNumber, reason: Reason) -> None:
    """Say no to a version, whatever its verdict: only --force makes it champion then.

    $ incumbent registry reject v4 --reason "it invents figures"
    """
    with Registry.here() as registry:
        version = registry.reject(number, reason)
    console.print(f"{version.label} is rejected")
    mirror(number)


# --- aliases --------------------------------------------------------------------------------------


def point_alias(
    name: Annotated[str, typer.Argument(help="A name such as staging, but not champion.")],
    to: Annotated[int | None, version_option("A version; nothing if left out.")] = None,
    expect: Annotated[int | None, version_option("What it names now; nothing if left out.")] = None,
    reason: Reason = "moved by hand",
) -> None:
    """Point an alias at a version, if it still names what you expect.

    $ incumbent registry alias staging --to v3
    """
    with Registry.here() as registry:
        registry.point(name, to, reason, expected=expect)
    console.print(f"{name} names v{to}" if to else f"{name} names nothing")


def delete_version(number: VersionNumber, reason: Reason) -> None:
    """Delete a version that no alias names; a tombstone keeps its record and lineage.

    $ incumbent registry delete v2 --reason "a trial"
    """
    with Registry.here() as registry:
        version = registry.delete(number, reason)
    console.print(
        f"{version.label} is deleted; its record stays, and `incumbent registry gc` frees its files"
    )


def collect_garbage(
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete them; without it, they are only listed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find artifacts that nothing needs any more, such as the answers of a decided look.

    $ incumbent registry gc
    """
    with Registry.here() as registry:
        garbage = collect(registry, dry_run=not delete)
    if as_json:
        print_json({"deleted": delete, "artifacts": garbage})
        return
    say(*garbage)
    artifacts = counted(len(garbage), "artifact")
    listed = f"{artifacts} that nothing needs" + ("; --delete deletes them" if garbage else "")
    console.print(f"{artifacts} deleted" if delete else listed)


# --- adopt looks ----------------------------------------------------------------------------------


def adopt(reason: Reason) -> None:
    """Count looks at this project's sealed items that another registry took, or a lost one.

    $ incumbent registry adopt-looks --reason "the old registry was lost"
    """
    with Registry.here() as registry:
        elsewhere = registry.looks_elsewhere()
        registry.adopt_looks(elsewhere, reason)
    looks = counted(len(elsewhere), "look")
    say(f"adopted from {LOOKS} and its history in git: {looks}")
