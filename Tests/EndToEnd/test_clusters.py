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
    answers = [call(bridge, headers=headers) for _ in range(count)]
    assert [answer.status for answer in answers] == [200] * count
    return [answer.header("x-server") for answer in answers]


def until_answered_by(bridge, names):
    """Waits until exactly these servers respond; connections are established one by one."""
    until(lambda: set(servers(bridge, 12)) == set(names), f"all of {names} answer", 30)


def no_failures(load):
    assert not load.failures, (len(load.failures), load.sent, load.failures[:5])


RETRY = {"attempts": 3, "on": ["UNAVAILABLE"]}
# grpcio's asyncio server, when it stops, ends calls that it has accepted but not started with CANCELLED.
DRAINING = {"attempts": 3, "on": ["UNAVAILABLE", "CANCELLED"]}


def test_calls_are_shared_out_by_weight(fleet, bridge):
    one, two = fleet("one", "two")
    weighted = [{"address": one.address, "weight": 3}, two.address]
    before = bridge({"static": weighted})
    until_answered_by(before, ["one", "two"])
    counts = collections.Counter(servers(before, 80))
    assert 50 <= counts["one"] <= 70


def test_a_rolling_restart_loses_nothing(fleet, bridge):
    members = fleet("one", "two")
    before = bridge(members, retry=DRAINING)
    with Load(before) as load:
        for _ in range(2):
            for index, member in enumerate(members):
                until(lambda: load.servers()[member.name] > 0, f"{member.name} answers")
                assert member.stop() == 0
                members[index] = fleet.add(member.again())
                load.answers.clear()
                until(lambda: load.servers()[member.name] > 20, f"{member.name} is back", 30)
    no_failures(load)
    assert load.sent > 200


def test_a_killed_server_loses_nothing_with_retries(fleet, bridge):
    members = fleet("one", "two", delay=0.02)
    before = bridge(members, retry=RETRY)
    with Load(before) as load:
        for index, member in enumerate(members):
            until(lambda: load.servers()[member.name] > 20, f"{member.name} answers", 30)
            member.signal(signal.SIGKILL)
            member.wait()
            other = members[1 - index].name
            load.answers.clear()
            until(lambda: load.servers()[other] > 50, f"{other} goes on", 30)
            members[index] = fleet.add(member.again())
            load.answers.clear()
            until(lambda: load.servers()[member.name] > 20, f"{member.name} is back", 30)
    no_failures(load)


def test_a_frozen_server_is_left_out_until_it_thaws(fleet, bridge):
    one, two = fleet("one", "two")
    before = bridge(
        [one, two],
        timeout="20s",
        retry={**RETRY, "per_try_timeout": "500ms"},
        health={"ejection_time": "2s"},
    )
    until_answered_by(before, ["one", "two"])
    with Load(before, rate=100) as load:
        one.signal(signal.SIGSTOP)
        load.answers.clear()
        until(lambda: load.servers()["two"] > 200, "two goes on", 30)
        one.signal(signal.SIGCONT)
        load.answers.clear()
        until(lambda: load.servers()["one"] > 20, "one is back", 30)
    no_failures(load)


def test_one_server_that_restarts_answers_every_request(fleet, bridge):
    (member,) = fleet("one")
    before = bridge([member], timeout="10s", retry=RETRY)
    with Load(before, rate=100) as load:
        until(lambda: load.servers()["one"] > 20, "it answers")
        member.signal(signal.SIGKILL)
        member.wait()
        until(lambda: load.failures, "calls fail")
        fleet.add(member.again())
        load.answers.clear()
        until(lambda: load.servers()["one"] > 50, "it's back", 30)
    # Each of them is a response with a reason, and no call was left hanging.
    assert all(failure.startswith("503 ") for failure in load.failures), load.failures[:5]
    assert '"code":14,' in load.failures[-1]


def test_one_frozen_server_ends_calls_at_their_deadline(fleet, bridge):
    (member,) = fleet("one")
    before = bridge(member.address, timeout="1s", connections={"keepalive_timeout": "2s"})
    assert servers(before, 1) == ["one"]
    member.signal(signal.SIGSTOP)
    assert call(before).status == 504
    # Nothing arrived during that call: the connection gets a keepalive ping, and is then closed.
    until(lambda: "didn't acknowledge a PING" in call(before).body.decode(), "it is given up", 20)
    member.signal(signal.SIGCONT)
    until(lambda: call(before).status == 200, "it answers again", 20)


