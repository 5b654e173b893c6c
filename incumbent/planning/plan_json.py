"""A run's plan for other programs: bytes, minutes and tokens, with their sums."""

from dataclasses import asdict
from typing import Any

from incumbent.planning.cost.memory import Peak
from incumbent.planning.cost.minutes import Minutes
from incumbent.planning.on_devices import OnDevice, OnGpu
from incumbent.planning.run_plan import RunPlan


def plan_json(plan: RunPlan) -> dict[str, Any]:
    """What is not known is null, and `missing` says why."""
    work, training = plan.work, plan.settings.training
    return {
        "base": {"model": plan.base, "weights": plan.shape.weights if plan.shape else None},
        "quantization": training.quantization,
        "rows": work and {"trained": work.rows, "steps": work.steps, "longest": work.longest.row},
        "tokens": work and {"trained": work.tokens, "read": work.read, "generated": work.generated},
        "answers": [asdict(one) for one in work.answering] if work else None,
        "here": plan.here and on_device(plan.here),
        "disk": plan.disk and {**asdict(plan.disk), "total": plan.disk.total},
        "gpus": [on_gpu(gpu) for gpu in plan.gpus],
        "lighter": [asdict(one) for one in plan.lighter],
        "sealed": list(plan.sealed),
        "assumed": list(plan.assumed),
        "missing": list(plan.missing),
    }


def on_device(found: OnDevice) -> dict[str, Any]:
    return {
        "name": found.name,
        "precision": found.precision,
        "memory": found.memory,
        "trains": found.trains,
        "answers": found.answers,
        "training": peak(found.training),
        "answering": peak(found.answering),
        "minutes": found.minutes and minutes(found.minutes),
        "money": found.money,
    }


def on_gpu(found: OnGpu) -> dict[str, Any]:
    return {
        **on_device(found),
        "price": found.price,
        "listed": found.listed,
        "largest_trained": found.largest_trained,
        "largest_in_all": found.largest_in_all,
    }


def peak(found: Peak) -> dict[str, int]:
    return {**asdict(found), "total": found.total}


def minutes(found: Minutes) -> dict[str, float]:
    return {**asdict(found), "total": found.total}
