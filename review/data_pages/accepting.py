"""Accepting and refusing what waits, by the functions that the command line calls."""

from monitoring.monitoring_settings import TriggerParams
from monitoring.trigger.acceptance import Acceptance, accept
from monitoring.trigger.labels import label_of_task
from project.errors import InputError
from project.settings import load
from project.times import stamp
from registry.reader import RegistryReader
from review.data_pages.refusals import Refusal, refuse
from review.data_pages.waiting_tasks import find
from review.frame.forms import given_reason, written


def accept_task(registry: RegistryReader, key: str, answer: str, reason: str) -> Acceptance:
    """As `incumbent data labels` does with a task that this answer was submitted to.

    Raises InputError for a blank answer or reason, for what does not wait any more, and where the
    project's limits leave it out.
    """
    text = written(answer)
    if not text:
        raise InputError("write the right answer first: it is blank", field="answer")
    why = given_reason(reason)
    label = label_of_task(find(key).data, text)
    done = accept([label], registry, why, load(TriggerParams))
    if done.left_out:
        raise InputError("; ".join(done.left_out))
    return done


def refuse_task(registry: RegistryReader, key: str, reason: str) -> None:
    """Raises InputError for a blank reason, and for what does not wait any more."""
    why = given_reason(reason)
    task = find(key)
    at = stamp(registry.clock())
    refuse(Refusal(key=task.key, by=registry.actor, at=at, reason=why))
