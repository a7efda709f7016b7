"""What every other part is made from: settings, clients, tables by name, logger and metrics."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from cardcourier import VERSION
from cardcourier.settings import Settings

logger = Logger()
metrics = Metrics()
# A call that counted nothing is no event: a page that was looked at, a sweep that found nothing.
warnings.filterwarnings("ignore", message="No application metrics to publish")

CONNECT_SECONDS = 1
READ_SECONDS = 3
ATTEMPTS = 3
CONNECTIONS = 32


@cache
def settings() -> Settings:
    return Settings.read()


@cache
def client(service: str, region: str | None = None) -> Any:
    """One client per service and region, with short time limits, few attempts and room for the threads."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
        region_name=region,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=CONNECTIONS,
            parameter_validation=False,
            # Told once: botocore's own text is put together anew for every request.
            user_agent=f"cardcourier/{VERSION}",
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            signature_version="s3v4" if service == "s3" else None,
        ),
    )
