"""Compares two builds of the bridge under callgrind: instructions per request, by function.

    .venv-bench/bin/python Benchmarks/instructions.py NEW OLD UPSTREAM [--payload NAME] [--requests N]

NEW and OLD are bridge-proxy programs of release builds, UPSTREAM is bench-upstream. One connection sends
requests sequentially. Unlike CPU time, the count is nearly the same in each run: the clock doesn't advance, and no
timer fires. Prints the instructions per request of both, their ratio, and the functions whose own instructions
differ most. Needs valgrind and a C compiler.
"""

import argparse
import collections
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.parse

import bench
import payloads

WARMUP = 60


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("new", "old", "upstream"):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--payload", action="append", help="measure only this one; repeatable")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--functions", type=int, default=20, help="number of functions to print")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="instructions-") as name:
        folder = pathlib.Path(name)
        descriptor_set = payloads.compile_descriptor_set(
            bench.REPOSITORY / "Protos" / "test", bench.REPOSITORY / "schemas", folder / "b.binpb"
        )
        every = payloads.build(descriptor_set)
        upstream, port = bench.start_upstream(options.upstream, every, folder)
        try:
            for payload in every:
                if options.payload and payload.name not in options.payload:
                    continue
                counts = []
                for program in (options.new, options.old):
                    own = pathlib.Path(tempfile.mkdtemp(dir=folder))
                    wrapper = wrap(program, own)
                    bridge = bench.start_bridge(wrapper, descriptor_set, port, own)
                    try:
                        counts.append(count(bridge, payload, own, options.requests))
                    finally:
                        bridge.end()
                report(payload.name, *counts, options)
        finally:
            upstream.end()


def wrap(program, folder, *options):
    """A wrapper that runs a program under callgrind, with whatever varies between runs switched off."""
    if not shutil.which("valgrind"):
        raise bench.Failure("valgrind isn't installed; scripts/setup.sh --tests installs it")
    library = folder / "callgrind.so"
    sources = [bench.HERE / "sigsuspend.c", bench.HERE / "stopped_clock.c"]
    subprocess.run(["cc", "-Wall", "-O1", "-shared", "-fPIC", "-o", library, *sources], check=True)
    # Valgrind would take long to read the debug information.
    stripped = folder / "bridge-proxy"
    subprocess.run(["strip", "--strip-debug", "-o", stripped, program], check=True)
    wrapper = folder / "callgrind"
    wrapper.write_text(
        f"#!/bin/sh\nexport LD_PRELOAD={library} SWIFT_DETERMINISTIC_HASHING=1\n"
        f"exec valgrind --tool=callgrind --callgrind-out-file={folder}/profile {' '.join(options)} "
        f'{stripped} "$@"\n'
    )
    wrapper.chmod(0o755)
    return wrapper


def count(bridge, payload, folder, requests):
    """Own instructions per function for this number of requests."""
    with HTTP1Connection(bridge, payload) as connection:
        path = profile(bridge, folder, connection.request, WARMUP, requests)
    return read_profile(path)[0]


def profile(bridge, folder, request, warmup, requests):
    """The path of a profile of these requests, after some that warm up."""
    for _ in range(warmup):
        request()
    control(bridge, "--dump")
    for _ in range(requests):
        request()
    control(bridge, "--dump")
    return max(folder.glob("profile.*"), key=lambda path: int(path.suffix[1:]))


def control(bridge, option):
    subprocess.run(["callgrind_control", option, str(bridge.pid)], check=True, capture_output=True)


class Connection:
    """A connection to the bridge, for one request at a time."""

    def __init__(self, bridge):
        url = urllib.parse.urlsplit(bridge.url)
        self.authority = url.netloc
        self.socket = socket.create_connection((url.hostname, url.port), timeout=60)
        self.reader = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.close()
        self.socket.close()


class HTTP1Connection(Connection):
    """A connection for requests of one payload."""

    def __init__(self, bridge, payload):
        super().__init__(bridge)
        body = payload.body or b""
        fields = [f"Host: {self.authority}"]
        if payload.accept:
            fields.append(f"Accept: {payload.accept}")
        if payload.body is not None:
            fields += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        head = f"{payload.method} {payload.target} HTTP/1.1\r\n" + "\r\n".join(fields) + "\r\n\r\n"
        self.bytes = head.encode() + body

    def request(self):
        """Sends the request and returns the response's body."""
        self.socket.sendall(self.bytes)
        return self.read_response()

    def read_response(self):
        status = self.reader.readline()
        if b" 200 " not in status:
            raise bench.Failure(f"the bridge responded with {status!r}")
        length = None
        while (line := self.reader.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if length is not None:
            return self.reader.read(length)
        body = b""
        while size := int(self.reader.readline(), 16):
            body += self.reader.read(size + 2)[:size]
        self.reader.readline()
        return body


def read_profile(path):
    """Own instructions by function, and calls by caller and function, of a callgrind profile."""
    counts, calls, names = collections.Counter(), collections.Counter(), {}
    function = callee = None
    is_inclusive = False
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line[0] in "0123456789+-*":
                # The line after calls= has the cost of the callee and of everything it calls.
                if not is_inclusive:
                    counts[function] += int(line.split()[1])
                is_inclusive = False
            elif line.startswith(("fn=", "cfn=")):
                # A name is written in full once: "(12) malloc", and "(12)" after that.
                key, _, name = line.rstrip("\n").partition("=")[2].partition(" ")
                name = names.setdefault(key, name)
                if line.startswith("fn="):
                    function = name
                else:
                    callee = name
            elif line.startswith("calls="):
                calls[function, callee] += int(line[len("calls=") :].split()[0])
                is_inclusive = True
    return counts, calls


def report(name, new, old, options):
    each = new.total() / options.requests, old.total() / options.requests
    print(
        f"{name}: {each[0]:,.0f} instructions a request, {each[1]:,.0f} before; {each[0] / each[1]:.3f} of it"
    )
    new, old = (
        by_plain_name({key: count for key, count in counts.items() if "$s" in key}) for counts in (new, old)
    )
    changes = sorted(((new[key] - old[key]) / options.requests, key) for key in new.keys() | old.keys())
    middle = options.functions // 2
    for change, key in changes[::-1][:middle] + changes[:middle][::-1]:
        print(f"  {change:+9,.0f}  {key}")


def by_plain_name(counts):
    """Sums by function name without module: a function that moved between modules is the same."""
    done = subprocess.run(
        ["swift", "demangle", "--compact", "--simplified"],
        input="\n".join(counts), capture_output=True, text=True, check=True,
    )  # fmt: skip
    sums = collections.Counter()
    for name, count in zip(done.stdout.splitlines(), counts.values(), strict=True):
        sums[name] += count
    return sums


if __name__ == "__main__":
    try:
        main()
    except bench.Failure as failure:
        sys.exit(f"instructions: {failure}")
