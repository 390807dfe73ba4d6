"""Compares instructions and allocations of the bridge per call with their budgets in Tests/Budgets/proxy.json.

    .venv/bin/python Benchmarks/budget.py PROGRAM [--update] [--profiles FOLDER]

PROGRAM is bridge-proxy of a debug or release build. It runs under callgrind, between a client and an endpoint in
this process that send the same bytes in each run. A figure over its budget is an error; so is one well below it,
because the budget must be lowered then. Budgets are for a compiler version, a build configuration and an
architecture; without one for PROGRAM the figures are only printed. --update writes them to the file, --profiles
keeps the profiles. Needs valgrind and a C compiler.
"""

import argparse
import dataclasses
import json
import mmap
import pathlib
import platform
import re
import shutil
import sys
import tempfile

import bench
import instructions
import payloads
from google.protobuf import json_format
from support import frames

NAME = "Tests/Budgets/proxy.json"
FILE = bench.REPOSITORY / NAME
WARMUP = 10
#: By how much a figure may differ from its budget. Runs of one program differ by 0.4 % in instructions, mostly
#: by less than 0.1 %, and not in allocations.
SLACKS = {"instructions": lambda budget: budget * 0.03, "allocations": lambda budget: 0.5}
ALLOCATORS = {"malloc", "calloc", "realloc", "memalign", "posix_memalign", "aligned_alloc"}

#: Entries of HPACK's static table (RFC 7541, appendix A).
POST, SCHEME_HTTP, STATUS_200, STATIC_ENTRIES = 3, 6, 8, 61

LARGEST_WINDOW = (1 << 31) - 1
INITIAL_WINDOW_SIZE = 4
#: Windows that need no updates during a measurement.
GREETING = frames.frame(
    frames.SETTINGS, 0, 0, frames.settings((INITIAL_WINDOW_SIZE, LARGEST_WINDOW))
) + frames.window(0, LARGEST_WINDOW - 65_535)


class Fields:
    """A header block as peers send it: its fields at first, and then their indices in the dynamic table."""

    def __init__(self, indices, *pairs, newer=0):
        """`indices` are those of fields in the static table; `newer` counts the entries added after `pairs`."""
        fixed = bytes(0x80 | index for index in indices)
        self.first = fixed + b"".join(self.literal(*pair) for pair in pairs)
        # The newest entry comes first (RFC 7541 §2.3.3).
        newest = STATIC_ENTRIES + 1 + newer
        self.later = fixed + bytes(0x80 | newest + age for age in reversed(range(len(pairs))))

    @staticmethod
    def literal(*pair):
        """A field that enters the dynamic table (RFC 7541 §6.2.1)."""
        return b"\x40" + b"".join(bytes([len(text)]) + text.encode() for text in pair)

    def frame(self, stream, end=False):
        block = self.first if stream == 1 else self.later
        flags = frames.END_HEADERS | (frames.END_STREAM if end else 0)
        return frames.frame(frames.HEADERS, flags, stream, block)


HEAD = Fields([STATUS_200], ("content-type", "application/grpc"), newer=1)
TRAILERS = Fields([], ("grpc-status", "0"))


def endpoint_reply(payload):
    """What the endpoint sends for a request of this payload, as a function of the stream."""
    message = frames.message(payload.reply)

    def reply(stream):
        messages = frames.data(stream, message) * payload.count
        return HEAD.frame(stream) + messages + TRAILERS.frame(stream, end=True)

    return reply


class HTTP2Connection(instructions.Connection):
    """A connection for requests that differ in nothing but their stream."""

    def __init__(self, bridge, path, content_type, body, *more):
        super().__init__(bridge)
        fields = (":path", path), (":authority", self.authority), ("content-type", content_type), *more
        self.fields = Fields([POST, SCHEME_HTTP], *fields)
        self.body = body
        self.stream = -1
        self.socket.sendall(frames.PREFACE + GREETING)

    def request(self):
        """Sends the request and returns the response's body."""
        self.stream += 2
        data = frames.data(self.stream, self.body, end=True)
        self.socket.sendall(self.fields.frame(self.stream) + data)
        body = b""
        while True:
            head = self.reader.read(9)
            if len(head) < 9:
                raise bench.Failure("the bridge closed the connection")
            content = self.reader.read(int.from_bytes(head[:3], "big"))
            kind, flags = head[3], head[4]
            if kind in (frames.SETTINGS, frames.PING) and not flags & frames.ACK:
                content = content if kind == frames.PING else b""
                self.socket.sendall(frames.frame(kind, frames.ACK, 0, content))
            elif kind in (frames.RESET, frames.GOAWAY):
                raise bench.Failure(f"the bridge sent the frame {(head + content).hex()}")
            elif kind == frames.DATA:
                body += content
            if kind in (frames.HEADERS, frames.DATA) and flags & frames.END_STREAM:
                return body


def json_over_http2(bridge, payload):
    length = ("content-length", str(len(payload.body)))
    return HTTP2Connection(bridge, payload.target, "application/json", payload.body, length)


def grpc(bridge, payload):
    # The endpoint expects no particular request.
    body = frames.message(payload.reply)
    return HTTP2Connection(
        bridge, payload.rpc, "application/grpc", body, ("te", "trailers"), ("user-agent", "grpc-c++/1.80.0")
    )


