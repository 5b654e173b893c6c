"""Continued pre-training on the raw text of the domain."""

from collections.abc import Sequence
from functools import partial

from peft import PeftModel
from transformers import PreTrainedTokenizerBase, Trainer
from trl import SFTConfig

from project.errors import InputError
from project.paths import CURATED_DOCUMENTS, rows_of
from project.records.data import Document, Row, Split
from training.rows.document_pieces import document_pieces, held_out_of
from training.rows.experience_replay import replayed_beside
from training.rows.row_tokens import row_tokens
from training.steps.arguments import measuring, one_device, step_arguments
from training.steps.packed_trainer import packed_trainer
from training.steps.run_step import StepContext, StepData, digest_of
from training.training_settings import DOCUMENTS_HELD_OUT, DomainParams
from training.watching.keep_best import KeepBest


def domain_step_data(params: DomainParams, ground: StepContext) -> StepData:
    """From the curated documents, and the training rows that are replayed beside them."""
    documents = Document.read_lines(CURATED_DOCUMENTS)
    if not documents:
        raise InputError(
            "has no documents to adapt to: name some in curation.collect.sources (docs/curation.md "
            "says how), or set training.domain.epochs to 0",
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
    """Of pieces of documents; it measures itself on those that are held out."""
    learnt, held_out = held_out_of(documents, DOCUMENTS_HELD_OUT)
    pieces = document_pieces(learnt, tokenizer, params.window)
    prompt = ground.base.system_prompt
    beside = replayed_beside(
        pieces,
        [row_tokens(row, tokenizer, prompt) for row in rows],
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
