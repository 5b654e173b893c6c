"""`incumbent project launch`: the pipeline, or a stage of it, on another machine."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

import typer

from incumbent.current_provenance import installed_packages
from incumbent.mirroring.mirror import MirrorParams
from incumbent.options import Json
from incumbent.output import print_json, say
from incumbent.pipeline import read_pipeline
from incumbent.reachable import DATABASE, TOKEN, Places, reachable_places
from incumbent.rendering import (
    Installation,
    LaunchTask,
    RentedMachine,
    as_dict,
    as_yaml,
    command,
    found_sky,
    run_sky,
)
from project.child_processes import dvc
from project.engine.engine_settings import EngineParams
from project.errors import IncumbentError, InputError, address_of, installed_from
from project.files import home, rename_all, write_bytes
from project.model_pins import EMBEDDED, EMBEDDED_PACKAGE, BaseChoice, ModelChoice
from project.settings import load
from project.untrusted_input import one_line
from registry.registry_settings import current_actor
from training.processes.accelerate_config import DistributedParams
from training.processes.step_processes import ALONE, who_trains

# --- installation ---------------------------------------------------------------------------------

EXTRAS = ("train", "documents", "postgresql")
# What brings DVC, and fsspec with it, to a store.
PLUGINS = {
    "s3": "dvc-s3",
    "gs": "dvc-gs",
    "gcs": "dvc-gs",
    "azure": "dvc-azure",
    "abfs": "dvc-azure",
    "az": "dvc-azure",
    "ssh": "dvc-ssh",
    "oss": "dvc-oss",
    "webdavs": "dvc-webdav",
}
PIP_WHEEL = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps")
SHOWN = 500  # characters of what pip said, from its end


@dataclass(frozen=True)
class Incumbent:
    """Where this one came from, as pip noted it (PEP 610)."""

    version: str
    address: str | None = None  # None: an index
    folder: Path | None = None  # of its source
    wheel: Path | None = None

    @property
    def sent(self) -> Path | None:
        """The wheel that is sent, if one is; of a folder it is made when it is needed."""
        if self.folder:
            name = f"incumbent-{self.version}-py3-none-any.whl"
            return (home() / "launching" / name).absolute()
        return self.wheel

    def requirement(self, extras: Iterable[str]) -> str:
        """The requirement that follows the name of a wheel that is sent."""
        wanted = f"[{','.join(extras)}]"
        if self.sent:
            return wanted
        if self.address:
            return f"incumbent{wanted} @ {self.address}"
        return f"incumbent{wanted}=={self.version}"


def incumbent_here() -> Incumbent:
    """Raises InputError where it came from a wheel that is not there any more."""
    release, note = version("incumbent"), installed_from()
    url = note.get("url", "")
    if not url.startswith("file:"):
        return Incumbent(release, address=address_of(note) or None)
    path = Path(unquote(urlsplit(url).path))
    if not path.exists():
        raise InputError(
            f"Incumbent was installed from {path}, which is not there any more, so the machine "
            "cannot get the same: install it again"
        )
    if path.is_dir():
        return Incumbent(release, folder=path)
    return Incumbent(release, wheel=path)


def installation(incumbent: Incumbent, places: Places) -> Installation:
    trackers = load(MirrorParams).report_to
    libraries = installed_packages()
    python = ".".join(libraries.pop("python").split(".")[:2])
    libraries.pop("incumbent", None)
    # What stands behind the plus, such as a build for processors alone, is of this machine.
    pinned = (f"{name}=={number.partition('+')[0]}" for name, number in libraries.items())
    return Installation(
        python=python,
        incumbent=incumbent.requirement([*EXTRAS, *wanted(), *trackers]),
        wheel=incumbent.sent,
        others=(*pinned, *sorted(set(plugins(places)))),
        models=tuple(embedded_models()),
    )


def wanted() -> Iterator[str]:
    """Extras that the settings ask for."""
    if load(EngineParams).name == "ray":
        yield "ray"
    if load(DistributedParams).sharding == "zero3":
        yield "deepspeed"


def plugins(places: Places) -> Iterator[str]:
    for address in (places.rows, places.artifacts, places.checkpoints or ""):
        if plugin := PLUGINS.get(address.partition("://")[0]):
            yield plugin


def embedded_models() -> Iterator[str]:
    if load(BaseChoice).model == EMBEDDED:
        yield f"{EMBEDDED_PACKAGE['base']}=={version(EMBEDDED_PACKAGE['base'])}"
    if load(ModelChoice).model == EMBEDDED:
        yield f"{EMBEDDED_PACKAGE['embedder']}=={version(EMBEDDED_PACKAGE['embedder'])}"


def make_wheel(incumbent: Incumbent) -> None:
    """Where it was installed from an empty folder. Raises IncumbentError with pip's words."""
    if incumbent.folder is None or incumbent.sent is None:
        return
    incumbent.sent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=incumbent.sent.parent, prefix=".wheel-") as aside:
        # setuptools would write both into the source, and take up next time what lies there.
        config = Path(aside, "setup.cfg")
        config.write_text(f"[build]\nbuild_base = {aside}\n[egg_info]\negg_base = {aside}\n")
        done = subprocess.run(
            [*PIP_WHEEL, "--wheel-dir", aside, str(incumbent.folder)],
            env={**os.environ, "DIST_EXTRA_CONFIG": str(config)},
            capture_output=True,
            text=True,
        )
        made = Path(aside, incumbent.sent.name)
        if done.returncode or not made.exists():
            complaint = one_line(done.stderr or done.stdout)[-SHOWN:]
            raise IncumbentError(f"no wheel could be made of {incumbent.folder}: {complaint}")
        rename_all({made: incumbent.sent})


