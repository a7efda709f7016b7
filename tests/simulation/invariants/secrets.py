"""I10: nothing plain outside of the vault and the answer to a buyer; and no nonce is used twice under one
key.
"""

from tests.simulation.ground import BUYER, PLAIN
from tests.simulation.violations import must

NONCE = slice(1, 13)


class Secrets:
    def __init__(self, tokens: set[str]) -> None:
        self.tokens = tokens
        self.nonces: set[tuple[str, bytes]] = set()

    def of_vault(self, change) -> None:
        batch = f"{change.new['t']['S']}/{change.new['batch']['S']}"
        self._once(batch, change.new["sealed"]["B"])

    def of_header(self, change) -> None:
        if (
            change.new is not None
            and "contact" in change.new
            and (change.old is None or "contact" not in change.old)
        ):
            key, _, sealed = change.new["contact"]["B"].partition(b"|")
            self._once(f"{change.key[0].split('#')[1]}/{key.decode()}", sealed)

    def _once(self, key: str, sealed: bytes) -> None:
        used = key, bytes(sealed[NONCE])
        must(used not in self.nonces, "I10", key, "a nonce was used twice under this key")
        self.nonces.add(used)

    def read(self, where: str, told: str) -> None:
        """A text that leaves the process: a message, a reason, an error."""
        must(PLAIN not in told, "I10", where, "a plain code")
        must(BUYER not in told, "I10", where, "a buyer's address")

    def check_all(self, tables: dict) -> None:
        """Everything that is kept."""
        for table, items in tables.items():
            told = repr(items)
            self.read(table, told)
            for token in self.tokens:
                must(token not in told, "I10", table, "a buyer's token")
