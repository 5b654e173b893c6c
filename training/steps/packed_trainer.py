"""TRL's trainer on packed rows: as exact as with padding, and faster."""

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from types import MethodType
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainerCallback
from transformers.modeling_outputs import CausalLMOutput
from trl import SFTConfig, SFTTrainer

from project.errors import InputError
from training.model.kernels import fuse_lora
from training.model.row_attention import attending_within_rows
from training.processes.batch_shares import SharedBatches
from training.processes.group import summed, world
from training.rows.packed_rows import PackedRows, pack
from training.rows.row_tokens import IGNORED, RowTokens

Batch = dict[str, Any]
PACKED = "packed_rows"  # a batch's key, and the argument by which attention gets it
ROWS = 3  # that the two losses are compared on
# Kinds of attention that a packed pass may stand for.
KNOWN = ("sdpa", "eager", "flash_attention_2")
# Relative differences that rounding explains; a row that sees another one is off by far more.
TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 2e-2, torch.float16: 1e-2}


def packed_trainer(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[RowTokens],
    args: SFTConfig,
    callbacks: Sequence[TrainerCallback] = (),
    held_out: Sequence[RowTokens] = (),
) -> Trainer:
    """A trainer of an adapter on examples; `evaluate` measures the loss on those held out.

    A batch is of `per_device_train_batch_size` examples, and an optimiser's step the mean over the
    tokens learnt in it, whether they are packed or padded. Where the model cannot take packed rows
    it trains on padded ones, and a line says why. Raises InputError where nothing is to be learnt.
    """
    taught = [example for example in examples if any(example.learnt[1:])]
    if not taught:
        raise InputError("there is nothing to learn: no row or document has a token to learn")
    args.max_length = None  # nothing is cut off: stage `curate` saw to the lengths
    trainer = PackedTrainer(
        model=model,
        args=args,
        train_dataset=dataset_of(taught),
        eval_dataset=dataset_of(held_out) if held_out else None,
        processing_class=tokenizer,
        callbacks=list(callbacks),
    )
    trainer.choose_packing(taught)
    return trainer


