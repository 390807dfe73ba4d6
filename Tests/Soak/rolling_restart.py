"""Restarts servers one after the other under load, with a release build of the bridge before them.

    rolling_restart.py BRIDGE_PROXY [--seconds N] [--rate N]

The rate is a target: the load waits for responses, so the actual rate is a little lower. With two servers it must
be at least 2,000 a second, or four fifths of a lower target, and no request may be lost. With one, each request
must get a response, 200 or 503, within its timeout. Prints the results, and exits with 1 if they violate this.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "EndToEnd"))

from support.bridge import Bridge, configuration, service  # noqa: E402
from support.fleet import Member  # noqa: E402
from support.peers import Stubs  # noqa: E402

CONNECTIONS = 64
TIMEOUT = 5
# grpcio's asyncio server ends calls that it has accepted but not started with CANCELLED.
RETRY = {"attempts": 4, "on": ["UNAVAILABLE", "CANCELLED"]}


def start_load(bridge, seconds, rate):
    # The duration of a request adds to the pause.
    pause = max(1, int(1000 * CONNECTIONS / rate) - 2)
    return subprocess.Popen(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", f"--timeout={TIMEOUT + 2}s",
         "-s", HERE / "load.lua", f"{bridge.url}/v1/echo", "--", str(pause)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished(load):
    output, errors = load.communicate(timeout=120)
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if load.returncode != 0 or not lines:
        raise SystemExit(f"wrk ended with {load.returncode}: {output}{errors}")
    return json.loads(lines[-1])


def resident(bridge):
    for line in pathlib.Path(f"/proc/{bridge.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise SystemExit("the bridge has exited")


def run(stubs, folder, count, arguments):
    """Restarts `count` servers in turn under load; prints the counts of wrk and returns the errors."""
    names = ["one", "two"][:count]
    members = [Member(stubs, folder / str(count), name, bare=True) for name in names]
    targets = [member.address for member in members]
    services = {
        "fleet": service({"static": targets}, "echo", retry=RETRY, timeout=f"{TIMEOUT}s",
                         health={"check": True})
    }  # fmt: skip
    limits = {"calls_waiting": 4096}
    bridge = Bridge.configured(configuration(services, limits=limits), folder / str(count))
    problems, restarts = [], 0
    try:
        warm = finished(start_load(bridge, 3, arguments.rate))
        if warm["refused"]:
            problems.append(f"{warm['refused']} refused before the first restart")
        before = resident(bridge)
        load = start_load(bridge, arguments.seconds, arguments.rate)
        ends = time.monotonic() + arguments.seconds - 3
        while time.monotonic() < ends:
            for index, member in enumerate(members):
                time.sleep(arguments.interval)
                if member.stop() != 0:
                    problems.append(f"{member.name} didn't exit cleanly")
                members[index] = member.again()
                restarts += 1
        seen = finished(load)
        grown = resident(bridge) - before
        problems += judge(seen, count, arguments.rate)
        if grown > 32 << 10:
            problems.append(f"the bridge grew by {grown} KiB")
        if bridge.stop() != 0:
            problems.append("the bridge didn't exit cleanly")
    finally:
        bridge.end()
        for member in members:
            member.end()
    rate = seen["requests"] / seen["seconds"]
    print(
        f"{count} server(s), {restarts} restarts, {seen['requests']} requests, {rate:.0f}/s, "
        f"{seen['refused']} not 200, longest {seen['longest']:.0f} ms, p99 {seen['p99']:.0f} ms, "
        f"memory +{grown} KiB"
    )
    return problems


def judge(seen, count, rate):
    problems = []
    for kind in ("connect", "read", "write", "timeout"):
        if seen[kind]:
            problems.append(f"{seen[kind]} times: {kind}")
    if seen["strange"]:
        problems.append(f"{seen['strange']} responses were neither 200 nor 503")
    if count > 1 and seen["refused"]:
        problems.append(f"{seen['refused']} requests were lost")
    if seen["longest"] > 1000 * (TIMEOUT + 1):
        problems.append(f"a response took {seen['longest']:.0f} ms")
    if count > 1 and seen["requests"] / seen["seconds"] < min(2000, 0.8 * rate):
        problems.append(f"the load was {seen['requests'] / seen['seconds']:.0f}/s, which is too low")
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bridge")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=2500)
    parser.add_argument("--interval", type=float, default=3, help="seconds between two restarts")
    arguments = parser.parse_args()
    os.environ["BRIDGE_PROXY_BINARY"] = arguments.bridge
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "generated").mkdir()
        stubs = Stubs(folder / "generated")
        problems = [problem for count in (2, 1) for problem in run(stubs, folder, count, arguments)]
    for problem in problems:
        print(f"soak: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
