"""The merchant's side of the story: the API, as a shop's own system would use it."""

import time
from dataclasses import dataclass
from typing import Any

import httpx

from local.demo.teller import Trouble


@dataclass(slots=True)
class Merchant:
    """Calls `/v1` with one key."""

    client: httpx.Client
    key: str = ""

    def bootstrap(self, secret: str, tenant: dict[str, Any]) -> None:
        """Create the tenant and keep its owner's key, in memory only."""
        made = self._call("POST", "/v1/bootstrap", {"tenant": tenant}, {"X-Bootstrap-Secret": secret})
        self.key = made["key"]["key"]

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self._call("GET", path, query=query)

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._call("POST", path, body or {})

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._call("PUT", path, body)

    def bring_in(self, sku: str, file_name: str, data: bytes, cost: int, **more: Any) -> dict[str, Any]:
        """Upload, preview and commit a card file; the job with its preview's findings."""
        begun = self.post(
            "/v1/imports", {"sku": sku, "file_name": file_name, "cost": cost, "currency": "CNY", **more}
        )
        form = begun["upload"]
        self.client.post(
            form["url"], data=form["fields"], files={"file": (file_name, data)}
        ).raise_for_status()
        place = f"/v1/imports/{begun['id']}"
        self.post(f"{place}/preview")
        preview = self.wait(place, {"previewed", "failed"})
        if preview["state"] == "failed" or preview["blocking"]:
            raise Trouble(f"{file_name}: {preview.get('error') or preview['blocking']}")
        self.post(f"{place}/commit")
        done = self.wait(place, {"committed", "failed"})
        if done["state"] == "failed":
            raise Trouble(f"{file_name}: {done['error']}")
        return done

    def report(self, name: str, day: str, next_day: str, file_format: str) -> dict[str, Any]:
        """Order a report of one day and wait for it."""
        job = self.post("/v1/reports", {"report": name, "from": day, "to": next_day, "format": file_format})
        return self.wait(f"/v1/reports/{job['id']}", {"done", "failed"})

    def wait(self, path: str, states: set[str], seconds: float = 60) -> dict[str, Any]:
        """Ask until the thing at `path` is in one of the states. Raises Trouble when it takes too long."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.get(path)
            if found.get("state", found.get("status")) in states:
                return found
            if time.monotonic() > deadline:
                raise Trouble(f"{path} is still {found.get('state', found.get('status'))}")
            time.sleep(0.1)

    def stock(self) -> dict[str, int]:
        return {item["sku"]: item["available"] for item in self.get("/v1/stock")["items"]}

    def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        given = {**(headers or {}), **({"Authorization": f"Bearer {self.key}"} if self.key else {})}
        answer = self.client.request(method, path, json=body, headers=given, params=query)
        if answer.is_error:
            raise Trouble(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        return found
