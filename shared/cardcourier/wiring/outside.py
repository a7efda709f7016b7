"""Queues, objects, and those who carry messages to buyers."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from cardcourier.clock import now_ms
from cardcourier.wiring.clients import client, settings
from cardcourier.wiring.secrets import contacts, shop_secrets
from cardcourier.wiring.tables import catalogue

if TYPE_CHECKING:
    from cardcourier.adapters.notifiers import Login
    from cardcourier.adapters.objects import Objects
    from cardcourier.adapters.post import BuyersPost
    from cardcourier.adapters.queues import DeliveryQueue, OrdersQueue, OutboundQueue, Queue
    from cardcourier.adapters.samples import Samples
    from cardcourier.domain.mail import Notifier
    from cardcourier.domain.sms import SmsSender, SmsSettings


@cache
def queue(url: str) -> Queue:
    from cardcourier.adapters.queues import Queue

    return Queue(client("sqs"), url)


@cache
def orders_queue() -> OrdersQueue:
    from cardcourier.adapters.queues import OrdersQueue

    return OrdersQueue(queue(settings().orders_queue))


@cache
def delivery_queue() -> DeliveryQueue:
    from cardcourier.adapters.queues import DeliveryQueue

    return DeliveryQueue(queue(settings().delivery_queue))


@cache
def outbound_queue() -> OutboundQueue:
    from cardcourier.adapters.queues import OutboundQueue

    return OutboundQueue(queue(settings().outbound_queue))


@cache
def objects() -> Objects:
    from cardcourier.adapters.objects import Objects

    return Objects(client("s3"))


@cache
def notifier() -> Notifier:
    from cardcourier.adapters.notifiers import make_notifier

    now = settings()
    return make_notifier(
        now.mail_transport,
        now.mail_from,
        ses_client=lambda: client("sesv2"),
        smtp_host=now.smtp_host,
        smtp_port=now.smtp_port,
        smtp_login=_smtp_login,
    )


def _smtp_login() -> Login | None:
    from cardcourier.adapters.notifiers import Login

    if not settings().smtp_secret:
        return None
    secret = client("secretsmanager").get_secret_value(SecretId=settings().smtp_secret)
    return Login.from_secret(secret["SecretString"])


@cache
def post() -> BuyersPost:
    from cardcourier.adapters.post import BuyersPost

    return BuyersPost(
        contacts=contacts(),
        notifier=notifier,
        sms_sender=sms_sender,
        product=catalogue().product,
        settings=catalogue().sms,
        wording=catalogue().wording,
        site=lambda: settings().link_base_url or settings().public_url,
    )


def sms_sender(chosen: SmsSettings) -> SmsSender:
    """The sender of one tenant."""
    from cardcourier.adapters.sms import make_sender
    from cardcourier.domain.sms import SEALED_AS_SMS

    now = settings()
    return make_sender(
        chosen,
        lambda: shop_secrets().open_one(chosen.tenant, SEALED_AS_SMS, chosen.secret),
        sns_client=lambda: client("sns", now.sms_region or None),
        sns_sender_id=now.sms_sender_id,
        sns_max_price=now.sms_max_price,
    )


@cache
def samples() -> Samples:
    from cardcourier.adapters.samples import Samples

    return Samples(post(), shop_secrets(), catalogue().tenant, catalogue().wording, now_ms)
