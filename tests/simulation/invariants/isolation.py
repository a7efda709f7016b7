"""I11: who works for one tenant touches nothing of another."""

from tests.simulation.calls import about
from tests.simulation.ground import TENANTS, shop_of
from tests.simulation.violations import must

NOBODYS = ("R#", "D#", "GATE")
"""Tokens are found without knowing the tenant; timers and the deployment's gate are everybody's."""


def check(strand, call) -> None:
    """Before a call is sent."""
    if strand.tenants is None:
        return
    others = [tenant for tenant in TENANTS if tenant not in strand.tenants]
    for key in about(call):
        for tenant in others:
            foreign = f"#{tenant}#" in f"{key.replace(' ', '#')}#" or shop_of(tenant) in key
            must(not foreign, "I11", strand.name, f"works for {', '.join(strand.tenants)}, and touches {key}")
