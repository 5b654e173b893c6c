"""GET /v1/models: the names that are answered now."""

from typing import Any

from starlette.types import Receive, Scope, Send

from serving.exchange import Deployment
from serving.openai_api.gateway import Gateway, models, not_found
from serving.openai_api.request_middleware import send_json


class ModelList:
    """Both endpoints, as ASGI has them: the list, and one of it."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = models(self.gateway)
        name = scope["path_params"].get("model")
        if name is None:
            shown = [card(known, deployment) for known, deployment in found.items()]
            await send_json(send, {"object": "list", "data": shown})
        elif name in found:
            await send_json(send, card(name, found[name]))
        else:
            raise not_found(name)


def card(name: str, deployment: Deployment) -> dict[str, Any]:
    """`created` is OpenAI's; when a version was made stands in the registry."""
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "incumbent",
        "root": deployment.name,
        "parent": deployment.contestant.base.name,
    }
