"""How a tenant tells buyers: SMS provider, channels, own texts, previews and tests."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from cardcourier.domain.sms import PROVIDERS, RULES, SEALED_AS_SMS, SEALED_AS_TEST, SmsSettings
from cardcourier.domain.wording import Wording, check_parts
from cardcourier.errors import Refused
from cardcourier.services.handling_orders import DAY, TooMany

TESTS_A_DAY = 20

NEEDED: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "sns": (),
    "aliyun": ("sign_name", "key_id", "secret"),
    "tencent": ("sign_name", "key_id", "secret", "app_id"),
}


class Settings(Protocol):
    def sms(self, tenant: str) -> SmsSettings: ...
    def save_sms(self, settings: SmsSettings, now: int, by: str) -> None: ...
    def wording(self, tenant: str, channel: str, kind: str, language: str) -> Wording: ...
    def wordings(self, tenant: str) -> list[Wording]: ...
    def save_wording(self, wording: Wording, now: int, by: str) -> None: ...


class Sealer(Protocol):
    def seal(self, tenant: str, shop: str, secret: str) -> bytes: ...


class Deliveries(Protocol):
    def test(self, asked: Mapping[str, str]) -> None: ...


class Limits(Protocol):
    def allow(self, action: str, who: str, most: int, window: int, now: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class TellingDesk:
    """Settings of one tenant at a time. `sns` says whether this deployment may send by SNS."""

    settings: Settings
    sealer: Sealer
    deliveries: Deliveries
    limits: Limits
    known_region: Callable[[str], bool]
    sns: bool
    clock: Callable[[], int]

    def set_sms(self, seen: SmsSettings, wanted: SmsSettings, secret: str | None, by: str) -> SmsSettings:
        """Without `secret` the one that is kept stays, for the same provider and key.

        Raises Refused, Conflict.
        """
        same = (seen.provider, seen.key_id) == (wanted.provider, wanted.key_id)
        kept = seen.secret if same else b""
        sealed = self.sealer.seal(seen.tenant, SEALED_AS_SMS, secret) if secret else kept
        whole = replace(wanted, tenant=seen.tenant, secret=sealed, ver=seen.ver)
        self._check(whole)
        self.settings.save_sms(whole, self.clock(), by)
        return replace(whole, ver=seen.ver + 1)

    def word(self, seen: Wording, parts: Mapping[str, str], by: str) -> Wording:
        """Own texts instead of ours; no parts bring ours back. Raises Refused, Conflict."""
        check_parts(seen.channel, parts)
        wanted = replace(seen, parts=dict(parts))
        self.settings.save_wording(wanted, self.clock(), by)
        return replace(wanted, ver=seen.ver + 1)

    def ask_test(self, tenant: str, channel: str, kind: str, language: str, to: str) -> None:
        """Have a sample sent to an address of one's own. Raises TooMany."""
        if not self.limits.allow("test", tenant, TESTS_A_DAY, DAY, self.clock()):
            raise TooMany(f"The limit of {TESTS_A_DAY} tests a day is reached; try again tomorrow (UTC).")
        sealed = b64encode(self.sealer.seal(tenant, SEALED_AS_TEST, to)).decode()
        asked = {"tenant": tenant, "channel": channel, "of": kind, "language": language, "to": sealed}
        self.deliveries.test(asked)

    def _check(self, settings: SmsSettings) -> None:
        if settings.provider not in PROVIDERS:
            raise Refused("bad_provider", f"provider must be one of {', '.join(PROVIDERS)}.")
        if settings.rule not in RULES:
            raise Refused("bad_rule", f"rule must be one of {', '.join(RULES)}.")
        if settings.provider == "sns" and not self.sns:
            raise Refused("bad_provider", "This deployment does not send by SNS; choose another provider.")
        missing = [name for name in NEEDED[settings.provider] if not getattr(settings, name)]
        if missing:
            raise Refused("missing_setting", f"{settings.provider} needs {', '.join(missing)}.")
        if not self.known_region(settings.default_region):
            raise Refused("bad_region", "default_region must be a country of ISO 3166, for example CN.")
