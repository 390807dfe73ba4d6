"""Processes that a test starts and ends, each by its own id, with bounded waits."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

POLL_SECONDS = 0.01


class TimedOut(AssertionError):
    """The awaited condition didn't occur."""


def until(condition, what, seconds=15.0):
    """Polls `condition`; returns its first true value, or fails naming `what`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimedOut(f"not within {seconds:g} s: {what}")
        time.sleep(POLL_SECONDS)


class Process:
    """A child process with its output in two files. It's stopped by its id, never by its name.

    One that `has_children` ends with all of them.
    """

    def __init__(self, name, arguments, folder, environment=None, has_children=False):
        self.name = name
        self.has_children = has_children
        self.arguments = [str(argument) for argument in arguments]
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.output_path = folder / f"{name}.out"
        self.errors_path = folder / f"{name}.err"
        with open(self.output_path, "wb") as output, open(self.errors_path, "wb") as errors:
            self.child = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=environment,
                start_new_session=has_children,
            )

    @property
    def pid(self):
        return self.child.pid

    @property
    def output(self):
        return self.output_path.read_text(errors="replace")

    @property
    def errors(self):
        return self.errors_path.read_text(errors="replace")

    def is_running(self):
        return self.child.poll() is None

    def wait_for_line(self, pattern, seconds=30.0):
        """The match of the first line of either output that matches `pattern`."""
        compiled = re.compile(pattern)

        def find():
            for text in (self.output, self.errors):
                for line in text.split("\n")[:-1]:
                    if match := compiled.search(line):
                        return match
            if not self.is_running():
                raise AssertionError(
                    f"{self.name} ended with {self.child.returncode} before it printed"
                    f" {pattern!r}\n{self.report()}"
                )
            return None

        try:
            return until(find, f"{self.name} prints {pattern!r}", seconds)
        except TimedOut as error:
            raise TimedOut(f"{error}\n{self.report()}") from None

    def signal(self, number=signal.SIGTERM):
        if self.is_running():
            self.child.send_signal(number)

    def wait(self, seconds=30.0):
        """The exit code."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimedOut(
                f"{self.name} still runs after {seconds:g} s\n{self.report()}"
            ) from None

    def stop(self, seconds=30.0):
        """Asks it to exit; returns the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def end(self):
        """Kills it if it's still running."""
        if self.has_children:
            # The group has the id of its leader, and exists while it has members.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        elif self.is_running():
            self.child.kill()
        self.child.wait(10)

    def report(self, characters=4000):
        """The end of its output, for a failure message."""
        return (
            f"--- {' '.join(self.arguments)}\n"
            f"--- standard output\n{self.output[-characters:]}\n"
            f"--- standard error\n{self.errors[-characters:]}"
        )
