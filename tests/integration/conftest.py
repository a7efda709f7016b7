"""Engines and clouds for the tests of this room.

engine_endpoint       the table engine, one for the whole run
each_engine_endpoint  the same test once on each of the two table engines
tables                the template's tables, fresh for one test, and the environment that leads to them
cloud                 the whole local cloud on the real template, one for the whole run
"""

import os
import uuid
from pathlib import Path

import pytest

from local.cloud import Cloud
from local.engines import CREDENTIALS, ROOT, client, create_tables, table_engine
from local.template import REGION, Template


def pytest_configure():
    """Whoever runs the tests may have an AWS account: no test must reach it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    os.environ.update({**CREDENTIALS, **nowhere, "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION})
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


@pytest.fixture(scope="session")
def engine_endpoint():
    with table_engine("dynoxide") as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def second_engine_endpoint():
    with table_engine("ministack") as endpoint:
        yield endpoint


@pytest.fixture(params=["dynoxide", "ministack"])
def each_engine_endpoint(request):
    names = {"dynoxide": "engine_endpoint", "ministack": "second_engine_endpoint"}
    return request.getfixturevalue(names[request.param])


@pytest.fixture(scope="session")
def real_template():
    return Template(ROOT / "template.yaml", {"Stage": "test"})


@pytest.fixture
def tables(engine_endpoint, real_template, monkeypatch):
    return fresh_tables(engine_endpoint, real_template, monkeypatch)


@pytest.fixture
def each_engine_tables(each_engine_endpoint, real_template, monkeypatch):
    return fresh_tables(each_engine_endpoint, real_template, monkeypatch)


def fresh_tables(endpoint, template, monkeypatch):
    """New tables, names by logical id; MAIN_TABLE, VAULT_TABLE and so on in the environment name them."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", endpoint)
    names = create_tables(client("dynamodb", endpoint), template, prefix=f"t{uuid.uuid4().hex[:8]}-")
    for logical, name in names.items():
        monkeypatch.setenv(f"{logical.removesuffix('Table').upper()}_TABLE", name)
    return names


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    with Cloud(Path(tmp_path_factory.mktemp("cloud")) / "data", quiet=True) as running:
        yield running
