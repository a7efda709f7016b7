"""Jobs over many orders, and the parts that hold them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.catalogue import JobDocuments, job_key
from cardcourier.adapters.tables.keys import Key
from cardcourier.domain.bulk import BulkPart
from cardcourier.domain.catalogue import Job


@dataclass(frozen=True, slots=True)
class BulkTable(JobDocuments):
    def add(self, job: Job, parts: Sequence[BulkPart], now: int) -> None:
        """The job with all its parts, or nothing. Raises Conflict when it is there."""
        homes = [(_part_key(part.tenant, part.job, part.n), part) for part in parts]
        self.catalogue.put_new([(job_key(job.tenant, job.id), job), *homes], now, job.by)

    def part(self, tenant: str, job: str, n: int) -> BulkPart:
        """Raises NotFound."""
        return self.catalogue.need(BulkPart, _part_key(tenant, job, n))

    def change_part(self, part: BulkPart, now: int, by: str) -> BulkPart:
        """Provided that nobody changed it since; raises Conflict."""
        self.catalogue.change(_part_key(part.tenant, part.job, part.n), part, part.ver, now, by)
        return replace(part, ver=part.ver + 1)


def _part_key(tenant: str, job: str, n: int) -> Key:
    return keys.catalogue(tenant), f"BULK#{job}#{n:03d}"
