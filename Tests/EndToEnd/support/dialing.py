"""Hosts with an IPv4 and an IPv6 address of which one fails, and name servers that answer only partly."""

import contextlib
import socket
import struct
import threading

from .names import NUMBERS

V4, V6 = "127.0.0.1", "::1"
#: Behaviours of an address.
REFUSES, FULL, SILENT = "refuses", "full", "silent"
A, AAAA = 1, 28


def other(ip):
    return V6 if ip == V4 else V4


def listener(ip, port=0, backlog=64):
    bound = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((ip, port))
    bound.listen(backlog)
    return bound


class Host:
    """A port on two addresses: `good` leads to a server, the other behaves like `bad`."""

    def __init__(self, server, good=V4, bad=REFUSES):
        self.server, self.opened = server, []
        self.listeners = [listener(good)]
        self.port = self.listeners[0].getsockname()[1]
        #: Number of connections to the bad address.
        self.strays = 0
        if bad == FULL:
            # A backlog of one that is full: the system accepts no other connection.
            full = listener(other(good), self.port, 0)
            self.opened += [full, socket.create_connection((other(good), self.port))]
        elif bad == SILENT:
            self.listeners.append(listener(other(good), self.port))
        for each in self.listeners:
            threading.Thread(target=self.accept, args=(each,), daemon=True).start()

    def accept(self, bound):
        with contextlib.suppress(OSError):
            while True:
                near, _ = bound.accept()
                self.opened.append(near)
                if bound is not self.listeners[0]:
                    self.strays += 1
                    continue
                host, port = self.server.rsplit(":", 1)
                far = socket.create_connection((host, int(port)))
                self.opened.append(far)
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self.copy, args=ends, daemon=True).start()

    @staticmethod
    def copy(source, target):
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)

    def close(self):
        for each in [*self.listeners, *self.opened]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


class HalfNameServer:
    """A name server that answers queries of some types and ignores the others."""

    def __init__(self, folder, answers):
        """`answers`: {A: "127.0.0.1"}: for any name; other types get no answer."""
        self.answers, self.asked = answers, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = f"127.54.0.{next(NUMBERS)}"
        self.socket.bind((self.address, 53))
        self.resolv_conf = folder / f"resolv-{self.address}.conf"
        # It waits longer than the bridge.
        self.resolv_conf.write_text(f"nameserver {self.address}\noptions timeout:20 attempts:1\n")
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                question, client = self.socket.recvfrom(4096)
                end = question.index(0, 12) + 5
                (kind,) = struct.unpack(">H", question[end - 4 : end - 2])
                self.asked.append(kind)
                if kind not in self.answers:
                    continue
                ip = self.answers[kind]
                data = socket.inet_pton(socket.AF_INET6 if kind == AAAA else socket.AF_INET, ip)
                record = struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(data)) + data
                head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
                self.socket.sendto(head + question[12:end] + record, client)

    def close(self):
        self.socket.close()