def test_a_server_that_is_not_serving_gets_no_calls(fleet, bridge):
    one, two = fleet("one", "two")
    before = bridge([one, two])
    until_answered_by(before, ["one", "two"])
    one.signal(signal.SIGUSR1)
    until_answered_by(before, ["two"])
    one.signal(signal.SIGUSR2)
    until_answered_by(before, ["one", "two"])


def test_a_status_of_the_policy_is_tried_elsewhere_and_the_last_is_told(fleet, bridge):
    members = fleet("one", "two", "three")
    before = bridge(members, retry=RETRY)
    until_answered_by(before, ["one", "two", "three"])
    answer = call(before, key="fail")
    assert answer.status == 503
    assert "(attempt 3 of 3)" in answer.body.decode()
    # The retry budget is used up after the second one.
    few = bridge(members, retry={**RETRY, "attempts": 5, "budget": {"tokens": 4}})
    until_answered_by(few, ["one", "two", "three"])
    assert "(attempt 2 of 5)" in call(few, key="fail").body.decode()
    lone = bridge(members)
    assert "attempt" not in call(lone, key="fail").body.decode()


def test_a_ring_keeps_a_client_with_its_server(fleet, bridge):
    before = bridge(
        fleet("one", "two", "three"), balance={"policy": "ring_hash", "header": "x-user"}
    )
    until_answered_by(before, ["one", "two", "three"])
    chosen = {}
    for user in range(12):
        (name,) = set(servers(before, 4, [("X-User", f"user {user}")]))
        chosen[user] = name
    assert len(set(chosen.values())) > 1


def test_pick_first_uses_one_and_moves_when_it_is_gone(fleet, bridge):
    one, two = fleet("one", "two")
    before = bridge([one, two], balance="pick_first", retry=RETRY)
    assert set(servers(before, 10)) == {"one"}
    one.stop()
    assert set(servers(before, 10)) == {"two"}


def test_least_requests_avoids_the_slow_one(fleet, bridge):
    (slow,) = fleet("slow", delay=0.3)
    (fast,) = fleet("fast")
    before = bridge([slow, fast], balance="least_requests")
    until_answered_by(before, ["slow", "fast"])
    with Load(before, rate=100) as load:
        until(lambda: load.servers()["fast"] > 100, "the fast one answers", 30)
    assert load.servers()["fast"] > 3 * load.servers()["slow"]
    no_failures(load)


def test_a_socket_is_an_endpoint(fleet, bridge, tmp_path):
    path = tmp_path / "fleet.sock"
    fleet("one", unix=path)
    assert servers(bridge(f"unix:{path}"), 3) == ["one"] * 3


def test_the_addresses_of_a_name(fleet, bridge):
    (member,) = fleet("one")
    before = bridge({"dns": f"localhost:{member.port}"})
    until(lambda: call(before).status == 200, "an address of localhost answers", 20)


def test_a_name_that_is_unknown_is_told(bridge):
    before = bridge({"dns": "nothing.invalid:5"}, limits={"connect_timeout": "500ms"})
    answer = call(before)
    assert answer.status == 503
    assert "can't look up nothing.invalid: " in answer.body.decode()


def test_connections_are_replaced_when_they_are_old(fleet, bridge):
    (member,) = fleet("one")
    before = bridge(member.address, connections={"count": 2, "max_age": "300ms"})
    with Load(before, rate=200) as load:
        until(lambda: load.servers()["one"] > 600, "it answers", 30)
    no_failures(load)


def test_readiness_tells_of_the_endpoints(fleet, bridge):
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    before = bridge(f"127.0.0.1:{port}")
    answer = requests.get(f"{before.admin_url}/readyz", timeout=20)
    assert answer.status_code == 503 and f"127.0.0.1:{port}" in answer.text
    (member,) = fleet("one", port=port)
    until(
        lambda: requests.get(f"{before.admin_url}/readyz", timeout=20).status_code == 200, "ready", 20
    )
