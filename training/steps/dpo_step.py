"""Direct preference optimisation on pairs of a better and a worse answer."""

from functools import partial

from peft import PeftModel
from transformers import PreTrainedTokenizerBase, Trainer

from project.errors import InputError
from project.paths import PREFERENCE_DATA
from project.records.preferences import Preference, PreferencePair, read_preferences
from training.rows.preference_rows import pair_examples
from training.steps.preference_trainers import NO_PAIRS, dpo_trainer
from training.steps.run_step import StepContext, StepData, digest_of
from training.training_settings import DpoParams


def gathered_dpo_data(params: DpoParams, ground: StepContext) -> StepData:
    """From what stage `preference_data` gathered. Raises InputError where that is no pair."""
    return dpo_step_data(read_preferences(PREFERENCE_DATA), params)


def dpo_step_data(given: tuple[Preference, ...], params: DpoParams) -> StepData:
    """Of any preferences; rated answers alone are left aside."""
    pairs = [one for one in given if isinstance(one, PreferencePair)]
    if not pairs:
        raise InputError(NO_PAIRS, file=PREFERENCE_DATA)
    data = digest_of(pairs)
    return StepData("dpo", params, data, partial(trainer_of, pairs, params))


def trainer_of(
    pairs: list[PreferencePair],
    params: DpoParams,
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    ground: StepContext,
) -> Trainer:
    examples = pair_examples(pairs, ground.base.system_prompt)
    precision = ground.numerics.precision
    return dpo_trainer(examples, params, model, tokenizer, precision, ground.adapter)
