"""Work of plain Python, such as reading and looking at rows: a worker takes one CPU and no GPU."""

from project.engine.engine_settings import RayParams, chosen_engine


def light_engine(batches: int) -> RayParams | None:
    """The cluster on which so many batches of such work are done; None: in this process."""
    params = chosen_engine(batches)
    alone = {"cpus_per_worker": 1, "gpus_per_worker": 0}
    return params.model_copy(update=alone) if params else None
