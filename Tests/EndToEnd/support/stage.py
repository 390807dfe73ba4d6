"""One bridge and one scripted endpoint, for tables of misbehaviour and outcome."""

import dataclasses
import pathlib
import re
import threading
from collections.abc import Callable

from .bridge import Bridge, configuration, service
from .misbehaving import SECONDS, Endpoint
from .processes import until
from .shapes import Outcome, open_channel

#: Maximum growth of the bridge during a case, in KiB. The largest reply of a case is smaller.
GROWTH = 24 << 10

HOSTS = ("test", "short.test")
KEPT, MORE, CLOSED, ENDED, EITHER = "kept", "more", "closed", "ended", "either"


@dataclasses.dataclass
class Case:
    """The endpoint's behaviour, and the expected outcome."""

    #: The script; takes the peer and the shape of the call.
    play: Callable
    #: The gRPC code, and a part of the message.
    code: int
    text: str = ""
    #: How many messages streams forward before that.
    messages: int = 0
    #: KEPT: the connection carries the next call. MORE: the same, and there may be additional ones.
    #: CLOSED: the bridge closes it. ENDED: the endpoint closes it. EITHER: kept or closed.
    after: str = KEPT
    #: code, text and messages for a call that's passed through, where they differ.
    raw: tuple | None = None
    #: The called service; `short.test` has a deadline of half a second.
    host: str = "test"
    #: Size of the request in bytes.
    size: int = 0
    #: Number of connections that run the script; later ones are served normally. None: all of them.
    connections: int | None = None
    growth: int = GROWTH
    #: Whether connections remain that never carried a call: those count as failed attempts when they close,
    #: and the next case starts after the backoff.
    leaves_unused: bool = False
    #: Receives the outcome if none is expected.
    seen: list | None = None

    def expected(self, shape):
        code, text, messages = self.code, self.text, self.messages
        if shape.is_raw and self.raw is not None:
            code, text, messages = self.raw
        if not shape.streams:
            messages = 1 if code == 0 else 0
        return code, text, messages


class Stage:
    """The bridge, the endpoint, and clients."""

    def __init__(self, folder):
        self.endpoint = Endpoint()
        #: Whether the last case left no state behind.
        self.is_well = True
        #: Set once the client has its response: for endpoints that do nothing until then.
        self.over = threading.Event()
        services = {
            "test": service(self.endpoint.address, "echo", timeout="40s", stream={"timeout": "40s"}),
            "short": service(
                self.endpoint.address, "echo", hosts=["short.test"], timeout="500ms",
                stream={"timeout": "500ms", "heartbeat": "10s"},
            ),
        }  # fmt: skip
        limits = {"reply_bytes": "4MiB", "connect_timeout": "500ms"}
        settings = configuration(services, threads=1, limits=limits)
        self.bridge = Bridge.configured(settings, folder)

    def resident(self, key="VmRSS"):
        """Resident memory in KiB: `VmRSS` is the current size, `VmHWM` the peak since `forget_peak`."""
        status = pathlib.Path(f"/proc/{self.bridge.pid}/status").read_text()
        return int(re.search(rf"^{key}:\s+(\d+) kB", status, re.MULTILINE)[1])

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.bridge.pid}/clear_refs").write_text("5")

    def call(self, shape, host="test", size=0):
        return shape.call(self.bridge, host, size)

    def check(self, case, shape):
        """Runs a case, and checks that it leaves no state behind."""
        left = case.connections

        def script(peer):
            nonlocal left
            if left is not None:
                left -= 1
                if left == 0:
                    self.endpoint.good()
            case.play(peer, shape)

        if not self.is_well:
            for host in HOSTS:
                self.recover(shape, host)
            self.endpoint.disconnect()
        self.is_well = False
        self.over.clear()
        self.endpoint.behave(script, shape.reply)
        self.forget_peak()
        before = self.resident()
        try:
            outcome = self.call(shape, case.host, case.size)
            self.over.set()
            self.endpoint.good()
            assert self.endpoint.failure is None, self.endpoint.failure
            if case.seen is None:
                self.compare(case, shape, outcome)
            else:
                case.seen.append(outcome)
            peers = list(self.endpoint.connections)
            if case.after == CLOSED:
                for peer in peers[: case.connections]:
                    assert peer.disconnected.wait(SECONDS / 2), "the bridge keeps the connection"
            self.recover(shape, case.host if case.after in (KEPT, MORE) else "test")
            if case.after == KEPT:
                assert self.endpoint.connections == peers, "the bridge gave up the connection"
        finally:
            self.over.set()
            self.endpoint.good()
            self.endpoint.disconnect()
        assert self.bridge.is_running(), self.bridge.report()
        grown = self.resident("VmHWM") - before
        assert grown <= case.growth, f"the bridge grew by {grown} KiB"
        self.is_well = not (case.leaves_unused or case.after == MORE)

    def observe(self, sent, shape):
        """The outcome of a call without an expectation; it must leave no state behind."""
        seen = []

        def play(peer, _):
            peer.greet()
            stream = peer.request()
            peer.flood(sent(stream, shape.reply))

        self.check(Case(play, 0, after=EITHER, seen=seen), shape)
        return seen[0]

    def observe_directly(self, sent, shape):
        """The result of a gRPC client in the same case without the bridge."""

        def play(peer):
            peer.greet()
            peer.flood(sent(peer.request(), shape.reply))

        self.endpoint.behave(play, shape.reply)
        with open_channel(self.endpoint.address, "test") as channel:
            outcome = shape.call_grpc(channel)
        self.endpoint.good()
        self.endpoint.disconnect()
        return outcome

    @staticmethod
    def compare(case, shape, outcome):
        code, text, messages = case.expected(shape)
        if shape.name == "array" and code != 0 and messages > 0:
            assert (outcome.messages, outcome.code) == (messages, -1), outcome
            return
        assert (outcome.messages, outcome.code) == (messages, code), outcome
        assert text in outcome.text, outcome

    def recover(self, shape, host="test"):
        """The endpoint behaves normally again: the bridge must too, at the latest after its backoff."""
        not_connected = {"ENDPOINT_NOT_REACHABLE"} if not shape.is_raw else {None}

        def recovered():
            outcome = self.call(shape, host)
            if outcome.code == 14 and outcome.reason in not_connected:
                return None
            return outcome

        outcome = until(recovered, "a successful call", SECONDS / 2)
        assert outcome == Outcome(1, 0), outcome

    def close(self):
        try:
            self.bridge.stop_cleanly()
        finally:
            self.bridge.end()
            self.endpoint.close()
