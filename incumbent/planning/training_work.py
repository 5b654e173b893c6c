"""What each step of training learns from, in tokens, as exactly as the project's files tell."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

from incumbent.planning.row_lengths import (
    AROUND_COMPLETION,
    AROUND_PROMPT,
    BYTES_A_TOKEN,
    Beside,
    RunSettings,
)
from project.paths import CURATED_DOCUMENTS, CURATED_PREFERENCES, PREFERENCE_DATA
from project.records.data import Document, TokenCount
from project.records.preferences import Preference, PreferencePair, read_preferences
from training.cost.memory import StepWork
from training.recipe import StepName
from training.training_settings import HELD_OUT_SHARE, DomainParams, StepParams

# What is held against an answer: KTO reads another prompt's answer too, with the model as it is
# (Ethayarajh et al. 2024, arXiv 2402.01306, section 4.1), and both with the model that it was.
MISMATCHED = 1


def steps_of(
    rows: Sequence[TokenCount], settings: RunSettings, beside: Beside | None = None
) -> dict[StepName, StepWork]:
    """Of each step that is taken and whose data is known; `rows` are the training rows, and what
    is beside them is in the project's files where it is not given.
    """
    beside = beside or in_files()
    found = {
        "domain": domain(beside.documents, settings.domain),
        "sft": sft(rows[: settings.sft.rows], settings.sft),
        "dpo": dpo(beside.preferences, settings),
        "kto": kto(rows, beside.preferences, settings),
    }
    return {name: work for name in settings.taken if (work := found[name])}


def unknown_of(settings: RunSettings, steps: dict[StepName, StepWork]) -> list[str]:
    """What is missing of the steps that are taken, in words."""
    files: dict[StepName, Path] = {
        "domain": CURATED_DOCUMENTS,
        "dpo": PREFERENCE_DATA,
        "kto": PREFERENCE_DATA,
    }
    return [
        f"how much step {name} learns: there is nothing for it in {files[name]}"
        for name in settings.taken
        if name in files and name not in steps
    ]


def sft(rows: Sequence[TokenCount], params: StepParams) -> StepWork:
    lengths = [count.prompt + count.completion for count in rows]
    completions = [count.completion for count in rows]
    return work_of(lengths, completions, params)


def domain(documents: Sequence[Document], params: DomainParams) -> StepWork | None:
    """Windows of text, packed full, and what is replayed beside them."""
    if not params.epochs or not documents:
        return None
    learnt = sum(tokens(one.text) for one in documents) * (1 - HELD_OUT_SHARE)
    windows = ceil(learnt * (1 + params.replay) / params.window)
    lengths = [params.window] * windows
    return work_of(lengths, lengths, params)


def dpo(given: Sequence[Preference], settings: RunSettings) -> StepWork | None:
    """Two sequences of each pair; all of them are read once for the reference."""
    pairs = [one for one in given if isinstance(one, PreferencePair)]
    if not settings.dpo.epochs or not pairs:
        return None
    answers = [(tokens(pair.chosen), tokens(pair.rejected)) for pair in pairs]
    prompts = [AROUND_PROMPT + tokens(pair.prompt) for pair in pairs]
    lengths = [2 * p + sum(both) for p, both in zip(prompts, answers, strict=True)]
    longest = max(p + max(both) for p, both in zip(prompts, answers, strict=True))
    scored = [sum(both) for both in answers]
    return work_of(lengths, scored, settings.dpo, longest=longest, reads=1)


def kto(
    rows: Sequence[TokenCount], given: Sequence[Preference], settings: RunSettings
) -> StepWork | None:
    """Rated answers, both answers of pairs, and rows as good ones until as many are good as bad."""
    rated = [answer for one in given for answer in answers_of(one)]
    if not settings.kto.epochs or not rated:
        return None
    missing = max(0, sum(1 if bad else -1 for _, _, bad in rated))
    lengths = [AROUND_PROMPT + prompt + answer for prompt, answer, _ in rated]
    lengths += [row.prompt + row.completion for row in rows[:missing]]
    scored = [answer for _, answer, _ in rated] + [row.completion for row in rows[:missing]]
    return work_of(lengths, scored, settings.kto, reads=1 + MISMATCHED, reads_each=MISMATCHED)


# --- one level down ------------------------------------------------------------------------------


def work_of(
    lengths: Sequence[int],
    scored: Sequence[int],
    params: StepParams,
    *,
    longest: int | None = None,
    reads: int = 0,
    reads_each: int = 0,
) -> StepWork:
    """`reads`: how often all is read before training, `reads_each`: in each epoch besides."""
    total = sum(lengths)
    return StepWork(
        examples=len(lengths),
        tokens=round(total * params.epochs),
        scored=round(sum(scored) * params.epochs),
        batches=ceil(len(lengths) * params.epochs / params.batch_size),
        longest=max(lengths, default=0) if longest is None else longest,
        longest_scored=max(scored, default=0),
        read=round(total * (reads + reads_each * params.epochs)),
    )


def in_files() -> Beside:
    there = CURATED_DOCUMENTS.exists()
    documents = tuple(Document.read_lines(CURATED_DOCUMENTS)) if there else ()
    return Beside(documents, preferences())


def preferences() -> tuple[Preference, ...]:
    """What was gathered for training, or else what is in the project's files by now."""
    file = PREFERENCE_DATA if PREFERENCE_DATA.exists() else CURATED_PREFERENCES
    return read_preferences(file) if file.exists() else ()


def answers_of(one: Preference) -> list[tuple[int, int, bool]]:
    """Tokens of the prompt and of the answer, and whether that is a bad one."""
    prompt = tokens(one.prompt)
    if isinstance(one, PreferencePair):
        return [(prompt, tokens(one.chosen), False), (prompt, tokens(one.rejected), True)]
    return [(prompt, tokens(one.completion), not one.label)]


def tokens(text: str) -> int:
    """Roughly."""
    return round(len(text.encode()) / BYTES_A_TOKEN) + AROUND_COMPLETION
