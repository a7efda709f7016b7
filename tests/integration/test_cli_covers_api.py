"""Every operation of the API has its command, and every command is one of an operation or an operator's."""

import json
from pathlib import Path

import typer.main

from cardcourier_cli.main import app, hoisted
from cardcourier_cli.nouns import NOUNS

OPENAPI = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text("utf-8"))

# Operation → the command that does it, or `-` and why there is none.
COMMANDS = {
    "api_keys": "keys list",
    "audit": "audit list",
    "bulk": "bulk list",
    "bulk_cancel": "bulk cancel",
    "bulk_create": "bulk run",
    "bulk_file": "bulk items",
    "bulk_items": "bulk items",
    "bulk_preview": "bulk run",
    "buyers_erase": "buyers erase",
    "buyers_export": "buyers export",
    "buyers_one_wish": "buyers show",
    "cards_one_card": "cards status",
    "cards_redeemed": "cards redeemed",
    "cards_status": "cards status",
    "change_tenant": "tenant change",
    "claims": "claims list",
    "claims_decide_batch": "claims decide",
    "claims_one_claim": "claims show",
    "claims_open_claim": "claims open",
    "claims_refund_claimed": "claims refund",
    "claims_reject_claim": "claims reject",
    "claims_replace_claimed": "claims replace",
    "claims_wait_for_supplier": "claims wait",
    "claims_withdraw_claim": "claims withdraw",
    "content": "products content",
    "gates_drain_product": "products drain",
    "gates_drain_shop": "shops drain",
    "gates_drain_tenant": "tenant drain",
    "gates_pause_product": "products pause",
    "gates_pause_shop": "shops pause",
    "gates_pause_tenant": "tenant pause",
    "gates_resume_product": "products resume",
    "gates_resume_shop": "shops resume",
    "gates_resume_tenant": "tenant resume",
    "imports": "imports list",
    "imports_cancel": "imports cancel",
    "imports_commit": "stock import",
    "imports_create": "stock import",
    "imports_one_import": "imports show",
    "imports_preview": "stock import",
    "imports_undo": "imports undo",
    "keys_make_key": "keys create",
    "keys_one_key": "keys show",
    "keys_revoke_key": "keys revoke",
    "listings": "listings list",
    "listings_forget_listing": "listings forget",
    "listings_map_listing": "listings map",
    "listings_one_listing": "listings show",
    "notifications_failed": "notifications list",
    "notifications_notice": "notifications notice",
    "notifications_of_order": "notifications list",
    "notifications_try_again": "notifications retry",
    "orders": "orders list",
    "orders_approve": "orders approve",
    "orders_cancel": "orders cancel",
    "orders_link": "orders link",
    "orders_note": "orders note",
    "orders_one_order": "orders show",
    "orders_reopen_card": "orders reopen",
    "orders_replace_card": "orders replace",
    "one_bulk": "bulk show",
    "canary": "canary show",
    "canary_switch": "canary on",
    "orders_resend": "orders resend",
    "orders_retry": "orders retry",
    "orders_withdraw_links": "orders withdraw-links",
    "products": "products list",
    "products_add_product": "products add",
    "products_change_product": "products change",
    "products_one_product": "products show",
    "refunds_answer": "refunds answer",
    "refunds_decide": "refunds dispute",
    "reports": "reports list",
    "reports_create": "reports run",
    "reports_one_report": "reports get",
    "search": "orders find",
    "set_content": "products content",
    "shops": "shops list",
    "shops_change_shop": "shops change",
    "shops_connect": "shops add",
    "shops_one_shop": "shops show",
    "shops_rotate": "shops rotate",
    "shop-apis_connect": "shops connect-api",
    "shop-apis_connection": "shops api",
    "shop-apis_disconnect": "shops disconnect-api",
    "stock": "stock list",
    "stock_batches": "batches list",
    "stock_one_batch": "batches show",
    "tenant": "tenant show",
    "tenant_bootstrap": "tenant bootstrap",
    "tenant_health": "tenant health",
    "tenant_me": "keys whoami",
    "stock_change_batch": "batches change",
    "supplier-claims_answered": "supplier-claims answered",
    "supplier-claims_credited": "supplier-claims credited",
    "supplier-claims_draft": "supplier-claims draft",
    "supplier-claims_drop": "supplier-claims drop",
    "supplier-claims_one_supplier_claim": "supplier-claims show",
    "supplier-claims_sent": "supplier-claims sent",
    "supplier-claims_supplier_claims": "supplier-claims list",
    "supplier-claims_supplier_file": "supplier-claims file",
    "suppliers": "suppliers list",
    "suppliers_add_supplier": "suppliers add",
    "suppliers_change_supplier": "suppliers change",
    "suppliers_one_supplier": "suppliers show",
    "suppliers_upload_document": "suppliers upload",
    "templates": "templates list",
    "templates_one_template": "templates show",
    "templates_preview": "templates preview",
    "templates_reset": "templates reset",
    "templates_set_sms": "sms set",
    "templates_sms": "sms show",
    "templates_test": "templates test",
    "templates_word": "templates change",
    "todo_assign": "todo assign",
    "todo_load": "todo load",
    "todo_settle": "todo settle",
    "todo_snooze": "todo snooze",
    "todo_tasks": "todo list",
    "unread": "unread list",
    "users": "users list",
    "users_change_user": "users change",
    "users_invite": "users invite",
    "users_one_user": "users show",
    "webhook-endpoints_add_endpoint": "endpoints add",
    "webhook-endpoints_change_endpoint": "endpoints change",
    "webhook-endpoints_delete_endpoint": "endpoints delete",
    "webhook-endpoints_one_endpoint": "endpoints show",
    "webhook-endpoints_rotate_secret": "endpoints rotate",
    "webhook-endpoints_webhook_endpoints": "endpoints list",
    "webhook-messages_messages": "endpoints messages",
    "webhook-messages_one_message": "endpoints message",
    "webhook-messages_one_replay": "endpoints replay",
    "webhook-messages_replay": "endpoints replay",
    "webhook-messages_send_again": "endpoints replay",
    "webhook-messages_send_test": "endpoints test",
}
# Commands that lead to an operation another one has in the table.
ALSO = {"products release", "users disable", "canary off"}


def commands():
    """Every `noun verb`, those of operators left out."""
    root = typer.main.get_command(app)
    return {f"{noun} {verb}" for noun in NOUNS for verb in root.commands[noun].commands}


def operations():
    return {operation["operationId"] for path in OPENAPI["paths"].values() for operation in path.values()}


def test_every_operation_has_a_command():
    assert operations() - COMMANDS.keys() == set(), "name their commands, or why there is none"


def test_the_table_names_nothing_that_is_gone():
    assert COMMANDS.keys() - operations() == set()


def test_every_command_of_the_table_is_there_and_no_other():
    named = {command for command in COMMANDS.values() if not command.startswith("-")} | ALSO
    assert named == commands()


def test_every_command_says_what_it_does():
    root = typer.main.get_command(app)
    for noun, group in root.commands.items():
        assert group.help, noun
        for verb, command in group.commands.items():
            assert command.help, f"{noun} {verb}"
            for option in command.params:
                assert not {"secret", "key_value", "password", "token"} & set(option.opts), (noun, verb)


def test_options_of_every_command_may_stand_anywhere():
    line = ["orders", "list", "--output", "csv", "--status=held", "-q", "--lang=en"]
    assert hoisted(line) == ["--output", "csv", "-q", "--lang=en", "orders", "list", "--status=held"]
    assert hoisted(["orders", "find", "--", "--dry-run"]) == ["orders", "find", "--", "--dry-run"]
