"""How much disk a run takes, in bytes."""

from dataclasses import dataclass, fields

from incumbent.planning.cost.setup import Setup
from incumbent.planning.work.workload import Workload
from project.model_pins import EMBEDDED
from training.cost.computing import BYTES
from training.cost.memory import FLOAT32, adapter_bytes

COPIES = 3  # of an adapter: the stage's output, DVC's cache, the registry's artifacts
STEP_COPIES = 2  # of what a step leaves for the next one: its output, DVC's cache
# While it trains: two checkpoints, each with the adapter and Adam's two moments.
CHECKPOINTS, STATES = 2, 3
REWARD_COPIES = 2  # of a reward model: the stage's output and DVC's cache
EMBEDDER = 22_700_000  # weights of the embedder, which a reward model has too
AN_ANSWER, A_TOKEN = 250, 4  # bytes in the cache of answers


@dataclass(frozen=True)
class Disk:
    base: int  # the embedded one, converted once; others are where you keep them
    adapter: int  # of each version, in all its copies, those of its steps among them
    checkpoints: int  # while a step trains
    reward: int
    answers: int

    @property
    def total(self) -> int:
        return sum(getattr(self, part.name) for part in fields(self))


def disk(setup: Setup, work: Workload | None) -> Disk:
    """Without the cache of answers where it is not known who answers what."""
    shape, settings = setup.shape, setup.settings
    preference = settings.preference
    adapter = adapter_bytes(shape, settings.adapter.r, setup.on)
    learnt = preference.judged_by == "reward" and preference.reward.model == "embedder"
    answers = sum(one.count for one in work.answering) if work else 0
    return Disk(
        base=shape.weights * BYTES["bfloat16"] if settings.base.model == EMBEDDED else 0,
        adapter=(COPIES + STEP_COPIES * len(settings.taken)) * adapter,
        checkpoints=CHECKPOINTS * STATES * adapter,
        reward=REWARD_COPIES * EMBEDDER * FLOAT32 if learnt else 0,
        answers=answers * AN_ANSWER + (work.generated if work else 0) * A_TOKEN,
    )
