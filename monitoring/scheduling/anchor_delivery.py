"""An anchor, brought to its place: a file, a tag of git or a webhook."""

from project.canonical import canonical_json
from project.errors import IncumbentError, InputError
from project.settings import load
from registry.chain_anchor import Anchor, is_webhook, keep_anchor


def deliver_anchor(anchor: Anchor, place: str) -> str:
    """Bring an anchor to its place, and say where that is, without the secrets of an address.

    Raises InputError for a place that is none, IncumbentError when the anchor did not arrive.
    """
    return post_anchor(anchor, place) if is_webhook(place) else keep_anchor(anchor, place)


def post_anchor(anchor: Anchor, address: str) -> str:
    """Send an anchor to a webhook, under the rules of `monitoring.notices`; returns its host."""
    # The client comes with an extra, and an anchor in a file or a tag does without it.
    from monitoring.scheduling.notice_delivery import SECONDS, NoticeParams
    from monitoring.scheduling.webhook import UndeliveredError, post

    rules = load(NoticeParams)
    try:
        url = rules.allowed(address)
    except ValueError as error:
        problem = f"the webhook's address {error}"
        raise InputError(f"{problem}: --to names it, or registry.anchor") from None
    # Slack shows the text and passes over the rest.
    line = anchor.canonical().decode()
    body = canonical_json(anchor.model_dump(mode="json") | {"text": line})
    private, timeout = rules.allow_private, SECONDS
    try:
        post(url, body, anchor.digest, allow_private=private, timeout=timeout)
    except UndeliveredError as error:
        next_one = "the next `incumbent registry anchor` sends a new one"
        raise IncumbentError(f"the anchor did not arrive: {error}; {next_one}") from None
    return f"what {url.host} received"
