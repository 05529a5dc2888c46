"""Drives headless Chromium by the DevTools protocol through everything that the dashboard promises.

Usage: browser.py FOLDER ADMIN_ADDRESS AGENT_PORT, as the script `run` beside this file calls it. Standard library only.
"""

import base64
import http.server
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

folder, admin, port = sys.argv[1:4]
ATTACK = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'
failures = 0


def check(name, holds, detail=""):
    global failures
    failures += not holds
    print(("ok       " if holds else "PROBLEM  ") + name + ("" if holds else f": {detail}"), flush=True)


def token(role):
    with open(f"{folder}/{role}.token") as file:
        return file.read().strip()


class WebSocket:
    """A client of RFC 6455, as far as DevTools needs it: whole text messages."""

    def __init__(self, port, path):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.file = self.socket.makefile("rb")
        while self.file.readline().strip():
            pass

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        length = (
            struct.pack("!B", 0x80 | len(data))
            if len(data) < 126
            else struct.pack("!BH", 0x80 | 126, len(data))
            if len(data) < 65536
            else struct.pack("!BQ", 0x80 | 127, len(data))
        )
        self.socket.sendall(b"\x81" + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self):
        message = b""
        while True:
            first, second = self.file.read(2)
            length = second & 127
            if length > 125:
                length = int.from_bytes(self.file.read(2 if length == 126 else 8), "big")
            data = self.file.read(length)
            if first & 15 in (0, 1):
                message += data
                if first & 128:
                    return message.decode()


