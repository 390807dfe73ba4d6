"""The examples of the documentation: fenced blocks, and how each of them is checked.

A comment on the line before a block declares how: `<!-- example: WAY -->`; rendered pages don't show
it. `WAYS` has the valid ways for each language. Blocks of `text` and `json` need no comment: the former is
output or a drawing, the latter must be JSON.
"""

import dataclasses
import os
import pathlib
import re
import subprocess
import textwrap

from .bridge import REPOSITORY, binary
from .processes import Process
from .sockets import free_port

#: Pages with drawings in blocks without a language; scripts/targets.py compares one of them.
DRAWINGS = {"docs/ARCHITECTURE.md"}

#: The reason has at least three words.
NOT_RUN = r"not run, because \S+( \S+){2,}"
SHELL = (
    r"run with the (demo( as (?P<host>[\w.]+))?|test server|reflection server)"
    r"(?P<serves>; it keeps running)?"
    r"|run by (?P<test>test_\w+\.py)|" + NOT_RUN
)
YAML = (
    r"(complete configuration|fragment of (a service|the top level))"
    r"(, with the reflection server)?|" + NOT_RUN
)
WAYS = {
    "yaml": YAML,
    "sh": SHELL,
    "bash": SHELL,
    "console": SHELL,
    "protobuf": r"schema|" + NOT_RUN,
    "js": NOT_RUN,
}
WITHOUT_COMMENT = ("text", "json")

FENCE = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!-- example: (.*) -->\n *\Z")


@dataclasses.dataclass(frozen=True)
class Example:
    page: str
    line: int
    language: str
    text: str
    #: The content of the comment; empty without one.
    way: str

    def __str__(self):
        return f"{self.page}:{self.line}"

    def error(self):
        """An error in the declared way; None if it's valid."""
        if self.language in WITHOUT_COMMENT or (not self.language and self.page in DRAWINGS):
            return f"{self}: {self.language} blocks have no comment" if self.way else None
        if self.language not in WAYS:
            return f"{self}: no language, or one that isn't checked: {self.language!r}"
        if not self.way:
            return f"{self}: no comment `<!-- example: … -->` declares how it is checked"
        if not re.fullmatch(WAYS[self.language], self.way):
            return f"{self}: {self.way!r} is not a way to check {self.language}"
        return None


def pages():
    """The paths of the documentation within the repository."""
    found = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")]
    return sorted(str(path.relative_to(REPOSITORY)) for path in found)


def examples(page):
    text = (REPOSITORY / page).read_text()
    found = []
    for match in FENCE.finditer(text):
        comment = COMMENT.search(text, 0, match.start())
        line = text.count("\n", 0, match.start()) + 1
        block = textwrap.dedent(match[3])
        found.append(Example(page, line, match[2], block, comment[1] if comment else ""))
    return found


def prose(page):
    """The page without its blocks; their lines are left empty."""
    text = (REPOSITORY / page).read_text()
    return FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)


def commands(block):
    """The lines of a block of commands, without the comments after them."""
    return [line.split(" #")[0].strip() for line in block.splitlines() if line.strip()]


def dialogue(block):
    """The commands of a `console` block, each with the output that it shows."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert parts[0] == "", "a console block begins with `$ ` and a command"
    return [part.partition("\n")[::2] for part in parts[1:]]


def shows(shown, output):
    """Whether `shown` is this output; an ellipsis stands for any text within a line."""
    pattern = "[^\n]*".join(re.escape(piece) for piece in shown.strip().split("…"))
    return re.fullmatch(pattern, output.strip()) is not None


class Checkout:
    """A folder like a checkout's, with the program in PATH, for a reader of the documentation.

    The ports of the examples may be taken on the machine of the test: `adapted` replaces them.
    """

    PORTS = ("8080", "8090", "8091", "8092", "50051")

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.started = []
        self.ports = {port: str(free_port()) for port in self.PORTS}
        programs = self.folder / "bin"
        programs.mkdir(parents=True)
        (programs / "bridge-proxy").symlink_to(binary())
        (self.folder / "schemas").symlink_to(REPOSITORY / "schemas")
        # A status of an error fails the command.
        (self.folder / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")
        self.environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CURL_HOME": str(self.folder),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }
        for name in ("no_proxy", "NO_PROXY", "http_proxy"):
            self.environment.pop(name, None)

    def adapted(self, text):
        return re.sub(r":(\d+)\b", lambda match: ":" + self.ports.get(match[1], match[1]), text)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, command):
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", self.adapted(command)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )

    def start(self, name, command, ready="listening on"):
        arguments = ["env", "-C", self.folder, *self.adapted(command).split()]
        process = Process(name, arguments, self.folder, self.environment)
        self.started.append(process)
        process.wait_for_line(ready)
        return process

    def start_demo(self):
        """What `make demo` starts."""
        listen = "--listen 127.0.0.1:8080 --backend-port " + self.ports["50051"]
        return self.start("demo", f"bridge-proxy demo {listen}")

    def end(self):
        for process in self.started:
            process.stop()
