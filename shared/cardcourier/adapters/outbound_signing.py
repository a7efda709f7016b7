"""Signs what we tell others, as we check what others tell us: Standard Webhooks v1."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cardcourier.adapters.channels.standard import sign
from cardcourier.adapters.shop_secrets import ShopSecrets
from cardcourier.domain.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class EndpointSecrets:
    """Secrets of endpoints; sealed apart from those of shops, so that neither can stand for the other."""

    secrets: ShopSecrets

    def seal(self, tenant: str, endpoint: str, secret: str) -> bytes:
        return self.secrets.seal(tenant, _place(endpoint), secret)

    def open(self, endpoint: Endpoint) -> Sequence[str]:
        """Every secret that signs now. Raises Unavailable when the key service is away."""
        return self.secrets.open(replace(endpoint, id=_place(endpoint.id)))


def signed_headers(secrets: Sequence[str], event: str, now: int, body: bytes) -> dict[str, str]:
    """Headers of one attempt; `now` in epoch ms. A signature for each secret, any of which is enough."""
    at = now // 1000
    return {
        "content-type": "application/json",
        "webhook-id": event,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(sign(secret, event, at, body) for secret in secrets),
    }


def _place(endpoint: str) -> str:
    return f"endpoint/{endpoint}"