class PackedTrainer(SharedBatches, SFTTrainer):
    """TRL's SFTTrainer, whose batches are packed where the model takes them so."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.base = self.model.get_base_model()
        self.pad: Callable[[Any], Batch] = self.data_collator  # type: ignore[has-type]
        self.data_collator = self.collate_share
        self.packs = False
        add_completion_loss(self.base)
        fuse_lora(self.model)

    def choose_packing(self, examples: Sequence[RowTokens]) -> None:
        """Pack from now on, unless the model gives another loss on packed rows than on padded."""
        if reason := why_not_packed(self, examples):
            print(f"rows are padded, not packed, which takes longer: {reason}")
        self.packs = reason is None
        self._metrics["eval"].clear()  # the trial is none of the run's measurements

    def collate_share(self, examples: Sequence[Mapping[str, Sequence[int]]]) -> Batch:
        """What this process learns of a batch. Without a row of it, it still has to take part, with
        one of which nothing is learnt.
        """
        # Without a share of the batch, a process learns no token of the first row.
        batch = self.collate(
            self.own_share(examples)
            or [{**examples[0], "labels": [IGNORED] * len(examples[0]["labels"])}]
        )
        if PACKED in batch:  # the Trainer itself adds up what all processes read
            read = sum(len(example["input_ids"]) for example in examples)
            batch[PACKED] = replace(batch[PACKED], tokens=read)
        return batch

    def collate(self, examples: Sequence[Mapping[str, Sequence[int]]]) -> Batch:
        return self.packed(examples) if self.packs else self.pad(examples)

    def packed(self, examples: Sequence[Mapping[str, Sequence[int]]]) -> Batch:
        rows = pack([tokens_of(example) for example in examples])
        # Under these names the Trainer counts what is learnt in a step.
        return {PACKED: rows, "labels": rows.targets, "shift_labels": rows.targets}

    def attending(self) -> AbstractContextManager[None]:
        return attending_within_rows(self.base) if self.packs else nullcontext()

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        with self.attending():
            loss: Tensor = super().training_step(*args, **kwargs)
        return loss

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The sum over the tokens learnt here, divided by those of all the step's batches."""
        rows = inputs.get(PACKED)
        if rows is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        count = len(rows.targets) if num_items_in_batch is None else num_items_in_batch
        total = packed_loss(model, rows)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            total = total * self.accelerator.num_processes  # which are averaged afterwards
        return total / count

    def evaluate(
        self,
        eval_dataset: Dataset | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """The loss a learnt token of all held-out examples, in whichever batches they come."""
        self.model.eval()
        total = count = 0.0
        # A data loader draws a seed that it does not need; later dropout must not depend on that.
        with torch.random.fork_rng(devices=[]), torch.no_grad(), self.attending():
            for batch in self.get_eval_dataloader(eval_dataset):
                with self.accelerator.autocast():
                    total += float(self.compute_loss(self.model, batch, num_items_in_batch=1))
                count += (
                    len(batch[PACKED].targets)
                    if PACKED in batch
                    else int((batch["labels"][:, 1:] != IGNORED).sum())
                )
        # `compute_loss` is made for gradients, which are averaged over the processes.
        total, count = summed(total / world(), count)
        metrics = {f"{metric_key_prefix}_loss": total / count}
        self.log(metrics)
        told = self.args, self.state, self.control, metrics  # type: ignore[has-type]
        self.control = self.callback_handler.on_evaluate(*told)
        return metrics

    def _prepare_input(self, data: Any) -> Any:
        """Put data on the trainer's device; packed rows too, which the Trainer does not know."""
        if isinstance(data, PackedRows):
            return data.to(self.args.device)
        return super()._prepare_input(data)

    def floating_point_ops(self, inputs: Batch) -> int:
        """Not counted: the Trainer goes through all weights for it, at each step."""
        return 0

    def _track_num_input_tokens(self, inputs: Batch) -> None:
        if PACKED not in inputs:
            super()._track_num_input_tokens(inputs)
        elif self.args.include_num_input_tokens_seen != "no":
            self.state.num_input_tokens_seen += inputs[PACKED].tokens


# --- whether the model takes packed rows: asked of the model itself, before it trains ------------


def why_not_packed(trainer: PackedTrainer, examples: Sequence[RowTokens]) -> str | None:
    """None where packed rows have the loss of padded ones; else what stands against them.

    The longest rows are tried, since a window of attention shows on them.
    """
    base = trainer.base
    head = base.get_output_embeddings()
    if trainer.aux_loss_enabled:
        return "the loss of its experts' load is about batches with padding"
    if base.config._attn_implementation not in KNOWN:
        return f"it computes attention by {base.config._attn_implementation}"
    if type(head) is not torch.nn.Linear or head.weight.requires_grad:
        return "its head is trained, or no plain layer"
    few = sorted(examples, key=len)[-ROWS:]
    padded, packed = loss_of(trainer, few, packs=False), None
    try:
        packed = loss_of(trainer, few, packs=True)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        # An architecture that we do not know may fail in any of these ways.
        return f"this kind of model does not take them ({str(error).splitlines()[0][:100]})"
    allowed = TOLERANCES.get(head.weight.dtype, 0.0) * abs(padded)
    if not abs(packed - padded) <= allowed:
        return f"this kind of model gives another loss on them ({packed:.4f}, not {padded:.4f})"
    return None


def loss_of(trainer: PackedTrainer, rows: Sequence[RowTokens], *, packs: bool) -> float:
    """A learnt token's, without dropout."""
    trainer.packs = packs
    training = trainer.model.training
    trainer.model.eval()
    batch = trainer.collate([{"input_ids": row.ids, "labels": row.labels} for row in rows])
    batch = trainer._prepare_inputs(batch)
    with torch.no_grad(), trainer.attending(), trainer.accelerator.autocast():
        loss = trainer.compute_loss(trainer.model, batch)
    trainer.model.train(training)
    return float(loss)


# --- examples and batches -----------------------------------------------------------------------


def dataset_of(examples: Sequence[RowTokens]) -> Dataset:
    """The examples in TRL's columns."""
    ids, labels = [example.ids for example in examples], [example.labels for example in examples]
    return Dataset.from_dict({"input_ids": ids, "labels": labels})


def tokens_of(example: Mapping[str, Sequence[int]]) -> RowTokens:
    learnt = tuple(label != IGNORED for label in example["labels"])
    return RowTokens(tuple(example["input_ids"]), learnt)


def packed_loss(model: torch.nn.Module, rows: PackedRows) -> Tensor:
    """The sum over all learnt tokens."""
    loss: Tensor = model(
        input_ids=rows.ids.unsqueeze(0),
        position_ids=rows.positions.unsqueeze(0),
        packed_rows=rows,
        reads=rows.reads,
        targets=rows.targets,
        use_cache=False,
    ).loss
    return loss


# --- completion loss ------------------------------------------------------------------------------

CHUNK_BYTES = 1 << 27  # of the logits that are computed at once, in float32


def add_completion_loss(model: PreTrainedModel) -> None:
    """Let `model(…, reads=…, targets=…)` give the sum of the loss on `targets`, and no logits.

    `reads` [t] are the places in the one sequence from which the ids in `targets` [t] are
    predicted. TRL gives a model its `fused_lm_head` in the same way; on a processor that one scores
    prompts too, and scores all once more on the way back.
    """
    plain = model.forward

    @functools.wraps(type(model).forward)
    def forward(
        self: PreTrainedModel,
        *args: Any,
        reads: Tensor | None = None,
        targets: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        if reads is None or targets is None:
            return plain(*args, **kwargs)
        states = self.base_model(*args, **kwargs).last_hidden_state[0].index_select(0, reads)
        head = self.get_output_embeddings()
        loss = CompletionLoss.apply(states, head.weight, head.bias, targets)  # type: ignore[no-untyped-call]
        return CausalLMOutput(loss=loss)

    model.forward = MethodType(forward, model)


class CompletionLoss(torch.autograd.Function):
    """The sum of -log softmax(states W' + bias)[target] over t states, in float32. W is frozen.

    The gradient is computed on the way forward, while the logits are there: softmax - one-hot.
    """

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
    ) -> Tensor:
        total = states.new_zeros((), dtype=torch.float32)
        wanted = ctx.needs_input_grad[0]
        of_states = torch.empty_like(states) if wanted else None
        size = max(1, CHUNK_BYTES // (4 * len(weight)))
        for start in range(0, len(states), size):
            some = slice(start, start + size)
            logits = torch.nn.functional.linear(states[some], weight, bias).float()
            target = targets[some].unsqueeze(1)
            norm = logits.logsumexp(1, keepdim=True)
            total += (norm - logits.gather(1, target)).sum()
            if of_states is not None:
                logits.sub_(norm).exp_().scatter_add_(1, target, -torch.ones_like(norm))
                of_states[some] = logits.to(weight.dtype) @ weight
        ctx.save_for_backward(of_states)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (of_states,) = ctx.saved_tensors
        return of_states * gradients[0], None, None, None
