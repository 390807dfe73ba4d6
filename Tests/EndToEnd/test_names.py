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


def responders(bridge, count=12):
    responses = [call(bridge) for _ in range(count)]
    assert [response.status for response in responses] == [200] * count, responses
    return collections.Counter(response.header("x-server") for response in responses)


def until_only(bridge, *servers):
    until(lambda: set(responders(bridge)) == set(servers), f"only {servers} respond", 20)


def record(member, host, priority=1, weight=10):
    return (NAME, host, member.port, priority, weight)


def test_calls_follow_port_and_weight_of_srv_records(server, fleet, bridge):
    one, two = fleet("one", "two")
    server.configure(
        [record(one, "a.internal", weight=30), record(two, "b.internal", weight=10)],
        {"a.internal": ["127.0.0.1"], "b.internal": ["127.0.0.1"]},
    )
    proxy = bridge({"srv": NAME})
    until_only(proxy, "one", "two")
    assert 50 <= responders(proxy, 80)["one"] <= 70


def test_records_that_change_under_load(server, fleet, bridge):
    one, two, three = fleet("one", "two", "three")
    hosts = {"a.internal": ["127.0.0.1"]}
    server.configure([record(one, "a.internal"), record(two, "a.internal")], hosts)
    proxy = bridge({"srv": NAME}, retry=RETRY)
    until_only(proxy, "one", "two")
    with Load(proxy, rate=200) as load:
        server.configure([record(two, "a.internal"), record(three, "a.internal")], hosts)
        until(lambda: load.servers()["three"] > 50, "the new endpoint is called", 20)
        until_only(proxy, "two", "three")
        one.end()
        until(lambda: load.servers()["three"] > 150, "calls continue", 20)
    assert not load.failures, load.failures[:5]


def test_the_next_priority_is_used_when_the_first_does_not_resolve(server, fleet, bridge):
    one, two = fleet("one", "two")
    records = [record(one, "a.internal", 1), record(two, "b.internal", 2)]
    server.configure(records, {"a.internal": ["127.0.0.1"], "b.internal": ["127.0.0.1"]})
    proxy = bridge({"srv": NAME})
    until_only(proxy, "one")
    server.configure(records, {"b.internal": ["127.0.0.1"]})
    until_only(proxy, "two")


def test_the_last_list_stays_in_effect(server, fleet, bridge):
    (one,) = fleet("one")
    server.configure([record(one, "a.internal")], {"a.internal": ["127.0.0.1"]})
    proxy = bridge({"srv": NAME})
    until_only(proxy, "one")
    server.end()
    until_only(proxy, "one")
    server.configure()
    until_only(proxy, "one")


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ((), f"can't look up the SRV records of {NAME}: "),
        ([(NAME, ".", 1, 0, 0)], f"the SRV records of {NAME} declare the service unavailable"),
        ([(NAME, "gone.internal", 1, 0, 0)], "can't look up gone.internal: "),
    ],
)
def test_the_error_names_the_cause(server, bridge, records, message):
    server.configure(records)
    response = call(bridge({"srv": NAME}))
    assert response.status == 503 and message in response.body.decode(), response.body


def test_addresses_that_are_added_and_removed(server, fleet, bridge):
    """As for a headless service: one port, several hosts."""
    (one,) = fleet("one")
    two = fleet.add(type(one)(one.stubs, one.folder, "two", port=one.port, ip="127.0.0.2"))
    server.configure(hosts={"bench.internal": ["127.0.0.1"]})
    proxy = bridge({"address": f"bench:{one.port}"}, retry=RETRY)
    until_only(proxy, "one")
    with Load(proxy, rate=200) as load:
        server.configure(hosts={"bench.internal": ["127.0.0.1", "127.0.0.2"]})
        until(lambda: load.servers()["two"] > 50, "the second address is called", 20)
        server.configure(hosts={"bench.internal": ["127.0.0.2"]})
        until_only(proxy, "two")
    assert not load.failures, load.failures[:5]


@pytest.mark.parametrize("by", ["address", "srv"])
def test_the_certificate_has_the_configured_name(server, bridge, stubs, tmp_path, by):
    authority = tls.Authority(tmp_path)
    member = tls.GRPCServer(stubs, authority.issue("server", "bench.internal"))
    try:
        server.configure(
            [(NAME, "other.internal", member.port, 0, 0)],
            {"other.internal": ["127.0.0.1"], "bench.internal": ["127.0.0.1"]},
        )
        dns = {"srv": NAME} if by == "srv" else {"address": f"bench.internal:{member.port}"}
        proxy = bridge(dns, tls={"ca": authority.path})
        until(lambda: call(proxy).status == 200, "it responds", 20)
    finally:
        member.stop()
