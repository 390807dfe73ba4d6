"""Enum values by names without the prefix that repeats the enum's name."""

import pytest
from support.bridge import service


@pytest.fixture
def short(start_bridge, backend):
    return start_bridge({"test": service(backend.address, "echo", json={"enums": "short_name"})})


@pytest.mark.parametrize(
    ("sent", "printed"),
    [
        ({"aColor": "RED"}, {"aColor": "RED"}),
        ({"aColor": "COLOR_GREEN"}, {"aColor": "GREEN"}),
        ({"manyColor": ["NEGATIVE", "UNSPECIFIED", 2, 77]},
         {"manyColor": ["NEGATIVE", "UNSPECIFIED", "GREEN", 77]}),
        ({"toColor": {"a": "RED"}}, {"toColor": {"a": "RED"}}),
        ({"anAlias": "SAME"}, {"anAlias": "FIRST"}),
    ],
)  # fmt: skip
def test_both_ways(sent, printed, short, http):
    reply = http.post(f"{short.url}/v1/echo", json=sent, timeout=20)
    assert reply.status_code == 200, reply.text
    assert reply.json() == printed


def test_other_names_are_refused(short, http):
    reply = http.post(f"{short.url}/v1/echo", json={"aColor": "red"}, timeout=20)
    assert reply.status_code == 400
    assert "COLOR_RED" in reply.json()["message"]
