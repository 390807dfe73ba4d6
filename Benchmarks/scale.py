"""Measures how the costs of the bridge grow: with a body, schemas, threads and connections.

    .venv-bench/bin/python Benchmarks/scale.py BRIDGE UPSTREAM [--only ROW]… [--peer bridge] [--rounds N]

BRIDGE is the released program, UPSTREAM is bench-upstream; the environment is the one that scripts/bench.sh
creates, the fixed rates are h2load's (nghttp2-client). Contestants take turns; figures are medians of the rounds.
"""

import argparse
import http.client
import json
import pathlib
import re
import resource
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.parse

import bench
import footprint
import http2
import payloads
import schemas

SIZES = [1 << 10, 16 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20]
# More than the largest body, for the bridge and for Envoy.
BUFFER_BYTES = 64 << 20
# CPU that a cell spends at least: /proc counts in hundredths of a second.
CELL_SECONDS = 0.5

SERVICES, METHODS = 200, 5_000
# The descriptor set of installed packages is repeated in other packages until it's as large as this.
LARGE_SET_BYTES = 20_000_000

RATE, RATE_SECONDS, RATE_CONNECTIONS = 2_000, 5, 16

CLIENTS, STREAMS = 10_000, 1_000
WATCH = f"/{payloads.SERVICE}/Watch"
SETTLE_SECONDS = 2
# Memory is returned when the process has been idle for some time.
RETURN_SECONDS = 20

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
HTTP2_SETTINGS_ACK = bytes([0, 0, 0, 4, 1, 0, 0, 0, 0])


def main():
    options = parse_options()
    for name in options.only or ROWS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            Run(options, pathlib.Path(folder)).measure(name)


