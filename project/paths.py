"""Where each stage of dvc.yaml leaves its output, relative to the project's root."""

from pathlib import Path

from project.records.data import Split

CODE = Path("outputs/code")
RAW = Path("datasets/raw/rows.jsonl")
ORIGINS = Path("datasets/raw/origins.jsonl")
RAW_PREFERENCES = Path("datasets/raw/preferences.jsonl")
RAW_DOCUMENTS = Path("datasets/raw/documents.jsonl")
CURATED = Path("datasets/curated")
CURATED_PREFERENCES = Path("datasets/curated/preferences.jsonl")
CURATED_DOCUMENTS = Path("datasets/curated/documents.jsonl")
TOKENS = Path("outputs/tokens.jsonl")
ACCOUNT = Path("outputs/rows.csv")
CHANGES = Path("outputs/changes.jsonl")
SEEN = Path("outputs/seen.json")
GATE_REPORT = Path("outputs/gate/report.json")
GATE_EXAMPLES = Path("outputs/gate/examples.json")
GATE_PAGE = Path("outputs/gate/report.html")
DATASET = Path("outputs/dataset.json")
BASE = Path("outputs/base.json")
EMBEDDER = Path("outputs/embedder.json")
NUMERICS = Path("outputs/numerics.json")
INDEX = Path("outputs/index.json")
INDEX_FILES = Path("outputs/index")
ADAPTER = Path("outputs/adapter.json")
ADAPTER_FILES = Path("outputs/adapter")
START = Path("outputs/start")
TEACHER = Path("outputs/teacher.json")
PREFERENCE_DATA = Path("outputs/preference_data/preferences.jsonl")
PREFERENCE_COUNTS = Path("outputs/preference_data/counts.json")
CHAMPION = Path("outputs/champion.json")
REWARD = Path("outputs/reward")
PAIR_SOURCE = Path("outputs/reward/source.json")
CALIBRATION = Path("outputs/calibration.json")
ANSWERS = Path("outputs/answers")
SCORES = Path("outputs/scores")
DIRECTIONS = Path("outputs/scores/directions.json")
EVIDENCE = Path("outputs/evidence.json")
METRICS = Path("outputs/metrics.json")
DIFFERENCES = Path("outputs/differences.tsv")
REPORT = Path("outputs/report.html")


def rows_of(part: Split) -> Path:
    return CURATED / f"{part}.jsonl"


def step_of(name: str) -> Path:
    """The folder of one training step: `step.json`, its learning curve, and its adapter, if the
    step is not left out.
    """
    return Path("outputs/steps") / name
