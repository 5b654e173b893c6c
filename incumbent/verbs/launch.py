"""`incumbent project launch` and `stage`: the pipeline, or a stage of it, on another machine."""

import os
import shlex
import sys
from typing import Annotated, Literal

import typer

from incumbent.installation import incumbent_here, installation, make_wheel
from incumbent.options import Json, saying_what_stays
from incumbent.output import console, print_json
from incumbent.pipeline import read_pipeline, run_stage, stage_names
from incumbent.reachable import DATABASE, TOKEN, reachable_places
from incumbent.rendering import (
    LaunchTask,
    RentedMachine,
    as_dict,
    as_yaml,
    command,
    found_sky,
    run_sky,
)
from project.child_processes import dvc
from project.errors import InputError
from project.files import home, write_bytes
from registry.registry_settings import current_actor
from training.processes.step_processes import ALONE, who_trains

# --- launch ---------------------------------------------------------------------------------------

# `project launch`: the run of the newest commit on a rented machine, into the same registry.

LONG = ("domain", "sft", "dpo", "kto", "generate", "compare")  # stages that are sent one by one
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
    "one process trains, on one of the {0} GPUs: set training.distributed, such as {{launcher: "
    "torchrun, processes: {0}}}; `incumbent plan --gpus` says how a base lies on them"
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
    if machine.gpu_count > 1 and who_trains() == ALONE:
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
    console.print(
        "its version is in the registry (`incumbent registry versions`); what the run changed in "
        f"your files comes by `git pull origin {task.checkout.branch} && dvc pull`",
        soft_wrap=True,
    )


# --- stage ----------------------------------------------------------------------------------------

# `stage`: one stage of the pipeline, as dvc.yaml calls it.


@saying_what_stays("interrupted: nothing half-written is kept; run it again to go on")
def stage(
    name: Annotated[
        str, typer.Argument(autocompletion=stage_names, help="As dvc.yaml has it, such as train.")
    ],
) -> None:
    """Run one stage of the pipeline, as dvc.yaml does."""
    run_stage(name)
