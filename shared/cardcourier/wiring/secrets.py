"""Keys, and what seals, opens, derives and finds by them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from cardcourier.clock import now_ms
from cardcourier.wiring.clients import client, settings
from cardcourier.wiring.tables import main_table, table, tokens

if TYPE_CHECKING:
    from cardcourier.adapters.buyer_links import BuyerLinks
    from cardcourier.adapters.keyring import Contacts, Fingerprints, KeyRing, Links
    from cardcourier.adapters.kms import KeyService
    from cardcourier.adapters.outbound_signing import EndpointSecrets
    from cardcourier.adapters.shop_secrets import ShopSecrets
    from cardcourier.adapters.unread import UnreadTable
    from cardcourier.adapters.vault import Vault


@cache
def unread() -> UnreadTable:
    from cardcourier.adapters.unread import UnreadTable

    return UnreadTable(main_table(), contacts(), now_ms)


@cache
def key_service() -> KeyService:
    from cardcourier.adapters.kms import KeyService

    return KeyService(client("kms"), settings().kms_key)


@cache
def key_ring() -> KeyRing:
    from cardcourier.adapters.keyring import KeyRing
    from cardcourier.adapters.tables.data_keys import DataKeysTable

    return KeyRing(key_service(), DataKeysTable(main_table()), now_ms)


@cache
def fingerprints() -> Fingerprints:
    from cardcourier.adapters.keyring import Fingerprints

    return Fingerprints(key_ring())


@cache
def contacts() -> Contacts:
    from cardcourier.adapters.keyring import Contacts

    return Contacts(key_ring())


@cache
def links() -> Links:
    from cardcourier.adapters.keyring import Links

    return Links(key_ring())


@cache
def buyer_links() -> BuyerLinks:
    from cardcourier.adapters.buyer_links import BuyerLinks

    return BuyerLinks(links(), tokens(), lambda: settings().link_base_url or settings().public_url)


@cache
def mailed_links() -> BuyerLinks:
    """As `buyer_links`, for the one function that may open contacts."""
    return replace(buyer_links(), contacts=contacts())


@cache
def shop_secrets() -> ShopSecrets:
    from cardcourier.adapters.shop_secrets import ShopSecrets

    return ShopSecrets(key_service(), now_ms)


@cache
def endpoint_secrets() -> EndpointSecrets:
    from cardcourier.adapters.outbound_signing import EndpointSecrets

    return EndpointSecrets(shop_secrets())


@cache
def vault() -> Vault:
    from cardcourier.adapters.vault import Vault

    return Vault(table(settings().vault_table), key_ring())
