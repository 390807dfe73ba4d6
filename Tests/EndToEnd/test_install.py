"""`make install`: the program, its manual page, completions and the example configuration."""

import subprocess

import pytest
from support.bridge import REPOSITORY, binary, run
from support.reflection import ReflectionServer, compile_texts

SHOP = """
syntax = "proto3";
package shop;
service Shop { rpc Buy(Order) returns (Order); }
message Order { string item = 1; }
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    subprocess.run(
        ["make", "install", f"PROGRAM={binary()}", f"DESTDIR={root}", "PREFIX=/usr"],
        cwd=REPOSITORY, check=True, timeout=120, capture_output=True,
    )  # fmt: skip
    return root / "usr"


def test_the_program_runs(installed):
    done = subprocess.run(
        [installed / "bin/bridge-proxy", "--version"], capture_output=True, text=True, timeout=30
    )
    assert done.stdout == run("--version").stdout != ""


def test_the_manual_page_has_every_command(installed):
    page = (installed / "share/man/man1/bridge-proxy.1").read_text()
    for command in ("serve", "check", "endpoints", "demo"):
        assert f".It Em {command}\n" in page
    done = subprocess.run(
        ["groff", "-mdoc", "-Tutf8", "-ww"], input=page, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes_commands_and_options(installed):
    script = installed / "share/bash-completion/completions/bridge-proxy"
    for words, expected in ((["bridge-proxy", "ch"], "check"), (["bridge-proxy", "serve", "--end"], "--endpoint")):
        listed = " ".join(f"'{word}'" for word in words)
        done = subprocess.run(
            ["bash", "-c", f"source {script}; COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1};"
             f" COMP_LINE='{' '.join(words)}'; COMP_POINT={len(' '.join(words))};"
             f" $(complete -p bridge-proxy | sed 's/.*-F \\([^ ]*\\).*/\\1/') bridge-proxy '{words[-1]}' '{words[-2]}';"
             ' printf "%s\\n" "${COMPREPLY[@]}"'],
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        assert done.stdout.split() == [expected], done.stderr


def test_zsh_and_fish_have_completions(installed):
    zsh = (installed / "share/zsh/site-functions/_bridge-proxy").read_text()
    fish = (installed / "share/fish/vendor_completions.d/bridge-proxy.fish").read_text()
    assert zsh.startswith("#compdef bridge-proxy") and "endpoints" in zsh
    assert "complete -c 'bridge-proxy'" in fish and "endpoints" in fish


def test_the_example_configuration_is_valid(installed, tmp_path):
    text = (installed / "share/doc/bridge-proxy/examples/bridge.yaml").read_text()
    server = ReflectionServer(compile_texts(tmp_path / "shop.binpb", shop=SHOP), tmp_path)
    try:
        path = tmp_path / "bridge.yaml"
        assert text.count("127.0.0.1:50051") == 1
        path.write_text(text.replace("127.0.0.1:50051", server.address))
        checked = run("check", "--config", path, environment={"XDG_CACHE_HOME": str(tmp_path)})
        assert checked.returncode == 0, checked.stderr
        assert "POST /shop.Shop/Buy" in " ".join(checked.stdout.split())
    finally:
        server.stop()
        server.end()
