"""Which settings a first run starts from, by how many rows there are, and why."""

from dataclasses import dataclass

FEW, SOME, MANY = 100, 400, 1000  # rows
# Of the eval sets: enough to find what matters, and no more than answering them is worth.
SEALED_SHARE, MOST_SEALED = 0.2, 300
DEV_SHARE, MOST_DEV = 0.1, 120
LEAST = 30  # rows, of which three parts can be made
SHOTS = 3
MOST_PAIRS = 240  # training rows that a reward model learns from


@dataclass(frozen=True)
class Shares:
    """Of the groups of near-duplicates."""

    dev: float
    sealed: float


@dataclass(frozen=True)
class FirstRunSettings:
    """Settings of a first run; `why` is for the person who starts it."""

    epochs: int
    batch_size: int
    reward_rows: int
    shots: int
    why: tuple[str, ...]


def shares_of(rows: int) -> Shares:
    """For so many rows that can be trained on or compared by."""
    return Shares(
        dev=rounded(min(DEV_SHARE, MOST_DEV / rows)),
        sealed=rounded(min(SEALED_SHARE, MOST_SEALED / rows)),
    )


def rounded(share: float) -> float:
    """To two digits that say something, however small it is."""
    return float(f"{share:.2g}")


def recipe_of(trained: int, rows: int, max_length: int, window: int | None) -> FirstRunSettings:
    """For so many training rows of so many in all, each of at most max_length tokens."""
    fits = window is None or (SHOTS + 2) * max_length <= window
    return FirstRunSettings(
        epochs=epochs_of(trained),
        batch_size=2,
        reward_rows=min(MOST_PAIRS, trained),
        shots=SHOTS if fits else 0,
        why=tuple(advice(rows, trained)),
    )


def epochs_of(rows: int) -> int:
    """Few rows are read more often: a run of very few steps learns the format and no more."""
    return 3 if rows < SOME else 2 if rows < MANY else 1


def advice(rows: int, trained: int) -> list[str]:
    epochs = epochs_of(trained)
    times = {1: "once", 2: "twice", 3: "three times"}[epochs]
    found = [f"each of the {trained:,} training rows is read {times} (training.sft.epochs)"]
    if rows < FEW:
        found.append(
            f"{rows} rows are few. Look first at `few-shot`, which is the base with examples in "
            "its prompt: each run shows it, and fine-tuning may not beat it"
        )
    return found
