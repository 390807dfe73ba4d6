"""Hosts with their own addresses: Linux network namespaces, each connected by a veth pair."""

import itertools
import os
import subprocess

NUMBERS = itertools.count(1)


def ip(*arguments):
    subprocess.run(["ip", *map(str, arguments)], check=True, capture_output=True, text=True)


def why_not():
    """Why this machine doesn't support such hosts; None if it does."""
    try:
        Host().close()
    except FileNotFoundError:
        return "the program ip (iproute2) isn't installed"
    except subprocess.CalledProcessError as error:
        return f"network namespaces aren't possible here: {error.stderr.strip()}"
    return None


class Host:
    """A namespace with one address. `run` is the command prefix for programs in it."""

    def __init__(self):
        number = next(NUMBERS)
        self.name = f"bridge-{os.getpid()}-{number}"
        cable = f"b{os.getpid() % 100_000}n{number}"
        # Of the block for documentation and tests between networks (RFC 2544), by the process.
        net = f"198.18.{os.getpid() % 250}"
        self.gateway, self.address = f"{net}.{number * 4 + 1}", f"{net}.{number * 4 + 2}"
        self.run = ["ip", "netns", "exec", self.name]
        ip("netns", "add", self.name)
        try:
            ip("link", "add", f"{cable}a", "type", "veth", "peer", "name", f"{cable}b",
               "netns", self.name)  # fmt: skip
            ip("address", "add", f"{self.gateway}/30", "dev", f"{cable}a")
            ip("link", "set", f"{cable}a", "up")
            self.inside("address", "add", f"{self.address}/30", "dev", f"{cable}b")
            self.inside("link", "set", f"{cable}b", "up")
            self.inside("link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise

    def inside(self, *arguments):
        ip("-n", self.name, *arguments)

    def drop_packets(self):
        """Silently drops all of its packets from now on."""
        self.inside("route", "add", "blackhole", f"{self.gateway}/32")

    def pass_packets(self):
        self.inside("route", "del", "blackhole", f"{self.gateway}/32")

    def close(self):
        # The veth pair is removed with either end.
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)
