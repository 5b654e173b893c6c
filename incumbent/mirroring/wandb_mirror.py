"""A version as a run of Weights & Biases: under an id of its own, so that it is never there twice.

Offline, W&B writes a folder each time; `wandb sync` puts those of one id together.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from incumbent.mirroring.mirrored_version import MirroredVersion

if TYPE_CHECKING:
    from wandb import Run, Settings

ID = 16  # characters of a run's id
STEP = "step"  # of a curve, beside its values
SECONDS = 30.0  # until a server has answered


def tell_wandb(version: MirroredVersion, page: str | None) -> str:
    """Write a version's run, or bring it up to date; returns where it is."""
    # Imported here because it takes seconds.
    import wandb

    before = next(offline_runs(version), None)
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT") or version.family,
        id=version.key[:ID],
        name=version.label,
        notes=version.summary,
        config=dict(version.settings),
        allow_val_change=True,
        resume="allow",
        settings=quiet(),
    )
    if not run.resumed and before is None:
        tell_curves(run, version)
    run.summary.update({**version.tags, **version.scores})
    if page:
        file = Path(run.dir) / "report.html"
        file.write_text(page)
        run.save(file, base_path=run.dir, policy="now")
    run.finish()
    wandb.teardown()  # its own process has written everything when it has ended
    if run.offline:
        return f"in {Path(run.dir).parent}, which `wandb sync` sends"
    return f"at {run.url}"


def quiet() -> "Settings":
    """The run is told alone: nothing of this machine, its packages, its user or its code."""
    import wandb

    return wandb.Settings(
        console="off",
        disable_code=True,
        disable_git=True,
        host="incumbent",  # else it is this machine's name
        init_timeout=SECONDS,
        silent=True,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )


def offline_runs(version: MirroredVersion) -> Iterator[Path]:
    """What was written for this version where there is no server to ask."""
    folder = Path(os.environ.get("WANDB_DIR") or ".")
    for name in ("wandb", ".wandb"):
        yield from (folder / name).glob(f"offline-run-*-{version.key[:ID]}")


def tell_curves(run: "Run", version: MirroredVersion) -> None:
    """Each training step's curves by a step of their own: W&B counts all lines of a run as one."""
    rows: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for name, points in version.curves.items():
        step = name.partition("/")[0]
        run.define_metric(f"{step}/*", step_metric=f"{step}/{STEP}")
        for point in points:
            rows[step, point.step][name] = point.value
    for (step, at), values in rows.items():
        run.log({**values, f"{step}/{STEP}": at})
