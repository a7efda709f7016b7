"""What a deployment's queues and tables are called: by its stack, or by the environment.

In the environment a table or bucket has the name its functions know (MAIN_TABLE), a queue its address
(ORDERS_QUEUE_URL, ORDERS_DEAD_LETTERS_URL, STREAM_FAILURES_URL).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from cardcourier_cli.endings import Exit, Failed

_WORDS = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Names:
    """Resources by their logical ids in the template."""

    found: Mapping[str, str]

    @classmethod
    def of_stack(cls, stack: str, cloudformation: Any) -> Self:
        """Page by page: a stack has more resources than one answer holds."""
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        items = [item for page in pages for item in page["StackResourceSummaries"]]
        return cls({item["LogicalResourceId"]: item.get("PhysicalResourceId", "") for item in items})

    @classmethod
    def of_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        return cls(dict(os.environ if environ is None else environ))

    def of(self, logical: str) -> str:
        """Empty where nobody said."""
        snake = _WORDS.sub("_", logical).upper()
        url = "" if logical.endswith(("Table", "Bucket")) else "_URL"
        return self.found.get(logical) or self.found.get(f"{snake}{url}", "")

    def need(self, logical: str) -> str:
        """Raises Failed when nobody said."""
        name = self.of(logical)
        if not name:
            raise Failed(f"--stack: {logical}", Exit.USAGE)
        return name
