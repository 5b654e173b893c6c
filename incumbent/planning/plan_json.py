"""A run's plan for other programs: bytes, minutes and tokens, with their sums."""

from dataclasses import asdict
from typing import Any

from incumbent.planning.minutes import Minutes
from incumbent.planning.on_devices import OnDevice, OnOther, OnThisMachine
from incumbent.planning.on_gpus import OnGpus
from incumbent.planning.run_plan import RunPlan
from training.cost.memory import Peak


def plan_json(plan: RunPlan) -> dict[str, Any]:
    """What is not known is null, and `missing` says why."""
    work = plan.work
    return {
        "base": {"model": plan.base, "weights": plan.shape.weights if plan.shape else None},
        "quantization": plan.settings.adapter.quantization,
        "steps": work and {name: asdict(step) for name, step in work.steps.items()},
        "tokens": work and {"trained": work.tokens, "read": work.read, "generated": work.generated},
        "answers": [asdict(one) for one in work.answering] if work else None,
        "here": plan.here and here(plan.here),
        "disk": plan.disk and {**asdict(plan.disk), "total": plan.disk.total},
        "others": [on_other(one) for one in plan.others],
        "gpus": [on_gpus(one) for one in plan.gpus],
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


def here(found: OnThisMachine) -> dict[str, Any]:
    return {**on_device(found), "steps": dict(found.steps)}


def on_other(found: OnOther) -> dict[str, Any]:
    return {
        **on_device(found),
        "gpu": found.gpu,
        "price": found.price,
        "listed": found.listed,
        "largest_trained": found.largest_trained,
        "largest_in_all": found.largest_in_all,
    }


def on_gpus(found: OnGpus) -> dict[str, Any]:
    laid = found.laid
    return {
        "name": found.group.gpu.name,
        "count": found.group.count,
        "sold": found.group.sold,
        "precision": laid.setup.on.precision,
        "memory": laid.setup.on.memory,
        "layout": laid.layout,
        "changes": list(laid.changes),
        "training": {
            **asdict(laid.peak.own),
            "gathered": laid.peak.gathered,
            "total": laid.peak.total,
        },
        "answers": found.answers,
        "answering": peak(found.answering),
        "minutes": found.minutes and minutes(found.minutes),
        "price": found.price,
        "listed": found.listed,
        "money": found.money,
    }


def peak(found: Peak) -> dict[str, int]:
    return {**asdict(found), "total": found.total}


def minutes(found: Minutes) -> dict[str, float]:
    return {**asdict(found), "total": found.total}
