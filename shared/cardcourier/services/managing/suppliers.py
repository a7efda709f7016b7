"""Suppliers, the papers that allow to sell their cards, and their batches."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cardcourier.domain.catalogue import Batch, check_id
from cardcourier.domain.kept import Kept
from cardcourier.domain.money import currency_code
from cardcourier.domain.suppliers import Supplier
from cardcourier.errors import Refused

MOST_DOCUMENT = 20_971_520
UPLOAD_SECONDS = 900
LINK_SECONDS = 300
PLACE = "authorisations"


class Suppliers(Protocol):
    def add_supplier(self, supplier: Supplier, now: int, by: str) -> None: ...
    def change_supplier(self, supplier: Supplier, seen_ver: int, now: int, by: str) -> None: ...
    def change_batch(self, batch: Batch, seen_ver: int, now: int, by: str) -> None: ...


class Files(Protocol):
    def upload_form(self, key: str, most_bytes: int, seconds: int) -> Mapping[str, Any]: ...
    def link(self, key: str, file_name: str, seconds: int) -> str: ...


@dataclass(frozen=True, slots=True)
class SuppliersDesk:
    """Adds and changes suppliers, and what people say of their batches."""

    suppliers: Suppliers
    files: Files
    clock: Callable[[], int]

    def add(self, supplier: Supplier, by: str) -> None:
        """Raises Refused, or Conflict when there is one with this id."""
        check_id(supplier.id, "id")
        self._check(supplier)
        self.suppliers.add_supplier(supplier, self.clock(), by)

    def change(self, supplier: Supplier, seen_ver: int, by: str) -> None:
        """Raises Refused, Conflict."""
        self._check(supplier)
        self.suppliers.change_supplier(supplier, seen_ver, self.clock(), by)

    def upload(self, kept: Kept[Supplier], name: str, sha256: str, act: str, by: str) -> Mapping[str, Any]:
        """A form with which a copy of the authorisation is uploaded; raises Conflict.

        The copy before it stays where it is. A repeat of `act` gives the same place.
        """
        supplier = kept.thing
        key = f"{PLACE}/{supplier.tenant}/{supplier.id}/{act}"
        if supplier.document_key != key:
            named = replace(supplier, document_key=key, document_name=name, document_sha256=sha256)
            self.suppliers.change_supplier(named, kept.ver, self.clock(), by)
        return self.files.upload_form(key, MOST_DOCUMENT, UPLOAD_SECONDS)

    def document_link(self, supplier: Supplier) -> str | None:
        """A link of five minutes to the copy of the authorisation, if one was uploaded."""
        if not supplier.document_key:
            return None
        return self.files.link(supplier.document_key, supplier.document_name, LINK_SECONDS)

    def change_batch(self, batch: Batch, seen_ver: int, by: str) -> None:
        """Raises Conflict."""
        self.suppliers.change_batch(batch, seen_ver, self.clock(), by)

    def _check(self, supplier: Supplier) -> None:
        currency_code(supplier.currency)
        if not supplier.name.strip():
            raise Refused("bad_name", "A supplier needs a name.")
