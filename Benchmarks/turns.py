"""Measures several bridges alternately with the same upstream; shared by `beside.py` and `ways.py`."""

import argparse
import pathlib
import re
import subprocess
import tempfile

import bench
import payloads


def parse_options(description, programs, rounds):
    """The command line: paths of `programs`, and what to measure for how long."""
    parser = argparse.ArgumentParser(description=description)
    for name in programs:
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--payload", action="append", help="measure only this one; repeatable")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--http2", type=int, metavar="REQUESTS", help="number per round over HTTP/2, by h2load")
    return parser.parse_args()


def measure(options, usual, bridges):
    """CPU per request in microseconds, by round: yields each payload's name and {bridge: [cost, ...]}.

    `usual` is the default list of payloads, none for all; `bridges` takes the upstream's port and returns
    {name: (program, settings of its service)}.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = pathlib.Path(name)
        descriptor_set = payloads.compile_descriptor_set(
            bench.REPOSITORY / "Protos" / "test", bench.REPOSITORY / "schemas", folder / "b.binpb"
        )
        every = payloads.build(descriptor_set)
        running = []
        try:
            upstream, port = bench.start_upstream(options.upstream, every, folder)
            running.append(upstream)
            proxies = {}
            for number, (name, (program, settings)) in enumerate(bridges(port).items()):
                own = folder / str(number)
                own.mkdir()
                proxies[name] = bench.start_bridge(program, descriptor_set, port, own, **settings)
                running.append(proxies[name])
            chosen = options.payload or usual or [payload.name for payload in every]
            for payload in every:
                if payload.name in chosen:
                    yield payload.name, costs(proxies, payload, options, folder)
        finally:
            for process in running:
                process.end()


def costs(proxies, payload, options, folder):
    found = {name: [] for name in proxies}
    names = list(proxies)
    for number in range(options.rounds):
        # Each one is first in turn.
        first = number % len(names)
        for name in names[first:] + names[:first]:
            if options.http2:
                found[name].append(cost_over_http2(proxies[name], payload, options, folder))
                continue
            measured = bench.measure(proxies[name], payload, options.connections, options, folder)
            found[name].append(measured.cpu_microseconds)
    return found


def cost_over_http2(proxy, payload, options, folder):
    """CPU per request in microseconds, with 4 streams per connection."""
    command = [
        "h2load", "-n", str(options.http2), "-c", str(options.connections), "-m", "4", "-t", "1",
        "-H", "content-type: application/json",
    ]  # fmt: skip
    if payload.accept:
        command += ["-H", f"accept: {payload.accept}"]
    if payload.body is not None:
        body = folder / f"{payload.name}.json"
        body.write_bytes(payload.body)
        command += ["-d", str(body)]
    before = proxy.cpu_seconds()
    done = subprocess.run([*command, proxy.url + payload.target], capture_output=True, text=True, timeout=300)
    spent = proxy.cpu_seconds() - before
    succeeded = re.search(r"status codes: (\d+) 2xx", done.stdout)
    if done.returncode != 0 or not succeeded or int(succeeded[1]) != options.http2:
        raise bench.Failure(f"h2load failed: {done.stdout}\n{done.stderr}")
    return spent * 1e6 / options.http2
