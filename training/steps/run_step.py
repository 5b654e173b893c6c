"""One step of training, from the adapter before it to its own."""

import json
import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import bitsandbytes as bnb
import torch
from peft import PeftModel
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PrinterCallback, Trainer

from project.bare_base import bare_base
from project.canonical import canonical_json, digest_bytes, digest_folder
from project.chat_template import PROMPT_FIELD, SYSTEM_PROMPT, refuse_unheard
from project.errors import IncumbentError
from project.files import staged_folder, write_bytes
from project.libraries import mix_precision
from project.model_pins import pinned_folder
from project.paths import step_of
from project.records.adapters import Contestant, Engine, Numerics, Precision
from project.records.record import Digest, Record
from project.settings import load
from project.shown_passages import EVIDENCE_TEMPLATE
from project.tool_rendering import FORM, knows_tools
from training.kept.checkpoints import KeepBest
from training.kept.kept_run import KeptRun
from training.kept.running_book import LearningCurve, StepsWithLoss
from training.model.base_model import load_base
from training.model.kernels import FLASH, deterministic
from training.model.lora import add_adapter, go_on_from
from training.precision import choose_numerics
from training.processes.batch_shares import whole_weights
from training.processes.group import is_first, is_sharded, world
from training.processes.step_processes import start_elsewhere
from training.recipe import STEP, STEPS, Recipe, StepName, StepRecord
from training.steps.card_trial import try_on_card
from training.steps.earlier import FRESH, Earlier, fill_up_curves, newest_before
from training.training_settings import AdapterParams, LimitsParams, StepParams


@dataclass(frozen=True)
class StepContext:
    """What a step stands on."""

    base: Contestant  # without an adapter
    numerics: Numerics  # its precision is the one to compute in
    adapter: AdapterParams
    earlier: Earlier = FRESH


@dataclass(frozen=True)
class StepData:
    """A step, and what it learns from."""

    step: StepName
    params: StepParams
    data: Digest  # of all that it learns from, in this order
    trainer: Callable[[PeftModel, PreTrainedTokenizerBase, StepContext], Trainer]
    teacher: Contestant | None = None  # whom it is distilled from
    tools: bool = False  # whether it learns rows with tools
    # That draws the answers it learns from, where the trainer does not.
    engine: Engine | None = None


@dataclass(frozen=True)
class StepRun:
    """A step that is ready to be trained."""

    lesson: StepData
    model: PeftModel
    trainer: Trainer
    recipe: Recipe  # with this step in it
    exact: bool = True  # whether the same bytes come out again on this kind of machine


P = TypeVar("P", bound=StepParams)


def run_step(step: StepName, params: P, lesson: Callable[[P, StepContext], StepData]) -> None:
    """What a stage of a step does: write `outputs/steps/<step>/`, whole or not at all.

    Where several processes train it, each of them does this, and the first one alone writes.
    """
    if start_elsewhere(step, params):
        return
    ground = StepContext(bare_base(), choose_numerics(), load(AdapterParams), newest_before(step))
    with own_draft(step) as folder:
        draft = Path(folder)
        run = prepare(lesson(params, ground), ground)
        if is_first():
            run.trainer.add_callback(LearningCurve(draft))
        kept = KeptRun(step, run.recipe, load(LimitsParams))
        record = learn(run, draft / "adapter", kept.train, kept.saving)
        record.write(draft / "step.json")
        fill_up_curves(draft)
    kept.done()
    print(record)


def own_draft(step: StepName) -> AbstractContextManager[Path | str]:
    """Where this process writes: the step's folder if it is the first, else one that goes again."""
    return staged_folder(step_of(step)) if is_first() else TemporaryDirectory(prefix="training-")


def prepare(lesson: StepData, ground: StepContext) -> StepRun:
    """Load the base, put the adapter on it, and make the step's trainer.

    Raises InputError for what cannot be trained on.
    """
    model, tokenizer = model_of(ground)
    trainer = lesson.trainer(model, tokenizer, ground)
    trainer.remove_callback(PrinterCallback)  # a line for each step
    if is_first():
        trainer.add_callback(StepsWithLoss(lesson.step))
    exact = tried_on_card(trainer, lesson)
    size = trainer.args.per_device_train_batch_size
    recipe = recipe_of(lesson, ground, trained_with(model, ground), size)
    if lesson.tools and not knows_tools(tokenizer):
        recipe = recipe.model_copy(update={"tool_form": FORM})
    return StepRun(lesson, model, trainer, recipe, exact)


