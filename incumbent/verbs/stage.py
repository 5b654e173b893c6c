"""`incumbent stage`: a run calls it some twenty times, so it imports little beside the stage."""

from typing import Annotated

import typer

from incumbent.options import saying_what_stays
from incumbent.pipeline import run_stage, stage_names


@saying_what_stays("interrupted: nothing half-written is kept; run it again to go on")
def stage(
    name: Annotated[
        str, typer.Argument(autocompletion=stage_names, help="As dvc.yaml has it, such as train.")
    ],
) -> None:
    """Run one stage of the pipeline, as dvc.yaml does."""
    run_stage(name)
