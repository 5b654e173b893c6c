"""The process that tells one tracker of some versions: whatever becomes of it, no verb waits long.

It is `python -m incumbent.mirroring.tracker_process TRACKER NUMBER…`, and `mirror.py` starts it.
Its last line says how it ended.
"""

import os
import re
import signal
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, NoReturn, TypeVar

from incumbent.mirroring.mirror import Untold, figures_page, folder, lock_of, untold_of
from incumbent.mirroring.mirrored_version import MirroredVersion, mirrored
from project.canonical import moment_of
from project.errors import IncumbentError, name_missing_extras
from project.files import locked
from project.untrusted_input import shortened, without_credentials
from registry.reader import RegistryReader

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run
    from wandb import Run as WandbRun
    from wandb import Settings

# --- mlflow mirror --------------------------------------------------------------------------------

KEY = "incumbent.version"  # the tag
# That MLflow's page shows runs with their curves, and not traces and prompts.
KIND = {"mlflow.experimentKind": "custom_model_development"}
BATCH, METRICS = 100, 1000  # what MLflow takes at once, of parameters or tags, and of points
LONGEST_PARAMETER = 6000  # characters of a parameter
UNFIT = re.compile(r"[^\w./ -]")  # for a name; a colon is refused on Windows

T = TypeVar("T")


def tell_mlflow(version: MirroredVersion, page: str | None) -> str:
    """Write a version's run, or bring it up to date; returns where it is."""
    # Imported here because it takes seconds.
    from mlflow import MlflowClient, get_tracking_uri

    client = MlflowClient()
    experiment = experiment_of(client, version.family)
    runs = client.search_runs([experiment], f"tags.`{KEY}` = '{version.key}'", max_results=1)
    run = (runs[0] if runs else None) or begin_run(client, experiment, version)
    tell_settings(client, run, version)
    told = [*curve_points(version), *changed_scores(run, version)]
    for some in batches(told, METRICS):
        client.log_batch(run.info.run_id, metrics=some)
    if page:
        client.log_text(run.info.run_id, page, "report.html")
    client.set_terminated(run.info.run_id, "FINISHED", end_time=run.info.start_time)
    return address(get_tracking_uri(), run)


def experiment_of(client: "MlflowClient", family: str) -> str:
    """The experiment of MLflow's own variables, or one named after the family."""
    if chosen := os.environ.get("MLFLOW_EXPERIMENT_ID"):
        return chosen
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or family
    if known := client.get_experiment_by_name(name):
        return str(known.experiment_id)
    return str(client.create_experiment(name, tags=KIND))


def begin_run(client: "MlflowClient", experiment: str, version: MirroredVersion) -> "Run":
    tags = {KEY: version.key, "mlflow.source.name": "incumbent"}
    return client.create_run(experiment, milliseconds(version), tags, version.label)


def tell_settings(client: "MlflowClient", run: "Run", version: MirroredVersion) -> None:
    """Parameters, which MLflow never changes, and tags, which may have moved."""
    from mlflow.entities import Param, RunTag

    every = [
        Param(UNFIT.sub("_", name), value[:LONGEST_PARAMETER])
        for name, value in version.settings.items()
    ]
    new = [param for param in every if param.key not in run.data.params]
    # What MLflow itself shows of a run: a description, and the commit that it came from.
    shown = {"mlflow.note.content": version.summary} | version.tags
    if commit := version.tags.get("git_commit"):
        shown["mlflow.source.git.commit"] = commit
    tags_now = [RunTag(name, value) for name, value in shown.items()]
    for params in batches(new, BATCH):
        client.log_batch(run.info.run_id, params=params)
    for tags in batches(tags_now, BATCH):
        client.log_batch(run.info.run_id, tags=tags)


def curve_points(version: MirroredVersion) -> Iterator["Metric"]:
    """MLflow keeps one of equal points, so they bear a time that stays the same."""
    from mlflow.entities import Metric

    for name, points in version.curves.items():
        for point in points:
            yield Metric(UNFIT.sub("_", name), point.value, milliseconds(version), point.step)


