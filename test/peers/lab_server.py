#!/usr/bin/env python3
"""lab_server.py - file transfer servers as people write them for the course labs.

Used by: test/interop.bats, scripts/compare.
Usage:   lab_server.py STYLE PORT [MAX]
         Serves the current directory on 127.0.0.1. PORT 0 picks a free port. Prints the port.
Styles:  split  one client at a time; the request is split at white space
         raw    one client at a time; everything after the verb is the name, line ends too
         lab4   a thread for each client, MAX (default 5) at once, as lab 4 has it: a manager with
                a queue, a set and a nap of one second
         lab4-leaky   the same, and every client leaves 16 KiB and a descriptor behind
"""

import os
import queue
import socket
import sys
import threading
import time

BUFSIZE = 1024
LEAK_BYTES = 16 * 1024


# ---- lab 3: one client's conversation ----


def parse_split(text):
    verb, name = text.split()
    return verb, name


def parse_raw(text):
    return text[:3], text[4:]


def serve_get(conn, name):
    if not os.path.isfile(name):
        conn.sendall(("ERROR: %s does not exist" % name).encode())
        return
    conn.sendall(b"OK")
    conn.recv(BUFSIZE)  # READY
    conn.sendall(os.path.getsize(name).to_bytes(8, "big"))
    conn.recv(BUFSIZE)  # OK
    with open(name, "rb") as file:
        while data := file.read(BUFSIZE):
            conn.sendall(data)
    conn.sendall(b"DONE")


def serve_put(conn, name):
    try:
        file = open(name, "wb")
    except OSError:
        conn.sendall(("ERROR: unable to create file %s" % name).encode())
        return
    with file:
        conn.sendall(b"OK")
        size = int.from_bytes(conn.recv(8), "big")
        conn.sendall(b"OK")
        while size > 0:
            data = conn.recv(BUFSIZE)
            if not data:
                return
            file.write(data)
            size -= len(data)
    conn.sendall(b"DONE")


def serve_del(conn, name):
    if not os.path.isfile(name):
        conn.sendall(("ERROR: %s does not exist" % name).encode())
        return
    os.remove(name)
    conn.sendall(b"DONE")


def serve(conn, parse):
    with conn:
        conn.sendall(b"READY")
        verb, name = parse(conn.recv(BUFSIZE).decode())
        {"GET": serve_get, "PUT": serve_put, "DEL": serve_del}[verb](conn, name)


# ---- lab 4: many clients ----


class ClientHandler(threading.Thread):
    def __init__(self, conn):
        super().__init__(daemon=True)
        self.conn = conn

    def run(self):
        serve(self.conn, parse_split)


class LeakyHandler(ClientHandler):
    forgotten = []

    def run(self):
        self.forgotten.append((bytes(b"x" * LEAK_BYTES), os.open(".", os.O_PATH)))
        super().run()


class Manager(threading.Thread):
    def __init__(self, most):
        super().__init__(daemon=True)
        self.most = most
        self.waiting = queue.Queue()
        self.running = set()

    def add(self, handler):
        self.waiting.put(handler)

    def run(self):
        while True:
            self.running -= {t for t in self.running if not t.is_alive()}
            if self.waiting.empty() or len(self.running) >= self.most:
                time.sleep(1)
                continue
            handler = self.waiting.get()
            handler.start()
            self.running.add(handler)


# ---- the program ----


def main():
    style, port = sys.argv[1], int(sys.argv[2])
    most = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    handler = {"lab4": ClientHandler, "lab4-leaky": LeakyHandler}.get(style)
    manager = Manager(most)
    if handler:
        manager.start()
    listener = socket.create_server(("127.0.0.1", port))
    print(listener.getsockname()[1], flush=True)
    while True:
        conn, _ = listener.accept()
        if handler:
            manager.add(handler(conn))
        else:
            serve(conn, {"split": parse_split, "raw": parse_raw}[style])


if __name__ == "__main__":
    main()
