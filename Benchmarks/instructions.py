"""Compares two builds of the bridge under callgrind: instructions per request, by function.

    .venv-bench/bin/python Benchmarks/instructions.py NEW OLD UPSTREAM [--payload NAME] [--requests N]

NEW and OLD are bridge-proxy programs of release builds, UPSTREAM is bench-upstream. One connection sends
requests sequentially. Unlike CPU time, the count is nearly the same in each run; it varies with how often
the event loop wakes up for a request. Prints the instructions per request of both, their ratio, and the
functions whose own instructions differ most. Needs valgrind and a C compiler.
"""

import argparse
import collections
import pathlib
import re
import socket
import subprocess
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
        library = folder / "sigsuspend.so"
        source = bench.HERE / "sigsuspend.c"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
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
                    wrapper = wrap(program, library, own)
                    bridge = bench.start_bridge(wrapper, descriptor_set, port, own)
                    try:
                        counts.append(count(bridge, payload, own, options.requests))
                    finally:
                        bridge.end()
                report(payload.name, *counts, options)
        finally:
            upstream.end()


def wrap(program, library, folder):
    """A wrapper that runs a program under callgrind. Valgrind doesn't read its debug information."""
    stripped = folder / "bridge-proxy"
    subprocess.run(["strip", "--strip-debug", "-o", stripped, program], check=True)
    wrapper = folder / "callgrind"
    wrapper.write_text(
        f"#!/bin/sh\nLD_PRELOAD={library} exec valgrind --tool=callgrind "
        f'--callgrind-out-file={folder}/profile {stripped} "$@"\n'
    )
    wrapper.chmod(0o755)
    return wrapper


def count(bridge, payload, folder, requests):
    """Own instructions per function for this number of requests."""
    url = urllib.parse.urlsplit(bridge.url)
    body = payload.body or b""
    fields = [f"Host: {url.netloc}"]
    if payload.accept:
        fields.append(f"Accept: {payload.accept}")
    if payload.body is not None:
        fields += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    head = f"{payload.method} {payload.target} HTTP/1.1\r\n" + "\r\n".join(fields) + "\r\n\r\n"
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        reader = connection.makefile("rb")
        for number in range(WARMUP + requests):
            if number == WARMUP:
                dump(bridge)
            connection.sendall(head.encode() + body)
            read_answer(reader)
    dump(bridge)
    return functions(folder / "profile.2")


def dump(bridge):
    subprocess.run(["callgrind_control", "-d", str(bridge.pid)], check=True, capture_output=True)


def read_answer(reader):
    status = reader.readline()
    if b" 200 " not in status:
        raise bench.Failure(f"the bridge answered {status!r}")
    length = None
    while (line := reader.readline()) != b"\r\n":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if length is not None:
        reader.read(length)
        return
    while size := int(reader.readline(), 16):
        reader.read(size + 2)
    reader.readline()


def functions(profile):
    text = subprocess.run(
        ["callgrind_annotate", "--threshold=100", "--auto=no", str(profile)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    counts = collections.Counter()
    for line in text.splitlines():
        found = re.match(r"\s*([\d,]+) \(\s*[\d.]+%\)\s+(?:\S*?:)?(.*?)(?: \[.*\])?$", line)
        if found:
            counts[found[2]] += int(found[1].replace(",", ""))
    return counts


def report(name, new, old, options):
    total = "PROGRAM TOTALS"
    each = new[total] / options.requests, old[total] / options.requests
    print(f"{name}: {each[0]:,.0f} instructions a request, {each[1]:,.0f} before; {each[0] / each[1]:.3f} of it")
    # The entry functions of a thread include everything that they call.
    new, old = (
        by_plain_name({key: count for key, count in counts.items() if "$s" in key and count < old[total] / 2})
        for counts in (new, old)
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
    main()
