"""Settings with which a run takes less memory, and the largest base that a device can train."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from incumbent.planning.cost.memory import answering_peak, training_peak
from incumbent.planning.cost.setup import Setup
from training.cost.base_shape import SIZES
from training.cost.memory import Peak
from training.recipe import StepName

SHORTEST = 128  # tokens: a shorter base.max_length leaves out too much to be advice


@dataclass(frozen=True)
class Lighter:
    """A change of settings, and the memory that training or answering needs then."""

    change: str
    needs: int  # bytes
    fits: bool


def trains(setup: Setup) -> bool:
    return training_peak(setup).fits(setup.on.memory)


def answers(setup: Setup) -> bool:
    return answering_peak(setup).fits(setup.on.memory)


def lighter(setup: Setup) -> list[Lighter]:
    """What to change where training or answering does not fit; nothing where both do."""
    found = []
    if not trains(setup):
        changes = [*lighter_training(setup)]
        if len(changes) > 1:
            changes.append(("all of these", lightest(setup)))
        found += [of(change, training_peak(other), setup) for change, other in changes]
    if not answers(setup) and setup.settings.decoding.batch_size > 1:
        other = setup.answering_in_batches_of(1)
        found.append(of("evaluation.decoding.batch_size: 1", answering_peak(other), setup))
    return found


def of(change: str, peak: Peak, setup: Setup) -> Lighter:
    return Lighter(change, peak.total, peak.fits(setup.on.memory))


def lighter_training(setup: Setup) -> Iterator[tuple[str, Setup]]:
    """Each change alone, those first that change nothing of what is learnt."""
    steps, adapter = setup.settings, setup.settings.adapter
    plain = [name for name in steps.taken if not steps.step(name).gradient_checkpointing]
    if plain:
        other = setup.training_with(gradient_checkpointing=True)
        yield keys(plain, "gradient_checkpointing: true"), other
    batches = {name: steps.step(name).batch_size for name in steps.taken}
    if large := [name for name, size in batches.items() if size > 1]:
        rows = [batches[name] * steps.step(name).gradient_accumulation for name in large]
        kept = [
            f"training.{n}.gradient_accumulation: {r}" for n, r in zip(large, rows, strict=True)
        ]
        said = ", ".join([keys(large, "batch_size: 1"), *kept])
        yield said, setup.training_with(batch_size=1)
    if adapter.quantization != "nf4":
        other = setup.training_with(quantization="nf4", dequantize_once=False)
        yield "training.adapter.quantization: nf4", other
    elif any(step.dequantized for step in setup.steps.values()):
        other = setup.training_with(dequantize_once=False)
        yield "training.adapter.dequantize_once: false", other
    if (half := setup.longest.row // 2) >= SHORTEST:
        yield f"base.max_length: {half}, which leaves longer rows out", setup.with_rows_of(half)


def keys(steps: Sequence[StepName], setting: str) -> str:
    """The same setting of several steps."""
    return ", ".join(f"training.{name}.{setting}" for name in steps)


def lightest(setup: Setup) -> Setup:
    """With all of these changes."""
    least = setup.training_with(
        gradient_checkpointing=True, batch_size=1, quantization="nf4", dequantize_once=False
    )
    half = setup.longest.row // 2
    return least.with_rows_of(half) if half >= SHORTEST else least


def largest_trained(setup: Setup) -> str | None:
    """The largest of the usual sizes that trains in NF4 with the project's rows."""
    return next((name for name, one in by_size(setup) if trains(one)), None)


def largest_in_all(setup: Setup) -> str | None:
    """The largest that also answers, for which it is not quantised."""
    return next((name for name, one in by_size(setup) if trains(one) and answers(one)), None)


def by_size(setup: Setup) -> Iterator[tuple[str, Setup]]:
    in_nf4 = setup.training_with(quantization="nf4", dequantize_once=False)
    for name, shape in reversed(SIZES.items()):
        yield name, replace(in_nf4, shape=shape)
