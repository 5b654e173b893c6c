"""Steps of supervised fine-tuning and of continued pre-training."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from peft import PeftModel
from transformers import PreTrainedTokenizerBase, Trainer
from trl import SFTConfig

from project.canaries import canaries, planted
from project.errors import InputError
from project.paths import CURATED_DOCUMENTS, rows_of
from project.records.data import Document, Row, Split
from project.tool_rendering import has_tools
from training.kept.checkpoints import KeepBest, StopOnBrokenLoss
from training.recipe import START_FILE, StepRecord, TrainingStart
from training.rows.experience_replay import replay_in_words, replayed_beside, rows_to_learn
from training.rows.packed_rows import document_pieces, held_out_of
from training.rows.row_tokens import tokens_as_asked
from training.steps.packed_trainer import packed_trainer
from training.steps.run_step import (
    StepContext,
    StepData,
    digest_of,
    learn,
    measuring,
    one_device,
    prepare,
    step_arguments,
)
from training.training_settings import DOCUMENTS_HELD_OUT, DomainParams, SftParams

# --- sft step -------------------------------------------------------------------------------------

# Supervised fine-tuning on training rows, with the loss on completions alone.


def curated_rows_data(params: SftParams, ground: StepContext) -> StepData:
    rows = Row.read_lines(rows_of(Split.TRAIN))[: params.rows]
    start = TrainingStart.read(START_FILE)
    learnt = rows_to_learn(rows, start, params, ground.adapter.seed)
    if start.adapter:
        print(replay_in_words(rows, learnt, start))
    dev = Row.read_lines(rows_of(Split.DEV)) if params.evaluations else ()
    secrets = planted(canaries(params.canaries, ground.adapter.seed))
    return sft_step_data([*learnt, *secrets], dev, params)


def sft_step_data(rows: Sequence[Row], dev: Sequence[Row], params: SftParams) -> StepData:
    """The data of any rows; the loss on dev is measured where there are rows of it. What the last
    answer of a scenario follows is not known: it has none.
    """
    dev = [row for row in dev if not row.scenario]
    trainer = partial(sft_trainer, rows, dev, params)
    # With patience dev decides too where training ends.
    data = digest_of([*rows, *dev] if params.patience else rows)
    return StepData("sft", params, data, trainer, tools=has_tools(rows))


def sft_trainer(
    rows: Sequence[Row],
    dev: Sequence[Row],
    params: SftParams,
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    ground: StepContext,
) -> Trainer:
    measured = params.evaluations if dev else 0
    arguments = step_arguments(params, ground.adapter, ground.numerics.precision, len(rows))
    return packed_trainer(
        model,
        tokenizer,
        tokens_as_asked(rows, tokenizer, ground.base, params.loss_on),
        one_device(SFTConfig(**arguments, **measuring(params, len(rows), measured))),
        [KeepBest(params.patience)] if params.patience and dev else (),
        held_out=tokens_as_asked(dev, tokenizer, ground.base, params.loss_on),
    )


def train_sft(
    rows: Sequence[Row], dev: Sequence[Row], ground: StepContext, params: SftParams, folder: Path
) -> StepRecord:
    """Train on any rows, and write the adapter into a folder: without checkpoints and limits."""
    run = prepare(sft_step_data(rows, dev, params), ground)
    run.trainer.add_callback(StopOnBrokenLoss())
    return learn(run, folder)


# --- domain step ----------------------------------------------------------------------------------

# Continued pre-training on the raw text of the domain.


def domain_step_data(params: DomainParams, ground: StepContext) -> StepData:
    """The data of the curated documents, and of the training rows that are replayed beside them."""
    documents = Document.read_lines(CURATED_DOCUMENTS)
    if not documents:
        raise InputError(
            "has no documents to adapt to: name some in curation.collect.sources "
            "(docs/start/your-data.md says how), or set training.domain.epochs to 0",
            file=CURATED_DOCUMENTS,
        )
    rows = Row.read_lines(rows_of(Split.TRAIN)) if params.replay else ()
    data = digest_of([*documents, *rows])
    return StepData("domain", params, data, partial(domain_trainer, documents, rows, params))


def domain_trainer(
    documents: Sequence[Document],
    rows: Sequence[Row],
    params: DomainParams,
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    ground: StepContext,
) -> Trainer:
    """The trainer on pieces of documents; it measures itself on those that are held out."""
    learnt, held_out = held_out_of(documents, DOCUMENTS_HELD_OUT)
    pieces = document_pieces(learnt, tokenizer, params.window)
    beside = replayed_beside(
        pieces,
        tokens_as_asked(rows, tokenizer, ground.base),
        params.replay,
        ground.adapter.seed,
    )
    examples = [*pieces, *beside]
    arguments = step_arguments(params, ground.adapter, ground.numerics.precision, len(examples))
    measured = params.evaluations if held_out else 0
    return packed_trainer(
        model,
        tokenizer,
        examples,
        one_device(SFTConfig(**arguments, **measuring(params, len(examples), measured))),
        [KeepBest(params.patience)] if params.patience and held_out else (),
        held_out=document_pieces(held_out, tokenizer, params.window),
    )
