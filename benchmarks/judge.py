"""What a language model is worth as a judge, on answers that were made worse in known ways.

    python -m benchmarks.judge --url http://127.0.0.1:8000/v1 --model NAME [--rows 40] [--reasons]
    python -m benchmarks.judge --serve PYTHON     # the embedded base behind `transformers serve`

Each good answer stands against one of another row, and against itself made worse, in both orders;
then each rubric rates good and worse answers alone. PYTHON is an interpreter of an environment with
`transformers[serving]`, which the project itself does not need. Nothing is taken from the cache.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from evaluation.evaluation_settings import JudgeParams, PreferenceParams, RubricParams
from evaluation.generation.backends.own_vllm import free_port
from evaluation.preference import judging_model
from evaluation.preference.judge_calibration import calibrate
from evaluation.preference.llm_judge import LlmJudge, judge_lines
from evaluation.preference.rubrics import calibrate_rubrics
from evaluation.preference.worse_answers import WORSE
from project.model_pins import embedded_base
from project.records.data import Row
from project.records.preferences import PreferencePair

ROWS = Path(__file__).with_name("judge_rows.jsonl")
KINDS = ("another row's", *WORSE)


def main() -> None:
    given = arguments()
    rows = read_rows()[: given.rows]
    with tempfile.TemporaryDirectory() as home, server(given) as (url, model):
        os.environ["INCUMBENT_HOME"] = home
        judging_model.UNPARSED_CAP = 1.0  # how many there are is what is measured
        judge = JudgeParams(
            url=url,
            model=model,
            reasons=given.reasons,
            max_tokens=given.max_tokens,
            concurrency=given.concurrency,
            timeout_s=600,
        )
        print_preference(judge, rows, given.kinds)
        for name in given.rubrics:
            shutil.rmtree(Path(home) / "judgements", ignore_errors=True)
            print_rubric(judge, name, rows)


def read_rows() -> list[Row]:
    found = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").split("\n") if line]
    return [
        Row.of(one["prompt"], one["completion"], group=one["prompt"], source=ROWS.name)
        for one in found
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", help="of a server that runs, up to and with /v1")
    parser.add_argument("--model", help="that it serves")
    parser.add_argument("--serve", metavar="PYTHON", help="start `transformers serve` with it")
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--rubrics", nargs="*", default=["helpful", "polite", "correct"])
    parser.add_argument("--reasons", action="store_true", help="let it give reasons first")
    parser.add_argument("--max-tokens", type=int, default=12)
    parser.add_argument("--concurrency", type=int, default=2)
    given = parser.parse_args()
    if not (given.serve or (given.url and given.model)):
        parser.error("give --url and --model, or --serve")
    return given


@contextmanager
def server(given: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """A server that runs, or one of the embedded base that ends with the block."""
    if not given.serve:
        yield given.url, given.model
        return
    folder, port = str(embedded_base().resolve()), free_port()
    where = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    command = [given.serve, "-m", "transformers.cli.transformers", "serve", *where, folder]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}/v1", folder
        finally:
            process.terminate()
            process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(240):
        if process.poll() is not None:
            raise SystemExit("the server ended: does its environment have transformers[serving]?")
        try:
            urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise SystemExit("the server did not start within two minutes")


def print_preference(params: JudgeParams, rows: Sequence[Row], kinds: Sequence[str]) -> None:
    head = f"{'preference over':<20} {'pairs':>5} {'unjudged':>8} {'right':>6} {'first':>6}"
    print(f"{head} {'wobble':>12} {'s/question':>10}", flush=True)
    judge = LlmJudge(params)
    for kind in kinds:
        pairs = [pair for row in rows if (pair := pair_of(row, kind, rows))]
        start = time.monotonic()
        found = calibrate(judge, pairs)
        asked = 2 * len(pairs) + (found.wobble_n or 0)
        print(
            f"{kind:<20} {found.n:>5} {found.unjudged:>8} {share(found.accuracy):>6} "
            f"{share(found.first_rate):>6} {share(found.wobble):>6} of {found.wobble_n or 0:<3}"
            f"{(time.monotonic() - start) / asked:>10.2f}",
            flush=True,
        )
    print("served:", found.judge, found.fingerprints or "")


def nearest_in_length(row: Row, rows: Sequence[Row]) -> str:
    """The answer of another row."""
    answers = [other.completion_text for other in rows if other.group != row.group]
    return min(answers, key=lambda answer: abs(len(answer) - len(row.completion_text)))


def pair_of(row: Row, kind: str, rows: Sequence[Row]) -> PreferencePair | None:
    good = row.completion_text
    worse = WORSE[kind](good, row.id) if kind in WORSE else nearest_in_length(row, rows)
    if worse is None or worse == good:
        return None
    return PreferencePair(prompt=row.prompt_text, chosen=good, rejected=worse)


def print_rubric(judge: JudgeParams, name: str, rows: Sequence[Row]) -> None:
    params = PreferenceParams(judge=judge, rubrics=(RubricParams(name=name),))
    found = calibrate_rubrics(params, rows)[name]
    for line in judge_lines(found.model_copy(update={"rubrics": {name: found}, "judge": None})):
        print(line, flush=True)
    print(f"({name}: {found.unjudged} pairs unjudged)", flush=True)


def share(value: float | None) -> str:
    return "—" if value is None else f"{value:.0%}"


if __name__ == "__main__":
    main()
