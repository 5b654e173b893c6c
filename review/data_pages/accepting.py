"""Accepting and refusing what waits, by the functions that the command line calls."""

from threading import Lock

from monitoring.monitoring_settings import TriggerParams
from monitoring.trigger.acceptance import Acceptance, accept, accepted_rows
from monitoring.trigger.labels import Label, label_of_task
from project.canonical import stamp
from project.errors import InputError
from project.settings import load
from registry.reader import RegistryReader
from registry.roles import Duty
from review.access.users_file import Person
from review.data_pages.waiting import TaskRefusal, find, queue_files, refuse
from review.frame.form_fields import given_reason, written

# Between what was accepted and what is accepted now nobody else accepts anything on a page.
ACCEPTING = Lock()


def accept_task(registry: RegistryReader, key: str, answer: str, reason: str) -> Acceptance:
    """As `incumbent data labels` does with an export of this user's tasks that were accepted, and
    this one: `labels_per_user` holds for all of them together. The limit of all counts new labels
    alone, as on the command line.

    Raises InputError for a blank answer or reason, for what does not wait any more, and where the
    project's limits leave it out.
    """
    text = written(answer)
    if not text:
        raise InputError("write the right answer first: it is blank", field="answer")
    why = given_reason(reason)
    with ACCEPTING:
        label = label_of_task(find(key).data, text)
        before = accepted_of(label.user) if label.user else []
        done = accept([*before, label], registry, why, load(TriggerParams))
    if done.left_out:
        raise InputError(f"not accepted: {'; '.join(done.left_out)}")
    return done


def accepted_of(user: str) -> list[Label]:
    """What was accepted of one user's tasks, as far as these are still in the queues."""
    rows = {row.prompt_text: row for row in accepted_rows()}
    tasks = (task for file in queue_files() for task in file.tasks if task.data.user == user)
    prompts = dict.fromkeys(task.prompt_text for task in tasks)
    return [Label(row=rows[prompt], user=user) for prompt in prompts if prompt in rows]


def refuse_task(registry: RegistryReader, key: str, reason: str) -> None:
    """Raises InputError for a blank reason, and for what does not wait any more."""
    why = given_reason(reason)
    task = find(key)
    at = stamp(registry.clock())
    refuse(TaskRefusal(key=task.key, by=registry.actor, at=at, reason=why))


# --- acceptors ------------------------------------------------------------------------------------

# Who may accept what waits for a person, and what a page says to those who may not.

# The duty that `incumbent data labels` asks for too.
ACCEPTING_DUTY: Duty = "promote"


def why_not(person: Person) -> str | None:
    """Why somebody may not; None: they may."""
    if person.may(ACCEPTING_DUTY):
        return None
    names = person.roles.names(ACCEPTING_DUTY)
    return f"You may read this. To change it needs the role {ACCEPTING_DUTY!r}, which {names} has."


def require(person: Person) -> None:
    """Raise IncumbentError, as the registry does."""
    person.roles.require(ACCEPTING_DUTY, person.name)
