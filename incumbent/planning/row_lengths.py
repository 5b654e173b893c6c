"""How long a project's rows are, in tokens, as exactly as its files tell by now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.collect import collect
from curation.curation_settings import CollectParams, CurateParams, FileSource
from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import Decoding, FewShot, PreferenceParams, Prices
from project.errors import InputError
from project.model_pins import BaseChoice
from project.paths import CURATED, RAW, TOKENS, rows_of
from project.records.data import Document, Row, Split, TokenCount
from project.records.preferences import Preference
from project.records.record import Record
from project.settings import PARAMS, load
from training.recipe import STEPS, StepName
from training.training_settings import (
    AdapterParams,
    DistillParams,
    DomainParams,
    DpoParams,
    GrpoParams,
    KtoParams,
    LimitsParams,
    SftParams,
    StepParams,
)

# Of a row whose text is not there yet, as in the sample task.
ASSUMED = TokenCount(row="assumed", prompt=65, completion=15)
# Of a text: what a chat template puts around it, and its UTF-8. English has 4 bytes a token.
AROUND_PROMPT, AROUND_COMPLETION, BYTES_A_TOKEN = 30, 2, 3.5

Lengths = Mapping[Split, Sequence[TokenCount]]


@dataclass(frozen=True)
class Beside:
    """What is learnt from beside rows."""

    documents: tuple[Document, ...]
    preferences: tuple[Preference, ...]


@dataclass(frozen=True)
class RowLengths:
    """The rows of each part in the order of their file, and what of this was not counted."""

    parts: Lengths
    assumed: str | None = None  # None: every row was counted
    beside: Beside | None = None  # None: as the project's files have it


def row_lengths(curate: CurateParams, sft: SftParams) -> RowLengths | None:
    """The lengths from the best source there is; None where nothing says how many rows."""
    if all(rows_of(part).exists() for part in Split):
        curated = {part: Row.read_lines(rows_of(part)) for part in Split}
        return counted_lengths(curated) or RowLengths(
            {part: list(map(estimate, rows)) for part, rows in curated.items()},
            token_estimate_note(f"of the text in {CURATED}"),
        )
    if RAW.exists():
        return RowLengths(
            dealt(Row.read_lines(RAW), curate), token_estimate_note("of the text, not yet split")
        )
    return in_sources(curate) or limited(curate, sft)


def in_sources(curate: CurateParams) -> RowLengths | None:
    """As the source files hold them; None where one is no file or unreadable."""
    try:
        sources = load(CollectParams).sources
        if not all(isinstance(source, FileSource) for source in sources):
            return None
        collected = collect(sources)
    except InputError:
        return None
    return RowLengths(
        dealt(list(collected.rows.values()), curate),
        token_estimate_note("of the text, not yet split"),
        Beside(tuple(collected.documents.values()), tuple(collected.preferences.values())),
    )


def counted_lengths(curated: Mapping[Split, Sequence[Row]]) -> RowLengths | None:
    """The lengths by stage `curate`'s count; None where it did not count every row."""
    if not TOKENS.exists():
        return None
    counts = {count.row: count for count in TokenCount.read_lines(TOKENS)}
    if any(row.id not in counts for rows in curated.values() for row in rows):
        return None
    return RowLengths({part: [counts[row.id] for row in rows] for part, rows in curated.items()})


def estimate(row: Row) -> TokenCount:
    """Roughly, from a row's letters."""
    prompt, completion = tokens(row.prompt_text + row.tools_text), tokens(row.completion_text)
    around = AROUND_PROMPT - AROUND_COMPLETION
    return TokenCount(row=row.id, prompt=prompt + around, completion=completion)


def tokens(text: str) -> int:
    """Roughly, of a text and what is behind it."""
    return round(len(text.encode()) / BYTES_A_TOKEN) + AROUND_COMPLETION


def dealt(rows: Sequence[Row], params: CurateParams) -> Lengths:
    """Rows that are not split yet, by the shares: sealed first, then dev, then training."""
    counts = [estimate(row) for row in rows if row.source not in params.train_only]
    rehearsed = [estimate(row) for row in rows if row.source in params.train_only]
    sealed = round(len(counts) * params.sealed_share)
    dev = sealed + round(len(counts) * params.dev_share)
    return {
        Split.TRAIN: [*counts[dev:], *rehearsed],
        Split.DEV: counts[sealed:dev][: params.dev],
        Split.SEALED: counts[:sealed][: params.sealed],
    }


def limited(curate: CurateParams, sft: SftParams) -> RowLengths | None:
    """As many rows as the settings let through."""
    sizes = {
        Split.TRAIN: sft.rows,
        Split.DEV: curate.dev,
        Split.SEALED: curate.sealed,
    }
    if not all(sizes.values()):
        return None
    parts = {part: [ASSUMED] * (size or 0) for part, size in sizes.items()}
    tokens = ASSUMED.prompt + ASSUMED.completion
    return RowLengths(parts, f"no rows yet: the limits of {PARAMS}, and {tokens} tokens a row")


def token_estimate_note(of: str) -> str:
    return f"tokens: {BYTES_A_TOKEN} bytes a token {of}; `dvc repro curate` counts them"


# --- run settings ---------------------------------------------------------------------------------

# The settings that decide what a run needs.


class RunSettings(Record):
    base: BaseChoice = BaseChoice()
    curate: CurateParams = CurateParams()
    adapter: AdapterParams = AdapterParams()
    domain: DomainParams = DomainParams()
    sft: SftParams = SftParams()
    distill: DistillParams = DistillParams()
    dpo: DpoParams = DpoParams()
    kto: KtoParams = KtoParams()
    grpo: GrpoParams = GrpoParams()
    limits: LimitsParams = LimitsParams()
    decoding: Decoding = Decoding()
    few_shot: FewShot = FewShot()
    preference: PreferenceParams = PreferenceParams()
    prices: Prices = Prices()
    policy: Policy = Policy()

    def step(self, name: StepName) -> StepParams:
        params: StepParams = getattr(self, name)
        return params

    @property
    def taken(self) -> tuple[StepName, ...]:
        """The steps that are not left out, in their order."""
        return tuple(name for name in STEPS if self.step(name).epochs)


def read_settings() -> RunSettings:
    """Those of the project here, or the defaults where there is none. Raises InputError."""
    if not PARAMS.exists():
        return RunSettings()
    sections: dict[str, Any] = {
        n: field.annotation for n, field in RunSettings.model_fields.items()
    }
    return RunSettings(**{name: load(model) for name, model in sections.items()})
