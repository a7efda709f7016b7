"""The layers carry what the code imports, pinned by hash, and no more of botocore than the adapters use."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib

import botocore
import pytest
from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session

from tests.rules.reading import ROOT, TEXT, functions, load, of_type

LAYERS = {"CoreLayer": "core", "WebLayer": "web", "ReportsLayer": "reports"}
SERVICES = set(re.search(r"^SERVICES := (.+)$", (ROOT / "layers/core/Makefile").read_text(), re.M)[1].split())


def pins(path):
    """Package → version, of one lock file."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", path.read_text(), re.MULTILINE))


def lock(layer):
    return ROOT / "layers" / layer / "requirements.txt"


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


# ---------------------------------------------------------------- locks


@pytest.mark.parametrize("path", [ROOT / "requirements-dev.txt", *map(lock, LAYERS.values())], ids=str)
def test_a_lock_names_versions_and_hashes_and_no_host(path):
    text = path.read_text()
    assert "://" not in text
    for entry in re.split(r"\n(?=\S)", text.strip()):
        assert re.fullmatch(
            r"[a-z0-9-]+==\S+( ; [^\\]+)? ?\\\n(\s+--hash=sha256:[0-9a-f]{64}( \\\n|$))+", entry
        ), entry


@pytest.mark.parametrize("layer", LAYERS.values())
def test_a_layer_ships_what_is_tested(layer):
    tested = pins(ROOT / "requirements-dev.txt")
    assert {name: tested[name] for name in pins(lock(layer))} == pins(lock(layer))


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        ("core", project()["dependencies"]),
        ("web", project()["optional-dependencies"]["web"]),
        ("reports", project()["optional-dependencies"]["reports"]),
    ],
)
def test_the_lock_follows_the_project(layer, wanted):
    assert {name: pins(lock(layer)).get(name) for name in map(name_of, wanted)} == dict(
        requirement.split("==") for requirement in wanted
    )


def name_of(requirement):
    return requirement.split("==")[0]


@pytest.mark.parametrize("layer", ["web", "reports"])
def test_a_layer_does_not_repeat_core(layer):
    assert set(pins(lock(layer))) & set(pins(lock("core"))) == set()


# ---------------------------------------------------------------- how they are built


@pytest.mark.parametrize(("logical", "folder"), [*LAYERS.items(), ("SharedLayer", "../shared")])
def test_a_layer_is_built_by_its_own_makefile_with_bytecode_that_lasts(logical, folder):
    layer = of_type(load(TEXT), "AWS::Serverless::LayerVersion")[logical]
    assert layer["Metadata"] == {"BuildMethod": "makefile", "BuildArchitecture": {"Ref": "Architecture"}}
    makefile = (ROOT / "layers" / folder / "Makefile").read_text()
    assert f"build-{logical}:" in makefile
    assert "--invalidation-mode unchecked-hash" in makefile


@pytest.mark.parametrize("layer", LAYERS.values())
def test_only_wheels_with_known_hashes_go_in(layer):
    makefile = (ROOT / "layers" / layer / "Makefile").read_text()
    assert "--require-hashes --no-deps" in makefile
    assert "--only-binary=:all:" in makefile


def test_every_function_stands_on_core_and_our_own_code():
    assert load(TEXT)["Globals"]["Function"]["Layers"] == [{"Ref": "CoreLayer"}, {"Ref": "SharedLayer"}]


# ---------------------------------------------------------------- botocore, pruned


def clients():
    """The services that our code opens clients for, by the calls `client("…")`."""
    for path in (ROOT / "shared").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if called in ("client", "create_client"):
                    yield node.args[0].value


def test_the_core_layer_keeps_the_services_that_the_code_uses():
    assert set(clients()) == SERVICES


@pytest.fixture
def pruned(tmp_path):
    """botocore's data as the core layer leaves it."""
    data = ROOT.joinpath(botocore.__path__[0], "data")
    for entry in data.iterdir():
        if entry.is_file() or entry.name in SERVICES:
            (tmp_path / entry.name).symlink_to(entry)
    return Loader(extra_search_paths=[str(tmp_path)], include_default_search_paths=False)


@pytest.mark.parametrize("region", ["eu-central-1", "cn-north-1"])
@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_pruned_botocore_makes_the_client(service, region, pruned):
    session = Session()
    session.register_component("data_loader", pruned)
    session.set_credentials("id", "secret")
    client = session.create_client(service, region, config=Config(retries={"mode": "standard"}))
    assert client.meta.region_name == region


# ---------------------------------------------------------------- what the functions import

# Refuses whatever is neither Python's own, ours, nor in one of the function's layers.
CHECK = """
import importlib, importlib.metadata, json, sys
allowed = set(json.loads(sys.argv[2]))
homes = {}
for module, names in importlib.metadata.packages_distributions().items():
    homes[module] = {name.lower().replace("_", "-").replace(".", "-") for name in names}
class Gate:
    def find_spec(self, name, path=None, target=None):
        if "." not in name and homes.get(name, allowed).isdisjoint(allowed) and name != "cardcourier":
            raise ModuleNotFoundError(f"{name} is in none of the function's layers", name=name)
sys.meta_path.insert(0, Gate())
importlib.import_module(sys.argv[1])
"""


def environment(template, own):
    """The function's variables; what is only known when deployed is made up."""
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    variables |= own.get("Environment", {}).get("Variables", {})
    return {
        **{name: value if isinstance(value, str) else "1" for name, value in variables.items()},
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }


@pytest.mark.parametrize("name", sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py")))
def test_a_function_starts_on_its_own_layers(name):
    template = load(TEXT)
    own = functions(template)[name]
    attached = {"core", *(LAYERS[layer["Ref"]] for layer in own.get("Layers", []))}
    allowed = [package for layer in attached for package in pins(lock(layer))]
    ran = subprocess.run(
        [sys.executable, "-c", CHECK, f"functions.{name}.app", json.dumps(allowed)],
        env=environment(template, own),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