# --- launch ---------------------------------------------------------------------------------------

# Stages that are sent one by one.
LONG = ("domain", "sft", "distill", "dpo", "kto", "grpo", "generate", "compare")
# Those that are set here go along: the first two always, the others for stores and trackers.
SECRETS = (
    TOKEN,
    DATABASE,
    "HF_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AZURE_STORAGE_ACCOUNT",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_TOKEN",
    "WANDB_API_KEY",
)

IDLE = (
    "one process trains, on one of the {0} GPUs: set training.distributed, such as {{processes: "
    "gpus}}; `incumbent plan --gpus` says how a base lies on them"
)


def launch(
    cloud: Annotated[
        Literal["aws", "gcp", "azure", "runpod", "vast", "kubernetes"] | None,
        typer.Option(help="The cloud; if left out, the cheapest that SkyPilot has access to."),
    ] = None,
    gpus: Annotated[
        str | None,
        typer.Option(
            metavar="KIND:COUNT",
            help="The GPUs, such as H100:4; if left out, a machine without one.",
        ),
    ] = None,
    spot: Annotated[
        bool,
        typer.Option(
            "--spot", help="Rent a machine that may be taken away; another one then goes on."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the task as YAML, and rent nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Rent without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Run the newest commit on a rented machine of any cloud, into the same registry.

    Raises InputError for a project that a rented machine cannot reach, IncumbentError where
    SkyPilot or the run fails.

    $ incumbent project launch --gpus L4:1 --dry-run
    """
    machine, places = RentedMachine(cloud, gpus, spot), reachable_places(spot=spot)
    incumbent = incumbent_here()
    task = LaunchTask(
        checkout=places.checkout,
        machine=machine,
        installation=installation(incumbent, places),
        stages=tuple(stage.name for stage in read_pipeline() if stage.name in LONG),
        actor=current_actor(),
        secrets=tuple(name for name in SECRETS if os.environ.get(name)),
    )
    if machine.gpu_count > 1 and who_trains(machine.gpu_count) == ALONE:
        print(f"warning: {IDLE.format(machine.gpu_count)}", file=sys.stderr, flush=True)
    file = home() / "launching" / f"{task.checkout.name}.yaml"
    call = command(task, str(file), yes=yes)
    if dry_run:
        if as_json:
            print_json({"task": as_dict(task), "command": ["sky", *call]})
        else:
            print(f"# sky {shlex.join(call)}\n{as_yaml(task)}", end="")
        return
    if not yes and not sys.stdin.isatty():
        raise InputError("nobody can be asked here: --dry-run shows the task, --yes rents unasked")
    sky = found_sky(machine.cloud)
    make_wheel(incumbent)
    dvc("push")  # so that the machine finds the rows that are here
    write_bytes(file, as_yaml(task).encode())
    run_sky([sky, *call], task, aside=as_json)
    if as_json:
        print_json({"task": as_dict(task), "command": ["sky", *call]})
    else:
        print_way_back(task)


def print_way_back(task: LaunchTask) -> None:
    say(
        "its version is in the registry (`incumbent registry versions`); what the run changed in "
        f"your files comes by `git pull origin {task.checkout.branch} && dvc pull`"
    )
