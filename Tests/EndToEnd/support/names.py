"""A private name server (dnsmasq), and programs that use it instead of the system's."""

import itertools
import shutil
import subprocess

from .processes import Process
from .sockets import free_port

NUMBERS = itertools.count(1)
# In its own mount namespace the program sees another resolv.conf; its process id stays.
INSIDE = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
          'mount --bind "$0" /etc/resolv.conf && exec "$@"']  # fmt: skip


def why_not():
    """Why this machine doesn't support it; None if it does."""
    if shutil.which("dnsmasq") is None:
        return "the program dnsmasq isn't installed"
    tried = subprocess.run([*INSIDE, "/etc/hostname", "true"], capture_output=True, text=True)
    return f"mounts aren't possible here: {tried.stderr.strip()}" if tried.returncode else None


class NameServer:
    """Answers queries; `configure` changes the answers."""

    def __init__(self, folder):
        self.folder, self.process = folder, None
        # Port 53 of a separate address: resolv.conf has no port.
        self.address = f"127.53.{free_port() % 250 + 1}.{next(NUMBERS)}"
        self.resolv_conf = folder / "resolv.conf"
        self.resolv_conf.write_text(f"nameserver {self.address}\nsearch internal\n")
        self.configure()

    def configure(self, records=(), hosts=None):
        """`records`: (service, host, port, priority, weight); `hosts`: names and their addresses."""
        self.end()
        arguments = [
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--no-resolv",
            "--no-hosts", "--bind-interfaces", f"--listen-address={self.address}", "--user=root",
            "--local=/internal/", "--log-facility=-",
        ]  # fmt: skip
        arguments += [f"--srv-host={','.join(map(str, record))}" for record in records]
        for name, addresses in (hosts or {}).items():
            arguments += [f"--host-record={name},{address}" for address in addresses]
        self.process = Process(f"names-{next(NUMBERS)}", arguments, self.folder)
        self.process.wait_for_line("dnsmasq.*started", 10)

    @property
    def inside(self):
        """A command prefix that makes a program use this server."""
        return [*INSIDE, self.resolv_conf]

    def end(self):
        if self.process is not None:
            self.process.end()
            self.process = None
