"""Several endpoints of one service: real servers that are drained, killed, frozen and restarted."""

import collections
import signal
import socket

import pytest
import requests
from support.bridge import Bridge, configuration, service
from support.fleet import Load
from support.processes import until
from support.raw import Connection


@pytest.fixture
def bridge(tmp_path):
    """Starts a bridge with these members as endpoints: `bridge(members, retry={…})`."""
    running = []

    def start(endpoint, limits=None, **more):
        if isinstance(endpoint, list):
            endpoint = {"static": [member.address for member in endpoint]}
        services = {"fleet": service(endpoint, "echo", **more)}
        running.append(
            Bridge.configured(
                configuration(services, admin="127.0.0.1:0", limits=limits or {"calls_waiting": 1024}),
                tmp_path,
            )
        )
        return running[-1]

    yield start
    for each in running:
        each.stop_cleanly()


def call(bridge, key="", headers=()):
    """Status, server and body of one echo."""
    with Connection((bridge.host, bridge.port)) as connection:
        body = ('{"key": "%s"}' % key).encode()
        fields = [("Content-Type", "application/json"), *headers]
        connection.request("POST", "/v1/echo", fields, body)
        return connection.read_response("POST")


def servers(bridge, count, headers=()):
    """The servers that respond to this number of calls."""
    responses = [call(bridge, headers=headers) for _ in range(count)]
    assert [response.status for response in responses] == [200] * count
    return [response.header("x-server") for response in responses]


def until_served_by(bridge, names):
    """Waits until exactly these servers respond; connections are established one by one."""
    until(lambda: set(servers(bridge, 12)) == set(names), f"exactly {names} respond", 30)


def no_failures(load):
    assert not load.failures, (len(load.failures), load.sent, load.failures[:5])


RETRY = {"attempts": 3, "on": ["UNAVAILABLE"]}
# grpcio's asyncio server, when it stops, ends calls that it has accepted but not started with CANCELLED.
DRAINING = {"attempts": 3, "on": ["UNAVAILABLE", "CANCELLED"]}


def test_calls_are_distributed_by_weight(fleet, bridge):
    one, two = fleet("one", "two")
    weighted = [{"address": one.address, "weight": 3}, two.address]
    proxy = bridge({"static": weighted})
    until_served_by(proxy, ["one", "two"])
    counts = collections.Counter(servers(proxy, 80))
    assert 50 <= counts["one"] <= 70


def test_a_rolling_restart_loses_no_calls(fleet, bridge):
    members = fleet("one", "two")
    proxy = bridge(members, retry=DRAINING)
    with Load(proxy) as load:
        for _ in range(2):
            for index, member in enumerate(members):
                until(lambda: load.servers()[member.name] > 0, f"{member.name} responds")
                assert member.stop() == 0
                members[index] = fleet.add(member.again())
                load.responses.clear()
                until(lambda: load.servers()[member.name] > 20, f"{member.name} responds again", 30)
    no_failures(load)
    assert load.sent > 200


def test_a_killed_server_loses_no_calls_with_retries(fleet, bridge):
    members = fleet("one", "two", delay=0.02)
    proxy = bridge(members, retry=RETRY)
    with Load(proxy) as load:
        for index, member in enumerate(members):
            until(lambda: load.servers()[member.name] > 20, f"{member.name} responds", 30)
            member.signal(signal.SIGKILL)
            member.wait()
            other = members[1 - index].name
            load.responses.clear()
            until(lambda: load.servers()[other] > 50, f"{other} responds", 30)
            members[index] = fleet.add(member.again())
            load.responses.clear()
            until(lambda: load.servers()[member.name] > 20, f"{member.name} responds again", 30)
    no_failures(load)


def test_a_frozen_server_is_ejected_until_it_resumes(fleet, bridge):
    one, two = fleet("one", "two")
    proxy = bridge(
        [one, two],
        timeout="20s",
        retry={**RETRY, "per_try_timeout": "500ms"},
        health={"ejection_time": "2s"},
    )
    until_served_by(proxy, ["one", "two"])
    with Load(proxy, rate=100) as load:
        one.signal(signal.SIGSTOP)
        load.responses.clear()
        until(lambda: load.servers()["two"] > 200, "two responds", 30)
        one.signal(signal.SIGCONT)
        load.responses.clear()
        until(lambda: load.servers()["one"] > 20, "one responds again", 30)
    no_failures(load)


def test_every_request_gets_a_response_while_one_server_restarts(fleet, bridge):
    (member,) = fleet("one")
    proxy = bridge([member], timeout="10s", retry=RETRY)
    with Load(proxy, rate=100) as load:
        until(lambda: load.servers()["one"] > 20, "it responds")
        member.signal(signal.SIGKILL)
        member.wait()
        until(lambda: load.failures, "calls fail")
        fleet.add(member.again())
        load.responses.clear()
        until(lambda: load.servers()["one"] > 50, "it responds again", 30)
    # Each of them is a response with a reason, and no call was left hanging.
    assert all(failure.startswith("503 ") for failure in load.failures), load.failures[:5]
    assert '"code":14,' in load.failures[-1]


