"""The PAI-EAS simulator, verified with the vendor's own client and the documentation."""

import time

import pytest
import requests
from peers.eas import BODIES, DOCUMENTED, EAS, NEWER
from support.discovery import call_eas

TOKEN = "MjRlY2I2MmI1NzE4=="


def post(eas, service="svc", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(f"{eas.url}/api/predict/{service}", b"{}", headers=headers, timeout=10)


def test_the_vendors_client_calls_the_gateway(eas):
    eas.serve("my_svc", token=TOKEN)
    results = call_eas("gateway", eas.address, "my_svc", TOKEN, 3)
    assert results == [{"response": f'{{"number":{number}}}'} for number in range(3)]
    assert [(call.path, call.scheme) for call in eas.calls] == [("/api/predict/my_svc", "eas")] * 3


def test_the_vendors_client_is_refused_with_a_wrong_token(eas):
    eas.serve("svc", token=TOKEN)
    assert call_eas("gateway", eas.address, "svc", "another") == [
        {"status": 401, "body": "Unauthorized"}
    ]


def test_the_vendors_client_calls_instances(eas):
    """It discovers them and calls them by weight."""
    instances = [EAS(), EAS()]
    try:
        for instance in instances:
            instance.serve("svc", token=TOKEN)
        eas.discovery.set(
            "svc", ("127.0.0.1", instances[0].port, 200), ("127.0.0.1", instances[1].port, 100)
        )
        results = call_eas("direct", eas.address, "svc", TOKEN, 9)
        assert [result["response"] for result in results] == [f'{{"number":{n}}}' for n in range(9)]
        assert [len(instance.calls) for instance in instances] == [6, 3]
        assert {call.path for call in eas.discovery.calls} == {NEWER + "svc"}
    finally:
        for instance in instances:
            instance.stop()


@pytest.mark.parametrize(
    "shown, status", [(TOKEN, 200), (f"Bearer {TOKEN}", 200), (f"bearer {TOKEN}", 401), ("", 401),
                      ("EAS x", 401)],
)  # fmt: skip
def test_a_token_is_sent_in_two_ways(eas, shown, status):
    eas.serve("svc", token=TOKEN)
    assert post(eas, authorization=shown).status_code == status


def test_a_service_may_have_no_token(eas):
    eas.serve("svc")
    assert post(eas).status_code == 200
    assert eas.calls[0].scheme == "none"


@pytest.mark.parametrize("status", sorted(BODIES))
def test_a_status_has_its_body(eas, status):
    eas.serve("svc").statuses = [status]
    response = post(eas)
    assert (response.status_code, response.text) == (status, BODIES[status])
    assert response.headers.get("connection") == ("close" if status in (408, 450) else None)


def test_a_status_can_be_temporary(eas):
    eas.serve("svc").statuses = [503, 200]
    assert [post(eas).status_code for _ in range(3)] == [503, 200, 200]


def test_an_unknown_service(eas):
    assert post(eas, "nothing").status_code == 404


@pytest.mark.parametrize("path", [DOCUMENTED, NEWER])
def test_both_paths_of_the_discovery(eas, path):
    eas.discovery.set("my_svc", ("172.16.0.5", 50000, 100))
    response = requests.get(f"{eas.url}{path}my_svc", timeout=10)
    assert response.json() == {
        "correlative": ["my_svc"],
        "endpoints": {
            "items": [{"app": "my-svc", "ip": "172.16.0.5", "port": 50000, "weight": 100}]
        },
    }
    eas.discovery.paths.discard(path)
    assert requests.get(f"{eas.url}{path}my_svc", timeout=10).status_code == 404
    eas.discovery.paths.add(path)
    eas.discovery.status = 500
    assert requests.get(f"{eas.url}{path}my_svc", timeout=10).status_code == 500


def test_a_slow_discovery_and_invalid_json(eas):
    eas.discovery.upstreams["svc"] = b"not json"
    eas.discovery.delay = 0.3
    began = time.monotonic()
    assert requests.get(f"{eas.url}{NEWER}svc", timeout=10).content == b"not json"
    assert time.monotonic() - began >= 0.3
