"""The gRPC server of the tests as a separate process, with a direct channel to it."""

import importlib
import pathlib
import sys

import grpc
from google.protobuf import empty_pb2
from grpc_tools import protoc

from .bridge import PROTOS, REPOSITORY, SHOWCASE
from .processes import Process, until

SERVER = pathlib.Path(__file__).resolve().parents[1] / "peers" / "grpc_server.py"
MODULES = ["everything", "echo", "routes", "legacy", "showcase"]


class Stubs:
    """The generated modules of Protos/test and of the showcase: `stubs.echo.FailRequest`, `stubs.echo_grpc`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        files = [f"{name}.proto" for name in MODULES]
        code = protoc.main(
            ["protoc", f"-I{PROTOS}", f"-I{SHOWCASE}", f"-I{REPOSITORY / 'schemas'}",
             f"--python_out={folder}", f"--grpc_python_out={folder}", *files]
        )  # fmt: skip
        assert code == 0, "the protos of the tests do not compile"
        sys.path.insert(0, str(folder))
        for name in MODULES:
            setattr(self, name, importlib.import_module(f"{name}_pb2"))
            setattr(self, f"{name}_grpc", importlib.import_module(f"{name}_pb2_grpc"))


class Backend(Process):
    """The server of peers/grpc_server.py, running."""

    def __init__(self, stubs, folder, name="backend", port=0, options=None):
        options = [f"--option={key}={value}" for key, value in (options or {}).items()]
        arguments = [sys.executable, SERVER, stubs.folder, "--port", port, *options]
        super().__init__(name, arguments, folder)
        try:
            self.port = int(self.wait_for_line(r"^(\d+)$")[1])
        except AssertionError:
            self.end()
            raise
        self.stubs = stubs
        self.address = f"127.0.0.1:{self.port}"
        self.channel = grpc.insecure_channel(self.address)
        self.echo = stubs.echo_grpc.EchoServiceStub(self.channel)
        self.trouble = stubs.echo_grpc.TroubleServiceStub(self.channel)
        self.routes = stubs.routes_grpc.RouteServiceStub(self.channel)

    def observe(self, key):
        """The observation of the last call with this key."""
        return self.trouble.Observe(self.stubs.echo.ObserveRequest(key=key), timeout=10)

    def wait_for_state(self, key, *states, seconds=15.0):
        """Waits until the call with this key is in one of the states, named as in
        `Observation.State`."""
        value = self.stubs.echo.Observation.State.Value
        numbers = {value(f"STATE_{state}") for state in states}
        seen = []

        def reached():
            seen[:] = [self.observe(key)]
            return seen[0].state in numbers

        try:
            until(reached, f"call {key!r} is {' or '.join(states)}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; last seen: {seen}") from None
        return seen[0]

    def wait_for_expiry(self, key):
        """Waits until the call with this key has ended by its deadline. The server knows the deadline, and
        the bridge cancels the call then: either may happen first."""
        return self.wait_for_state(key, "EXPIRED", "CANCELLED")

    def peers(self):
        """The peer addresses of calls, and the number of calls, since the start."""
        reply = self.trouble.Peers(empty_pb2.Empty(), timeout=10)
        return set(reply.peers), reply.calls

    def end(self):
        if hasattr(self, "channel"):
            self.channel.close()
        super().end()