class Page:
    """One tab of its own browser profile, and everything that it asked for and complained of."""

    def __init__(self, width=1280, height=900, phone=False):
        self.profile = tempfile.mkdtemp()
        self.process = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
             "--ignore-certificate-errors", "--no-first-run", "--disable-background-networking",
             f"--user-data-dir={self.profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        mark = f"{self.profile}/DevToolsActivePort"
        for _ in range(300):
            if os.path.exists(mark) and open(mark).read().count("\n"):
                break
            time.sleep(0.1)
        debugging = int(open(mark).read().split("\n")[0])
        with urllib.request.urlopen(f"http://127.0.0.1:{debugging}/json") as answer:
            target = next(entry for entry in json.load(answer) if entry["type"] == "page")
        self.connection = WebSocket(debugging, "/" + target["webSocketDebuggerUrl"].split("/", 3)[3])
        self.number, self.requests, self.complaints, self.loads = 0, [], [], 0
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=phone)

    def call(self, method, **parameters):
        self.number += 1
        number = self.number
        self.connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.connection.receive())
            if message.get("id") == number:
                return message.get("result", message)
            self.note(message)

    def note(self, message):
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(parameters["exceptionDetails"])[:300])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(parameters["entry"]["text"] + " " + parameters["entry"].get("url", ""))
        elif method == "Page.loadEventFired":
            self.loads += 1
        elif method == "Page.javascriptDialogOpening":
            self.number += 1
            self.connection.send(json.dumps(
                {"id": self.number, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}))

    def go(self, address):
        answer = self.call("Page.navigate", url=address)
        if answer.get("errorText"):
            raise RuntimeError(address + ": " + answer["errorText"])
        self.until(f"location.href.startsWith({json.dumps(address)}) && document.readyState === 'complete'")

    def ask(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:500])
        return answer.get("result", {}).get("value")

    def until(self, expression, seconds=20):
        end = time.time() + seconds
        while time.time() < end:
            try:
                if self.ask(expression):
                    return True
            except RuntimeError:
                pass
            time.sleep(0.1)
        return False

    def log_in(self, role):
        self.go(f"https://{admin}/")
        self.until("!document.getElementById('login').hidden")
        self.ask(f"document.getElementById('token').value = {json.dumps(token(role))};"
                 "document.querySelector('#login button').click()")
        return self.until("!document.getElementById('content').hidden && document.querySelectorAll('#agents tr').length > 1")

    def picture(self, name):
        height = self.ask("document.documentElement.scrollHeight")
        width = self.ask("window.innerWidth")
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})
        with open(f"{folder}/{name}.png", "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def close(self):
        self.process.terminate()
        self.process.wait()


def mallory(stopped):
    """An enrolled agent that lies in every text it may send, as often as it is asked."""
    context = ssl.create_default_context(cafile=f"{folder}/mallory/ca.crt")
    context.load_cert_chain(f"{folder}/mallory/agent.crt", f"{folder}/mallory/agent.key")

    def post(path, body):
        request = urllib.request.Request(
            f"https://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            return answer.status, answer.read()

    last = 0
    while not stopped.is_set():
        try:
            status, text = post("/v1/check-in", {
                "protocol": 1, "software": ATTACK[:64], "wait_seconds": 2, "last_round": last,
                "accepts_other_run": True})
            if status == 200:
                plan = json.loads(text)
                last = plan["round"]
                post(f"/v1/rounds/{last}/failure", {"run": plan["run"], "reason": "training", "detail": ATTACK})
        except urllib.error.HTTPError as error:
            print("mallory:", error.code, error.read().decode()[:200], file=sys.stderr)
            time.sleep(1)
        except OSError:
            time.sleep(0.5)


def status():
    request = urllib.request.Request(f"https://{admin}/api/status", headers={"Authorization": f"Bearer {token('viewer')}"})
    context = ssl.create_default_context(cafile=f"{folder}/server/ca.crt")
    with urllib.request.urlopen(request, context=context) as answer:
        return json.load(answer)


class ForeignSite(http.server.BaseHTTPRequestHandler):
    """Another site, whose page tries every way to act with the operator's cookie."""

    def do_GET(self):
        body = f"""<!doctype html><title>foreign</title><body><script>
            window.results = [];
            const tries = [
              () => fetch("https://{admin}/api/pause", {{ method: "POST", credentials: "include", mode: "no-cors" }}),
              () => fetch("https://{admin}/api/pause", {{ method: "POST", credentials: "include", mode: "no-cors",
                body: "x", headers: {{ "Content-Type": "text/plain" }} }}),
              () => fetch("https://{admin}/api/pause", {{ method: "POST", credentials: "include",
                headers: {{ "X-CSRF-Token": "guess" }} }}),
              () => fetch("https://{admin}/api/status", {{ credentials: "include" }}).then((a) => a.text()),
              () => Promise.resolve(navigator.sendBeacon("https://{admin}/api/stop", "x")),
            ];
            (async () => {{
              for (const attempt of tries) {{
                try {{ const a = await attempt(); window.results.push(typeof a === "string" ? a : "sent"); }}
                catch (e) {{ window.results.push("refused"); }}
              }}
              window.done = true;
            }})();
            </script><form id="f" method="post" enctype="text/plain" action="https://{admin}/api/stop">
            <input name="a" value="b"></form></body>""".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


stopped = threading.Event()
threading.Thread(target=mallory, args=(stopped,), daemon=True).start()
foreign = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ForeignSite)
threading.Thread(target=foreign.serve_forever, daemon=True).start()
time.sleep(8)

# Load and live updates.
page = Page()
check("the page loads and an operator logs in", page.log_in("operator"))
check("it says that it is live", page.until("document.getElementById('live').textContent === 'live'"))
before, loads = page.ask("document.getElementById('rounds-done').textContent"), page.loads
check("figures move by themselves, without a reload",
      page.until(f"document.getElementById('rounds-done').textContent !== {json.dumps(before)}") and page.loads == loads)
check("charts of accuracy, loss and epsilon are drawn",
      page.until("[...document.querySelectorAll('#charts polyline')].filter((l) => l.getAttribute('points').split(' ').length > 2).length === 3"))
check("every point tells its round, time and value without a script", page.ask(
    "/^round \\d+, \\d\\d:\\d\\d:\\d\\d: /.test(document.querySelector('#charts circle.hit title').textContent)"))
check("axes carry times", page.ask(
    "[...document.querySelectorAll('#charts text')].filter((t) => /^\\d\\d:\\d\\d:\\d\\d$/.test(t.textContent)).length === 6"))
check("the moment is told", page.ask("/^\\d\\d:\\d\\d:\\d\\d$/.test(document.getElementById('as-of').textContent)"))
one = page.ask("""(async () => { const answers = []; const real = window.fetch;
    window.fetch = async (...words) => { answers.push(String(words[0])); return real(...words); };
    await new Promise((done) => setTimeout(done, 3000)); window.fetch = real; return answers; })()""")
check("all panels come of one answer", one and set(one) == {"/api/dashboard"}, one)
check("the panels agree with each other", page.ask(
    "latest.status.rounds_published === latest.rounds.filter((r) => r.state === 'published').length || latest.rounds.length >= 500"))
check("the plan is shown", page.ask("['digits', 'central', '5000', 'budget', '3000.00'].every((word) => "
                                    "document.getElementById('plan').textContent.includes(word))"))
check("events are shown: joins, drops and publications", page.until(
    "['agent joined: agent-1', 'agent gave up', 'round published'].every((text) => "
    "latest.events.some((event) => event.text.includes(text))) && document.querySelectorAll('#events li').length > 5"))
check("expiries are shown", page.ask("['server certificate', 'authority certificate', 'admin token', 'agent '].every((word) => "
                                     "document.getElementById('expiry').textContent.includes(word))"))
check("only the buttons that would do something are shown", page.ask(
    "[...document.querySelectorAll('[data-action]')].filter((b) => b.offsetParent).map((b) => b.dataset.action).join()") == "pause,stop")
check("failures are counted by reason", page.until("document.getElementById('failures').textContent.includes('training')"))
check("all agents are shown", page.until("document.querySelectorAll('#agents tr').length === 6"))
check("models can be downloaded", page.ask(
    "fetch(document.querySelector('#models a').href).then((a) => a.arrayBuffer()).then((b) => b.byteLength > 1000)"))
check("the ledger's head is shown", page.ask("/[0-9a-f]{64}/.test(document.getElementById('ledger').textContent)"))

# Text of agents stays text.
page.until("document.getElementById('agents').textContent.includes('onerror')")
check("a hostile agent's texts are shown as text", page.ask("document.getElementById('agents').textContent.includes('onerror')"))
check("and run nowhere", page.ask("window.pwned === undefined && document.images.length === 0 && "
                                   "document.querySelectorAll('#content script').length === 0"))
check("the policy forbids markup's scripts even where one came in", page.ask(
    "(async () => { const b = document.createElement('div'); b.innerHTML = '<img src=x onerror=\"window.pwned=2\">';"
    "document.body.append(b); await new Promise((r) => setTimeout(r, 500)); b.remove(); return window.pwned === undefined; })()"))
expected = [text for text in page.complaints if "onerror" not in text and "inline event handler" not in text
            and "/x" not in text and "401" not in text]
check("the console is quiet", not expected, expected)
outside = [address for address in page.requests if not address.startswith((f"https://{admin}/", "about:"))]
check("nothing comes from elsewhere", not outside, outside)

page.picture("desktop")

# Actions of an operator.
page.ask("document.querySelector('[data-action=pause]').click()")
check("an operator pauses", page.until("document.getElementById('state').textContent === 'paused'") and status()["state"] == "paused")
page.picture("paused")
page.ask("document.querySelector('[data-action=resume]').click()")
check("and resumes", page.until("document.getElementById('state').textContent === 'active'") and status()["state"] == "active")

# Another site with the operator's cookie in the same browser: other host (other site) and other port (same site).
for host in ("localhost", "127.0.0.1"):
    page.go(f"http://{host}:{foreign.server_address[1]}/")
    page.until("window.done")
    answers = page.ask("window.results")
    check(f"a foreign page ({host}) reads nothing", "rounds_published" not in json.dumps(answers), answers)
    page.ask("document.getElementById('f').submit()")
    time.sleep(1)
    now = status()
    check(f"and its forged requests do nothing ({host})", now["state"] == "active" and not now["stopping"], now)

# A viewer.
viewer = Page()
check("a viewer logs in", viewer.log_in("viewer"))
check("and is shown no actions", viewer.ask(
    "document.getElementById('actions').hidden && document.querySelectorAll('#agents button').length === 0"))
answer = viewer.ask("Promise.all(['pause', 'stop', 'agents/0/revoke'].map((path) => fetch('/api/' + path, { method: 'POST', "
                    "headers: { 'X-CSRF-Token': session.csrf } }).then((a) => a.status))).then((s) => s.join())")
check("and cannot act", answer == "403,403,403" and status()["state"] == "active", answer)
viewer.ask("document.getElementById('logout').click()")
check("and logs out", viewer.until("!document.getElementById('login').hidden") and
      viewer.ask("fetch('/api/status').then((a) => a.status)") == 401)
viewer.ask("document.getElementById('token').value = 'guess'; document.querySelector('#login button').click()")
check("a wrong token is told", viewer.until("document.getElementById('problem').textContent.includes('not known')"))
time.sleep(3)
check("and the words stay", viewer.ask("document.getElementById('problem').textContent.includes('not known')"))
# Log-out in the middle of answers, many times: a late answer of the old session must not talk into the new one.
told = 0
for _ in range(10):
    viewer.ask(f"document.getElementById('token').value = {json.dumps(token('viewer'))}; document.querySelector('#login button').click()")
    viewer.until("!document.getElementById('content').hidden")
    viewer.ask("refresh(); document.getElementById('logout').click(); refresh()")
    viewer.until("!document.getElementById('login').hidden")
    viewer.ask("document.getElementById('token').value = 'guess'; document.querySelector('#login button').click()")
    told += viewer.until("document.getElementById('problem').textContent.includes('not known')", 5)
    time.sleep(0.3)
    told -= not viewer.ask("document.getElementById('problem').textContent.includes('not known')")
check("also after log-outs in the middle of answers", told == 10, told)
viewer.ask(f"document.getElementById('token').value = {json.dumps(token('viewer'))}; document.querySelector('#login button').click()")
check("and the right one is let in again", viewer.until(
    "!document.getElementById('content').hidden && document.getElementById('problem').hidden"))
viewer.close()

# A phone.
phone = Page(375, 812, phone=True)
phone.log_in("operator")
phone.until("document.querySelectorAll('#charts polyline').length === 3")
check("a phone of 375 px needs no sideways scrolling",
      phone.ask("document.documentElement.scrollWidth") <= 375, phone.ask("document.documentElement.scrollWidth"))
phone.picture("phone")
phone.ask("document.querySelector('[data-action=stop]').click()")
check("stop, confirmed, ends the run", phone.until("document.getElementById('round').textContent === 'Run finished'", 40))
check("a finished run shows no dead buttons", phone.until(
    "[...document.querySelectorAll('[data-action], #agents button')].every((b) => !b.offsetParent) && "
    "document.getElementById('ended').textContent.includes('has ended')"))
phone.picture("finished")
phone.close()
page.close()
stopped.set()
sys.exit(1 if failures else 0)
