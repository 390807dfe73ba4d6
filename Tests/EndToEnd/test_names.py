"""Names from a real name server: addresses that change, and SRV records."""

import collections

import pytest
from support import names, tls
from support.bridge import Bridge, configuration, service
from support.fleet import Load
from support.processes import until
from support.raw import Connection

RETRY = {"attempts": 3, "on": ["UNAVAILABLE"]}
NAME = "_grpc._tcp.bench.internal"


@pytest.fixture
def server(tmp_path):
    if reason := names.why_not():
        pytest.skip(reason)
    server = names.NameServer(tmp_path)
    yield server
    server.end()


@pytest.fixture
def bridge(server, tmp_path):
    """Starts a bridge that uses the name server: `bridge({"srv": …}, retry=…)`."""
    running = []

    def start(dns, **more):
        services = {"fleet": service({"dns": {"interval": "200ms", **dns}}, "echo", **more)}
        settings = configuration(services, limits={"connect_timeout": "1s"})
        running.append(Bridge.configured(settings, tmp_path, inside=server.inside))
        return running[-1]

    yield start
    for each in running:
        each.stop_cleanly()


def call(bridge):
    with Connection((bridge.host, bridge.port)) as connection:
        fields = [("Content-Type", "application/json")]
        connection.request("POST", "/v1/echo", fields, b"{}")
        return connection.read_response("POST")


def answered_by(bridge, count=12):
    answers = [call(bridge) for _ in range(count)]
    assert [answer.status for answer in answers] == [200] * count, answers
    return collections.Counter(answer.header("x-server") for answer in answers)


def until_only(bridge, *servers):
    until(lambda: set(answered_by(bridge)) == set(servers), f"{servers} answer", 20)


def record(member, host, priority=1, weight=10):
    return (NAME, host, member.port, priority, weight)


def test_records_are_called_by_port_and_weight(server, fleet, bridge):
    one, two = fleet("one", "two")
    server.say(
        [record(one, "a.internal", weight=30), record(two, "b.internal", weight=10)],
        {"a.internal": ["127.0.0.1"], "b.internal": ["127.0.0.1"]},
    )
    before = bridge({"srv": NAME})
    until_only(before, "one", "two")
    assert 50 <= answered_by(before, 80)["one"] <= 70


def test_a_list_that_changes_under_load(server, fleet, bridge):
    one, two, three = fleet("one", "two", "three")
    hosts = {"a.internal": ["127.0.0.1"]}
    server.say([record(one, "a.internal"), record(two, "a.internal")], hosts)
    before = bridge({"srv": NAME}, retry=RETRY)
    until_only(before, "one", "two")
    with Load(before, rate=200) as load:
        server.say([record(two, "a.internal"), record(three, "a.internal")], hosts)
        until(lambda: load.servers()["three"] > 50, "the new one is called", 20)
        until_only(before, "two", "three")
        one.end()
        until(lambda: load.servers()["three"] > 150, "it goes on", 20)
    assert not load.failures, load.failures[:5]


def test_the_next_priority_when_the_first_can_not_be_looked_up(server, fleet, bridge):
    one, two = fleet("one", "two")
    records = [record(one, "a.internal", 1), record(two, "b.internal", 2)]
    server.say(records, {"a.internal": ["127.0.0.1"], "b.internal": ["127.0.0.1"]})
    before = bridge({"srv": NAME})
    until_only(before, "one")
    server.say(records, {"b.internal": ["127.0.0.1"]})
    until_only(before, "two")


def test_the_last_list_holds(server, fleet, bridge):
    (one,) = fleet("one")
    server.say([record(one, "a.internal")], {"a.internal": ["127.0.0.1"]})
    before = bridge({"srv": NAME})
    until_only(before, "one")
    server.end()
    until_only(before, "one")
    server.say()
    until_only(before, "one")


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ((), f"can't look up the SRV records of {NAME}: "),
        ([(NAME, ".", 1, 0, 0)], f"the SRV records of {NAME} declare the service unavailable"),
        ([(NAME, "gone.internal", 1, 0, 0)], "can't look up gone.internal: "),
    ],
)
def test_what_is_wrong_is_told(server, bridge, records, said):
    server.say(records)
    answer = call(bridge({"srv": NAME}))
    assert answer.status == 503 and said in answer.body.decode(), answer.body


def test_addresses_that_come_and_go(server, fleet, bridge):
    """As for a headless service: one port, several hosts."""
    (one,) = fleet("one")
    two = fleet.add(type(one)(one.stubs, one.folder, "two", port=one.port, ip="127.0.0.2"))
    server.say(hosts={"bench.internal": ["127.0.0.1"]})
    before = bridge({"address": f"bench:{one.port}"}, retry=RETRY)
    until_only(before, "one")
    with Load(before, rate=200) as load:
        server.say(hosts={"bench.internal": ["127.0.0.1", "127.0.0.2"]})
        until(lambda: load.servers()["two"] > 50, "the second is called", 20)
        server.say(hosts={"bench.internal": ["127.0.0.2"]})
        until_only(before, "two")
    assert not load.failures, load.failures[:5]


@pytest.mark.parametrize("by", ["address", "srv"])
def test_the_name_of_the_configuration_is_on_the_certificate(server, bridge, stubs, tmp_path, by):
    authority = tls.Authority(tmp_path)
    member = tls.GRPCServer(stubs, authority.issue("server", "bench.internal"))
    try:
        server.say(
            [(NAME, "other.internal", member.port, 0, 0)],
            {"other.internal": ["127.0.0.1"], "bench.internal": ["127.0.0.1"]},
        )
        dns = {"srv": NAME} if by == "srv" else {"address": f"bench.internal:{member.port}"}
        before = bridge(dns, tls={"ca": authority.path})
        until(lambda: call(before).status == 200, "it answers", 20)
    finally:
        member.stop()
