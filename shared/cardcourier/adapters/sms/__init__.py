"""Those who carry an SMS to a buyer: one module per provider, chosen by the name in the tenant's settings."""

from collections.abc import Callable
from typing import Any

from cardcourier.adapters.sms import aliyun, tencent
from cardcourier.adapters.sms.http import Http
from cardcourier.adapters.sms.sns import SnsSender
from cardcourier.domain.sms import SmsRefused, SmsSender, SmsSettings

__all__ = ["make_sender"]


def make_sender(
    settings: SmsSettings,
    secret: Callable[[], str],
    *,
    sns_client: Callable[[], Any],
    sns_sender_id: str = "",
    sns_max_price: str = "",
) -> SmsSender:
    """The sender of a tenant. The secret and the client of SNS are asked for only if they are needed.

    Raises SmsRefused when the tenant has none.
    """
    match settings.provider:
        case "aliyun":
            return aliyun.AliyunSender(
                http=Http(aliyun.BASE),
                key_id=settings.key_id,
                secret=secret(),
                sign_name=settings.sign_name,
                templates=settings.templates,
            )
        case "tencent":
            return tencent.TencentSender(
                http=Http(tencent.BASE),
                secret_id=settings.key_id,
                secret_key=secret(),
                app_id=settings.app_id,
                sign_name=settings.sign_name,
                region=settings.region,
                templates=settings.templates,
            )
        case "sns":
            return SnsSender(sns_client(), sns_sender_id, sns_max_price)
    raise SmsRefused("SMS is switched off for this tenant.", reason="sms_off")
