"""Fixtures: the gRPC server, the bridge, HTTP clients. Everything that a test starts ends with the test."""

import signal
import uuid

import pytest
import requests
from peers.eas import EAS
from peers.nacos import Nacos
from support.bridge import Bridge, configuration, service
from support.discovery import NacosClient
from support.fleet import Member
from support.peers import Backend, Stubs
from support.raw import Connection
from support.stage import Stage

ALL = ("echo", "routes", "legacy")


def pytest_addoption(parser):
    parser.addoption("--keep-logs", action="store_true", help="show the logs of passed tests too")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the output of the test's processes to a failure."""
    report = yield
    if report.failed or item.config.getoption("--keep-logs"):
        for process in item.funcargs.values():
            if isinstance(process, (Bridge, Backend)):
                report.sections.append((process.name, process.report()))
    return report


@pytest.fixture(scope="session")
def stubs(tmp_path_factory):
    """The generated modules of Protos/test."""
    return Stubs(tmp_path_factory.mktemp("generated"))


@pytest.fixture(scope="session")
def backend(stubs, tmp_path_factory):
    """The gRPC server that most tests share."""
    backend = Backend(stubs, tmp_path_factory.mktemp("backend"))
    yield backend
    backend.stop()
    backend.end()


class SharedBridge:
    """The bridge shared by most tests; restarted if a test has ended it."""

    def __init__(self, backend, folders):
        self.backend = backend
        self.folders = folders
        self.bridge = None

    def get(self):
        if self.bridge is None or not self.bridge.is_running():
            services = {"test": service(self.backend.address, *ALL, timeout="20s")}
            self.bridge = Bridge.configured(
                configuration(services, admin="127.0.0.1:0"), self.folders.mktemp("bridge")
            )
        return self.bridge


@pytest.fixture(scope="session")
def shared_bridge(backend, tmp_path_factory):
    shared = SharedBridge(backend, tmp_path_factory)
    yield shared
    if shared.bridge is not None and shared.bridge.is_running():
        shared.bridge.stop_cleanly()


@pytest.fixture
def bridge(shared_bridge):
    """A bridge with `backend` as endpoint and all schemas of Protos/test; outlives the test."""
    bridge = shared_bridge.get()
    yield bridge
    assert bridge.is_running(), f"the bridge did not survive this test\n{bridge.report()}"


@pytest.fixture
def start_bridge(tmp_path):
    """Starts a separate bridge: `start_bridge({"test": service(…)}, threads=1)`.

    At the end it's stopped with SIGTERM and must exit with 0, unless the test has ended it.
    """
    started = []

    def start(services=None, *, arguments=None, environment=None, **more):
        name = f"bridge-{len(started) + 1}"
        if arguments is not None:
            bridge = Bridge(arguments, tmp_path, name, environment)
        else:
            settings = services if isinstance(services, str) else configuration(services, **more)
            bridge = Bridge.configured(settings, tmp_path, name, environment)
        bridge.ended_by_test = False
        started.append(bridge)
        return bridge

    yield start
    try:
        for bridge in started:
            if not bridge.ended_by_test:
                bridge.stop_cleanly()
    finally:
        for bridge in started:
            bridge.end()


@pytest.fixture
def start_backend(stubs, tmp_path):
    """Starts a separate gRPC server: `start_backend(port=…, options={…})`."""
    started = []

    def start(**more):
        backend = Backend(stubs, tmp_path, f"backend-{len(started) + 1}", **more)
        started.append(backend)
        return backend

    yield start
    for backend in started:
        backend.end()


@pytest.fixture(scope="session")
def shared_stage(tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield stage
    stage.close()


@pytest.fixture
def stage(shared_stage):
    """A bridge and an endpoint with scripted misbehaviour; outlives the test."""
    yield shared_stage
    bridge = shared_stage.bridge
    assert bridge.is_running(), f"the bridge did not survive this test\n{bridge.report()}"


@pytest.fixture
def http():
    """A client with keep-alive that ignores the environment."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def connect(bridge):
    """Opens raw connections to `bridge`, or to the one given."""
    opened = []

    def open_one(to=None, seconds=15.0):
        to = to or bridge
        connection = Connection((to.host, to.port), seconds)
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        connection.socket.close()


@pytest.fixture
def key():
    """A unique name for a call or a stored message."""
    return uuid.uuid4().hex


@pytest.fixture
def fleet(stubs, tmp_path):
    """Creates members that end with the test: `fleet("a", "b")`."""
    members = []

    def make(*names, **more):
        made = [Member(stubs, tmp_path, name, **more) for name in names]
        members.extend(made)
        return made

    make.add = lambda member: members.append(member) or member
    yield make
    for member in members:
        member.signal(signal.SIGCONT)
        member.end()


@pytest.fixture
def eas():
    simulator = EAS()
    yield simulator
    simulator.stop()


@pytest.fixture
def start_nacos():
    """Starts a simulator: `start_nacos(version="3")`."""
    started = []

    def start(**more):
        simulator = Nacos(**more)
        started.append(simulator)
        return simulator

    yield start
    for simulator in started:
        simulator.stop()


@pytest.fixture
def connect_nacos(tmp_path):
    """Connects the vendor's client of Nacos: `connect_nacos(simulator)`."""
    clients = []

    def connect(nacos, *user):
        folder = tmp_path / f"nacos-client-{len(clients)}"
        folder.mkdir()
        clients.append(NacosClient(nacos.address, folder, *user))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()
