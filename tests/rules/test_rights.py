"""Each function may do what it needs and nothing else; and each rule notices when a right is widened."""

import pytest

from tests.rules import rights as rules
from tests.rules.breaking import allow, arn, cases, drop, kinds, purpose, put, right
from tests.rules.reading import TEXT, load


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_template_keeps_the_rule(rule):
    assert list(rule(load(TEXT))) == []


DATA_KEY, MAIN, VAULT = arn("DataKey"), arn("MainTable"), arn("VaultTable")
ONLY_STRING_LIKE = {"StringLike": {"dynamodb:LeadingKeys": ["O#*"]}}

# Rule → changes it must not let pass.
BREAKS = {
    rules.own_role: [
        drop("ApiFunction", "Role"),
        put("ApiFunction", Role=arn("RedeemRole")),
        put("ApiFunction", Policies=["AmazonDynamoDBFullAccess"]),
        put("ApiRole", ManagedPolicyArns=["arn:x"]),
    ],
    rules.readable_rights: [
        right("api", "QueueImport", Sid=None),
        right("api", "QueueImport", Sid="QueueReport"),
        right("redeem", "ReadOrder", Resource=[MAIN, arn("ViewsTable")]),
    ],
    rules.no_star: [
        right("redeem", "ReadOrder", Action="dynamodb:*"),
        right("redeem", "ReadOrder", Action=["dynamodb:GetItem", "dynamodb:Batch*"]),
        right("redeem", "ReadOrder", Resource="*"),
        right("redeem", "ReadOrder", Resource={"Fn::Sub": "${MainTable.Arn}/index/*"}),
        allow("Delivery", Action="sns:Publish", Resource="*"),
        allow("Delivery", Action=["sns:Publish", "sns:Subscribe"], Resource=rules.NO_TOPIC),
    ],
    rules.no_scan: [
        right("redeem", "ReadOrder", Action=["dynamodb:GetItem", "dynamodb:Scan"]),
        right("redeem", "ReadOrder", Action="dynamodb:PartiQLSelect"),
        right("redeem", "ReadOrder", Action="dynamodb:UpdateTable"),
    ],
    rules.kinds_are_named: [
        right("redeem", "ReadOrder", Condition=None),
        right("redeem", "ReadOrder", Condition=kinds("*")),
        right("redeem", "ReadOrder", Condition=kinds("V#*")),
        right("redeem", "ReadOrder", Condition=ONLY_STRING_LIKE),
        right("release", "ReadTimers", Condition=kinds("O#*")),
        right("release", "ReadTimers", Action="dynamodb:GetItem"),
        right("projection", "PutJournalLines", Resource={"Ref": "JournalTable"}),
    ],
    rules.purposes_are_named: [
        right("redeem", "OpenCardAndLinkKey", Condition=None),
        right("redeem", "OpenCardAndLinkKey", Condition=purpose("all")),
        right("redeem", "OpenCardAndLinkKey", Resource=arn("OtherKey")),
    ],
    rules.openers: [
        right("delivery", "OpenContactAndLinkKey", Condition=purpose("contact", "link", "card")),
        right("redeem", "OpenCardAndLinkKey", Condition=purpose("link")),
        allow("Reports", Action="kms:Decrypt", Resource=DATA_KEY, Condition=purpose("pepper")),
        allow("Api", Action="kms:Decrypt", Resource=DATA_KEY, Condition={}),
    ],
    rules.shops_secrets_are_closed: [
        right("delivery", "OpenSmsSecretAndAddressOfTest", Condition=purpose("secret")),
        right("canary", "OpenCanarySecret", Condition=purpose("secret")),
    ],
    rules.vault_is_closed: [
        allow("Api", Action="dynamodb:GetItem", Resource=VAULT, Condition=kinds("V#*")),
        right("redeem", "ReadSealedCards", Action=["dynamodb:GetItem", "dynamodb:PutItem"]),
        right("inventory", "SealCardsAndFindDuplicates", Action="dynamodb:DeleteItem"),
    ],
    rules.card_files_are_closed: [
        right("api", "SignRejectedRows", Resource={"Fn::Sub": "${ImportBucket.Arn}/*"}),
        allow("Reports", Action="s3:GetObject", Resource={"Fn::Sub": "${ImportBucket.Arn}/*"}),
    ],
    rules.allocation_is_blind: [
        allow("Allocation", Action="dynamodb:GetItem", Resource=VAULT),
        allow("Allocation", Action="kms:Decrypt", Resource=DATA_KEY),
    ],
    rules.orders_stay: [
        right("api", "ForgetListings", Condition=kinds("O#*")),
        right("sealer", "ForgetLateLinesOnceSealed", Condition=kinds("SEAL#*")),
        right("projection", "PutJournalLines", Condition=kinds("J#*", "SEAL#*")),
    ],
    rules.failures_may_be_sent: [
        right("allocation", "TakeMessages", Action="sqs:ReceiveMessage"),
        right("projection", "ReportFailedBatch", Resource=arn("OrdersQueue")),
        right("projection", "ReadTheStream", Action="dynamodb:GetRecords"),
        right("release", "ReportFailedRun", Action="sqs:DeleteMessage"),
    ],
}


def test_every_rule_is_tried():
    assert set(BREAKS) == set(rules.RULES)


@pytest.mark.parametrize(("rule", "change"), **cases(BREAKS))
def test_a_broken_rule_is_noticed(rule, change):
    template = load(TEXT)
    before = set(rule(template))
    change(template)
    assert set(rule(template)) - before
