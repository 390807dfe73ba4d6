"""The Nacos simulator, verified with the vendor's own client over gRPC, and over HTTP by its sources."""

import pytest
import requests
from support.processes import until

A, B = ("10.0.0.5", 50000), ("10.0.0.6", 50001)


@pytest.mark.parametrize("negotiates", [True, False])
def test_the_vendors_client_registers_and_is_notified(start_nacos, connect_nacos, negotiates):
    nacos = start_nacos(negotiates=negotiates)
    watcher, owner = connect_nacos(nacos), connect_nacos(nacos)
    watcher.do("subscribe", "svc")
    assert owner.do("register", "svc", *A, 1.0)
    watcher.wait_for_push("10.0.0.5:50000*1")
    assert owner.do("register", "svc", *B, 0.5)
    watcher.wait_for_push("10.0.0.5:50000*1", "10.0.0.6:50001*0.5")
    assert watcher.do("list", "svc") == ["10.0.0.5:50000*1", "10.0.0.6:50001*0.5"]
    assert owner.do("deregister", "svc", *A)
    watcher.wait_for_push("10.0.0.6:50001*0.5")
    until(lambda: not any(s.pending for s in nacos.subscribed()), "all pushes are acknowledged")


def test_instances_are_removed_with_their_client(start_nacos, connect_nacos):
    nacos = start_nacos()
    owner = connect_nacos(nacos)
    owner.do("register", "svc", *A, 1.0)
    assert nacos.instances["public", "pai-eas", "svc"]
    owner.close()
    until(lambda: not nacos.instances["public", "pai-eas", "svc"], "the instance is removed")


def test_the_vendors_client_logs_in(start_nacos, connect_nacos):
    nacos = start_nacos(users={"me": "p&ss"})
    owner = connect_nacos(nacos, "me", "p&ss")
    assert owner.do("register", "svc", *A, 1.0)
    fields = [fields for _, kind, _, fields in nacos.grpc_calls if kind == "InstanceRequest"]
    assert fields[-1]["accessToken"] in nacos.tokens


def test_the_vendors_client_is_refused(start_nacos, connect_nacos):
    nacos = start_nacos(users={"me": "p&ss"})
    owner = connect_nacos(nacos, "me", "wrong")
    with pytest.raises(AssertionError, match="failed"):
        owner.do("register", "svc", *A, 1.0)
    assert not nacos.instances


def test_the_vendors_client_acknowledges_a_keepalive(start_nacos, connect_nacos):
    nacos = start_nacos()
    connect_nacos(nacos)
    number = nacos.probe_clients()
    until(lambda: nacos.responses_to(number), "the client has responded")
    assert nacos.responses_to(number)[0][0] == "ClientDetectionResponse"


def test_the_vendors_client_reconnects(start_nacos, connect_nacos):
    """After its connection was dropped it subscribes and registers again."""
    nacos = start_nacos()
    client = connect_nacos(nacos)
    client.do("subscribe", "svc")
    client.do("register", "svc", *A, 1.0)
    before = {session.peer for session in nacos.subscribed()}
    nacos.drop_clients()
    until(
        lambda: {session.peer for session in nacos.subscribed()} - before
        and nacos.instances["public", "pai-eas", "svc"],
        "it has registered again", 30,
    )  # fmt: skip


def test_an_unacknowledged_push_is_resent(start_nacos):
    """The simulator's own clients don't reply here: a session is inserted manually."""
    from peers.nacos import Session, unpack

    nacos = start_nacos(push_again=0.1)
    session = Session("nobody", {})
    session.subscriptions.add(("public", "pai-eas", "svc"))
    nacos.sessions["nobody"] = session
    nacos.register("svc", *A)
    numbers = [unpack(session.outgoing.get(timeout=10))[1]["requestId"] for _ in range(3)]
    assert len(set(numbers)) == 1


def get(nacos, path, **query):
    return requests.get(f"http://{nacos.address}/nacos{path}", query, timeout=10)


LISTS = {
    "1": ("/v1/ns/instance/list", {"serviceName": "pai-eas@@svc"}, lambda body: body["hosts"]),
    "2": (
        "/v2/ns/instance/list", {"serviceName": "svc", "groupName": "pai-eas"},
        lambda body: body["data"]["hosts"],
    ),
    "3": (
        "/v3/client/ns/instance/list", {"serviceName": "svc", "groupName": "pai-eas"},
        lambda body: body["data"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("version", LISTS)
def test_lists_over_http(start_nacos, version):
    nacos = start_nacos(version=version)
    nacos.register("svc", *A, weight=0.5)
    path, query, hosts = LISTS[version]
    (host,) = hosts(get(nacos, path, **query).json())
    assert (host["ip"], host["port"], host["weight"]) == (*A, 0.5)
    for other in set(LISTS) - {version}:
        path, query, _ = LISTS[other]
        expected = {"1": 200, "2": 410 if version == "3" else 404, "3": 404}
        if version == "1" or other != "1":
            assert get(nacos, path, **query).status_code == expected[other]


def test_registering_over_http(start_nacos):
    nacos = start_nacos()
    url = f"http://{nacos.address}/nacos/v1/ns/instance"
    place = {"serviceName": "pai-eas@@svc", "ip": A[0], "port": A[1]}
    assert requests.post(url, {**place, "weight": 2}, timeout=10).text == "ok"
    assert get(nacos, "/v1/ns/instance/list", serviceName="pai-eas@@svc").json()["hosts"]
    beat = requests.put(f"{url}/beat", params=place, timeout=10)
    assert beat.json()["clientBeatInterval"] == 5000
    assert requests.delete(url, params=place, timeout=10).text == "ok"
    assert not get(nacos, "/v1/ns/instance/list", serviceName="pai-eas@@svc").json()["hosts"]


def test_logging_in_over_http(start_nacos):
    nacos = start_nacos(users={"me": "p&ss"})
    lists = {"serviceName": "pai-eas@@svc"}
    assert get(nacos, "/v1/ns/instance/list", **lists).status_code == 403
    url = f"http://{nacos.address}/nacos/v1/auth/users/login"
    assert requests.post(url, {"username": "me", "password": "no"}, timeout=10).status_code == 403
    response = requests.post(url, {"username": "me", "password": "p&ss"}, timeout=10).json()
    assert response["tokenTtl"] == 18000
    lists["accessToken"] = response["accessToken"]
    assert get(nacos, "/v1/ns/instance/list", **lists).status_code == 200
    nacos.forget_tokens()
    assert get(nacos, "/v1/ns/instance/list", **lists).status_code == 403
