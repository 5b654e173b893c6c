"""Servers that load adapters while they run."""

from pathlib import Path

import httpx2

from evaluation.generation.backends.backend import BackendError, Engine, Names
from evaluation.generation.backends.openai_server import OpenAIServer
from project.untrusted_input import shortened

NOT_FOUND = 404
LONGEST_PATH = 4096  # characters of a base's name, which may be a path
NO_SUCH_PATH = "Not Found"  # how FastAPI says it, on which both vLLM and SGLang stand


class AdapterServer(OpenAIServer):
    """A server that loads and unloads adapters, by two paths of its own."""

    load_path: str
    unload_path: str
    version_path: str
    allows_loading: str  # what makes such a server load adapters

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 120.0,
        adapters: tuple[Path, Path] | None = None,
    ) -> None:
        """`adapters`: a folder as this machine sees it, and as the replica does."""
        super().__init__(url, key=key, timeout=timeout)
        self.adapters = adapters

    async def names(self) -> Names:
        """An adapter names its parent, which the base has not."""
        cards = await self.models()
        base = base_of(cards)
        if base is None:
            raise self.bad("lists no base model")
        loaded = frozenset(str(card["id"]) for card in cards if card.get("parent"))
        return Names(base=str(base["id"]), adapters=loaded)

    async def load(self, name: str, adapter: Path) -> None:
        body = {"lora_name": name, "lora_path": str(self.seen(adapter))}
        try:
            await self.read("POST", httpx2.URL(f"{self.root}{self.load_path}"), body)
        except BackendError as error:
            if error.status == NOT_FOUND and str(error) == NO_SUCH_PATH:
                raise self.loads_none() from None
            if name not in (await self.names()).adapters:  # else it is there already
                raise

    async def unload(self, name: str) -> None:
        if name in (await self.names()).adapters:
            url = httpx2.URL(f"{self.root}{self.unload_path}")
            try:
                await self.read("POST", url, {"lora_name": name})
            except BackendError:
                if name in (await self.names()).adapters:  # else another one unloaded it
                    raise

    async def engine(self) -> Engine:
        """With the base as the server's machine has it: a path or a Hub id, else its name."""
        base = base_of(await self.models()) or {}
        version = (await self.get(f"{self.root}{self.version_path}")).get("version")
        model = base.get("root") or base.get("id")
        return Engine(
            name=self.engine_name,
            version=shortened(version) if isinstance(version, str) else None,
            model=shortened(model, LONGEST_PATH) if isinstance(model, str) else None,
        )

    def seen(self, adapter: Path) -> Path:
        """The folder as the replica sees it."""
        here = adapter.resolve()
        if self.adapters is None:
            return here
        ours, theirs = self.adapters
        if not here.is_relative_to(ours.resolve()):
            raise BackendError(400, f"{adapter} lies outside of {ours}, which the replica sees")
        return theirs / here.relative_to(ours.resolve())

    def loads_none(self) -> BackendError:
        return BackendError(
            501, f"{self.replica} does not load adapters while it runs; {self.allows_loading}"
        )


def base_of(cards: list[dict[str, object]]) -> dict[str, object] | None:
    """The model without a parent, among those that a server lists."""
    return next((card for card in cards if not card.get("parent")), None)
