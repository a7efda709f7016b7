"""The sealed journal as it lies in the object store, read without the tables."""

from collections.abc import Iterator
from dataclasses import dataclass

from cardcourier.adapters.objects import Objects
from cardcourier.domain.segments import Manifest, SealState, seq_of


@dataclass(frozen=True, slots=True)
class SealedSegments:
    """All tenants' segments in one bucket."""

    objects: Objects
    bucket: str

    def beyond(self, tenant: str, state: SealState) -> Iterator[bytes]:
        """The published manifests behind `state`, in the order of the chain.

        Every key is looked at: a supplement lies under the day of its lines, which may be long ago.
        """
        found = {seq_of(key): key for key in self.objects.keys(self.bucket, f"seals/{tenant}/")}
        for seq in sorted(seq for seq in found if seq is not None and seq > state.seq):
            body = self.objects.get(self.bucket, found[seq])
            if body is not None:
                yield body

    def segment(self, manifest: Manifest) -> bytes | None:
        return self.objects.get(self.bucket, manifest.segment_key)
