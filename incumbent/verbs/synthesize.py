"""`data synthesize` and `questions`: rows that are made, for people to accept or not."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from curation.checks.waivers import read_waivers
from curation.curation_settings import CurateParams
from curation.passage_questions import (
    TEMPLATES,
    Forms,
    PassageQuestion,
    PassageRow,
    QuestionChecks,
    by_model,
    by_templates,
    request,
    rows_on_passages,
)
from curation.proposals import UNREADABLE, Kinds, Sifted, proposal, seeds, sifted, wishes
from curation.sources.documents.read_documents import evidence_passages
from incumbent.importing.writers import (
    ACCEPTING,
    DraftRow,
    Writer,
    draft_of,
    refuse_unreviewed,
    rows_beside,
    rows_in,
    write_review,
    writer_of,
)
from incumbent.options import LARGEST, Json, saying_what_stays
from incumbent.output import console, print_json, say
from monitoring.trigger.labels import LABELLED
from project.child_processes import ended_by_signals
from project.errors import InputError
from project.files import home
from project.paths import EMBEDDER, rows_of
from project.records.adapters import ModelPin
from project.records.data import EvidencePassage, Origin, Row, Split, counted
from project.settings import load
from retrieval.embedder import Embeddings
from retrieval.retriever import Embed, Retriever

# --- synthesize -----------------------------------------------------------------------------------

REVIEW = Path("datasets/queue/synthetic.json")


@saying_what_stays("interrupted: replies are kept; run it again to go on")
def synthesize(
    rows: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many rows to ask for.")],
    with_: Annotated[
        str, typer.Option("--with", help="base, champion, or an OpenAI-compatible URL with /v1.")
    ],
    model: Annotated[str | None, typer.Option(help="For a server: the model's name.")] = None,
    key_variable: Annotated[
        str | None, typer.Option(help="For a server: the environment variable that holds its key.")
    ] = None,
    kind: Annotated[
        Kinds,
        typer.Option(help="Prompts in other words, new pairs of prompt and answer, or both."),
    ] = "both",
    seed: Annotated[
        int, typer.Option(min=0, help="The seed by which the first rows are chosen.")
    ] = 0,
    to: Annotated[Path, typer.Option(help="The review file; a .jsonl goes beside it.")] = REVIEW,
) -> None:
    """Let a model write rows from training rows, for people to accept or not.

    Seeds are training rows alone. Raises InputError where there are none, or a review still waits.

    $ incumbent data synthesize --rows 100 --with base
    """
    writer = writer_of(with_, model, key_variable)
    refuse_unreviewed(to)
    params, train = load(CurateParams), rows_in(Split.TRAIN)
    asked = wishes(seeds(train, params.train_only, seed), rows, kind)
    print(f"asking {writer.name} for {counted(rows, 'row')}", file=sys.stderr)
    with ended_by_signals():
        replies = writer.replies([wish.question for wish in asked])
    proposed = [
        proposal(wish, reply, writer.name, LABELLED.name)
        for wish, reply in zip(asked, replies, strict=True)
    ]
    # Imported here because faults are found by libraries of an extra.
    from curation.faults.every_fault import FAULTS

    items = [*rows_in(Split.DEV), *rows_in(Split.SEALED)]
    outcome = sifted(proposed, train, items, FAULTS, read_waivers().ours)
    if outcome.kept:
        write_review([draft_of(item) for item in outcome.kept], to)
    print_outcome(outcome, rows, writer, to)


def print_outcome(sifted: Sifted, count: int, writer: Writer, to: Path) -> None:
    """How many passed, why the others did not, and what a person has to do now."""
    share = len(sifted.kept) / count
    summary = f"{len(sifted.kept)} of {count} replies of {writer.name} passed ({share:.0%})"
    say(summary)
    for why, dropped in sifted.dropped.most_common():
        say(f"  dropped: {dropped} {why}")
    if not sifted.kept:
        console.print("nothing is left to review: try another model, or --kind")
        return
    kinds = Counter(item.wish.kind for item in sifted.kept)
    told = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    say(f"{told}: in {to} for Label Studio, and in {rows_beside(to)}")
    say(ACCEPTING)


# --- questions ------------------------------------------------------------------------------------

QUESTIONS = Path("datasets/queue/questions.json")
MOST = 20  # questions of a passage, and passages beside its own
TOKENS = 80  # of a question and its answer
SHOWN = 3  # rows that a dry run shows


@dataclass
class Made:
    """What became of the documents."""

    passages: Sequence[EvidencePassage]
    unread: Sequence[Origin]  # files that gave no passage, and why
    asked: int  # passages that a model is asked about; 0: templates make the questions
    rows: Sequence[PassageRow] = ()
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def unanswerable(self) -> int:
        return sum(item.row.answerable is False for item in self.rows)

    def summary(self, to: Path | None) -> dict[str, object]:
        """What `--json` prints; `to`: where the rows wait, if they do."""
        return {
            "documents": len({passage.source for passage in self.passages}),
            "passages": len(self.passages),
            "asked": self.asked,
            "rows": len(self.rows),
            "unanswerable": self.unanswerable,
            "kinds": dict(Counter(item.asked.kind for item in self.rows)),
            "left_out": dict(self.left_out),
            "unread": [{"file": origin.file, "why": origin.why} for origin in self.unread],
            "to": str(to) if to else None,
        }


@saying_what_stays("interrupted: replies are kept; run it again to go on")
def ask_documents(
    files: Annotated[
        list[Path], typer.Argument(help="Documents, or folders: PDF, DOCX, HTML, Markdown, text.")
    ],
    with_: Annotated[
        str | None,
        typer.Option(
            "--with",
            help="Who writes: base, champion, or an OpenAI-compatible URL with /v1. "
            "If left out, templates make questions of tables, lists and definitions.",
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="For a server: the model's name.")] = None,
    key_variable: Annotated[
        str | None, typer.Option(help="For a server: the environment variable that holds its key.")
    ] = None,
    per_passage: Annotated[
        int, typer.Option(min=1, max=MOST, help="Questions of a passage, at most.")
    ] = 2,
    unanswerable: Annotated[
        float,
        typer.Option(min=0, max=1, help="The share that is put to passages without an answer."),
    ] = 0.22,
    distractors: Annotated[
        int, typer.Option(min=0, max=MOST, help="Passages beside the one that answers.")
    ] = 2,
    seed: Annotated[
        int, typer.Option(min=0, help="The seed by which questions and places are drawn.")
    ] = 0,
    no_embeddings: Annotated[
        bool, typer.Option("--no-embeddings", help="Find passages by their words alone: quick.")
    ] = False,
    to: Annotated[Path, typer.Option(help="The review file; a .jsonl goes beside it.")] = QUESTIONS,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask no model and write nothing; show what there is.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make rows of documents: questions, answers that cite, and questions without an answer.

    They wait for a person. Raises InputError for what cannot be read, or where a review waits.

    $ incumbent data questions policies/ --dry-run
    """
    writer = writer_of(with_, model, key_variable, TOKENS * per_passage) if with_ else None
    if not writer and (model or key_variable):
        raise InputError("is for a server: name it by --with", field="--model or --key-variable")
    if not dry_run:
        refuse_unreviewed(to)
    passages, unread = passages_of(files)
    made = Made(passages, unread, len(passages) if writer else 0)
    if not (writer and dry_run):
        questions = questions_on(passages, writer, per_passage, seed, made.left_out)
        retriever = Retriever.over(passages, None if no_embeddings else embedding())
        kept, dropped = checks(retriever).passed(questions)
        made.left_out += dropped
        forms = Forms(unanswerable, distractors, seed, LABELLED.name)
        made.rows = rows_on_passages(kept, retriever, forms)
    if made.rows and not dry_run:
        write_review([question_draft(item) for item in made.rows], to)
    waits = to if made.rows and not dry_run else None
    if as_json:
        print_json(made.summary(waits))
    else:
        print_questions(made, writer, per_passage, waits)


