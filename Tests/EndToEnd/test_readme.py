"""The README's examples: its configuration is served, its commands run as they are written."""

import os
import pathlib
import re
import subprocess

import pytest
from support.bridge import REPOSITORY, binary
from support.processes import Process
from support.sockets import free_port

README = (REPOSITORY / "README.md").read_text()
PORTS = ("8080", "8090", "8091", "8092", "50051")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands(block):
    """The lines of a block, without the comments behind them."""
    return [line.split(" #")[0].strip() for line in block.splitlines() if line.strip()]


class Newcomer:
    """A checkout's folder with the README's file in it, and the program in PATH."""

    def __init__(self, folder):
        self.folder = folder
        self.started = []
        # The README's ports may be taken on the machine of the test.
        self.ports = {port: str(free_port()) for port in PORTS}
        programs = folder / "bin"
        programs.mkdir()
        (programs / "bridge-proxy").symlink_to(binary())
        (folder / "schemas").symlink_to(REPOSITORY / "schemas")
        self.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        for name in ("no_proxy", "NO_PROXY"):
            self.environment.pop(name, None)

    def adapted(self, text):
        return re.sub(r":(\d+)\b", lambda match: ":" + self.ports.get(match[1], match[1]), text)

    def write_configuration(self):
        (yaml,) = blocks("yaml")
        (self.folder / "bridge.yaml").write_text(self.adapted(yaml))

    def run(self, command):
        return subprocess.run(
            self.adapted(command),
            shell=True,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
        )

    def start(self, name, command, ready):
        arguments = ["env", "-C", self.folder, *self.adapted(command).split()]
        process = Process(name, arguments, self.folder, self.environment)
        self.started.append(process)
        process.wait_for_line(ready)

    def end(self):
        for process in self.started:
            process.stop()


@pytest.fixture
def newcomer(tmp_path):
    newcomer = Newcomer(tmp_path)
    newcomer.start(
        "demo",
        "bridge-proxy demo --listen 127.0.0.1:8080 --backend-port " + newcomer.ports["50051"],
        "listening on",
    )
    newcomer.write_configuration()
    yield newcomer
    newcomer.end()


def test_the_configuration_is_checked_and_its_commands_answer(newcomer):
    check, serve = commands(blocks("sh")[0])
    checked = newcomer.run(check)
    assert checked.returncode == 0, checked.stderr
    assert "/v1/products/{id}" in checked.stdout
    newcomer.start("served", serve, "listening on")
    for command in commands(blocks("sh")[1]):
        answered = newcomer.run(command.replace("curl", "curl -sS --fail-with-body"))
        assert answered.returncode == 0, f"{command}\n{answered.stdout}{answered.stderr}"
        if "products" in command:
            assert '"id":"p-1"' in answered.stdout


def test_one_service_needs_no_file(newcomer):
    (serve,) = commands(blocks("sh")[2])
    newcomer.start("served", serve, "listening on")
    answered = newcomer.run("curl -sS --fail-with-body http://127.0.0.1:8092/v1/products/p-1")
    assert '"id":"p-1"' in answered.stdout, answered.stderr


def test_files_that_the_readme_links_to_are_there():
    links = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert len(links) > 10
    for link in links:
        assert (REPOSITORY / pathlib.Path(link)).exists(), link
