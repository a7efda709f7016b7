"""Which version of a key names what: the same for everybody, whatever anybody remembers."""

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from cardcourier.adapters.kms import Context, KeyService
from cardcourier.domain.key_versions import (
    ANNOUNCED,
    HURRY,
    REMEMBERED,
    KeyVersion,
    announced,
    living,
    names_of,
    naming,
    retired,
)
from cardcourier.errors import Conflict, Refused, Unavailable

NOW = 1_790_000_000_000
FIRST = (KeyVersion(id="1"),)


def two(since=NOW):
    return (KeyVersion(id="1"), KeyVersion(id="2", since=since))


def test_an_order_keeps_the_version_of_its_time():
    versions = announced(FIRST, "link", NOW)
    begins = NOW + ANNOUNCED

    assert [naming(versions, at, begins + 1).id for at in (0, begins - 1, begins)] == ["1", "1", "2"]


def test_after_a_leak_old_orders_get_the_next_version_and_keep_it():
    versions = announced(FIRST, "link", NOW, end_old=True)
    begins = NOW + HURRY

    assert naming(versions, NOW - 1, begins - 1).id == "1"
    assert naming(versions, NOW - 1, begins).id == "2"
    third = announced(versions, "link", begins + 1)
    assert naming(third, NOW - 1, begins + 2 * ANNOUNCED).id == "2"
    assert [v.id for v in living(third, begins + 1)] == ["3", "2"]


@given(
    at=st.integers(0, NOW + 3 * ANNOUNCED),
    age=st.integers(0, REMEMBERED),
    end_old=st.booleans(),
)
def test_whoever_remembers_an_older_list_names_the_same(at, age, end_old):
    """A list is at most as old as memory lasts; nobody asks about a time that lies ahead."""
    new = announced(FIRST, "link", NOW, end_old=end_old)
    for now in {at, at + ANNOUNCED, NOW, NOW + HURRY, NOW + ANNOUNCED}:
        if now < at:
            continue
        read_at = now - age
        remembered = new if read_at >= NOW else FIRST
        assert naming(remembered, at, now).id == naming(new, at, now).id


LONGEST_CALL = 900_000
SKEW = 60_000


@given(
    first=st.integers(-LONGEST_CALL, 2 * ANNOUNCED),
    later=st.integers(0, ANNOUNCED),
    calls=st.tuples(*[st.integers(0, LONGEST_CALL)] * 2),
    ages=st.tuples(*[st.integers(0, REMEMBERED)] * 2),
    skews=st.tuples(*[st.integers(-SKEW, SKEW)] * 2),
)
def test_of_two_who_name_the_same_thing_the_later_one_looks_where_the_earlier_put_it(
    first, later, calls, ages, skews
):
    """Each names it as its call begins, by the list it remembers and its own clock, and puts it some time
    later in the same call, unless it is there under any of the names.
    """
    versions = announced(FIRST, "pepper", NOW)
    puts = []
    for at, call, age, skew in zip((NOW + first, NOW + first + later), calls, ages, skews, strict=True):
        named_at = at - call
        remembered = versions if named_at - age >= NOW else FIRST
        puts.append([version.id for version in names_of(remembered, named_at + skew)])
    (earlier, *_), looked_under = puts
    assert earlier in looked_under


def test_what_is_new_is_named_first_and_no_ended_version_is_looked_for():
    versions = announced(FIRST, "pepper", NOW)
    begins = NOW + ANNOUNCED
    assert [v.id for v in names_of(FIRST, NOW)] == ["1"]
    assert [v.id for v in names_of(versions, begins - 1)] == ["1", "2"]
    assert [v.id for v in names_of(versions, begins)] == ["2", "1"]
    left = retired(versions, "1", begins + ANNOUNCED)
    assert [v.id for v in names_of(left, begins + ANNOUNCED)] == ["2"]


def test_one_rotation_at_a_time_and_not_too_many_versions():
    with pytest.raises(Conflict):
        announced(two(NOW + 1), "link", NOW)
    with pytest.raises(Refused):
        announced(two(), "pepper", NOW)
    assert len(announced(two(), "link", NOW)) == 3


def test_a_version_retires_once_the_next_is_settled():
    with pytest.raises(Conflict):
        retired(two(), "1", NOW + ANNOUNCED - 1)
    for unknown in ("2", "7"):
        with pytest.raises(Refused):
            retired(two(), unknown, NOW + ANNOUNCED)

    left = retired(two(), "1", NOW + ANNOUNCED)
    assert [v.id for v in living(left, NOW + ANNOUNCED)] == ["2"]
    assert announced(left, "pepper", NOW + ANNOUNCED)[-1].id == "3"


@mock_aws
def test_wrapped_anew_it_opens_under_the_new_key_and_in_its_context_alone():
    kms = boto3.client("kms", region_name="us-east-1")
    old, new = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    context = Context("acme", "card", "b-1")
    plain, wrapped = KeyService(kms, old).new_key(context)

    service = KeyService(kms, new)
    again = service.rewrap(wrapped, context, new)

    assert again != wrapped and service.unwrap(again, context) == plain
    with pytest.raises(Unavailable):
        service.unwrap(again, Context("acme", "card", "b-2"))
