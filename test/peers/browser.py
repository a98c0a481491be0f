#!/usr/bin/env python3
"""browser.py - a browser without a window, driven step by step.

Used by: test/browser.bash, scripts/page-pictures.
Needs:   chromium and chromedriver; speaks WebDriver (W3C) with nothing but the standard library.
Usage:   browser.py start FOLDER   chromedriver and a browser begin; FOLDER keeps what is theirs
         browser.py stop FOLDER    both end
         browser.py FOLDER STEP... does these in order:
           go URL              opens the page, and waits until it has loaded
           js CODE             runs CODE, which is an expression or has `return`; says its value
           until CODE          the same over and over, until the value is true; says it
           is CODE VALUE       runs it once, and its value must be this
           click CSS           the element in the middle, as a mouse does it
           keys TEXT           types into what has the focus; {Tab}, {Shift+Tab}, {Enter}, ...
           files CSS PATHS     chooses these files, in a line each, for an <input type=file>
           drop PATHS          drags these files and folders, in a line each, onto the page
           drag PATHS          the same, and does not let go of them
           network BYTES       no more than so many a second go to the server; 0: all that can
           role CSS            says the role and the name that assistive technology is told
           size WIDTH HEIGHT   of the page, in CSS pixels; below 700 as on a phone
           colours light|dark  what the reader prefers
           scripts on|off      of pages that are opened from now on
           picture FILE        of the window, as PNG
           layouts             says how often the page has been laid out so far
           log                 says what the browser wrote on its console since the last time
         What is said has a line each; a value that is no text is JSON.
Exit:    0 all went well, 1 a step did not (stderr says which), 2 wrong usage
"""

import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

LIFE_S = 900  # of a browser that nobody stops, as when a test run is killed
PATIENCE = float(os.environ.get("BROWSER_SECONDS", "20"))
LOOK_AGAIN = 0.03

KEYS = {
    "Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "Space": " ", "Shift": "\ue008",
    "Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015", "Home": "\ue011",
    "End": "\ue010", "Backspace": "\ue003", "Control": "\ue009",
}
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Failed(Exception):
    """A step did not do what it should."""


def command(port, method, path, body=None):
    """One WebDriver command; returns its value."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"Content-Type": "application/json"})
    value = json.loads(connection.getresponse().read())["value"]
    connection.close()
    if isinstance(value, dict) and "error" in value:
        raise Failed(value["error"] + ": " + value["message"].split("\n")[0])
    return value


# ---- its beginning and end ----

def start(folder):
    """Starts chromedriver in a process group of its own, and a browser with it."""
    os.makedirs(folder, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with open(os.path.join(folder, "driver.log"), "wb") as log:
        driver = subprocess.Popen(
            ["timeout", str(LIFE_S), "chromedriver", f"--port={port}"], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "HOME": folder, "LANGUAGE": "en"})
    try:
        await_port(port, driver)
        session = command(port, "POST", "/session",
                          {"capabilities": {"alwaysMatch": wishes(folder)}})
    except BaseException:
        driver.terminate()
        raise
    with open(os.path.join(folder, "session.json"), "w", encoding="ascii") as file:
        json.dump({"port": port, "id": session["sessionId"], "driver": driver.pid,
                   "browser": session["capabilities"]["goog:processID"]}, file)


def await_port(port, driver):
    """Returns when chromedriver listens."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and driver.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(LOOK_AGAIN)
    raise Failed("chromedriver does not listen")


def wishes(folder):
    """What the browser is to be. It sees pages of this machine only: it can do without its sandbox,
    which containers do not allow it."""
    return {
        "browserName": "chrome",
        "unhandledPromptBehavior": "accept",
        "goog:loggingPrefs": {"browser": "ALL"},
        "goog:chromeOptions": {
            "binary": shutil.which("chromium"),
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                     "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
                     "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", "--window-size=1280,800",
                     f"--user-data-dir={os.path.join(folder, 'profile')}"],
        },
    }


def stop(folder):
    """Ends both, and all that they started."""
    with open(os.path.join(folder, "session.json"), encoding="ascii") as file:
        session = json.load(file)
    with contextlib.suppress(Failed, OSError):
        command(session["port"], "DELETE", "/session/" + session["id"])
    for process, end in (session["browser"], signal.SIGKILL), (session["driver"], signal.SIGTERM):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, end)


# ---- the steps ----

