"""What the deployment tells a function, read once and in one place."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Names and choices made outside of the code. No secret is among them, only where secrets lie."""

    stage: str
    main_table: str
    vault_table: str
    journal_table: str
    views_table: str
    orders_queue: str
    delivery_queue: str
    import_queue: str
    report_queue: str
    outbound_queue: str
    bulk_queue: str
    kms_key: str
    import_bucket: str
    report_bucket: str
    seal_bucket: str
    public_url: str
    link_base_url: str
    bootstrap_secret: str
    mail_transport: str
    mail_from: str
    smtp_host: str
    smtp_port: int
    smtp_secret: str
    api_limits: str
    oidc_issuers: str
    sms_transport: str
    sms_region: str
    sms_sender_id: str
    sms_max_price: str

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> Self:
        """A missing name fails the start, not the thousandth request."""
        env = os.environ if environ is None else environ
        return cls(
            stage=env["STAGE"],
            main_table=env["MAIN_TABLE"],
            vault_table=env["VAULT_TABLE"],
            journal_table=env["JOURNAL_TABLE"],
            views_table=env["VIEWS_TABLE"],
            orders_queue=env["ORDERS_QUEUE_URL"],
            delivery_queue=env["DELIVERY_QUEUE_URL"],
            import_queue=env["IMPORT_QUEUE_URL"],
            report_queue=env["REPORT_QUEUE_URL"],
            outbound_queue=env["OUTBOUND_QUEUE_URL"],
            bulk_queue=env["BULK_QUEUE_URL"],
            kms_key=env["KMS_KEY_ID"],
            import_bucket=env["IMPORT_BUCKET"],
            report_bucket=env["REPORT_BUCKET"],
            seal_bucket=env["SEAL_BUCKET"],
            public_url=env.get("PUBLIC_URL", "").rstrip("/"),
            link_base_url=env.get("LINK_BASE_URL", "").rstrip("/"),
            bootstrap_secret=env.get("BOOTSTRAP_SECRET_ID", ""),
            mail_transport=env.get("MAIL_TRANSPORT", "none"),
            mail_from=env.get("MAIL_FROM", ""),
            smtp_host=env.get("SMTP_HOST", ""),
            smtp_port=int(env.get("SMTP_PORT") or "587"),
            smtp_secret=env.get("SMTP_SECRET_ID", ""),
            api_limits=env.get("API_LIMITS", ""),
            oidc_issuers=env.get("OIDC_ISSUERS", ""),
            sms_transport=env.get("SMS_TRANSPORT", "none"),
            sms_region=env.get("SMS_REGION", ""),
            sms_sender_id=env.get("SMS_SENDER_ID", ""),
            sms_max_price=env.get("SMS_MAX_PRICE", ""),
        )