def tried_on_card(trainer: Trainer, lesson: StepData) -> bool:
    """Fit a pass into a card's memory; what several processes share is not tried."""
    if not torch.cuda.is_available() or world() > 1:
        return True
    # A pass of these draws answers first, of which none is the longest.
    if lesson.step in ("distill", "grpo"):
        return False
    # KTO's loss is about what stands in a batch together.
    whole = lesson.step == "kto"
    return try_on_card(trainer, least=lesson.params.batch_size if whole else 1)


def learn(
    run: StepRun,
    folder: Path,
    train: Callable[[Trainer], object] = Trainer.train,
    saving: Callable[[Path], AbstractContextManager[object]] = nullcontext,
) -> StepRecord:
    """Train, and write the adapter into a folder.

    Raises IncumbentError where training left the adapter as it was.
    """
    trainer, weights = run.trainer, whole_weights(run.model)
    measured = trainer.eval_dataset is not None
    before = trainer.evaluate()["eval_loss"] if measured else None
    with deterministic(run.exact) if torch.cuda.is_available() else nullcontext():
        train(trainer)
    learnt = whole_weights(run.model)
    if all(torch.equal(weights[name], learnt[name]) for name in weights):
        raise IncumbentError("training changed nothing: no LoRA weight is trainable or moved")
    after = loss_at_end(trainer) if measured else None
    by_the_way = (
        []
        if measured
        else [float(log["loss"]) for log in trainer.state.log_history if "loss" in log]
    )
    with saving(folder):
        save_adapter(run.model, run.recipe, folder, learnt if is_sharded() else None)
    return StepRecord(
        step=run.lesson.step,
        adapter=digest_folder(folder),
        recipe=run.recipe,
        tokens=int(trainer.state.num_input_tokens_seen),
        optimizer_steps=trainer.state.global_step,
        loss_before=before,
        loss_after=after,
        loss_of_first_step=by_the_way[0] if by_the_way else None,
        loss_of_last_step=by_the_way[-1] if by_the_way else None,
        processes=world() if world() > 1 else None,
        **(trainer.account() if hasattr(trainer, "account") else {}),
    )


def loss_at_end(trainer: Trainer) -> float:
    """The loss on what was held out: the last one measured, unless other weights were put back
    since.
    """
    logs = [log for log in trainer.state.log_history if "eval_loss" in log]
    kept = any(isinstance(callback, KeepBest) for callback in trainer.callback_handler.callbacks)
    if kept or not logs or logs[-1]["step"] != trainer.state.global_step:
        return float(trainer.evaluate()["eval_loss"])
    return float(logs[-1]["eval_loss"])


def digest_of(records: Iterable[Record]) -> Digest:
    """A digest of records in this order."""
    return digest_bytes(b"\n".join(record.canonical() for record in records))


def model_of(ground: StepContext) -> tuple[PeftModel, PreTrainedTokenizerBase]:
    """The base with the adapter that the step goes on with, and the base's tokenizer."""
    folder = pinned_folder(ground.base.base, "base")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    refuse_unheard(tokenizer, ground.base.system_prompt, folder, PROMPT_FIELD)
    base = load_base(folder, ground.adapter, ground.numerics)
    model = add_adapter(base, ground.adapter, ground.numerics)
    if ground.earlier.folder:
        ground.earlier.refuse_damaged(ground.earlier.folder)
        go_on_from(model, ground.earlier.folder)
    return model, tokenizer


def trained_with(model: PeftModel, ground: StepContext) -> Numerics:
    """The numerics of a training run, from what its base has become."""
    packed = any(isinstance(module, bnb.nn.Linear4bit) for module in model.modules())
    quantization = ground.adapter.quantization
    return ground.numerics.model_copy(
        update={
            "quantization": quantization,
            "dequantized": quantization == "nf4" and not packed,
            "attention": FLASH if model.config._attn_implementation == FLASH else None,
        }
    )


