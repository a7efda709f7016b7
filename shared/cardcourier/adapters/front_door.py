"""Our own front door, as a shop sees it: signed notifications of the protocol `standard`, over HTTP."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError, TimeoutError

from cardcourier.adapters.channels.standard import sign

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """Posts to this deployment's public address, once: a repeat would hide what a shop meets."""

    base_url: Callable[[], str]
    agent: str
    clock: Callable[[], int]
    pool: PoolManager = field(default_factory=PoolManager)

    def tell(self, shop: str, secret: str, message_id: str, event: Mapping[str, Any]) -> str:
        """Returns nothing when it was taken, else how the door failed."""
        body, at = json.dumps(event).encode(), self.clock() // 1000
        headers = {
            "content-type": "application/json",
            "user-agent": self.agent,
            "webhook-id": message_id,
            "webhook-timestamp": str(at),
            "webhook-signature": sign(secret, message_id, at, body),
        }
        try:
            answer = self.pool.request(
                "POST",
                f"{self.base_url()}/webhooks/standard/{shop}",
                body=body,
                headers=headers,
                timeout=Timeout(connect=CONNECT_SECONDS, total=TOTAL_SECONDS),
                retries=False,
                redirect=False,
            )
        except TimeoutError:
            return "front_door: no answer in time"
        except HTTPError:
            return "front_door: no connection"
        return "" if answer.status == 200 else f"front_door: answered {answer.status}"
