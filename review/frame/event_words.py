"""What happened by an event, in words that go on after the actor's name."""

from project.records.data import counted
from project.records.events import (
    Deployed,
    DeploymentFailed,
    Event,
    EventKind,
    ExperimentEnded,
    ExperimentOpened,
)
from project.records.evidence import MetricEvidence
from project.records.record import Record
from project.records.scores import Better

WORDS: dict[EventKind, str] = {
    "submit": "submitted it",
    "sign": "signed it",
    "open": "took a look at the sealed eval set",
    "reopen": "took up an interrupted look again",
    "adopt": "counted a look that was taken elsewhere",
    "restore": "filled the registry with a backup",
    "decide": "kept a decision",
    "promote": "promoted it",
    "rollback": "rolled back to it",
    "withdraw": "withdrew it: the bare base is in its place",
    "reject": "rejected it",
    "alias": "moved an alias",
    "delete": "deleted it",
    "rotate": "let eval items leave",
    "erase": "erased rows",
    "consent": "let the sealed prompts be sent to a hosted model",
    "watch": "froze the prompts that its nights are compared with",
    "watch-answers": "froze the answers that its nights are compared with",
    "accept": "accepted a drift: what it brought is normal now",
    "ask": "asked for votes",
    "show": "was shown an item",
    "vote": "voted",
    "unvote": "took a vote back",
    "deploy": "deployed it",
    "deploy-failed": "could not deploy it",
    "changed": "found that the hosted model answers otherwise than when it was registered",
    "experiment": "opened an experiment",
    "experiment-end": "ended an experiment",
}
STEPS = {"verify": "verification", "load": "loading", "golden": "golden prompts"}
MODES = {"shadow": "a shadow", "canary": "a canary", "ab": "an A/B test"}
VERDICTS = {
    "harm": "it is worse than the champion",
    "better": "it is better than the champion",
    "no-difference": "no difference was found",
    "stopped": "without a verdict",
}


def event_words(event: Event) -> str:
    """What its kind says; for what happens on the traffic, with what its detail tells."""
    words = WORDS[event.kind]
    match event.detail:
        case Deployed(replicas=replicas):
            return f"{words} on {counted(len(replicas), 'replica')}"
        case DeploymentFailed() as told:
            return f"{words}: {failed_step(told)}"
        case ExperimentOpened() as told:
            return f"{words}: {experiment_words(told)}"
        case ExperimentEnded(experiment=number, verdict=verdict):
            return f"ended experiment {number}: {VERDICTS[verdict]}"
    return words


def failed_step(told: DeploymentFailed) -> str:
    return f"{STEPS[told.step]} failed" + (f" on {told.replica}" if told.replica else "")


def experiment_words(told: ExperimentOpened) -> str:
    """Who gets the challenger's answers, beside whose, and by what it is judged."""
    against = f"v{told.champion}" if told.champion else "the bare base"
    share = f"{100 * float(told.share):.3g} %"
    if told.mode == "shadow":
        return f"{MODES['shadow']} of {share} of the requests, beside {against}"
    return f"{MODES[told.mode]} for {share} of the users, against {against}, by {told.metric}"


# --- difference -----------------------------------------------------------------------------------

# A difference with its interval, as all pages have it.


class VersionDifference(Record):
    """How much better a version was than its opponent in one metric; 0 is no difference."""

    diff: float  # where less is better, its sign is turned
    lower: float  # of its interval: the central one of 90 %, unless a subclass says another
    upper: float
    n: int  # items
    better: Better | None = None  # None: more

    @property
    def less_is_better(self) -> bool:
        return self.better == "less"


def central(evidence: MetricEvidence) -> VersionDifference:
    """A difference with the 90 % interval of the cluster bootstrap."""
    lower, upper = evidence.bootstrap
    return VersionDifference(
        diff=evidence.diff, lower=lower, upper=upper, n=evidence.n, better=evidence.better
    )