@dataclasses.dataclass
class Call:
    name: str
    payload: str
    connect: object
    requests: int = 60

    def check(self, body, payload):
        """Fails unless the body is that of the endpoint's reply."""
        if self.connect is grpc:
            is_right = body == frames.message(payload.reply)
        else:
            lines = body.splitlines()
            messages = [json_format.Parse(line, type(payload.message)()) for line in lines]
            is_right = messages == [payload.message] * payload.count
        if not is_right:
            raise bench.Failure(f"{self.name}: the bridge's response is different: {body[:500]!r}")


CALLS = [
    Call("unary", "echo", instructions.HTTP1Connection),
    Call("unary over HTTP/2", "echo", json_over_http2),
    # 11 million instructions each in a debug build.
    Call("stream of 100", "stream", instructions.HTTP1Connection, requests=12),
    Call("passed through", "echo", grpc),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--update", action="store_true", help="write the figures to the file")
    parser.add_argument("--profiles", type=pathlib.Path, help="keep the profiles in this folder")
    options = parser.parse_args()
    build = build_of(options.program)
    with tempfile.TemporaryDirectory(prefix="budget-") as name:
        measured = measure(options.program, pathlib.Path(name), options.profiles)
    budgets = json.loads(FILE.read_text())
    print(table(build, measured, budgets.get(build, {})))
    if options.update:
        budgets[build] = measured
        FILE.write_text(json.dumps(dict(sorted(budgets.items())), indent=2) + "\n")
    elif build not in budgets:
        print(f"budget: {NAME} has no budget for {build}; --update adds these figures")
    else:
        complaints = compare(measured, budgets[build])
        if complaints:
            complaints.append(
                f"if that's intended: .venv/bin/python Benchmarks/budget.py {options.program} --update"
            )
            complaints.append("if not, docs/benchmarks.md describes how to find the cause")
            raise bench.Failure("\nbudget: ".join(complaints))


def build_of(program):
    """Compiler version, build configuration and processor: what a budget is for."""
    with (
        open(program, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        version = re.search(rb"Swift version (\d+(?:\.\d+)*)", content)
        if not version:
            raise bench.Failure(f"{program} has no debug information with its compiler's version")
        version = version[1].decode()
        # A library that only code without optimization needs.
        is_debug = content.find(b"libswiftSwiftOnoneSupport.so") >= 0
    return f"{version} {'debug' if is_debug else 'release'} {platform.machine()}"


def measure(program, folder, profiles):
    """The figures of each call."""
    descriptor_set = payloads.compile_descriptor_set(
        bench.REPOSITORY / "Protos" / "test", bench.REPOSITORY / "schemas", folder / "b.binpb"
    )
    by_name = {payload.name: payload for payload in payloads.build(descriptor_set)}
    # One process for all calls: it needs seconds to start.
    wrapper = instructions.wrap(program, folder, "--instr-atstart=no")
    endpoint = frames.Endpoint(None, GREETING)
    try:
        port = int(endpoint.address.rpartition(":")[2])
        bridge = bench.start_bridge(wrapper, descriptor_set, port, folder)
        try:
            instructions.control(bridge, "--instr=on")
            return {
                call.name: measure_call(call, by_name[call.payload], bridge, endpoint, folder, profiles)
                for call in CALLS
            }
        finally:
            bridge.end()
    finally:
        endpoint.close()


def measure_call(call, payload, bridge, endpoint, folder, profiles):
    endpoint.reply = endpoint_reply(payload)
    with call.connect(bridge, payload) as connection:
        call.check(connection.request(), payload)
        path = instructions.profile(bridge, folder, connection.request, WARMUP, call.requests)
        call.check(connection.request(), payload)
    if profiles:
        profiles.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, profiles / f"{call.name.replace(' ', '-').replace('/', '')}.callgrind")
    counts, calls = instructions.read_profile(path)
    # An allocator that calls another one allocates once.
    allocations = sum(
        number
        for (caller, callee), number in calls.items()
        if callee in ALLOCATORS and caller not in ALLOCATORS
    )
    return {
        "instructions": round(counts.total() / call.requests),
        "allocations": round(allocations / call.requests, 1),
    }


def table(build, measured, budgets):
    lines = [f"{build + ', per call':32}" + "".join(f"{name:>14}{'budget':>14}" for name in SLACKS)]
    for call, figures in measured.items():
        line = f"{call:32}"
        for name in SLACKS:
            budget = budgets.get(call, {}).get(name)
            line += f"{figures[name]:14,}" + (f"{budget:14,}" if budget is not None else f"{'-':>14}")
        lines.append(line)
    return "\n".join(lines)


def compare(measured, budgets):
    """A complaint for each figure that isn't near its budget."""
    complaints = []
    for call, figures in measured.items():
        if call not in budgets:
            complaints.append(f"{call}: there is no budget in {NAME}")
            continue
        for name, slack in SLACKS.items():
            seen, budget = figures[name], budgets[call][name]
            if abs(seen - budget) <= slack(budget):
                continue
            change = f"{call}: {seen:,} {name}, {round(abs(seen - budget), 1):,}"
            if seen > budget:
                complaints.append(f"{change} more than the budget of {budget:,}")
            else:
                complaints.append(f"{change} fewer than the budget of {budget:,}; lower the budget")
    return complaints


if __name__ == "__main__":
    try:
        main()
    except (bench.Failure, AssertionError) as failure:
        sys.exit(f"budget: {failure}")
