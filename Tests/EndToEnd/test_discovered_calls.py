"""Calls in flight while the list of endpoints changes: instances appear, leave, die, and drop packets."""

import signal

import pytest
from support import network
from support.bridge import service
from support.discovery import access, direct, nacos
from support.fleet import Load
from support.processes import until

RETRY = {"attempts": 3, "on": ["UNAVAILABLE", "CANCELLED"]}


@pytest.fixture
def bridge_for(start_bridge):
    """A bridge whose endpoints come from this configuration."""

    def start(endpoint, **more):
        more = {"retry": RETRY, **more}
        limits = {"calls_waiting": 1024, "connect_timeout": "1s"}
        return start_bridge({"test": service(endpoint, "echo", **more)}, limits=limits)

    return start


def no_failures(load):
    assert not load.failures, (len(load.failures), load.sent, load.failures[:5])


def until_served_by(load, *names, seconds=30):
    """Waits until exactly these servers respond to calls started since."""

    def only():
        load.responses.clear()
        until(lambda: sum(load.servers().values()) >= 30, "calls succeed", seconds)
        return set(load.servers()) == set(names)

    until(only, f"only {names} respond", seconds)


def places(*members):
    return [(member.ip, member.port, 100) for member in members]


def test_eas_instances_change_under_load(eas, fleet, bridge_for):
    one, two, three = fleet("one", "two", "three", delay=0.05)
    eas.discovery.set("my_svc", *places(one, two))
    bridge = bridge_for(direct(eas, interval="100ms"))
    with Load(bridge) as load:
        until_served_by(load, "one", "two")
        eas.discovery.set("my_svc", *places(two, three))
        # Calls are in flight on the leaving one; they finish.
        until_served_by(load, "two", "three")
        assert one.is_running()
        # A dead instance is still listed for a while; its calls go to another one.
        two.signal(signal.SIGKILL)
        until_served_by(load, "three")
        # Discovery returns an empty list; the previous list stays in effect.
        eas.discovery.status = 503
        asked = len(eas.discovery.calls)
        until(lambda: len(eas.discovery.calls) > asked + 2, "it's queried again")
        until_served_by(load, "three")
        eas.discovery.status = 200
        eas.discovery.set("my_svc", *places(one))
        until_served_by(load, "one")
    no_failures(load)


def test_eas_instances_share_calls_by_weight(eas, fleet, bridge_for):
    one, two, three = fleet("one", "two", "three")
    eas.discovery.set(
        "my_svc", (one.ip, one.port, 75), (two.ip, two.port, 25), (three.ip, three.port, 0)
    )
    bridge = bridge_for(direct(eas))
    with Load(bridge, rate=100) as load:
        until_served_by(load, "one", "two")
        load.responses.clear()
        until(lambda: sum(load.servers().values()) >= 200, "calls succeed")
        counts = load.servers()
    share = counts["one"] / sum(counts.values())
    # Connections are balanced per loop, round robin.
    assert 0.65 < share < 0.85, counts
    no_failures(load)


@pytest.mark.parametrize("protocol", ["grpc", "http-v1", "http-v3"])
def test_instances_of_the_vendors_client_are_called(
    start_nacos, connect_nacos, fleet, bridge_for, protocol
):
    """End to end: Nacos' own client registers, the bridge discovers, calls, and removes the instance."""
    registry = start_nacos(version="3")
    one, two = fleet("one", "two", delay=0.05)
    client = connect_nacos(registry)
    client.do("register", "svc", one.ip, one.port, 1.0)
    bridge = bridge_for(nacos(registry, **access(protocol)))
    with Load(bridge, rate=100) as load:
        until_served_by(load, "one")
        client.do("register", "svc", two.ip, two.port, 1.0)
        until_served_by(load, "one", "two")
        client.do("deregister", "svc", one.ip, one.port)
        until_served_by(load, "two")
    no_failures(load)
    assert one.is_running()


def test_calls_continue_without_the_registry(start_nacos, fleet, bridge_for):
    registry = start_nacos()
    (one,) = fleet("one")
    registry.register("svc", one.ip, one.port)
    bridge = bridge_for(nacos(registry))
    with Load(bridge, rate=50) as load:
        until_served_by(load, "one")
        registry.stop()
        until_served_by(load, "one")
    no_failures(load)


class TestSeparateHosts:
    """As in a VPC: instances at the same port of several addresses."""

    PORT = 50_000

    @pytest.fixture
    def hosts(self):
        made = []
        reason = network.why_not()
        if reason:
            pytest.skip(reason)

        def make(count):
            made.extend(network.Host() for _ in range(count))
            return made[-count:]

        yield make
        for host in made:
            host.close()

    @pytest.fixture
    def instances(self, hosts, fleet):
        def make(*names, **more):
            return [
                fleet(name, host=host, port=self.PORT, **more)[0]
                for name, host in zip(names, hosts(len(names)), strict=True)
            ]

        return make

    def test_they_appear_and_vanish(self, eas, instances, bridge_for):
        one, two = instances("one", "two")
        eas.discovery.set("my_svc", *places(one))
        bridge = bridge_for(direct(eas, interval="100ms"))
        with Load(bridge) as load:
            until_served_by(load, "one")
            eas.discovery.set("my_svc", *places(one, two))
            until_served_by(load, "one", "two")
            # The host disappears with its processes and address.
            one.signal(signal.SIGKILL)
            one.host.close()
            until_served_by(load, "two")
            eas.discovery.set("my_svc", *places(two))
            until_served_by(load, "two")
        no_failures(load)

    def test_one_drops_all_packets(self, eas, instances, bridge_for):
        one, two = instances("one", "two")
        eas.discovery.set("my_svc", *places(one, two))
        bridge = bridge_for(
            direct(eas, interval="100ms"),
            retry={**RETRY, "per_try_timeout": "300ms"},
            health={"consecutive_failures": 3, "ejection_time": "60s"},
        )
        with Load(bridge, rate=100) as load:
            until_served_by(load, "one", "two")
            one.host.drop_packets()
            until_served_by(load, "two")
        no_failures(load)

    def test_the_only_one_drops_all_packets_for_a_while(self, eas, instances, bridge_for):
        """Each request gets a response in time, and calls continue when it's back."""
        (one,) = instances("one")
        eas.discovery.set("my_svc", *places(one))
        bridge = bridge_for(direct(eas, interval="100ms"), timeout="1s")
        with Load(bridge, rate=50, seconds=5) as load:
            until_served_by(load, "one")
            one.host.drop_packets()
            until(lambda: any(status != 200 for status, _ in load.responses), "calls fail", 20)
            one.host.pass_packets()
            until_served_by(load, "one")
        statuses = {text[:3] for text in load.failures}
        assert statuses <= {"503", "504"}, load.failures[:5]