class Run:
    """One table: its programs, their folder, and the processes to end."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.running = []
        self.descriptor_set = payloads.compile_descriptor_set(
            bench.REPOSITORY / "Protos" / "test", bench.REPOSITORY / "schemas", folder / "b.binpb"
        )
        self.payloads = {payload.name: payload for payload in payloads.build(self.descriptor_set)}

    def measure(self, name):
        try:
            title, head, rows = ROWS[name](self)
        finally:
            for process in self.running:
                process.end()
        widths = "|".join(["---"] + ["--:"] * (len(head) - 1))
        lines = [f"### {title}", "", "| " + " | ".join(head) + " |", f"|{widths}|"]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        print("\n".join(lines) + "\n", flush=True)

    def started(self, process):
        self.running.append(process)
        return process

    def ended(self, process):
        self.running.remove(process)
        process.end()

    def upstream(self, replies, held=()):
        process, port = bench.start_upstream(self.options.upstream, replies, self.folder, held)
        self.started(process)
        return process, port

    def bridge(self, port, descriptor_set=None, **top):
        return self.started(
            bench.start_bridge(
                self.options.bridge, descriptor_set or self.descriptor_set, port, self.folder, top=top
            )
        )

    def envoy(self, port, descriptor_set=None, **more):
        return self.started(
            bench.start_envoy(self.options.envoy, descriptor_set or self.descriptor_set, port, self.folder, **more)
        )

    def contestants(self, starters):
        """Those of {name: function that starts it} that are to be measured."""
        return {name: start for name, start in starters.items() if self.options.peer in (None, name)}

    def rounds(self, names):
        """The names, as often as there are rounds; each is first in turn."""
        names = list(names)
        for number in range(self.options.rounds):
            first = number % len(names)
            yield from names[first:] + names[:first]


# Cost by size


def cost_by_size(run):
    rows = []
    # A field name takes 11 bytes, the shortest text of a float about 10.
    for payload, fill in ((run.payloads["echo"], text_of), (run.payloads["infer"], tensor_of)):
        found = {}
        for size in SIZES:
            sized = fill(payload, size)
            upstream, port = run.upstream([sized])
            proxies = {
                name: start()
                for name, start in run.contestants(
                    {
                        "bridge": lambda port=port: run.bridge(
                            port, limits={"request_body_bytes": BUFFER_BYTES}
                        ),
                        "envoy": lambda port=port: run.envoy(port, buffer_bytes=BUFFER_BYTES),
                    }
                ).items()
            }
            for proxy in proxies.values():
                bench.listens(proxy)
                bench.check(proxy, sized)
            costs = {name: [] for name in proxies}
            for name in run.rounds(proxies):
                costs[name].append(cost_per_kilobyte(proxies[name], sized))
            for name, own in costs.items():
                found.setdefault(name, []).append(statistics.median(own))
            for process in (*proxies.values(), upstream):
                run.ended(process)
        for name, own in found.items():
            rows.append(
                [f"{payload.name}, {name}"] + [f"{cost:,.2f}" for cost in own] + [f"{own[-1] / min(own):.2f}"]
            )
    head = ["CPU in µs per KB, one connection"] + [amount(size) for size in SIZES] + ["last : best"]
    return "Cost by size", head, rows


def text_of(payload, size):
    """An echo whose JSON has exactly `size` bytes."""
    filler = "the quick brown fox jumps over the lazy dog. "
    value = json.loads(payload.body) | {"text": ""}
    length = size - len(payloads.compact(value))
    value["text"] = (filler * (length // len(filler) + 1))[:length]
    message = type(payload.message)()
    message.CopyFrom(payload.message)
    message.text = value["text"]
    return with_content(payload, payloads.compact(value), message)


def tensor_of(payload, size):
    """A tensor whose JSON has about `size` bytes: the floats of the payload, repeated."""
    request = json.loads(payload.body)
    tensor = request["inputs"][0]
    floats, reply = tensor["fp32Contents"], payload.message.outputs[0].fp32_contents
    count = max(1, size * len(floats) // len(payload.body))
    times = count // len(floats) + 1
    tensor["fp32Contents"], tensor["shape"] = (floats * times)[:count], [str(count)]
    message = type(payload.message)()
    message.CopyFrom(payload.message)
    del message.outputs[0].fp32_contents[:], message.outputs[0].shape[:]
    message.outputs[0].fp32_contents.extend((list(reply) * times)[:count])
    message.outputs[0].shape.append(count)
    return with_content(payload, payloads.compact(request), message)


def with_content(payload, body, message):
    copy = bench.dataclasses.replace(payload, body=body, message=message)
    copy.reply = message.SerializeToString(deterministic=True)
    return copy


def cost_per_kilobyte(proxy, payload):
    """CPU in microseconds per KB of the request's body; the response has about as many."""
    address = urllib.parse.urlsplit(proxy.url).netloc
    client = http.client.HTTPConnection(address, timeout=60)
    exchange(client, payload)
    count = 0
    before = proxy.cpu_seconds()
    while (spent := proxy.cpu_seconds() - before) < CELL_SECONDS:
        # At least 256 KB between two looks at the clock.
        for _ in range(max(1, (1 << 18) // len(payload.body))):
            exchange(client, payload)
            count += 1
    client.close()
    return spent * 1e6 / (count * len(payload.body) / 1024)


def exchange(client, payload):
    client.request(
        payload.method, payload.target, payload.body, {"Content-Type": "application/json"}
    )
    response = client.getresponse()
    content = response.read()
    if response.status != 200:
        raise bench.Failure(f"{payload.name} of {len(payload.body)} bytes: {response.status} {content[:300]!r}")


# Start with many schemas


def start_with_schemas(run):
    own = schemas.read(run.descriptor_set)
    shipped = schemas.installed()
    large = schemas.merged(own, shipped)
    copies = 0
    while large.ByteSize() < LARGE_SET_BYTES:
        copies += 1
        large = schemas.merged(large, schemas.copied(shipped, f"copy{copies}"))
    sets = {
        "one service": own,
        f"{SERVICES} services, {METHODS:,} methods": schemas.merged(
            own, schemas.generated(SERVICES, METHODS)
        ),
        "schemas of packages": schemas.merged(own, shipped),
        f"the same, {copies + 1} times": large,
    }
    _, port = run.upstream(run.payloads.values())
    rows = []
    for title, files in sets.items():
        path = run.folder / "set.binpb"
        path.write_bytes(files.SerializeToString())
        services = [
            ".".join(filter(None, (file.package, service.name))) for file in files.file for service in file.service
        ]
        admin = bench.free_port()
        starters = run.contestants(
            {
                "bridge": lambda path=path, admin=admin: run.bridge(port, path, admin=f"127.0.0.1:{admin}"),
                "envoy": lambda path=path, services=services: run.envoy(port, path, services=services),
            }
        )
        found = {name: [] for name in starters}
        for name in run.rounds(starters):
            if name not in found:
                continue
            try:
                found[name].append(start(run, starters[name], admin if name == "bridge" else None))
            except bench.Failure as failure:
                # Envoy refuses some sets that protobuf's own pool takes.
                if name == "bridge" or "Unable to build proto descriptor pool" not in str(failure):
                    raise
                del found[name]
                rows.append([f"{title}, {name}: refused"] + [""] * 7)
        for name, own_figures in found.items():
            responds, ready, spent, resident, anonymous = (
                None if None in column else statistics.median(column) for column in zip(*own_figures, strict=True)
            )
            rows.append(
                [
                    f"{title}, {name}", f"{path.stat().st_size / 1e6:.1f}", f"{len(services):,}",
                    f"{responds * 1000:,.0f}", "" if ready is None else f"{ready * 1000:,.0f}",
                    f"{spent * 1000:,.0f}", f"{resident:.1f}", f"{anonymous:.1f}",
                ]
            )  # fmt: skip
    head = [
        "schemas", "set, MB", "services", "first 200, ms", "ready, ms", "CPU, ms", "resident, MiB", "anonymous, MiB",
    ]  # fmt: skip
    return "Start with many schemas", head, rows


def start(run, starter, admin):
    """Seconds until a call succeeds and until /readyz does, CPU until then, and memory."""
    begun = time.monotonic()
    proxy = starter()
    footprint.first_response(proxy, run.payloads["echo"])
    responds = time.monotonic() - begun
    ready = None
    if admin is not None:
        bench.until(lambda: status(admin, "/readyz") == 200, "the bridge is ready", 60)
        ready = time.monotonic() - begun
    spent = proxy.cpu_seconds()
    time.sleep(SETTLE_SECONDS)
    figures = (responds, ready, spent, *proxy.memory())
    run.ended(proxy)
    return figures


def status(port, path):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request("GET", path)
        return client.getresponse().status
    except OSError:
        return None
    finally:
        client.close()


# Threads


def threads(run):
    _, port = run.upstream(run.payloads.values())
    bridges = {count: run.bridge(port, threads=count) for count in (1, 2)}
    rows = []
    for name in ("echo", "order"):
        payload = run.payloads[name]
        for proxy in bridges.values():
            bench.check(proxy, payload)
        costs = {count: [] for count in bridges}
        for count in run.rounds(bridges):
            before = bridges[count].cpu_seconds()
            load(bridges[count].url, http2.json_command(payload, run.folder))
            costs[count].append((bridges[count].cpu_seconds() - before) * 1e6 / (RATE * RATE_SECONDS))
        one, two = (statistics.median(costs[count]) for count in bridges)
        rows.append([name, f"{RATE:,}", f"{one:.1f}", f"{two:.1f}", f"{two / one:.2f}"])
    head = [
        f"{RATE_CONNECTIONS} connections", "requests/s", "CPU µs/request, 1 loop", "2 loops", "2 loops : 1",
    ]  # fmt: skip
    return "Threads at a fixed rate", head, rows


def load(url, arguments):
    """Sends requests over HTTP/1.1 at a fixed rate. h2load's timers fire every 10 ms, all at once."""
    done = subprocess.run(
        ["h2load", "--h1", "-t", "1", "-c", str(RATE_CONNECTIONS), "-n", str(RATE * RATE_SECONDS),
         "--rps", str(RATE // RATE_CONNECTIONS),
         *(str(argument).replace("TARGET", url) for argument in arguments)],
        capture_output=True, text=True, timeout=RATE_SECONDS * 10 + 60,
    )  # fmt: skip
    if done.returncode != 0 or f"status codes: {RATE * RATE_SECONDS} 2xx" not in done.stdout:
        raise bench.Failure(f"h2load at {RATE} requests a second: {done.stdout}\n{done.stderr}")


# Idle connections


def idle_connections(run):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CLIENTS + STREAMS + 500:
        raise bench.Failure(f"{CLIENTS} clients need more open files than the {hard} that are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    echo = run.payloads["echo"]
    _, port = run.upstream([echo], held=[WATCH])
    limits = {
        "client_connections": CLIENTS + STREAMS, "calls_in_flight": STREAMS, "client_streams": STREAMS,
    }  # fmt: skip
    rows = []
    for name, starter in run.contestants(
        {
            "bridge": lambda: run.bridge(port, limits=limits),
            "envoy": lambda: run.envoy(port, protocol="AUTO"),
        }
    ).items():
        for title, count, opened in (
            ("clients over HTTP/1.1 before a request", CLIENTS, connect),
            ("the same, after a call", CLIENTS, connect_and_call),
            ("clients over HTTP/2", CLIENTS, connect_http2),
            ("streams over HTTP/1.1", STREAMS, open_streams),
            ("streams over HTTP/2, 10 connections", STREAMS, open_http2_streams),
        ):
            proxy = starter()
            bench.listens(proxy)
            bench.check(proxy, echo)
            time.sleep(SETTLE_SECONDS)
            before = proxy.memory()
            held = []
            try:
                opened(run, proxy, count, held)
                time.sleep(SETTLE_SECONDS)
                during = proxy.memory()
            finally:
                for each in held:
                    each.close()
            time.sleep(RETURN_SECONDS)
            after = proxy.memory()
            run.ended(proxy)
            rows.append(
                [
                    f"{count:,} {title}, {name}", *(f"{value:.1f}" for value in (*before, *during)),
                    *((f"{(more - less) * 1024 / count:.2f}") for less, more in zip(before, during, strict=True)),
                    *(f"{value:.1f}" for value in after),
                ]
            )  # fmt: skip
    head = [
        f"of {hard:,} open files", "before, MiB", "anonymous", "open, MiB", "anonymous", "KiB each", "anonymous",
        f"{RETURN_SECONDS} s after the end, MiB", "anonymous",
    ]  # fmt: skip
    return "Idle connections and streams", head, rows


def connect(run, proxy, count, held):
    address = urllib.parse.urlsplit(proxy.url)
    for _ in range(count):
        held.append(socket.create_connection((address.hostname, address.port), 30))


def connect_and_call(run, proxy, count, held):
    connect(run, proxy, count, held)
    payload = run.payloads["echo"]
    request(held, f"content-type: application/json\r\ncontent-length: {len(payload.body)}", payload)


def open_streams(run, proxy, count, held):
    connect(run, proxy, count, held)
    for client in held:
        client.sendall(request_head(run.payloads["stream"], "accept: */*"))
    time.sleep(SETTLE_SECONDS)
    # Before the first message there may be a head, but no error and no end.
    for client in held:
        client.setblocking(False)
        try:
            received = client.recv(1 << 16)
        except BlockingIOError:
            continue
        if b" 200 " not in received.split(b"\r\n")[0] or not received.endswith(b"\r\n\r\n"):
            raise bench.Failure(f"one of many streams got {received!r}")


def request_head(payload, fields):
    return f"{payload.method} {payload.target} HTTP/1.1\r\nhost: bench\r\n{fields}\r\n\r\n".encode()


def request(clients, fields, payload):
    for client in clients:
        client.sendall(request_head(payload, fields) + payload.body)
        first = client.recv(1 << 16).split(b"\r\n")[0]
        if b" 200 " not in first:
            raise bench.Failure(f"one of many clients got {first!r}")


def connect_http2(run, proxy, count, held):
    connect(run, proxy, count, held)
    for client in held:
        client.sendall(HTTP2_PREFACE)
        settings = client.recv(1 << 16)
        if len(settings) < 9 or settings[3] != 4:
            raise bench.Failure(f"not a SETTINGS frame: {settings[:100]!r}")
        client.sendall(HTTP2_SETTINGS_ACK)


def open_http2_streams(run, proxy, count, held):
    """h2load waits for the ends of the streams until it's killed."""
    connections = 10
    url = proxy.url + run.payloads["stream"].target
    client = bench.Process(
        "h2load", ["h2load", "-n", count, "-c", connections, "-m", count // connections, url], run.folder
    )
    client.close = client.end
    held.append(client)
    time.sleep(SETTLE_SECONDS)
    if not client.is_running():
        raise bench.Failure(f"the streams ended\n{client.report()}")


def amount(size):
    return f"{size >> 20} MB" if size >= 1 << 20 else f"{size >> 10} KB"


ROWS = {
    "size": cost_by_size,
    "schemas": start_with_schemas,
    "threads": threads,
    "idle": idle_connections,
}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("bridge")
    parser.add_argument("upstream")
    parser.add_argument("--only", action="append", choices=ROWS, help="measure only this; repeatable")
    bench.add_peer_options(parser)
    parser.add_argument("--rounds", type=int, default=5)
    return bench.with_envoy(parser.parse_args())


if __name__ == "__main__":
    main()