class Browser:
    """A browser that was started before. Each method that `steps` names is a step."""

    steps = {"go": 1, "js": 1, "until": 1, "is": 2, "click": 1, "keys": 1, "files": 2, "drag": 1,
             "drop": 1, "network": 1, "role": 1, "size": 2, "colours": 1, "scripts": 1,
             "picture": 1, "layouts": 0, "log": 0}

    def __init__(self, folder):
        with open(os.path.join(folder, "session.json"), encoding="ascii") as file:
            session = json.load(file)
        self.port = session["port"]
        self.base = "/session/" + session["id"]

    def post(self, path, **body):
        return command(self.port, "POST", self.base + path, body)

    def get(self, path):
        return command(self.port, "GET", self.base + path)

    def devtools(self, cmd, **params):
        return self.post("/goog/cdp/execute", cmd=cmd, params=params)

    def find(self, css):
        return self.post("/element", using="css selector", value=css)[ELEMENT]

    def run(self, code):
        if "return" not in code:
            code = f"return ({code});"
        return self.post("/execute/sync", script=code, args=[])

    def go(self, url):
        self.post("/url", url=url)

    def js(self, code):
        say(self.run(code))

    def until(self, code):
        end = time.monotonic() + PATIENCE
        while not (value := self.run(code)):
            if time.monotonic() > end:
                raise Failed(f"not within {PATIENCE:g} s; the page:\n" +
                             self.run("document.body.innerText.slice(0, 2000)"))
            time.sleep(LOOK_AGAIN)
        if value is not True:
            say(value)

    def must_be(self, code, wanted):
        value = in_words(self.run(code))
        if value != wanted:
            raise Failed(f"values differ\n  got:  {value}\n  want: {wanted}")

    def click(self, css):
        self.post(f"/element/{self.find(css)}/click")

    def keys(self, text):
        """All in one go: what is pressed together, as in {Shift+Tab}, and then released."""
        actions = []
        for together, letter in re.findall(r"\{([A-Z][A-Za-z+]*)\}|(.)", text, re.DOTALL):
            pressed = [KEYS[key] for key in together.split("+")] if together else [letter]
            actions += [{"type": "keyDown", "value": key} for key in pressed]
            actions += [{"type": "keyUp", "value": key} for key in reversed(pressed)]
        self.post("/actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def files(self, css, paths):
        self.post(f"/element/{self.find(css)}/value", text=paths)

    def drag(self, paths, last="dragOver"):
        data = {"items": [], "files": paths.split("\n"), "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", last):
            self.devtools("Input.dispatchDragEvent", type=kind, x=100, y=300, data=data)

    def drop(self, paths):
        self.drag(paths, "drop")

    def network(self, speed):
        self.devtools("Network.enable")
        self.devtools("Network.emulateNetworkConditions", offline=False, latency=0,
                      downloadThroughput=-1, uploadThroughput=int(speed) or -1)

    def role(self, css):
        element = self.find(css)
        say(self.get(f"/element/{element}/computedrole") + " " +
            self.get(f"/element/{element}/computedlabel"))

    def size(self, width, height):
        self.devtools("Emulation.setDeviceMetricsOverride", width=int(width), height=int(height),
                      deviceScaleFactor=2 if int(width) < 700 else 1, mobile=int(width) < 700)

    def colours(self, scheme):
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": scheme}])

    def scripts(self, on_or_off):
        self.devtools("Emulation.setScriptExecutionDisabled", value=on_or_off == "off")

    def picture(self, path):
        image = self.devtools("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(image))

    def layouts(self):
        self.devtools("Performance.enable")
        metrics = self.devtools("Performance.getMetrics")["metrics"]
        say(next(int(each["value"]) for each in metrics if each["name"] == "LayoutCount"))

    def log(self):
        for entry in self.post("/se/log", type="browser"):
            say(entry["level"] + " " + entry["message"])


def in_words(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def say(value):
    print(in_words(value))


def do_steps(browser, words):
    while words:
        name, words = words[0], words[1:]
        count = browser.steps.get(name)
        if count is None or len(words) < count:
            print(f"browser.py: no step: {name}, with {len(words)} words after it", file=sys.stderr)
            return 2
        arguments, words = words[:count], words[count:]
        try:
            getattr(browser, "must_be" if name == "is" else name)(*arguments)
        except (Failed, OSError) as reason:
            print(f"browser.py: {name} {' '.join(arguments)}: {reason}", file=sys.stderr)
            return 1
    return 0


def main():
    words = sys.argv[1:]
    if len(words) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    if words[0] not in ("start", "stop"):
        return do_steps(Browser(words[0]), words[1:])
    try:
        {"start": start, "stop": stop}[words[0]](words[1])
    except (Failed, OSError) as reason:
        print(f"browser.py: {words[0]}: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
