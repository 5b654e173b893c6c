"""A function of batches on the chosen engine: the same results in the same order on either."""

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from project.engine.engine_settings import RayParams
from project.errors import name_missing_extras

T = TypeVar("T")
R = TypeVar("R")  # of an item
B = TypeVar("B")  # of a batch
# Called once a worker, where it loads the model; what it makes is called with every batch.
Maker = Callable[[], Callable[[Sequence[T]], B]]


def mapped(
    maker: Maker[T, Sequence[R]], items: Sequence[T], params: RayParams | None, *, batch: int
) -> Generator[R]:
    """Yield the result of every item, in their order.

    Batches are decided by the items alone, so what shares one is the same on both engines. `maker`,
    the items and the results must be picklable. An error of the function is raised here as it is.
    """
    batches = [items[start : start + batch] for start in range(0, len(items), batch)]
    early: dict[int, Sequence[R]] = {}
    due = 0
    for place, results in finished_batches(maker, batches, params):
        early[place] = results
        while due in early:
            yield from early.pop(due)
            due += 1


def finished_batches(
    maker: Maker[T, B], batches: Sequence[Sequence[T]], params: RayParams | None
) -> Generator[tuple[int, B]]:
    """Yield each batch's place and result as soon as it is done, each batch once.

    Raises IncumbentError where a worker was lost again and again.
    """
    if not batches:
        return
    if params is None:
        function = maker()
        for place, batch in enumerate(batches):
            yield place, function(batch)
        return
    # Imported here because it brings Ray, which the local engine does without.
    with name_missing_extras():
        from project.engine.ray_workers import finished_on_ray

    yield from finished_on_ray(maker, batches, params)
