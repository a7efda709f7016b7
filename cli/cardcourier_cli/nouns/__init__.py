"""What is commanded over the API: `cardcourier NOUN VERB`. One module a noun, each named below.

tests/integration/test_cli_covers_api.py holds that every operation of the API has its command.
"""

import typer

from cardcourier_cli.nouns import (
    audit,
    batches,
    bulk,
    buyers,
    canary,
    cards,
    claims,
    endpoints,
    imports,
    keys,
    listings,
    notifications,
    orders,
    products,
    refunds,
    reports,
    shops,
    sms,
    stock,
    supplier_claims,
    suppliers,
    templates,
    tenant,
    todo,
    unread,
    users,
)

NOUNS = {
    "tenant": tenant.tenant,
    "keys": keys.keys,
    "users": users.users,
    "shops": shops.shops,
    "listings": listings.listings,
    "products": products.products,
    "stock": stock.stock,
    "imports": imports.imports,
    "suppliers": suppliers.suppliers,
    "batches": batches.batches,
    "orders": orders.orders,
    "claims": claims.claims,
    "cards": cards.cards,
    "supplier-claims": supplier_claims.supplier_claims,
    "refunds": refunds.refunds,
    "todo": todo.todo,
    "bulk": bulk.bulk,
    "buyers": buyers.buyers,
    "notifications": notifications.notifications,
    "templates": templates.templates,
    "sms": sms.sms,
    "reports": reports.reports,
    "endpoints": endpoints.endpoints,
    "unread": unread.unread,
    "audit": audit.audit,
    "canary": canary.canary,
}


def register(app: typer.Typer) -> None:
    """Give an app every noun."""
    for name, group in NOUNS.items():
        app.add_typer(group, name=name)
