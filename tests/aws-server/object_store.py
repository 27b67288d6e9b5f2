"""An object store for the tests: moto's S3 on loopback, with faults on order, and with conditional writes that
hold, that are ignored, or that look first and write later. See README.md.

The two that do not hold stand for Garage 2.5 and Ceph RGW 16.2 with versioning (they ignore If-None-Match), and
for s3s-fs 0.14 (which only a probe with several writers at once can tell from a good one)."""

import argparse
import json
import logging
import socket
import sys
import threading
import time
from xml.sax.saxutils import escape

import boto3
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

import process

CONDITION = "HTTP_IF_NONE_MATCH"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", required=True, help="written once everything is ready")
    parser.add_argument("--bucket", default="vault", help="a bucket that is made")
    parser.add_argument("--conditions", choices=["hold", "ignored", "late"], default="hold")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent does")
    return parser.parse_args()


class Store:
    """moto's S3, with what is done to it."""

    def __init__(self, app, conditions):
        self.app, self.conditions = app, conditions
        self.lock = threading.Lock()
        self.orders, self.log, self.hidden = [], [], set()

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        if path.startswith("/_store/"):
            return self.window(path.removeprefix("/_store/"), environ, start_response)
        # The body is read before anything is done to the answer.
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size)
        fault = self.fault_of(environ)
        if fault:
            return self.faulty(fault, environ, body, start_response)
        return self.do(environ, body, start_response)

    def do(self, environ, body, start_response):
        if environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"] in self.hidden:
            return refuse(start_response, "404 Not Found", "NoSuchKey", "The key does not exist.")
        if CONDITION in environ and self.conditions != "hold":
            if self.conditions == "late" and self.is_there(environ["PATH_INFO"]):
                return refuse(start_response, "412 Precondition Failed", "PreconditionFailed", "It is there.")
            del environ[CONDITION]
            time.sleep(0.05)
        with self.lock:
            environ["wsgi.input"] = Body(body)
            return [b"".join(self.app(environ, start_response))]

    def is_there(self, path):
        with self.lock:
            seen = []
            environ = {
                "REQUEST_METHOD": "HEAD", "PATH_INFO": path, "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80",
                "HTTP_HOST": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
                "wsgi.input": Body(b""), "wsgi.errors": sys.stderr, "QUERY_STRING": "", "SCRIPT_NAME": "",
            }
            b"".join(self.app(environ, lambda status, *_: seen.append(status)))
            return seen[0].startswith("200")

    def fault_of(self, environ):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        with self.lock:
            found = None
            for order in self.orders:
                if order["method"] == method and order["part"] in path + "?" + environ["QUERY_STRING"]:
                    order["nth"] -= 1
                    if order["nth"] < 1 and order["nth"] > -order["times"] and not found:
                        found = order["fault"]
            self.log.append({"method": method, "path": path, "fault": found})
            return found

    def faulty(self, fault, environ, body, start_response):
        match fault:
            case "drop-before":
                return cut(environ, start_response)
            case "drop-after":
                self.do(environ, body, lambda *_: None)
                return cut(environ, start_response)
            case "unavailable":
                return refuse(start_response, "503 Service Unavailable", "SlowDown", "Reduce your rate.")
            case "unavailable-after":
                self.do(environ, body, lambda *_: None)
                return refuse(start_response, "503 Service Unavailable", "SlowDown", "Reduce your rate.")
            case "full":
                return refuse(start_response, "403 Forbidden", "QuotaExceeded", "The quota is used up.")
            case "denied":
                return refuse(start_response, "403 Forbidden", "AccessDenied", "Access Denied")
            case "truncate":
                answer = b"".join(self.do(environ, body, lambda *_: None))
                headers = [("Content-Length", str(len(answer))), ("ETag", '"x"')]
                headers.append(("Last-Modified", "Wed, 25 Nov 2026 03:00:00 GMT"))
                start_response("200 OK", headers)
                environ["werkzeug.socket"].settimeout(1)
                return Half(answer, environ["werkzeug.socket"])
        raise ValueError(fault)

    def window(self, what, environ, start_response):
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size)
        answer = None
        with self.lock:
            match what:
                case "arm":
                    self.orders.append(json.loads(body))
                case "hide":
                    self.hidden.add(json.loads(body))
                case "reset":
                    self.orders, self.log, self.hidden = [], [], set()
                case "log":
                    answer = self.log
        text = json.dumps(answer).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(text)))]
        start_response("200 OK", headers)
        return [text]


class Body:
    """A body that was read already, as WSGI reads it."""

    def __init__(self, data):
        self.data = data

    def read(self, size=-1):
        part = self.data if size is None or size < 0 else self.data[:size]
        self.data = self.data[len(part) :]
        return part

    def readline(self, *_):
        return self.read()

    def __iter__(self):
        return iter([self.read()])


class Half:
    """Half of an answer, and then the end of the connection."""

    def __init__(self, answer, connection):
        self.answer, self.connection = answer, connection

    def __iter__(self):
        yield self.answer[: len(self.answer) // 2]

    def close(self):
        self.connection.shutdown(socket.SHUT_RDWR)


def cut(environ, start_response):
    """The connection ends without an answer."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    start_response("500 Internal Server Error", [("Content-Length", "0")])
    return [b""]


def refuse(start_response, status, code, message):
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>".encode()
    start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(text)))])
    return [text]


def main():
    args = arguments()
    process.end_when_told(args.with_parent)
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    app = Store(DomainDispatcherApplication(create_backend_app), args.conditions)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.server_port}",
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    s3.create_bucket(Bucket=args.bucket)
    process.write(args.port_file, f"{server.server_port}\n")
    serving.join()


if __name__ == "__main__":
    sys.exit(main())
