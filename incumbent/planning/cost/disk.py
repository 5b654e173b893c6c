"""How much disk a run takes, in bytes."""

from dataclasses import dataclass, fields

from incumbent.planning.cost.memory import FLOAT32, adapter_bytes
from incumbent.planning.cost.setup import BYTES, Setup
from incumbent.planning.work.workload import Workload
from project.model_pins import EMBEDDED

COPIES = 3  # of an adapter: the stage's output, DVC's cache, the registry's artifacts
REWARD_COPIES = 2  # of a reward model: the stage's output and DVC's cache
EMBEDDER = 22_700_000  # weights of the embedder, which a reward model has too
AN_ANSWER, A_TOKEN = 250, 4  # bytes in the cache of answers


@dataclass(frozen=True)
class Disk:
    base: int  # the embedded one, converted once; others are where you keep them
    adapter: int  # of each version, in all its copies
    reward: int
    answers: int

    @property
    def total(self) -> int:
        return sum(getattr(self, part.name) for part in fields(self))


def disk(setup: Setup, work: Workload | None) -> Disk:
    """Without the cache of answers where it is not known who answers what."""
    shape, settings = setup.shape, setup.settings
    preference = settings.preference
    learnt = preference.source == "reward" and preference.reward.model == "embedder"
    answers = sum(one.count for one in work.answering) if work else 0
    return Disk(
        base=shape.weights * BYTES["bfloat16"] if settings.base.model == EMBEDDED else 0,
        adapter=COPIES * adapter_bytes(shape, settings.training.r, setup.on),
        reward=REWARD_COPIES * EMBEDDER * FLOAT32 if learnt else 0,
        answers=answers * AN_ANSWER + (work.generated if work else 0) * A_TOKEN,
    )
