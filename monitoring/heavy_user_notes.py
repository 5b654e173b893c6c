"""What a night says of users who send much of the traffic: they count once, and may move alone."""

from collections.abc import Iterator

import numpy as np

from monitoring.drift.reference import Reference
from monitoring.features.signal_inputs import watched_prompts
from monitoring.night_context import NightContext
from monitoring.signals.signal import Batch
from monitoring.signals.topics import Topics
from monitoring.traffic.heavy_users import HeavyUsers
from monitoring.trigger.labels import pseudonym_of

HEAVY = 0.2  # of the rows: a user with more is looked at
MOST = 0.5  # of a user's prompts


def heavy_user_notes(
    context: NightContext, heavy: HeavyUsers, reference: Reference
) -> Iterator[str]:
    """A sentence on each heavy user most of whose prompts are unlike all of the reference.

    No word of what they wrote: a topic of one person may be about that person.
    """
    topics = next((s for s in reference.signals if isinstance(s, Topics)), None)
    if topics is None:
        return
    for user in heavy.above(HEAVY):
        prompts = watched_prompts(user.rows, reference.shared)
        labels = topics.labels(Batch(vectors=context.embeddings.encode(prompts)))
        new = float(np.mean(labels == topics.count - 1))
        if new >= MOST:
            yield (
                f"one user ({pseudonym_of(user.name)}) sent about {user.share:.0%} of the rows, "
                f"and {new:.0%} of that user's prompts are unlike the reference; a user counts "
                "once a day, so this alone is no drift"
            )