def recipe_of(lesson: StepData, ground: StepContext, numerics: Numerics, size: int) -> Recipe:
    """The recipe of the steps before, and of this one, with so many examples a pass."""
    fresh = Recipe(
        base=ground.base.base,
        numerics=numerics,
        adapter=ground.adapter,
        start=ground.earlier.start,
        system_prompt=ground.base.system_prompt,
        evidence_template=ground.base.evidence_template,
        tool_form=ground.earlier.recipe.tool_form if ground.earlier.recipe else None,
    )
    earlier = ground.earlier.recipe
    taken: dict[str, Any] = {
        name: step for name in STEPS if earlier and (step := getattr(earlier, name))
    }
    fewer = size if size != lesson.params.batch_size else None
    step = STEP[lesson.step](
        data=lesson.data,
        params=lesson.params,
        micro_batch=fewer,
        teacher=lesson.teacher,
        engine=lesson.engine,
    )
    taken[lesson.step] = step
    return fresh.model_copy(update=taken)


def save_adapter(
    model: PeftModel,
    recipe: Recipe,
    folder: Path,
    weights: dict[str, torch.Tensor] | None = None,
) -> None:
    """Write weights, config, recipe and system prompt, and no trace of this machine.

    `weights`: the trained ones, where the model holds a part of each alone.
    """
    model.save_pretrained(folder, state_dict=weights)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_bytes())
    config["base_model_name_or_path"] = recipe.base.name
    config["target_modules"] = sorted(config["target_modules"])
    write_bytes(folder / "adapter_config.json", canonical_json(config))
    recipe.write(folder / "recipe.json")
    if recipe.system_prompt is not None:
        write_bytes(folder / SYSTEM_PROMPT, recipe.system_prompt.encode())
    if recipe.evidence_template is not None:
        write_bytes(folder / EVIDENCE_TEMPLATE, recipe.evidence_template.encode())


# --- trainers' arguments --------------------------------------------------------------------------


def step_arguments(
    params: StepParams, adapter: AdapterParams, precision: Precision, examples: int
) -> dict[str, Any]:
    """What SFTConfig, DPOConfig and KTOConfig have in common, for so many examples an epoch."""
    steps = optimizer_steps(params, examples)
    return {
        "output_dir": tempfile.gettempdir(),  # nothing is saved there: save_strategy is "no"
        "num_train_epochs": params.epochs,
        "per_device_train_batch_size": params.batch_size,
        "gradient_accumulation_steps": params.gradient_accumulation,
        "learning_rate": params.learning_rate,
        "lr_scheduler_type": SCHEDULES.get(adapter.schedule, adapter.schedule),
        "warmup_steps": round(adapter.warmup_share * steps),
        "gradient_checkpointing": adapter.gradient_checkpointing,
        **mix_precision(precision),
        "ddp_find_unused_parameters": False,  # each LoRA has a part in each pass
        "use_cpu": not torch.cuda.is_available(),
        "dataloader_pin_memory": torch.cuda.is_available(),
        "seed": adapter.seed,
        "disable_tqdm": True,  # a callback says how far it is
        "logging_steps": 1,
        "include_num_input_tokens_seen": "non_padding",
        "logging_nan_inf_filter": False,  # a callback stops at the first of them
        "save_strategy": "no",
        "report_to": "none",
    }


SCHEDULES = {"constant": "constant_with_warmup"}  # in transformers' words


def one_device(config: Any) -> Any:
    """A configuration of a trainer, without a batch that is split among several GPUs unasked."""
    config._n_gpu = min(config.n_gpu, 1)
    return config


def optimizer_steps(params: StepParams, examples: int) -> int:
    """How often the weights are moved."""
    an_epoch = max(1, ceil(ceil(examples / params.batch_size) / params.gradient_accumulation))
    return max(1, ceil(params.epochs * an_epoch))


def measuring(params: StepParams, examples: int, times: int) -> dict[str, Any]:
    """Arguments by which a trainer measures itself so many times, the end among them; 0: never."""
    if not times:
        return {"eval_strategy": "no"}
    every = ceil(optimizer_steps(params, examples) / times)
    return {"eval_strategy": "steps", "eval_steps": every}
