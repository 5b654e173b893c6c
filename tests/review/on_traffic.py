"""What gateways and people write of a version on the traffic, for the pages that show it."""

from project.records.events import Deployed, DeploymentFailed, ExperimentOpened
from registry.deployment_history import record_deployment, record_failure
from registry.experiment_events import (
    ArmComparison,
    Arms,
    Experiment,
    ExperimentHealth,
    ExperimentResult,
    Verdict,
    end_experiment,
    open_experiment,
)
from registry.store import Registry

REPLICAS = ("http://10.0.0.5:8000/v1", "http://10.0.0.6:8000/v1")


def deploy(registry: Registry, number: int, engine: str = "vllm 0.32.0") -> None:
    """As a gateway that loaded the champion on both replicas."""
    detail = Deployed(
        adapter=registry.version(number).adapter.files,
        name=f"test-v{number}-0123456789ab",
        engine=engine,
        replicas=REPLICAS,
        golden=8,
        agreement="0.734",
        displaced=None,
    )
    assert record_deployment(registry, number, detail, f"v{number} answers")


def fail_to_deploy(registry: Registry, number: int, reason: str, **changes: object) -> None:
    """As a gateway whose first replica did not answer the golden prompts as it should."""
    fields: dict[str, object] = {"step": "golden", "replica": REPLICAS[0]} | changes
    named = {"adapter": registry.version(number).adapter.files, "name": f"test-v{number}"}
    record_failure(registry, number, DeploymentFailed.model_validate(named | fields), reason)


def open_one(registry: Registry, number: int, **changes: object) -> Experiment:
    """An experiment beside the champion, for a tenth of the users."""
    champion = registry.champion()
    fields: dict[str, object] = {
        "mode": "canary",
        "adapter": registry.version(number).adapter.files,
        "champion": champion.number if champion else None,
        "share": "0.1",
        "metric": "rating",
        "alpha": "0.05",
        "guardrails": ("slow",),
        "salt": "salt",
    }
    return open_experiment(
        registry, number, ExperimentOpened.model_validate(fields | changes), "to see"
    )


def end_one(
    registry: Registry,
    experiment: Experiment,
    verdict: Verdict,
    reason: str,
    result: ExperimentResult | None = None,
) -> Experiment:
    found = result or result_of(experiment)
    return end_experiment(registry, experiment, verdict, found, reason)


def result_of(experiment: Experiment, **health: object) -> ExperimentResult:
    """Of 1,000 users, of whom the challenger's were less content; its answers are not slower."""
    sound: dict[str, object] = {"ratio": 1, "feedback_ratio": 1, "ratio_needed": 1000}
    return ExperimentResult(
        experiment=experiment.number,
        counted=1234,
        users=Arms(champion=900, challenger=100),
        metric=comparison("rating", harm=31.0),
        guardrails=(comparison("slow", more_is_better=False, limit=812.0),),
        health=ExperimentHealth.model_validate({"both_arms": 0, "waiting": 7} | sound | health),
    )


def comparison(name: str, **changes: object) -> ArmComparison:
    fields: dict[str, object] = {
        "name": name,
        "more_is_better": True,
        "users": {"champion": 700, "challenger": 80},
        "means": {"champion": 0.8, "challenger": 0.6},
        "difference": -0.2,
        "interval": (-0.3, -0.05),
        "harm": 1.5,
        "harm_needed": 25,
    }
    return ArmComparison.model_validate(fields | changes)