def passages_of(files: Sequence[Path]) -> tuple[list[EvidencePassage], list[Origin]]:
    """The passages of all files, each text once, and the files that gave none. Raises InputError
    where there is no passage at all.
    """
    passages: dict[str, EvidencePassage] = {}
    unread: list[Origin] = []
    for file in dict.fromkeys(files):
        in_file, empty = evidence_passages(file)
        passages |= {passage.id: passage for passage in in_file}
        unread += empty
    if not passages:
        whys = "; ".join(f"{origin.file}: {origin.why}" for origin in unread)
        raise InputError(f"there is no passage to ask about: {whys}", file=files[0])
    return list(passages.values()), unread


def questions_on(
    passages: Sequence[EvidencePassage],
    writer: Writer | None,
    most: int,
    seed: int,
    left_out: Counter[str],
) -> list[PassageQuestion]:
    if writer is None:
        return by_templates(passages, most, seed)
    print(f"asking {writer.name} about {counted(len(passages), 'passage')}", file=sys.stderr)
    with ended_by_signals():
        replies = writer.replies([request(passage, most) for passage in passages])
    questions, empty = by_model(passages, replies, most, writer.name)
    left_out[UNREADABLE] += empty
    return questions


def embedding() -> Embed | None:
    """By the project's embedder, once it is pinned."""
    if not EMBEDDER.exists():
        return None
    return Embeddings(ModelPin.read(EMBEDDER), home() / "embeddings.db").encode


