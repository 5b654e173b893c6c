"""The step of on-policy distillation, by TRL's trainer: Agarwal et al. 2024, arXiv 2306.13649."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from datasets import Dataset
from peft import PeftModel
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase, Trainer
from trl import DistillationConfig, DistillationTrainer
from trl.trainer.utils import RepeatSampler

from project.errors import InputError
from project.files import home
from project.model_pins import pinned_folder
from project.paths import TEACHER, rows_of
from project.records.adapters import Contestant
from project.records.data import Row, Split
from project.settings import setting_error
from project.tool_rendering import has_tools
from registry.reader import RegistryReader
from training.model.base_model import load_base
from training.recipe import Teacher
from training.steps.on_policy import EpochOrder, RenderedPrompts, readable_prompts
from training.steps.run_step import StepContext, StepData, digest_of, one_device, step_arguments
from training.training_settings import DistillParams

SETTING = ("training", "distill", "teacher")


def taught_data(params: DistillParams, ground: StepContext) -> StepData:
    """Of the prompts of the training rows, and of the teacher that stage `start` wrote down."""
    teacher = Teacher.read(TEACHER).contestant
    if teacher is None:
        raise InputError("names no teacher: run `dvc repro start`", file=TEACHER)
    files = None
    if teacher.lora:
        with RegistryReader.here() as registry:
            adapters = home() / "adapters"
            files = registry.artifacts.check_out(teacher.lora, adapters / teacher.lora)
    return distill_step_data(Row.read_lines(rows_of(Split.TRAIN)), teacher, files, params)


def distill_step_data(
    rows: Sequence[Row], teacher: Contestant, files: Path | None, params: DistillParams
) -> StepData:
    """The data of any rows, whose answers are not read; `files` is the teacher's adapter."""
    trainer = partial(distill_trainer, rows, teacher, files, params)
    data = digest_of([*rows, teacher])
    return StepData("distill", params, data, trainer, teacher, tools=has_tools(rows))


def distill_trainer(
    rows: Sequence[Row],
    teacher: Contestant,
    files: Path | None,
    params: DistillParams,
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    ground: StepContext,
) -> Trainer:
    """At each token of an answer that the adapter draws, the loss is the divergence of its
    distribution over the next token from the teacher's, as params.beta says.

    Raises InputError where the teacher has other tokens, or the prompts are fewer than a batch.
    """
    readable = readable_prompts(rows, params.max_new_tokens, model, tokenizer, ground.base)
    prompts = [prompt for _, prompt in readable]
    batch = params.batch_size * params.gradient_accumulation
    if len(prompts) < batch:
        problem = f"a step takes {batch} prompts, and there are {len(prompts)}: choose fewer"
        raise setting_error(problem, "training", "distill", "batch_size")
    arguments = step_arguments(params, ground.adapter, ground.numerics.precision, len(prompts))
    config = DistillationConfig(
        **{**arguments, "include_num_input_tokens_seen": "no"},  # the trainer counts them itself
        beta=params.beta,
        max_completion_length=params.max_new_tokens,
    )
    return OnPolicyTrainer(
        model=model,
        teacher_model=teacher_model(teacher, files, model, tokenizer, ground),
        args=one_device(config),
        train_dataset=Dataset.from_list(prompts),
        processing_class=tokenizer,
    )


class OnPolicyTrainer(RenderedPrompts, DistillationTrainer):
    """TRL's, in an order of prompts that a resumed run draws again."""

    def _get_train_sampler(self, dataset: Dataset | None = None) -> RepeatSampler:
        batch = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
        return EpochOrder(
            dataset if dataset is not None else self.train_dataset,
            mini_repeat_count=1,
            batch_size=batch,
            repeat_count=self.args.gradient_accumulation_steps,
        )


def teacher_model(
    teacher: Contestant,
    files: Path | None,
    student: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    ground: StepContext,
) -> PreTrainedModel | PeftModel:
    """The teacher as it answers: its base in whole numbers, with its adapter on it, if it has one.

    Raises InputError where its tokens are not the student's: no token would have two
    probabilities to compare.
    """
    folder = pinned_folder(teacher.base, "base")
    plain = ground.adapter.model_copy(update={"quantization": "none", "kernels": "plain"})
    base = load_base(folder, plain, ground.numerics)
    teacher_tokenizer = AutoTokenizer.from_pretrained(folder)
    sizes = {len_of(base), len_of(student)}
    if len(sizes) > 1 or teacher_tokenizer.get_vocab() != tokenizer.get_vocab():
        raise setting_error(
            f"the teacher stands on {teacher.base}, whose tokens are not those of "
            f"{ground.base.base}: choose a teacher with the same tokenizer, or let it write rows "
            "(`incumbent data distill`)",
            *SETTING,
        )
    return base if files is None else PeftModel.from_pretrained(base, files)


def len_of(model: PreTrainedModel | PeftModel) -> int:
    """How many tokens the model gives a probability to."""
    return int(model.config.get_text_config().vocab_size)