def changed_scores(run: "Run", version: MirroredVersion) -> Iterator["Metric"]:
    """Those that the run has not yet; the newest of several is the one that MLflow shows."""
    from mlflow.entities import Metric

    now = int(time() * 1000)
    for name, value in version.scores.items():
        key = UNFIT.sub("_", name)
        if run.data.metrics.get(key) != value:
            yield Metric(key, value, now, 0)


def milliseconds(version: MirroredVersion) -> int:
    return int(moment_of(version.submitted).timestamp() * 1000)


def batches(told: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (told[at : at + size] for at in range(0, len(told), size))


def address(server: str, run: "Run") -> str:
    """Where people look at it: a page of the server, or the database that `mlflow ui` shows."""
    if not server.startswith("http"):
        return f"in {server}"
    ids = f"experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    return f"at {server.rstrip('/')}/#/{ids}"


# --- wandb mirror ---------------------------------------------------------------------------------

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


def tell_curves(run: "WandbRun", version: MirroredVersion) -> None:
    """Each training step's curves by a step of their own: W&B counts all lines of a run as one."""
    rows: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for name, points in version.curves.items():
        step = name.partition("/")[0]
        run.define_metric(f"{step}/*", step_metric=f"{step}/{STEP}")
        for point in points:
            rows[step, point.step][name] = point.value
    for (step, at), values in rows.items():
        run.log({**values, f"{step}/{STEP}": at})


# --- tracker process ------------------------------------------------------------------------------

LIMIT = 120  # seconds, then it ends by itself
TELL: dict[str, Callable[[MirroredVersion, str | None], str]] = {
    "mlflow": tell_mlflow,
    "wandb": tell_wandb,
}
# Read by the libraries when they are imported. A user's own setting wins.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "WANDB_ERROR_REPORTING": "false",
}
LONGEST = 300  # characters of a library's message


class LateError(BaseException):
    """The time is over. No Exception: libraries catch those, and try again."""


def main() -> None:
    tracker, numbers = sys.argv[1], [int(number) for number in sys.argv[2:]]
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LIMIT)
    try:
        line, code = f"{tracker}: {tell(tracker, numbers)}", 0
    except LateError:
        line, code = untold(tracker, f"no answer in {LIMIT} seconds"), 1
    except Exception as error:  # of whatever kind a library raises
        line, code = untold(tracker, str(error) or type(error).__name__), 1
    print(f"\n{without_credentials(line)}", flush=True)
    os._exit(code)  # a library's threads that hang are not waited for


def tell(tracker: str, numbers: Sequence[int]) -> str:
    """Tell of versions that were not told, then of these; return where the last is shown."""
    with RegistryReader.here() as registry, locked(lock_of(registry.family, tracker)):
        file = untold_of(registry.family, tracker)
        earlier = Untold.read(file).versions if file.exists() else ()
        left = [number for number in earlier if number not in numbers] + list(numbers)
        told, unread = list[str](), None
        for number in tuple(left):
            Untold(versions=tuple(left)).write(file)
            try:
                version = mirrored(registry, number)
            except IncumbentError as error:
                unread = IncumbentError(f"v{number} cannot be read: {error}")
                continue
            version.write(folder() / f"{version.family}-v{version.number}.json")
            with name_missing_extras():
                where = TELL[tracker](version, page_of(version))
            told.append(version.label)
            left.remove(number)
        if unread:
            Untold(versions=tuple(left)).write(file)
            raise unread
        file.unlink(missing_ok=True)
        return f"{' and '.join(told)} {'is' if len(told) == 1 else 'are'} {where}"


def page_of(version: MirroredVersion) -> str | None:
    """The report without rows, as `incumbent submit` wrote it on this machine."""
    file = figures_page(version.family, version.number)
    return file.read_text() if file.exists() else None


def untold(tracker: str, why: str) -> str:
    reason = shortened(why, LONGEST).rstrip(".")
    return f"{tracker} was not told: {reason}; what it lacks is told with the next version"


def give_up(*_: object) -> NoReturn:
    raise LateError


if __name__ == "__main__":
    main()
