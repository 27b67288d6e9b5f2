"""A proxy on loopback that breaks AWS's answers on purpose. See README.md for its faults and controls."""

import argparse
import http.client
import json
import re
import select
import socket
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import process

def error_xml(kind, code, message):
    return (
        '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error>'
        f"<Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
    ).encode()


STS = {"AssumeRole", "GetCallerIdentity"}


class Bucket:
    """So many calls a second, and so many at once; what is throttled takes nothing out of it."""

    def __init__(self, rate, burst):
        self.rate, self.burst, self.tokens, self.then = rate, burst, burst, time.monotonic()

    def takes(self):
        now = time.monotonic()
        self.tokens = min(self.burst, self.tokens + (now - self.then) * self.rate)
        self.then = now
        taken = self.tokens >= 1
        self.tokens -= taken
        return taken


class Plan:
    """What is armed, how often each action came, and what was done to it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.reset()

    def reset(self):
        self.armed, self.log, self.held = [], [], 0
        self.released.set()
        self.released = threading.Event()
        self.buckets = {}

    def hold(self):
        """One more call hangs."""
        with self.lock:
            self.held += 1

    def arm(self, order):
        with self.lock:
            self.armed.append({"action": order["action"], "fault": order["fault"],
                               "skip": order.get("nth", 1) - 1, "times": order.get("times", 1)})

    def limit(self, order):
        with self.lock:
            for api in ("iam", "sts"):
                self.buckets[api] = Bucket(order["rate"], order.get("burst", 10))

    def fault_for(self, action):
        with self.lock:
            fault = None
            bucket = self.buckets.get("sts" if action in STS else "iam")
            if bucket is not None and not bucket.takes():
                fault = "throttle"
            for order in self.armed:
                if order["action"] in (action, "*") and order["times"] > 0 and fault is None:
                    if order["skip"] > 0:
                        order["skip"] -= 1
                    else:
                        order["times"] -= 1
                        fault = order["fault"]
            self.log.append({"action": action, "fault": fault})
            return fault


def first_page(body):
    """ListAccessKeys as if one key were a page: the first key, and a marker for the rest."""
    members = re.findall(rb"<member>.*?</member>", body, re.S)
    for member in members[1:]:
        body = body.replace(member, b"")
    body = body.replace(b"<IsTruncated>false</IsTruncated>", b"")
    return body.replace(b"</ListAccessKeysResult>",
                        b"<IsTruncated>true</IsTruncated><Marker>more</Marker></ListAccessKeysResult>")


def second_page(body):
    member = re.search(rb"<member>.*?</member>", body, re.S)
    return body.replace(member.group(0), b"", 1) if member else body


ALTERED = {
    "garble": lambda body: bytes(b ^ 0x2A for b in body),
    "empty": lambda _: b"",
    "no-secret": lambda body: re.sub(rb"<SecretAccessKey>.*?</SecretAccessKey>", b"", body),
    "empty-secret": lambda body: re.sub(rb"(<SecretAccessKey>).*?(</SecretAccessKey>)", rb"\1\2", body),
    "short-secret": lambda body: re.sub(rb"(<SecretAccessKey>.{8}).*?(</SecretAccessKey>)", rb"\1\2", body),
    "bad-id": lambda body: re.sub(rb"(<AccessKeyId>).*?(</AccessKeyId>)", rb"\1AKIA\2", body),
    "first-page": first_page,
    "second-page": second_page,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="text/xml", length=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def hang(self):
        """Until the other side gives up, or is killed."""
        self.server.plan.hold()
        select.select([self.connection], [], [], 120)
        return self.hang_up()

    def wait(self):
        """Until a test lets it go on."""
        self.server.plan.hold()
        self.server.plan.released.wait(120)

    def control(self, body):
        plan = self.server.plan
        if self.path == "/_proxy/arm":
            plan.arm(json.loads(body))
        elif self.path == "/_proxy/rate":
            plan.limit(json.loads(body))
        elif self.path == "/_proxy/release":
            plan.released.set()
        elif self.path == "/_proxy/reset":
            plan.reset()
        answer = plan.held if self.path == "/_proxy/held" else plan.log
        return self.answer(200, json.dumps(answer).encode(), "application/json")

    def forward(self, body):
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)
        # The Host header is part of what was signed: it goes on as it came.
        upstream.request("POST", self.path, body, dict(self.headers.items()))
        reply = upstream.getresponse()
        return reply.status, reply.read(), reply.getheader("Content-Type", "text/xml")

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/_proxy/"):
            return self.control(body)
        action = urllib.parse.parse_qs(body.decode()).get("Action", ["?"])[0]
        fault = self.server.plan.fault_for(action)
        if fault == "throttle":
            return self.answer(400, error_xml("Sender", "Throttling", "Rate exceeded"))
        if fault == "unavailable":
            return self.answer(503, error_xml("Receiver", "ServiceUnavailable", "Try again later"))
        if fault == "expired":
            return self.answer(403, error_xml("Sender", "ExpiredToken", "The security token included in the request is expired"))
        if fault == "skewed":
            return self.answer(403, error_xml("Sender", "SignatureDoesNotMatch", "Signature expired: 20261124T020000Z is now earlier than 20261124T024500Z (20261124T030000Z - 15 min.)"))
        if fault == "closed":
            return self.answer(403, error_xml("Sender", "OptInRequired", "The AWS Access Key Id needs a subscription for the service"))
        if fault == "wait":
            self.wait()
            fault = None
        if fault == "drop-before":
            return self.hang_up()
        if fault == "hang-before":
            return self.hang()
        status, reply, kind = self.forward(body)
        if fault == "drop-after":
            return self.hang_up()
        if fault == "hang":
            return self.hang()
        if fault == "truncate":
            self.answer(status, reply[: len(reply) // 2], kind, len(reply))
            return self.hang_up()
        if fault == "unavailable-after":
            return self.answer(503, error_xml("Receiver", "ServiceUnavailable", "Try again later"))
        if fault == "html-after":
            return self.answer(502, b"<html>Bad gateway</html>", "text/html")
        if fault is not None:
            reply = ALTERED[fault](reply)
        return self.answer(status, reply, kind)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", type=int, required=True, help="the port of the server behind")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent does")
    args = parser.parse_args()
    process.end_when_told(args.with_parent)
    server = ThreadingHTTPServer(("127.0.0.1", args.port), Handler)
    server.plan, server.upstream = Plan(), args.upstream
    if args.port_file:
        process.write(args.port_file, f"{server.server_port}\n")
    print(f"ready on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
