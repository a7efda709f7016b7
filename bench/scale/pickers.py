"""Pickers that are not ours: the model must be seen to punish them."""

from cardcourier.domain.hints import Hints
from cardcourier.domain.protocol import Pool
from cardcourier.domain.stock import Marker
from cardcourier.services.picking import PAGE, Picker


class FirstCard(Picker):
    """Takes the first card there is, as a queue would."""

    def _from_page(self, pool: Pool, now: int) -> Marker | None:
        page = self._first(pool, 1)
        return page[0] if page else None

    def _first(self, pool: Pool, limit: int) -> list[Marker]:
        shard = self.random.randrange(pool.shards)
        return self.markers.page(pool, shard, "", "~", limit, consistent=False)


class FirstPage(FirstCard):
    """Takes any card of the first page."""

    def _from_page(self, pool: Pool, now: int) -> Marker | None:
        page = self._first(pool, PAGE)
        return page[self.random.randrange(len(page))] if page else None


class KeepsThePage(Picker):
    """Keeps thin pages as well, and goes on with a page of which a card was gone."""

    def _from_page(self, pool: Pool, now: int) -> Marker | None:
        page = self._read_page(pool, now)
        hints = self._of(pool)
        hints.read_at, hints.markers = now, page
        return hints.draw(now, self.random)

    def _of(self, pool: Pool) -> Hints:
        return self._hints.setdefault(pool, _Kept())


class _Kept(Hints):
    def drop(self) -> None:
        return None


CONTROLS: dict[str, type[Picker]] = {
    "took the first card": FirstCard,
    "took any card of the first page": FirstPage,
    "kept its page when a card was gone": KeepsThePage,
}
