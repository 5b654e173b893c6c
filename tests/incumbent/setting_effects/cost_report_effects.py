"""What the keys of section `serving.cost` do to `incumbent gateway cost-report`."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from incumbent.verbs.deploy import larger_model
from project import paths
from project.errors import IncumbentError
from project.records.adapters import Adapter
from project.settings import load
from registry.store import Registry
from serving.serving_settings import ServingParams
from serving.system_costs import compare_costs
from tests.evaluation.engine_server import EngineServer, engine_server
from tests.incumbent.setting_effects.effect import Effect, Output
from tests.recorded_project import lay_out
from tests.serving.test_cost_report import answer

SECTION = "serving.cost"
PORT = "127.0.0.1:1"  # stands for that of the server that is asked
URL = f"http://{PORT}/v1"
ITEMS = 6


def champion_here() -> None:
    """A project whose champion and base have answered, and whose settings are params.yaml's."""
    lay_out(Path("params.yaml").read_text())
    with Registry.here() as registry:
        registry.submit(Adapter.read(paths.ADAPTER), paths.ADAPTER_FILES, "first")
        registry.promote(1, "the first", force=True)
    answer(3, adapter=True)
    for shots in (0, 5):
        answer(1, adapter=False, shots=shots)


def report() -> dict[str, Any]:
    """The systems that are compared, and what 1,000 answers of the last one cost."""
    cost = load(ServingParams).cost
    found = compare_costs(ITEMS, cost.shots, larger_model(cost.larger)).systems
    return {"systems": [one.name for one in found], "money": found[-1].money}


def reported(engine: EngineServer) -> dict[str, Any]:
    params = Path("params.yaml")
    params.write_text(params.read_text().replace(PORT, engine.url.split("/")[2]))
    champion_here()
    engine.adapters["two"] = "/two"  # another model of the server
    return report()


def compared() -> dict[str, Any]:
    with engine_server() as engine:
        return reported(engine)


def asked() -> dict[str, Any]:
    """What the larger model's server gets to see: paths, keys and models."""
    with engine_server() as engine:
        with suppress(IncumbentError):  # there is nothing at some paths
            reported(engine)
        questions = [asked for asked in engine.asked if asked.body]  # not what models there are
        return {
            "paths": {asked.path for asked in questions},
            "keys": {asked.authorization for asked in questions},
            "models": {asked.body["model"] for asked in questions},
        }


RECORDED: dict[str, Any] = {
    "registry.family": "bank",
    "evaluation.scoring.metrics": ["rouge"],  # the embedder has no weights here
    "evaluation.policy.gating": ["rougeL"],
}
LARGER: dict[str, Any] = {"url": URL, "model": "base"}
ASKED = RECORDED | {f"{SECTION}.larger": LARGER}
PAID = RECORDED | {f"{SECTION}.larger": LARGER | {"prices": {"prompt": 1}}}


def row(
    a: Any, b: Any, output: Output, shown: str | None = None, beside: dict[str, Any] = ASKED
) -> Effect:
    return Effect((a, b), output, shown, beside)


LARGER_MODEL = {
    "url": row(URL, f"http://{PORT}/other/v1", asked, "paths"),
    "model": row("base", "two", asked, "models"),
    "key_variable": row(None, "INCUMBENT_ACTOR", asked, "keys"),
    "prices": row({}, {"answer": 10}, compared, "money"),
    "prices.prompt": row(0, 3, compared, "money"),
    "prices.answer": row(0, 10, compared, "money", PAID),
    # Nobody knows how long another one's machine worked: then there is no price.
    "prices.hour": row(0, 2, compared, "money", PAID),
}
EFFECTS: dict[str, Effect] = {
    SECTION: row({}, {"shots": [5]}, compared, "systems", RECORDED),
    f"{SECTION}.shots": row([], [5], compared, "systems", RECORDED),
    f"{SECTION}.larger": row(None, LARGER, compared, "systems", RECORDED),
    **{f"{SECTION}.larger.{name}": effect for name, effect in LARGER_MODEL.items()},
}
