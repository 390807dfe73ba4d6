"""An endpoint that follows a script, frame by frame, and corrects nothing."""

import contextlib
import select
import socket
import struct
import threading

from .frames import (
    ACK, DATA, END_STREAM, HEADERS, PING, PREFACE, RESET, SETTINGS, data, frame, grpc_head, message,
    trailers,
)  # fmt: skip

SECONDS = 60


class Disconnected(Exception):
    """The bridge closed the connection."""


class Peer:
    """The endpoint's side of one connection. Acknowledges SETTINGS and pings as it reads."""

    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.resets = {}
        #: Streams whose requests are complete.
        self.complete = set()
        self.payload = 0
        self.is_mute = False
        #: A message for successful replies.
        self.reply = b""
        self.disconnected = threading.Event()

    def read(self, count):
        while len(self.buffer) < count:
            try:
                part = self.socket.recv(1 << 18)
            except ConnectionError:
                part = b""
            if not part:
                self.disconnected.set()
                raise Disconnected
            self.buffer += part
        found = bytes(self.buffer[:count])
        del self.buffer[:count]
        return found

    def preface(self):
        """Reads the bridge's connection preface."""
        assert self.read(len(PREFACE)) == PREFACE

    def frame(self):
        """The next frame: its type, flags, stream and payload."""
        head = self.read(9)
        payload = self.read(int.from_bytes(head[:3], "big"))
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.complete.add(stream)
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == DATA:
            self.payload += len(payload)
        elif kind == RESET:
            self.resets[stream] = int.from_bytes(payload, "big")
        return kind, flags, stream, payload

    def greet(self, settings=b""):
        """Reads the preface and sends SETTINGS."""
        self.preface()
        self.send(frame(SETTINGS, 0, 0, settings))

    def head(self):
        """Waits for the head of a request; returns the stream."""
        while True:
            kind, _, stream, _ = self.frame()
            if kind == HEADERS:
                return stream

    def request(self):
        """Waits for the next complete request; returns its stream."""
        while True:
            kind, flags, stream, _ = self.frame()
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                return stream

    def request_of(self, stream):
        """Waits until this stream's request is complete, if it isn't yet."""
        while stream not in self.complete:
            self.frame()

    def reset(self, stream):
        """Waits until the bridge resets the stream; returns the error code."""
        while stream not in self.resets:
            self.frame()
        return self.resets[stream]

    def send(self, *parts):
        if self.is_mute:
            return
        try:
            self.socket.sendall(b"".join(parts))
        except ConnectionError:
            raise Disconnected from None

    def flood(self, bytes_):
        """Sends a lot and reads responses meanwhile, so that the sides don't block each other."""
        view = memoryview(bytes_)
        self.socket.setblocking(False)
        try:
            while view:
                readable, writable, _ = select.select([self.socket], [self.socket], [], SECONDS)
                assert readable or writable, "the bridge neither reads nor writes"
                if readable:
                    part = self.socket.recv(1 << 18)
                    if not part:
                        raise Disconnected
                    self.buffer += part
                if writable:
                    view = view[self.socket.send(view[: 1 << 18]) :]
        except BlockingIOError:
            pass
        except OSError:
            raise Disconnected from None
        finally:
            with contextlib.suppress(OSError):
                self.socket.settimeout(SECONDS)

    def end_sending(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def abort(self):
        """TCP RST."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def drain(self):
        """Reads until the bridge closes the connection."""
        while True:
            self.frame()

    def drain_bytes(self):
        """The same, whatever the bridge sends."""
        while True:
            self.read(max(1, len(self.buffer)))


def good_reply(stream, reply):
    return grpc_head(stream) + data(stream, message(reply)) + trailers(stream)


class Endpoint:
    """Accepts connections; each runs the current script.

    A script takes a `Peer`. When it returns, the connection stays open and is served normally from then on;
    if the script or the bridge closes the connection, it ends.
    """

    def __init__(self):
        self.script = None
        self.reply = b""
        self.connections = []
        self.threads = []
        self.failure = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def behave(self, script, reply):
        """Sets the script of the next connections, and the reply of normal ones."""
        self.script, self.reply, self.failure = script, reply, None

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            peer = Peer(connection)
            peer.reply = self.reply
            self.connections.append(peer)
            thread = threading.Thread(target=self.run, args=[peer, self.script], daemon=True)
            self.threads.append(thread)
            thread.start()

    def run(self, peer, script):
        try:
            if script is not None:
                script(peer)
            else:
                peer.greet()
            while True:
                peer.send(good_reply(peer.request(), peer.reply))
        except (Disconnected, OSError):
            peer.disconnected.set()
        except BaseException as error:
            self.failure = error
            peer.disconnected.set()
            raise
        finally:
            peer.socket.close()

    def good(self):
        """Later connections are served normally."""
        self.script = None

    def disconnect(self):
        """Closes all connections, and waits until the bridge has noticed."""
        connections, threads = self.connections, self.threads
        self.connections, self.threads = [], []
        for peer in connections:
            peer.is_mute = True
            peer.end_sending()
        for thread in threads:
            thread.join(SECONDS)
            assert not thread.is_alive(), "the bridge keeps a connection that the endpoint closed"

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for peer in self.connections:
            peer.close()
        self.thread.join(10)
