"""How a tenant tells buyers: his SMS settings and his own texts. What was never set has version 0."""

from dataclasses import dataclass
from typing import TypeVar

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.catalogue import CatalogueTable, sms_key, wording_key
from cardcourier.adapters.tables.keys import Key
from cardcourier.domain.sms import SmsSettings
from cardcourier.domain.wording import Wording

Setting = TypeVar("Setting", SmsSettings, Wording)


@dataclass(frozen=True, slots=True)
class TellingTable:
    """Reads and writes settings; a change names the version it replaces."""

    catalogue: CatalogueTable

    def sms(self, tenant: str) -> SmsSettings:
        return self.catalogue.get(SmsSettings, sms_key(tenant)) or SmsSettings(tenant=tenant)

    def save_sms(self, settings: SmsSettings, now: int, by: str) -> None:
        """Write in place of version `settings.ver`. Raises Conflict."""
        self._save(sms_key(settings.tenant), settings, now, by)

    def wordings(self, tenant: str) -> list[Wording]:
        return self.catalogue.all(Wording, keys.catalogue(tenant), "TEXT#")

    def wording(self, tenant: str, channel: str, kind: str, language: str) -> Wording:
        key = wording_key(tenant, channel, kind, language)
        fresh = Wording(tenant=tenant, channel=channel, kind=kind, language=language)
        return self.catalogue.get(Wording, key) or fresh

    def save_wording(self, wording: Wording, now: int, by: str) -> None:
        """Write in place of version `wording.ver`. Raises Conflict."""
        key = wording_key(wording.tenant, wording.channel, wording.kind, wording.language)
        self._save(key, wording, now, by)

    def _save(self, key: Key, setting: Setting, now: int, by: str) -> None:
        if setting.ver:
            self.catalogue.change(key, setting, setting.ver, now, by)
        else:
            self.catalogue.put_new([(key, setting)], now, by)
