"""Steps of preference optimisation, DPO and KTO, for an adapter that goes on."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from datasets import Dataset, Features, Json, Value
from peft import PeftModel
from transformers import PreTrainedTokenizerBase, Trainer
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

from project.errors import InputError
from project.paths import PREFERENCE_DATA, rows_of
from project.records.adapters import Precision
from project.records.data import Row, Split
from project.records.preferences import Preference, PreferencePair, read_preferences
from project.tool_rendering import of_tools
from training.rows.preference_rows import (
    PairExample,
    RatedExample,
    TemplateParts,
    balanced,
    fitting,
    mixed,
    pair_examples,
    rated_examples,
)
from training.steps.on_policy import REFERENCE
from training.steps.run_step import StepContext, StepData, digest_of, one_device, step_arguments
from training.training_settings import AdapterParams, DpoParams, KtoParams

T = TypeVar("T", DPOTrainer, KTOTrainer)

# The reference's log-probabilities are computed once, before the first step, and kept beside the
# examples: no step reads the reference again, and no second adapter stays in memory.
ONCE = {"max_length": None, "precompute_ref_log_probs": True}


def dpo_trainer(
    examples: Sequence[PairExample],
    params: DpoParams,
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    precision: Precision,
    adapter: AdapterParams,
) -> DPOTrainer:
    """Rafailov et al. 2023: the loss of a pair is -log sigmoid(beta * (what the better answer's
    log-probability gained over the reference - what the worse one's did)); ln 2 at the start.

    Raises InputError where no pair fits the model's window.
    """
    pairs = readable(examples, model, tokenizer)
    if not pairs:
        raise InputError(NO_PAIRS, file=PREFERENCE_DATA)
    arguments = step_arguments(params, adapter, precision, len(pairs))
    config = one_device(DPOConfig(**arguments, **ONCE, beta=params.beta))
    return ready(DPOTrainer, config, pairs, model, tokenizer)


def kto_trainer(
    examples: Sequence[RatedExample],
    params: KtoParams,
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    precision: Precision,
    adapter: AdapterParams,
) -> KTOTrainer:
    """Ethayarajh et al. 2024: a good answer is to gain over the reference, a bad one to lose, each
    by more than answers to other prompts do. Both sides count alike in all.

    Raises InputError where one side is empty.
    """
    rated = readable(examples, model, tokenizer)
    if len({example.good for example in rated}) < 2:
        raise InputError(ONE_SIDE, file=PREFERENCE_DATA)
    rated = mixed(rated, params.batch_size, adapter.seed)
    weights = balanced(rated)
    arguments = step_arguments(params, adapter, precision, len(rated))
    config = one_device(
        KTOConfig(
            **arguments,
            **ONCE,
            beta=params.beta,
            desirable_weight=weights.desirable,
            undesirable_weight=weights.undesirable,
        )
    )
    return ready(KTOTrainer, config, rated, model, tokenizer)


WHERE_FROM = (
    "they come from ballots, corrections, and files of pairs and of bad answers "
    "(docs/how-to/improve.md says how)"
)
NO_PAIRS = f"holds no pair that DPO can learn from: {WHERE_FROM}; or set training.dpo.epochs to 0"
ONE_SIDE = (
    f"holds no bad answers, or no good ones, and KTO learns from both: {WHERE_FROM}; or set "
    "training.kto.epochs to 0"
)


def about_tools(given: Sequence[Preference]) -> bool:
    return any(of_tools(preference.messages or (), preference.tools) for preference in given)


def readable(examples: Sequence[Any], model: PeftModel, tokenizer: Any) -> list[Any]:
    """Those that fit the model's window; says how many do not."""
    window = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    kept = fitting(examples, tokenizer, window)
    if out := len(examples) - len(kept):
        print(f"{out} of {len(examples)} left out: longer than the base reads, {window} tokens")
    return kept


def ready(
    kind: Callable[..., T],
    config: DPOConfig | KTOConfig,
    examples: Sequence[PairExample | RatedExample],
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
) -> T:
    """A trainer on these examples, the reference's log-probabilities computed.

    TRL's copy of the adapter is taken away then: else it would be saved too.
    """
    trainer = kind(
        model=model,
        args=config,
        train_dataset=as_dataset(examples),
        processing_class=tokenizer,
    )
    model.delete_adapter(REFERENCE)
    model.set_adapter("default")
    return trainer


def as_dataset(examples: Sequence[PairExample | RatedExample]) -> Dataset:
    """As TRL reads it. Turns are in JSON: as columns, each call would get the arguments of all."""
    turns = [example.turns() for example in examples]
    kinds = {"tools": Value("string"), "label": Value("bool")}
    features = Features({name: kinds.get(name, Json()) for name in turns[0]})
    return Dataset.from_list(turns, features=features)


# --- dpo step -------------------------------------------------------------------------------------


def gathered_dpo_data(params: DpoParams, ground: StepContext) -> StepData:
    """The pairs that stage `preference_data` gathered. Raises InputError where none is a pair."""
    return dpo_step_data(read_preferences(PREFERENCE_DATA), params)


def dpo_step_data(given: tuple[Preference, ...], params: DpoParams) -> StepData:
    """The data of any preferences; rated answers alone are left aside."""
    pairs = [preference for preference in given if isinstance(preference, PreferencePair)]
    if not pairs:
        raise InputError(NO_PAIRS, file=PREFERENCE_DATA)

    def trainer(model: PeftModel, tokenizer: Any, ground: StepContext) -> Trainer:
        examples = pair_examples(pairs, ground.base, TemplateParts.of(tokenizer))
        precision = ground.numerics.precision
        return dpo_trainer(examples, params, model, tokenizer, precision, ground.adapter)

    return StepData("dpo", params, digest_of(pairs), trainer, tools=about_tools(pairs))


# --- kto step -------------------------------------------------------------------------------------


def gathered_kto_data(params: KtoParams, ground: StepContext) -> StepData:
    """From what stage `preference_data` gathered, and from training rows as good answers. Raises
    InputError where no answer is bad.
    """
    rows = Row.read_lines(rows_of(Split.TRAIN))
    return kto_step_data(read_preferences(PREFERENCE_DATA), rows, params)


def kto_step_data(
    given: tuple[Preference, ...], rows: tuple[Row, ...], params: KtoParams
) -> StepData:
    if all(not isinstance(preference, PreferencePair) and preference.label for preference in given):
        raise InputError(ONE_SIDE, file=PREFERENCE_DATA)

    def trainer(model: PeftModel, tokenizer: Any, ground: StepContext) -> Trainer:
        precision, adapter = ground.numerics.precision, ground.adapter
        template = TemplateParts.of(tokenizer)
        examples = rated_examples(given, rows, ground.base, adapter.seed, template)
        return kto_trainer(examples, params, model, tokenizer, precision, adapter)

    return StepData("kto", params, digest_of([*given, *rows]), trainer, tools=about_tools(given))
