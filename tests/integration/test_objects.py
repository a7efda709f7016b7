"""Objects and links on the local object store, which checks signatures."""

import json
import time
import urllib.error
import urllib.request
from base64 import b64decode
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
from botocore.config import Config

from cardcourier.adapters.objects import Objects, content_disposition
from cardcourier.errors import Unavailable
from local.engines import client, start_services


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    engine = start_services(tmp_path_factory.mktemp("services"))
    try:
        s3 = client("s3", engine.endpoint)
        s3.create_bucket(Bucket="reports")
        yield s3
    finally:
        engine.stop()


@pytest.fixture
def objects(services):
    return Objects(services)


def fetch(url, **options):
    with urllib.request.urlopen(urllib.request.Request(url, **options), timeout=10) as answer:
        return answer.read(), answer.headers


def test_a_file_comes_back_as_it_was(objects, tmp_path):
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * 40_000)

    objects.put_file("reports", "large", path, "text/csv")

    assert objects.get("reports", "large") == path.read_bytes()
    assert b"".join(objects.chunks("reports", "large")) == path.read_bytes()


def test_what_is_not_there_is_nothing(objects):
    assert objects.get("reports", "nothing") is None
    assert list(objects.chunks("reports", "nothing")) == []


def test_an_object_can_be_written_once(objects):
    assert objects.put_bytes("reports", "once", b"first", if_none_match=True)
    assert not objects.put_bytes("reports", "once", b"second", if_none_match=True)
    assert objects.get("reports", "once") == b"first"
    assert objects.put_bytes("reports", "once", b"third")
    assert objects.get("reports", "once") == b"third"


def test_a_link_saves_the_file_under_its_name(objects):
    objects.put_bytes("reports", "R1", b"content", content_type="text/csv")

    url = objects.presigned_get("reports", "R1", "R1_2026-11_芒果.csv")

    query = parse_qs(urlsplit(url).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["300"]
    body, headers = fetch(url)
    assert body == b"content"
    _, _, name = headers["Content-Disposition"].partition("filename*=UTF-8''")
    assert unquote(name) == "R1_2026-11_芒果.csv"


def test_an_old_and_an_altered_link_are_refused(objects):
    objects.put_bytes("reports", "R1", b"content")
    short = objects.presigned_get("reports", "R1", "R1.csv", seconds=1)
    altered = objects.presigned_get("reports", "R1", "R1.csv").replace("/R1?", "/once?")
    time.sleep(2.1)

    for url in (short, altered):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            fetch(url)


def test_a_form_names_its_key_and_its_limit(objects):
    form = objects.presigned_post("reports", "uploads/1", 1000, 60)

    assert form["fields"]["key"] == "uploads/1"
    policy = json.loads(b64decode(form["fields"]["policy"]))
    assert ["content-length-range", 1, 1000] in policy["conditions"]
    assert {"key": "uploads/1"} in policy["conditions"]
    assert form["fields"]["x-amz-algorithm"] == "AWS4-HMAC-SHA256"


def test_a_file_uploaded_by_the_form_is_there(objects):
    form = objects.presigned_post("reports", "uploads/2", 1000, 60)
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form["fields"].items()
    ]
    parts.append('--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncards\r\n--x--\r\n')

    fetch(
        form["url"],
        data="".join(parts).encode(),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
        method="POST",
    )

    assert objects.get("reports", "uploads/2") == b"cards"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("R1.csv", "attachment; filename=\"R1.csv\"; filename*=UTF-8''R1.csv"),
        ('a"\r\nb', "attachment; filename=\"a___b\"; filename*=UTF-8''a%22%0D%0Ab"),
        ("报.csv", "attachment; filename=\"_.csv\"; filename*=UTF-8''%E6%8A%A5.csv"),
    ],
)
def test_a_file_name_cannot_break_out_of_its_header(name, header):
    assert content_disposition(name) == header


def test_a_client_with_old_signatures_is_refused_at_the_start():
    old = boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(signature_version="s3"),
    )

    with pytest.raises(ValueError, match="s3v4"):
        Objects(old)


def test_a_store_that_does_not_answer_is_unavailable(tmp_path):
    gone = boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:9",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}, connect_timeout=1),
    )
    objects, path = Objects(gone), tmp_path / "file"
    path.write_bytes(b"x")

    for attempt in (
        lambda: objects.get("reports", "x"),
        lambda: objects.put_bytes("reports", "x", b""),
        lambda: objects.put_file("reports", "x", path),
        lambda: list(objects.chunks("reports", "x")),
    ):
        with pytest.raises(Unavailable):
            attempt()
