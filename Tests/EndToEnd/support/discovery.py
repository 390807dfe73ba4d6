"""Support of the discovery tests: the vendors' clients, and `bridge-proxy endpoints`."""

import json
import re
import subprocess

import pytest

from .bridge import PROTOS, REPOSITORY, binary, write_configuration
from .processes import Process, until

PEERS = REPOSITORY / "Tests" / "EndToEnd" / "peers"


def environment(name):
    """The Python of a separate environment."""
    python = REPOSITORY / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python} doesn't exist: run scripts/setup.sh --tests")
    return python


def call_eas(mode, endpoint, service, token, count=1):
    """The results of the vendor's PAI-EAS client."""
    ended = subprocess.run(
        [environment(".venv-eas"), PEERS / "eas_client.py", mode, endpoint, service, token,
         str(count)],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def direct(eas, **more):
    return {"eas-direct": {"service": "my_svc", "discovery": eas.address, **more}}


def nacos(*servers, **more):
    return {"nacos": {"servers": [one.address for one in servers], "service": "svc", **more}}


def access(name):
    return {"protocol": name} if name == "grpc" else {"protocol": name, "poll_interval": "200ms"}


class NacosClient:
    """The vendor's client of Nacos, running."""

    def __init__(self, server, folder, *user):
        self.errors = open(folder / "nacos-client.err", "w+")
        self.child = subprocess.Popen(
            [environment(".venv-nacos"), PEERS / "nacos_client.py", server, folder, *user],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
        )  # fmt: skip
        self.pushes = []
        assert self.next("ready")

    def next(self, key):
        """The next line with this key; pushes in between are stored."""
        for line in self.child.stdout:
            if not line.startswith("{"):
                continue
            value = json.loads(line)
            if "pushed" in value:
                self.pushes.append(value["pushed"])
            if key in value:
                return value[key]
            assert "failed" not in value, value
        self.errors.seek(0)
        raise AssertionError(f"the client ended\n{self.errors.read()[-3000:]}")

    def do(self, *command):
        print(json.dumps(command), file=self.child.stdin, flush=True)
        return self.next("done")

    def wait_for_push(self, *instances):
        """Reads until this has been pushed, or returns if it was already."""
        while list(instances) not in self.pushes:
            self.next("pushed")

    def close(self):
        self.child.stdin.close()
        try:
            self.child.wait(1)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(5)
        self.child.stdout.close()
        self.errors.close()


def discovery_configuration(endpoint, folder, name="endpoints"):
    """A file with one service, `infer`, and this endpoint."""
    services = {"infer": {"schemas": [PROTOS / "echo.proto"], "endpoint": endpoint}}
    return write_configuration({"services": services}, folder, name)


class Endpoints(Process):
    """`bridge-proxy endpoints --watch`."""

    def __init__(self, endpoint, folder, environment=None, name="endpoints"):
        path = discovery_configuration(endpoint, folder, name)
        super().__init__(
            name, [binary(), "endpoints", "--config", path, "--watch"], folder, environment
        )

    def lists(self):
        """The complete lists so far: `["10.0.0.5:50000 weight 100", …]` each."""
        return parse(self.output[: self.output.rfind("\n") + 1])

    def wait_for(self, *endpoints, seconds=20.0):
        """Waits until the last list is this one."""
        def last():
            lists = self.lists()
            return lists and lists[-1] == sorted(endpoints)

        try:
            until(last, f"the endpoints are {endpoints}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.report()}") from None

    def wait_for_failure(self, text, seconds=20.0):
        try:
            until(lambda: text in self.errors, f"it reports {text!r}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.report()}") from None


def parse(text):
    lists, counts = [], []
    for line in text.splitlines():
        if match := re.match(r"infer: (no|\d+) endpoints? from ", line):
            counts.append(0 if match[1] == "no" else int(match[1]))
            lists.append([])
        elif line.startswith("  "):
            lists[-1].append(line.strip())
    return [sorted(one) for one, count in zip(lists, counts) if len(one) == count]
