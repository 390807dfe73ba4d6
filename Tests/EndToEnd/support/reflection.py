"""A server that offers reflection, and schemas for it."""

import pathlib
import subprocess
import sys

from .bridge import PROTOS, REPOSITORY
from .processes import Process

SERVER = pathlib.Path(__file__).resolve().parents[1] / "peers" / "reflection_server.py"


class ReflectionServer(Process):
    """peers/reflection_server.py, running; the options are its arguments."""

    def __init__(self, descriptors, folder, name="server", **options):
        arguments = [sys.executable, SERVER, descriptors]
        for key, value in options.items():
            arguments += [f"--{key}", value]
        super().__init__(name, arguments, folder)
        try:
            self.port = int(self.wait_for_line(r"^(\d+)$")[1])
        except AssertionError:
            self.end()
            raise
        self.address = f"127.0.0.1:{self.port}"


def compile_protos(target, *names):
    """A descriptor set of files of Protos/test, with their imports."""
    return compile_files(target, [PROTOS, REPOSITORY / "schemas"], *names)


def compile_texts(target, **texts):
    """A descriptor set of sources: `compile_texts(path, a="syntax = …")` is a file a.proto."""
    folder = pathlib.Path(f"{target}.sources")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.proto").write_text(text)
    return compile_files(target, [folder, REPOSITORY / "schemas"], *texts)


def compile_files(target, include, *names):
    subprocess.run(
        ["protoc", *(f"-I{folder}" for folder in include), "--include_imports",
         f"--descriptor_set_out={target}", *(f"{name}.proto" for name in names)],
        check=True, timeout=60,
    )  # fmt: skip
    return target
