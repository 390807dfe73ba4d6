"""Several equivalent gRPC servers, and a load generator for the bridge."""

import asyncio
import collections
import json
import pathlib
import sys
import threading

from .processes import Process

SERVER = pathlib.Path(__file__).resolve().parents[1] / "peers" / "fleet_server.py"


class Member(Process):
    """One server of the fleet; on a `host` of `support.network`, one with its own address."""

    def __init__(
        self, stubs, folder, name, port=0, unix=None, grace=5, delay=0, host=None, ip="127.0.0.1",
        bare=False,
    ):  # fmt: skip
        arguments = [*host.run, sys.executable] if host else [sys.executable]
        arguments += [SERVER, stubs.folder, name, "--grace", grace]
        arguments += ["--unix", unix] if unix else ["--port", port]
        ip = host.address if host else ip
        arguments += ["--host", ip]
        arguments += ["--delay", delay]
        arguments += ["--bare"] if bare else []
        super().__init__(name, arguments, folder)
        try:
            self.port = int(self.wait_for_line(r"^(\d+)$")[1])
        except AssertionError:
            self.end()
            raise
        self.unix = unix
        self.stubs, self.folder, self.grace, self.delay = stubs, folder, grace, delay
        self.host, self.ip, self.bare = host, ip, bare
        self.address = f"unix:{unix}" if unix else f"{ip}:{self.port}"

    def again(self):
        """Starts a new process in place of one that has ended."""
        return Member(
            self.stubs, self.folder, self.name, self.port, self.unix, self.grace, self.delay,
            self.host, self.ip, self.bare,
        )  # fmt: skip


class Load:
    """A steady background load of echo calls at a rate, over a number of connections.

    The result of each call is recorded: `responses` counts (status, server), `failures` has those other than
    200.
    """

    def __init__(self, bridge, rate=200, connections=16, seconds=20.0, path="/v1/echo"):
        self.bridge, self.rate, self.connections, self.seconds = bridge, rate, connections, seconds
        self.path = path
        self.responses = collections.Counter()
        self.failures = []
        self.sent = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join(60)
        assert not self.thread.is_alive(), "the load doesn't end: a call got no response"

    async def run(self):
        await asyncio.gather(*(self.client(number) for number in range(self.connections)))

    async def client(self, number):
        body = json.dumps({"aString": f"call {number}"}).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        pause = self.connections / self.rate
        loop = asyncio.get_running_loop()
        due = loop.time() + pause * number / self.connections
        reader = writer = None
        while not self.stopped.is_set():
            await asyncio.sleep(max(0, due - loop.time()))
            due = max(due + pause, loop.time() - 1)
            self.sent += 1
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection(
                        self.bridge.host, self.bridge.port
                    )
                writer.write(head + body)
                status, fields, text = await asyncio.wait_for(self.read_response(reader), self.seconds)
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                self.failures.append(repr(error))
                writer = None
                continue
            self.responses[status, fields.get("x-server")] += 1
            if status != 200:
                self.failures.append(f"{status} {text.decode(errors='replace')}")
        if writer:
            writer.close()

    @staticmethod
    async def read_response(reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        text = await reader.readexactly(int(fields.get("content-length", "0")))
        return int(head[0].split(" ")[1]), fields, text

    def servers(self):
        """Number of successful responses by server."""
        counts = collections.Counter()
        for (status, server), count in self.responses.items():
            if status == 200:
                counts[server] += count
        return counts