def checks(retriever: Retriever) -> QuestionChecks:
    # Imported here because faults are found by libraries of an extra.
    from curation.faults.every_fault import FAULTS

    items = (*known_rows(Split.DEV), *known_rows(Split.SEALED))
    train = known_rows(Split.TRAIN)
    return QuestionChecks(retriever, FAULTS, read_waivers().ours, train, items)


def known_rows(part: Split) -> tuple[Row, ...]:
    """The curated rows of a part; none before the first run."""
    path = rows_of(part)
    return Row.read_lines(path) if path.exists() else ()


def question_draft(passage_row: PassageRow) -> DraftRow:
    row, passage = passage_row.row, passage_row.asked.passage
    shown = "\n\n".join(f"[{n}] {part.text}" for n, part in enumerate(row.evidence or (), start=1))
    meta = {"passage": passage.id, "document": passage.source or ""}
    return DraftRow(row, passage_row.asked.kind, shown, meta, {"answer": passage_row.asked.answer})


# --- said -----------------------------------------------------------------------------------------


def print_questions(made: Made, writer: Writer | None, most: int, to: Path | None) -> None:
    """How much was made, why the rest was not, and what a person has to do now."""
    documents = counted(len({passage.source for passage in made.passages}), "document")
    say(f"{counted(len(made.passages), 'passage')} of {documents}")
    for origin in made.unread:
        say(f"  not read: {origin.file}: {origin.why}")
    if writer and not made.rows and not made.left_out:
        say(f"{writer.name} would be asked for {most} questions on each; nothing was asked")
        return
    who = writer.name if writer else TEMPLATES
    kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(o.asked.kind for o in made.rows).items())
    say(f"{counted(len(made.rows), 'row')} by {who}{f': {kinds}' if kinds and not writer else ''}")
    if made.rows:
        say(f"  {made.unanswerable} of them put to passages that do not answer")
    for why, count in made.left_out.most_common():
        say(f"  left out: {count} {why}")
    if not made.rows:
        hint = "a model may find questions: --with" if not writer else "try another model"
        say(f"nothing is left to review: {hint}")
    elif to is None:
        for item in made.rows[:SHOWN]:
            say(f"  {item.row.prompt_text}\n    {item.row.completion_text}")
        say("nothing was written")
    else:
        say(f"they wait in {to} for Label Studio, and in {rows_beside(to)}")
        say(ACCEPTING)