def test_one_frozen_server_ends_calls_at_their_deadline(fleet, bridge):
    (member,) = fleet("one")
    proxy = bridge(member.address, timeout="1s", connections={"keepalive_timeout": "2s"})
    assert servers(proxy, 1) == ["one"]
    member.signal(signal.SIGSTOP)
    assert call(proxy).status == 504
    # Nothing arrived during that call: the connection gets a keepalive ping, and is then closed.
    until(lambda: "didn't acknowledge a PING" in call(proxy).body.decode(), "the connection is closed", 20)
    member.signal(signal.SIGCONT)
    until(lambda: call(proxy).status == 200, "it responds again", 20)


def test_a_server_that_is_not_serving_gets_no_calls(fleet, bridge):
    one, two = fleet("one", "two")
    proxy = bridge([one, two])
    until_served_by(proxy, ["one", "two"])
    one.signal(signal.SIGUSR1)
    until_served_by(proxy, ["two"])
    one.signal(signal.SIGUSR2)
    until_served_by(proxy, ["one", "two"])


def test_a_status_of_the_policy_is_retried_elsewhere_and_the_last_is_returned(fleet, bridge):
    members = fleet("one", "two", "three")
    proxy = bridge(members, retry=RETRY)
    until_served_by(proxy, ["one", "two", "three"])
    response = call(proxy, key="fail")
    assert response.status == 503
    assert "(attempt 3 of 3)" in response.body.decode()
    # The retry budget is used up after the second one.
    few = bridge(members, retry={**RETRY, "attempts": 5, "budget": {"tokens": 4}})
    until_served_by(few, ["one", "two", "three"])
    assert "(attempt 2 of 5)" in call(few, key="fail").body.decode()
    lone = bridge(members)
    assert "attempt" not in call(lone, key="fail").body.decode()


def test_a_ring_hash_keeps_a_client_with_its_server(fleet, bridge):
    proxy = bridge(
        fleet("one", "two", "three"), balance={"policy": "ring_hash", "header": "x-user"}
    )
    until_served_by(proxy, ["one", "two", "three"])
    chosen = {}
    for user in range(12):
        (name,) = set(servers(proxy, 4, [("X-User", f"user {user}")]))
        chosen[user] = name
    assert len(set(chosen.values())) > 1


def test_pick_first_uses_one_and_moves_when_it_closes(fleet, bridge):
    one, two = fleet("one", "two")
    proxy = bridge([one, two], balance="pick_first", retry=RETRY)
    assert set(servers(proxy, 10)) == {"one"}
    one.stop()
    assert set(servers(proxy, 10)) == {"two"}


def test_least_requests_avoids_the_slow_server(fleet, bridge):
    (slow,) = fleet("slow", delay=0.3)
    (fast,) = fleet("fast")
    proxy = bridge([slow, fast], balance="least_requests")
    until_served_by(proxy, ["slow", "fast"])
    with Load(proxy, rate=100) as load:
        until(lambda: load.servers()["fast"] > 100, "the fast one responds", 30)
    assert load.servers()["fast"] > 3 * load.servers()["slow"]
    no_failures(load)


def test_a_socket_is_an_endpoint(fleet, bridge, tmp_path):
    path = tmp_path / "fleet.sock"
    fleet("one", unix=path)
    assert servers(bridge(f"unix:{path}"), 3) == ["one"] * 3


def test_the_addresses_of_a_name(fleet, bridge):
    (member,) = fleet("one")
    proxy = bridge({"dns": f"localhost:{member.port}"})
    until(lambda: call(proxy).status == 200, "an address of localhost responds", 20)


def test_an_unknown_name_is_reported(bridge):
    proxy = bridge({"dns": "nothing.invalid:5"}, limits={"connect_timeout": "500ms"})
    response = call(proxy)
    assert response.status == 503
    assert "can't look up nothing.invalid: " in response.body.decode()


def test_connections_are_replaced_when_they_are_old(fleet, bridge):
    (member,) = fleet("one")
    proxy = bridge(member.address, connections={"count": 2, "max_age": "300ms"})
    with Load(proxy, rate=200) as load:
        until(lambda: load.servers()["one"] > 600, "it responds", 30)
    no_failures(load)


def test_readiness_reports_the_endpoints(fleet, bridge):
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    proxy = bridge(f"127.0.0.1:{port}")
    response = requests.get(f"{proxy.admin_url}/readyz", timeout=20)
    assert response.status_code == 503 and f"127.0.0.1:{port}" in response.text
    (member,) = fleet("one", port=port)
    until(
        lambda: requests.get(f"{proxy.admin_url}/readyz", timeout=20).status_code == 200, "ready", 20
    )
