"""The keys that stand directly under `training`: which trackers are told of a version."""

from typing import Literal

from project.settings import Settings

Tracker = Literal["mlflow", "wandb"]


class MirrorParams(Settings):
    """Which trackers show what became of training; nothing depends on them."""

    # Each is set up by its own variables, such as MLFLOW_TRACKING_URI: docs/trackers.md.
    report_to: tuple[Tracker, ...] = ()
