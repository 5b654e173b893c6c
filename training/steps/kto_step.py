"""Kahneman-Tversky optimisation on answers that are good or bad, one at a time."""

from functools import partial

from peft import PeftModel
from transformers import PreTrainedTokenizerBase, Trainer

from project.errors import InputError
from project.paths import PREFERENCE_DATA, rows_of
from project.records.data import Row, Split
from project.records.preferences import Preference, PreferencePair, read_preferences
from training.rows.preference_rows import rated_examples
from training.steps.preference_trainers import ONE_SIDE, kto_trainer
from training.steps.run_step import StepContext, StepData, digest_of
from training.training_settings import KtoParams


def gathered_kto_data(params: KtoParams, ground: StepContext) -> StepData:
    """From what stage `preference_data` gathered, and from training rows as good answers. Raises
    InputError where no answer is bad.
    """
    rows = Row.read_lines(rows_of(Split.TRAIN))
    return kto_step_data(read_preferences(PREFERENCE_DATA), rows, params)


def kto_step_data(
    given: tuple[Preference, ...], rows: tuple[Row, ...], params: KtoParams
) -> StepData:
    """Of any preferences and rows."""
    if all(not isinstance(one, PreferencePair) and one.label for one in given):
        raise InputError(ONE_SIDE, file=PREFERENCE_DATA)
    data = digest_of([*given, *rows])
    return StepData("kto", params, data, partial(trainer_of, given, rows, params))


def trainer_of(
    given: tuple[Preference, ...],
    rows: tuple[Row, ...],
    params: KtoParams,
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    ground: StepContext,
) -> Trainer:
    precision, adapter = ground.numerics.precision, ground.adapter
    examples = rated_examples(given, rows, ground.base.system_prompt, adapter.seed)
    return kto_trainer(examples, params, model, tokenizer, precision, adapter)
