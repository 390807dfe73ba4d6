"""The bridge under test: its binary, a configuration file, and the running process."""

import json
import os
import pathlib
import re
import subprocess

from .processes import Process

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
PROTOS = REPOSITORY / "Protos" / "test"
SHOWCASE = REPOSITORY / "schemas" / "showcase"

PLAIN_SCALAR = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./:@-]*\Z")
STOPS_CLEANLY = 0


def binary():
    """The program: BRIDGE_PROXY_BINARY, or the debug build of this tree."""
    path = pathlib.Path(
        os.environ.get("BRIDGE_PROXY_BINARY", REPOSITORY / ".build/debug/bridge-proxy")
    )
    assert os.access(path, os.X_OK), (
        f"no program at {path}: run `swift build --product bridge-proxy`,"
        " or name one in BRIDGE_PROXY_BINARY"
    )
    return path


def yaml(value, indent=0):
    """`value` as a YAML document in block style, as written by hand."""
    pad = "  " * indent
    if isinstance(value, dict):
        lines = []
        for key, member in value.items():
            if isinstance(member, dict) and member:
                lines += [f"{pad}{scalar(key)}:", yaml(member, indent + 1)]
            else:
                lines.append(f"{pad}{scalar(key)}: {flow(member)}")
        return "\n".join(lines)
    return pad + flow(value)


def flow(value):
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(member) for member in value) + "]"
    if isinstance(value, dict):
        members = (f"{scalar(key)}: {flow(member)}" for key, member in value.items())
        return "{" + ", ".join(members) + "}"
    return scalar(value)


def scalar(value):
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value)
    return text if PLAIN_SCALAR.match(text) else json.dumps(text)


class Bridge(Process):
    """A running bridge."""

    def __init__(self, arguments, folder, name="bridge", environment=None, inside=()):
        environment = {**os.environ, **(environment or {})}
        super().__init__(name, [*inside, binary(), *arguments], folder, environment)
        try:
            match = self.wait_for_line(
                r"bridge-proxy listening on (https?)://(127\.0\.0\.1):(\d+)"
            )
        except AssertionError:
            self.end()
            raise
        self.host, self.port = match[2], int(match[3])
        self.url = f"{match[1]}://{self.host}:{self.port}"

    @classmethod
    def configured(cls, configuration, folder, name="bridge", environment=None, inside=()):
        """Starts a bridge with this configuration, by the program `inside` if any."""
        path = write_configuration(configuration, folder, name)
        return cls(["serve", "--config", path], folder, name, environment, inside)

    @property
    def admin_url(self):
        return f"http://127.0.0.1:{self.wait_for_line(r'admin on http://127.0.0.1:([0-9]+)')[1]}"

    def stop_cleanly(self, seconds=30.0):
        """Stops it with SIGTERM; the exit code must be 0."""
        assert self.is_running(), f"{self.name} died\n{self.report()}"
        code = self.stop(seconds)
        assert code == STOPS_CLEANLY, f"{self.name} ended with {code}\n{self.report()}"

    def access_log(self):
        """The lines of the access log so far, parsed as JSON."""
        lines = [line for line in self.output.split("\n")[:-1] if line.startswith("{")]
        return [json.loads(line) for line in lines]


def write_configuration(configuration, folder, name="bridge"):
    path = pathlib.Path(folder) / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(configuration if isinstance(configuration, str) else yaml(configuration) + "\n")
    return path


def service(address, *names, **more):
    """A service entry for the schemas of Protos/test of these names."""
    return {"schemas": [PROTOS / f"{name}.proto" for name in names], "endpoint": address, **more}


def configuration(services, **more):
    return {"listen": "127.0.0.1:0", "services": services, **more}


def run(*arguments, seconds=30.0, environment=None):
    """Runs the program until it exits."""
    return subprocess.run(
        [str(binary()), *(str(argument) for argument in arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )

