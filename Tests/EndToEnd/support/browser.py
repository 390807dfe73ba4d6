"""Headless Chromium, which runs a script in a page of a separate origin."""

import http.server
import json
import queue
import threading

from support.processes import Process

PROGRAM = "chromium-headless-shell"

PAGE = """<!doctype html><title>test</title><script type="module">
const bridge = %s;
const script = async () => { %s };
let outcome;
try { outcome = {value: await script()}; } catch (error) { outcome = {error: String(error)}; }
await fetch("/done", {method: "POST", body: JSON.stringify(outcome)});
</script>"""


class Site(http.server.ThreadingHTTPServer):
    """Serves one page, and receives its script's result."""

    def __init__(self):
        self.page = b""
        self.outcomes = queue.Queue()
        super().__init__(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path == "/"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.server.page if found else b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        self.server.outcomes.put(json.loads(body))

    def log_message(self, *_):
        pass


class Browser:
    """One process per script: `run` returns the script's result."""

    def __init__(self, site, folder):
        self.site = site
        self.folder = folder
        self.count = 0

    def run(self, bridge, script, seconds=60):
        """Runs the body of an async function, in which `bridge` is the bridge's URL."""
        self.site.page = (PAGE % (json.dumps(bridge.url), script)).encode()
        self.count += 1
        profile = self.folder / f"profile-{self.count}"
        process = Process(
            f"browser-{self.count}",
            [
                PROGRAM, "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-proxy-server", f"--user-data-dir={profile}", "--remote-debugging-port=0",
                self.site.origin + "/",
            ],
            self.folder,
            # The program is a script that starts another.
            has_children=True,
        )  # fmt: skip
        try:
            outcome = self.site.outcomes.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"the page sent no result\n{process.report()}") from None
        finally:
            process.end()
        assert "error" not in outcome, outcome["error"]
        return outcome["value"]
