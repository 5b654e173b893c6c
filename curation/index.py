"""Stage `index`: the passages of documents that questions are answered by, ready to be found."""

from pathlib import Path

from curation.curation_settings import RetrievalParams
from curation.sources.documents.read_documents import evidence_passages
from project.errors import InputError
from project.files import staged_folder
from project.model_pins import BaseChoice
from project.paths import EMBEDDER, INDEX, INDEX_FILES
from project.records.adapters import ModelPin
from project.records.data import EvidencePassage, PassageIndex, counted
from project.settings import load, setting_error


def main() -> None:
    params = load(RetrievalParams)
    if not params.documents:
        with staged_folder(INDEX_FILES):
            PassageIndex(files=None, passages=0).write(INDEX)
        print("no index: retrieval.documents names nothing")
        return
    if load(BaseChoice).evidence_template is None:
        problem = "is null: nobody would be shown the passages; set it to `default`"
        raise setting_error(problem, "base", "evidence_template")
    passages = passages_of(params.documents)
    # Imported here so that a project without documents does not wait for numpy and the stemmer.
    from retrieval.retriever import IndexSettings, cost_of, write_index

    pin = ModelPin.read(EMBEDDER) if params.embedder else None
    if pin and (cost := cost_of(passages, pin)):
        print(cost, flush=True)
    settings = IndexSettings(shown=params.shown, replace=params.replace, embedder=pin)
    digest = write_index(passages, settings, INDEX_FILES)
    PassageIndex(files=digest, passages=len(passages)).write(INDEX)
    ways = "by words and meaning" if pin else "by words"
    print(f"index: {counted(len(passages), 'passage')}, found {ways}")


def passages_of(documents: tuple[Path, ...]) -> list[EvidencePassage]:
    """Those of all files, each once. Raises InputError where there is none."""
    by_id: dict[str, EvidencePassage] = {}
    for path in documents:
        if not path.exists():
            raise setting_error(f"{path} is not there", "retrieval", "documents")
        passages, empty = evidence_passages(path)
        by_id |= {passage.id: passage for passage in passages}
        for origin in empty:
            print(f"warning: {origin.file} gave no passage: {origin.why}")
    if not by_id:
        raise InputError("no document there has a text: no passage can be found in them")
    return list(by_id.values())
