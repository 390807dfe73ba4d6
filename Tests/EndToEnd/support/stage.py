"""One bridge and one endpoint that misbehaves on order, for tables of what becomes of it."""

import dataclasses
import pathlib
import re
import threading
from collections.abc import Callable

from .bridge import Bridge, configuration, service
from .misbehaving import SECONDS, Endpoint
from .processes import until
from .shapes import Outcome, open_channel

#: How much the bridge may grow while a case is played, in KiB. The largest reply of a case has less.
GROWTH = 24 << 10

HOSTS = ("test", "short.test")
KEPT, MORE, CLOSED, ENDED, EITHER = "kept", "more", "closed", "ended", "either"


@dataclasses.dataclass
class Case:
    """What the endpoint does, and what becomes of it."""

    #: Takes the peer and the shape of the call.
    play: Callable
    #: The gRPC code, and a part of the message.
    code: int
    text: str = ""
    #: How many messages streams hand on before.
    messages: int = 0
    #: KEPT: the connection carries the next call. MORE: the same, and there may be others beside it.
    #: CLOSED: the bridge closes it. ENDED: the endpoint ends it itself. EITHER: kept or closed.
    after: str = KEPT
    #: code, text and messages for a call that's passed through, where they differ.
    raw: tuple | None = None
    #: The service that's called; `short.test` has a deadline of half a second.
    host: str = "test"
    #: Bytes of the request.
    size: int = 0
    #: How many connections are played to; later ones are served well. None: all of them.
    connections: int | None = None
    growth: int = GROWTH
    #: Whether connections are left that never carried a call: those count as failed attempts when they
    #: end, and the next case begins after the backoff.
    leaves_unused: bool = False
    #: Where the outcome goes that nothing is said about.
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
        #: Whether the last case left nothing behind.
        self.is_well = True
        #: Set once the client has its answer: for endpoints that do nothing until then.
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
        """KiB of memory: `VmRSS` now, `VmHWM` the most since `forget_peak`."""
        status = pathlib.Path(f"/proc/{self.bridge.pid}/status").read_text()
        return int(re.search(rf"^{key}:\s+(\d+) kB", status, re.MULTILINE)[1])

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.bridge.pid}/clear_refs").write_text("5")

    def call(self, shape, host="test", size=0):
        return shape.call(self.bridge, host, size)

    def check(self, case, shape):
        """Plays a case, and sees that nothing is left of it."""
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
            self.endpoint.hang_up()
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
                    assert peer.gone.wait(SECONDS / 2), "the bridge keeps the connection"
            self.recover(shape, case.host if case.after in (KEPT, MORE) else "test")
            if case.after == KEPT:
                assert self.endpoint.connections == peers, "the bridge gave up the connection"
        finally:
            self.over.set()
            self.endpoint.good()
            self.endpoint.hang_up()
        assert self.bridge.is_running(), self.bridge.report()
        grown = self.resident("VmHWM") - before
        assert grown <= case.growth, f"the bridge grew by {grown} KiB"
        self.is_well = not (case.leaves_unused or case.after == MORE)

    def observe(self, sent, shape):
        """What becomes of a call where that isn't said beforehand; nothing may be left of it."""
        seen = []

        def play(peer, _):
            peer.greet()
            stream = peer.request()
            peer.flood(sent(stream, shape.reply))

        self.check(Case(play, 0, after=EITHER, seen=seen), shape)
        return seen[0]

    def observe_directly(self, sent, shape):
        """What a gRPC client gets of the same without the bridge."""

        def play(peer):
            peer.greet()
            peer.flood(sent(peer.request(), shape.reply))

        self.endpoint.behave(play, shape.reply)
        with open_channel(self.endpoint.address, "test") as channel:
            outcome = shape.call_grpc(channel)
        self.endpoint.good()
        self.endpoint.hang_up()
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
        """The endpoint has come to its senses: so does the bridge, after its backoff at the latest."""
        not_connected = {"ENDPOINT_NOT_REACHABLE"} if not shape.is_raw else {None}

        def answered():
            outcome = self.call(shape, host)
            if outcome.code == 14 and outcome.reason in not_connected:
                return None
            return outcome

        outcome = until(answered, "a good call", SECONDS / 2)
        assert outcome == Outcome(1, 0), outcome

    def close(self):
        try:
            self.bridge.stop_cleanly()
        finally:
            self.bridge.end()
            self.endpoint.close()
