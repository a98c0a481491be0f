#!/usr/bin/env python3
"""lab_client.py - file transfer clients as people write them for the course labs.

Used by: test/interop.bats.
Usage:   lab_client.py STYLE HOST PORT VERB NAME [VERB NAME]...
         VERB is GET, PUT or DEL; NAME is a file here and there. Each request has a connection of
         its own, one after the other.
Styles:  plain      no line ends; one recv() is one message; strict turns
         chunky     exact reads in a loop, and the file in pieces of 1024 bytes
         newline    every text ends with LF
         crlf       every text ends with CR LF
         ahead      says everything it has to say at once, and listens afterwards
         hasty      closes when the last byte has gone or come, and never reads DONE
         halfclose  shuts its side down as soon as it has nothing more to say
Exit:    0 all went well, 1 one did not (stderr says why)
"""

import socket
import sys

BUFSIZE = 1024


class Refused(Exception):
    """The server said ERROR."""


class PlainClient:
    """The client of somebody who knows send() and recv(), and trusts them."""

    line_end = b""

    def __init__(self, host, port):
        self.sock = socket.create_connection((host, port), timeout=20)

    # What the styles do differently.

    def send_text(self, text):
        self.sock.send(text.encode() + self.line_end)

    def hear(self, word):
        self.check(self.sock.recv(BUFSIZE), word)

    def hear_size(self):
        answer = self.sock.recv(BUFSIZE)
        if len(answer) != 8:
            raise Refused("expected a size, got %r" % answer)
        return int.from_bytes(answer, "big")

    def send_content(self, content):
        self.sock.sendall(content)

    def last_word_said(self):
        """Called when the server has the last word."""

    def hear_done(self, began=b""):
        """`began` came along with the file's last bytes."""
        self.check(began or self.sock.recv(BUFSIZE), "DONE")

    # The conversation.

    @staticmethod
    def check(answer, word):
        if answer != word.encode():
            raise Refused("expected %s, got %r" % (word, answer))

    def get(self, name):
        self.hear("READY")
        self.send_text("GET " + name)
        self.hear("OK")
        self.send_text("READY")
        size = self.hear_size()
        self.send_text("OK")
        self.last_word_said()
        data = b""
        while len(data) < size:
            piece = self.sock.recv(BUFSIZE)
            if not piece:
                raise Refused("%d of %d bytes came" % (len(data), size))
            data += piece
        with open(name, "wb") as file:
            file.write(data[:size])
        self.hear_done(data[size:])

    def put(self, name):
        with open(name, "rb") as file:
            content = file.read()
        self.hear("READY")
        self.send_text("PUT " + name)
        self.hear("OK")
        self.sock.sendall(len(content).to_bytes(8, "big"))
        self.hear("OK")
        self.send_content(content)
        self.last_word_said()
        self.hear_done()

    def delete(self, name):
        self.hear("READY")
        self.send_text("DEL " + name)
        self.last_word_said()
        self.hear_done()


class NewlineClient(PlainClient):
    line_end = b"\n"


class CrlfClient(PlainClient):
    line_end = b"\r\n"


class ChunkyClient(PlainClient):
    """The client of somebody who has read that TCP is a stream."""

    def read_exactly(self, count, data=b""):
        while len(data) < count:
            piece = self.sock.recv(min(BUFSIZE, count - len(data)))
            if not piece:
                raise Refused("the server closed after %r" % data[:80])
            data += piece
        return data

    def hear(self, word, began=b""):
        answer = self.read_exactly(1, began)
        if answer == b"E":
            while piece := self.sock.recv(BUFSIZE):
                answer += piece
            raise Refused(answer.decode())
        self.check(self.read_exactly(len(word), answer), word)

    def hear_size(self):
        return int.from_bytes(self.read_exactly(8), "big")

    def send_content(self, content):
        for at in range(0, len(content), BUFSIZE):
            self.sock.sendall(content[at:at + BUFSIZE])

    def hear_done(self, began=b""):
        self.hear("DONE", began)


class AheadClient(ChunkyClient):
    """The client of somebody who finds that turns cost time."""

    def get(self, name):
        self.sock.sendall(b"GET " + name.encode() + b"\n" + b"READY" + b"OK")
        self.hear("READY")
        self.hear("OK")
        size = self.hear_size()
        with open(name, "wb") as file:
            file.write(self.read_exactly(size))
        self.hear_done()

    def put(self, name):
        with open(name, "rb") as file:
            content = file.read()
        self.sock.sendall(b"PUT " + name.encode() + b"\n")
        self.sock.sendall(len(content).to_bytes(8, "big"))
        self.sock.sendall(content)
        self.hear("READY")
        self.hear("OK")
        self.hear("OK")
        self.hear_done()

    def delete(self, name):
        self.sock.sendall(b"DEL " + name.encode() + b"\n")
        self.hear("READY")
        self.hear_done()


class HastyClient(PlainClient):
    """The client of somebody for whom the work is done when the bytes are."""

    def hear_done(self, began=b""):
        pass


class HalfCloseClient(PlainClient):
    """The client of somebody who says when he has finished."""

    def last_word_said(self):
        self.sock.shutdown(socket.SHUT_WR)


STYLES = {
    "plain": PlainClient,
    "chunky": ChunkyClient,
    "newline": NewlineClient,
    "crlf": CrlfClient,
    "ahead": AheadClient,
    "hasty": HastyClient,
    "halfclose": HalfCloseClient,
}


def request(style, host, port, verb, name):
    client = STYLES[style](host, port)
    try:
        {"GET": client.get, "PUT": client.put, "DEL": client.delete}[verb](name)
    finally:
        client.sock.close()


def main():
    style, host, port, *requests = sys.argv[1:]
    status = 0
    for verb, name in zip(requests[::2], requests[1::2]):
        try:
            request(style, host, int(port), verb, name)
        except (Refused, OSError) as reason:
            print(verb, name + ":", reason, file=sys.stderr)
            status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
