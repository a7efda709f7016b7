"""The two engines that stand for AWS on this machine: one for tables and streams, one for everything else.

Tables: dynoxide, a native binary from the npm lock file, durable in one SQLite file. Where it is missing or
does not start, ministack's tables step in (correct, but forgotten on a crash). Everything else: ministack,
from the pip lock. Both listen on 127.0.0.1 alone, die with the process that started them, and know no account
of the user.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.session

from local.template import REGION, Template

ROOT = Path(__file__).resolve().parent.parent
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
START_SECONDS = 45.0

# Runs argv[2:] as a process that ends when its parent does, by whatever signal; says nothing where the kernel
# cannot.
_TIED = """
import ctypes, os, sys
prctl = getattr(ctypes.CDLL(None), "prctl", None)
if prctl: prctl(1, 15)
if os.getppid() == int(sys.argv[1]): os.execv(sys.argv[2], sys.argv[2:])
"""


class EngineError(Exception):
    """An engine cannot be used; the message says which, why, and where its log is."""


def free_port(wish: int = 0) -> int:
    """A port of 127.0.0.1 that nobody listens on: the wished one if it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wish))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_loopback(url: str) -> str:
    """Return `url` if it leads to this machine; anything else could be somebody's real account."""
    if urllib.parse.urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        raise EngineError(f"{url} is not on this machine: the local cloud talks to 127.0.0.1 only")
    return url


def tied_process(
    argv: Sequence[str], environ: dict[str, str], log: Path, keep: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a process that dies with this one and writes to `log`; `keep` are file descriptors it inherits.

    It gets a session of its own, so that Ctrl-C reaches us alone and we stop things in order.
    """
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-S", "-c", _TIED, str(os.getpid()), *argv],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            pass_fds=keep,
            start_new_session=True,
        )


class Engine:
    """One engine process and its endpoint."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        environ: dict[str, str],
        log: Path,
        port: int,
        keep: Sequence[int],
    ) -> None:
        self.name, self.port = name, port
        self.endpoint = f"http://127.0.0.1:{port}"
        self.log = log
        self._launch = functools.partial(tied_process, argv, environ, log, keep)
        self.process = self._launch()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def wait(self, answers: Callable[[Engine], bool]) -> Engine:
        """Return it once it answers; raises EngineError when it ended or took too long."""
        deadline = time.monotonic() + START_SECONDS
        while self.alive and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if answers(self):
                    return self
            time.sleep(0.01)
        self.stop()
        raise EngineError(f"{self.name} did not start on port {self.port}, see {self.log}")

    def stop(self) -> None:
        """Ask it to end, which makes it save what it keeps; insist after ten seconds."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        """Start it again on the same port and state, once it has ended."""
        self.process = self._launch()
        self.wait(_listens)


def _listens(engine: Engine) -> bool:
    with socket.create_connection(("127.0.0.1", engine.port), 1):
        return True


def _started(start: Callable[[int], Engine], wish: int) -> Engine:
    """An engine that answers, on the wished port if nobody has it; on another one if it ends at once."""
    for port in (wish, 0):
        with contextlib.suppress(EngineError):
            return start(free_port(port)).wait(_listens)
    return start(free_port()).wait(_listens)


def start_services(folder: Path, port: int = 0, *, auth: bool = True, keep: Sequence[int] = ()) -> Engine:
    """Start ministack with its state under `folder`.

    Objects are on disk as soon as they are put; keys, secrets and buckets are saved when it is *stopped*, so
    whoever makes one of those stops and starts it once. `auth` makes it refuse expired and altered signed
    links.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "AUTH": str(auth).lower(),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "objects"),
        "TMPDIR": str(folder),
        "LOG_LEVEL": "WARNING",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",
        **CREDENTIALS,
    }
    argv = [sys.executable, "-P", str(Path(__file__).with_name("services.py"))]
    log = folder / "ministack.log"
    return _started(
        lambda on: Engine("ministack", argv, {**environ, "GATEWAY_PORT": str(on)}, log, on, keep), port
    )


def dynoxide() -> Path | None:
    """The binary npm installed for this machine, if there is one."""
    return next(ROOT.glob("node_modules/@dynoxide/*/dynoxide"), None)


