"""Steps of supervised fine-tuning and of continued pre-training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers import Trainer
from trl import SFTConfig

from project.canaries import canaries, planted
from project.canonical import digest_json
from project.errors import InputError
from project.model_pins import BaseChoice
from project.paths import CURATED_DOCUMENTS, rows_of
from project.records.data import Document, Row, Split
from project.settings import load
from project.tool_rendering import has_tools
from training.kept.checkpoints import KeepBest, StopOnBrokenLoss
from training.recipe import START_FILE, StepRecord, TrainingStart
from training.rows.experience_replay import replay_in_words, replayed_beside, rows_to_learn
from training.rows.packed_rows import document_pieces, held_out_of
from training.rows.row_tokens import RowTokens, tokens_as_asked
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
from training.training_settings import DOCUMENTS_HELD_OUT, DomainParams, MeasuredParams, SftParams

# --- sft step -------------------------------------------------------------------------------------


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

    def trainer(model: PeftModel, tokenizer: Any, ground: StepContext) -> Trainer:
        learnt, held_out = (
            tokens_as_asked(some, tokenizer, ground.base, params.loss_on) for some in (rows, dev)
        )
        return measured_trainer(model, tokenizer, learnt, held_out, params, ground)

    # With patience dev decides too where training ends.
    data = digest_of([*rows, *dev] if params.patience else rows)
    return StepData("sft", params, data, trainer, tools=has_tools(rows))


def measured_trainer(
    model: PeftModel,
    tokenizer: Any,
    examples: Sequence[RowTokens],
    held_out: Sequence[RowTokens],
    params: MeasuredParams,
    ground: StepContext,
) -> Trainer:
    """A trainer that measures itself on what is held out, and may stop by it."""
    measured = params.evaluations if held_out else 0
    arguments = step_arguments(params, ground.adapter, ground.numerics.precision, len(examples))
    return packed_trainer(
        model,
        tokenizer,
        examples,
        one_device(SFTConfig(**arguments, **measuring(params, len(examples), measured))),
        [KeepBest(params.patience)] if params.patience and held_out else (),
        held_out=held_out,
    )


def train_sft(
    rows: Sequence[Row], dev: Sequence[Row], ground: StepContext, params: SftParams, folder: Path
) -> StepRecord:
    """Train on any rows, and write the adapter into a folder: without checkpoints and limits."""
    run = prepare(sft_step_data(rows, dev, params), ground)
    run.trainer.add_callback(StopOnBrokenLoss())
    return learn(run, folder)


# --- domain step ----------------------------------------------------------------------------------


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
    window = load(BaseChoice).max_length  # of a packed sequence, as long as a row may be

    def trainer(model: PeftModel, tokenizer: Any, ground: StepContext) -> Trainer:
        learnt, kept_back = held_out_of(documents, DOCUMENTS_HELD_OUT)
        pieces = document_pieces(learnt, tokenizer, window)
        told = tokens_as_asked(rows, tokenizer, ground.base)
        beside = replayed_beside(pieces, told, params.replay, ground.adapter.seed)
        held_out = document_pieces(kept_back, tokenizer, window)
        return measured_trainer(model, tokenizer, [*pieces, *beside], held_out, params, ground)

    data = digest_json([digest_of([*documents, *rows]), window])
    return StepData("domain", params, data, trainer)
