"""What stands beside a sealed card: which row of which batch it is. The sealed bytes are not asked for."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.writes import Table, unavailable
from cardcourier.domain.card_status import Label


@dataclass(frozen=True, slots=True)
class VaultLabels:
    """Reads of the vault that no right to its secrets is needed for."""

    table: Table

    def find(self, tenant: str, card: str) -> Label | None:
        """Where a card, a use of a shared one or a piece of content came from; None for one we never had."""
        try:
            answer = self.table.client.get_item(
                TableName=self.table.name,
                Key={"pk": {"S": keys.vault(tenant, card)}},
                ConsistentRead=True,
                ProjectionExpression="#batch, #sku, #row, #at",
                ExpressionAttributeNames={f"#{name}": name for name in ("batch", "sku", "row", "at")},
            )
        except (BotoCoreError, ClientError) as error:
            unavailable(error)
        item = answer.get("Item")
        if item is None:
            return None
        return Label(item["batch"]["S"], item["sku"]["S"], int(item["row"]["N"]), int(item["at"]["N"]))