def start_tables(folder: Path, port: int = 0, *, keep: Sequence[int] = ()) -> Engine:
    """Start dynoxide with its one file under `folder`; EngineError where there is none for this machine."""
    binary = dynoxide()
    if binary is None:
        raise EngineError("dynoxide is not installed: run `npm ci`")
    folder.mkdir(parents=True, exist_ok=True)
    argv = [str(binary), "--host", "127.0.0.1", "--db-path", str(folder / "tables.db"), "--port"]
    log = folder / "dynoxide.log"
    engine = _started(lambda on: Engine("dynoxide", [*argv, str(on)], {}, log, on, keep), port)
    _index_streams(folder / "tables.db")
    return engine


def _index_streams(database: Path) -> None:
    """Give dynoxide's stream the index it lacks.

    It numbers each new stream record by looking at all earlier ones of the table: 0.4 ms of CPU for every
    write and thousand records kept, 8 ms after 24,000. With this index a write costs the same for ever.
    """
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "CREATE INDEX IF NOT EXISTS stream_order"
            " ON _stream_records (table_name, CAST(sequence_number AS INTEGER))"
        )
        connection.commit()


@functools.cache
def _session() -> boto3.Session:
    nowhere = (None, None, os.devnull, None)
    variables = {"profile": (None,) * 4, "config_file": nowhere, "credentials_file": nowhere}
    return boto3.Session(botocore_session=botocore.session.Session(session_vars=variables))


def client(service: str, endpoint: str) -> Any:
    """A boto3 client of a local engine; no profile, credential, endpoint or proxy of the user counts."""
    config = botocore.config.Config(
        proxies={},
        max_pool_connections=64,
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "path"},
        use_fips_endpoint=False,
        use_dualstack_endpoint=False,
    )
    return _session().client(
        service,
        endpoint_url=require_loopback(endpoint),
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=config,
    )


@contextlib.contextmanager
def table_engine(kind: str = "dynoxide") -> Iterator[str]:
    """A table engine of one's own for the length of a `with`, "dynoxide" or "ministack"; its endpoint."""
    with tempfile.TemporaryDirectory(prefix="tables-") as name:
        engine = start_tables(Path(name)) if kind == "dynoxide" else start_services(Path(name), auth=False)
        try:
            yield engine.endpoint
        finally:
            engine.stop()


def create_tables(tables: Any, template: Template, prefix: str = "") -> dict[str, str]:
    """Make every table of the template on an engine, unless it is there; names by logical id."""
    return {
        name: create_table(tables, f"{prefix}{name}", template.resolve(spec, _no_lookup))
        for name, spec in template.of_type("AWS::DynamoDB::Table").items()
    }


def _no_lookup(logical: str, attribute: str) -> str:
    raise EngineError(f"a table cannot refer to {logical}")


def create_table(tables: Any, name: str, properties: dict[str, Any]) -> str:
    """Make one table as the template describes it, or add the indexes an older one lacks."""
    streams = properties.get("StreamSpecification")
    optional = {
        "GlobalSecondaryIndexes": properties.get("GlobalSecondaryIndexes"),
        "StreamSpecification": {"StreamEnabled": True, **streams} if streams else None,
    }
    try:
        tables.create_table(
            TableName=name,
            AttributeDefinitions=properties["AttributeDefinitions"],
            KeySchema=properties["KeySchema"],
            BillingMode="PAY_PER_REQUEST",
            **{key: value for key, value in optional.items() if value},
        )
    except tables.exceptions.ResourceInUseException:
        _add_indexes(tables, name, properties)
        return name
    if expiry := properties.get("TimeToLiveSpecification"):
        tables.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    return name


def _add_indexes(tables: Any, name: str, properties: dict[str, Any]) -> None:
    present = tables.describe_table(TableName=name)["Table"].get("GlobalSecondaryIndexes", [])
    for index in properties.get("GlobalSecondaryIndexes", []):
        if index["IndexName"] not in [one["IndexName"] for one in present]:
            tables.update_table(
                TableName=name,
                AttributeDefinitions=properties["AttributeDefinitions"],
                GlobalSecondaryIndexUpdates=[{"Create": index}],
            )
