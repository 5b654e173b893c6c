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


def accept_task(registry: RegistryReader, key: str, answer: str, reason: str) -> Acceptance:
    """As `incumbent data labels` does with a task that this answer was submitted to.

    Raises InputError for a blank answer or reason, for what does not wait any more, and where the
    project's limits leave it out.
    """
    text = written(answer)
    if not text:
        raise InputError("write the right answer first: it is blank", field="answer")
    refuse_blank(reason)
    label = label_of_task(find(key).data, text)
    done = accept([label], registry, reason.strip(), load(TriggerParams))
    if done.left_out:
        raise InputError("; ".join(done.left_out))
    return done


def refuse_task(registry: RegistryReader, key: str, reason: str) -> None:
    """Raises InputError for a blank reason, and for what does not wait any more."""
    refuse_blank(reason)
    task = find(key)
    at = stamp(registry.clock())
    refuse(Refusal(key=task.key, by=registry.actor, at=at, reason=reason.strip()))


def written(text: str) -> str:
    """What somebody typed into a form, which ends lines as browsers do."""
    if "\0" in text:
        raise InputError("holds a character that no text has (NUL)")
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def refuse_blank(reason: str) -> None:
    if not any(map(str.isalnum, reason)):
        raise InputError("say why: it is kept with your name", field="reason")
