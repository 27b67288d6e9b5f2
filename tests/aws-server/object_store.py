"""An object store for the tests on loopback, with faults on order, and with conditional writes as the store has them,
or that are ignored, or that look first and write later. See README.md and stores.py.

The two last stand for Garage 2.5 and Ceph RGW 16.2 with versioning (they ignore If-None-Match), and for s3s-fs 0.14
(which only a probe with several writers at once can tell from a good one), where those cannot be had."""

import argparse
import http.client
import json
import logging
import os
import re
import socket
import sys
import threading
import time
from xml.sax.saxutils import escape

import boto3
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

import process
import stores

CONDITION = "HTTP_IF_NONE_MATCH"
# What is between two neighbours, and not between the ends (RFC 9110, section 7.6.1).
HOP = {"connection", "keep-alive", "transfer-encoding", "server", "date"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", required=True, help="written once everything is ready")
    parser.add_argument("--server", choices=stores.SERVERS, default="moto", help="what is behind it")
    parser.add_argument("--bucket", default="vault", help="a bucket that is made")
    parser.add_argument("--versioned", action="store_true", help="it keeps older versions")
    parser.add_argument("--locked", action="store_true", help="it has S3 Object Lock, with a day by default")
    parser.add_argument("--conditions", choices=["hold", "ignored", "late"], default="hold")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent does")
    return parser.parse_args()


class Store:
    """The server behind, with what is done to it."""

    def __init__(self, server, bucket, conditions):
        self.server, self.bucket, self.conditions = server, bucket, conditions
        self.lock = threading.Lock()
        self.orders, self.log, self.hidden, self.kept = [], [], set(), {}

    def __call__(self, environ, start_response):
        # The body is read before anything is done to the answer.
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size)
        path = environ["PATH_INFO"]
        if path.startswith("/_store/"):
            answer = self.window(path.removeprefix("/_store/"), json.loads(body or "null"))
            text = json.dumps(answer).encode()
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(text)))]
            start_response("200 OK", headers)
            return [text]
        fault = self.fault_of(environ, body)
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
        status, headers, answer = ask(self.server.port, environ, body)
        start_response(status, headers)
        return [answer]

    def is_there(self, path):
        name = path.removeprefix(f"/{self.bucket}/")
        found = self.s3().list_objects_v2(Bucket=self.bucket, Prefix=name)
        return name in [one["Key"] for one in found.get("Contents", [])]

    def s3(self):
        """The server itself, past all faults."""
        key, secret = self.server.root
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.server.port}",
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        )

    def make_bucket(self, versioned, locked):
        s3 = self.s3()
        s3.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=locked)
        if versioned:
            s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        if locked:
            rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
            lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
            s3.put_object_lock_configuration(Bucket=self.bucket, ObjectLockConfiguration=lock)

    def objects(self):
        pages = self.s3().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def save(self, name):
        """Keeps all objects as they are."""
        s3 = self.s3()
        read = lambda key: s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        self.kept[name] = {key: read(key) for key in self.objects()}

    def restore(self, name, part):
        """Brings those back in whose name `part` stands, and removes such as were not there."""
        s3, kept = self.s3(), self.kept[name]
        for key in self.objects():
            if part in key and key not in kept:
                s3.delete_object(Bucket=self.bucket, Key=key)
        for key, data in kept.items():
            if part in key:
                s3.put_object(Bucket=self.bucket, Key=key, Body=data)

    def fault_of(self, environ, body):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        with self.lock:
            found = None
            for order in self.orders:
                if order["method"] == method and order["part"] in path + "?" + environ["QUERY_STRING"]:
                    order["nth"] -= 1
                    if order["nth"] < 1 and order["nth"] > -order["times"] and not found:
                        found = order["fault"]
            # DeleteObjects names in its body what is to go.
            deleted = re.findall(r"<Key>(.*?)</Key>", body.decode()) if method == "POST" else []
            self.log.append({"method": method, "path": path, "fault": found, "deleted": deleted})
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
            case "no-space":
                # WebDAV's word for it (RFC 4918, section 11.5), which others have taken over.
                return refuse(start_response, "507 Insufficient Storage", "InsufficientStorage", "No space left.")
            case "denied":
                return refuse(start_response, "403 Forbidden", "AccessDenied", "Access Denied")
            case "slow":
                time.sleep(3)
                return self.do(environ, body, start_response)
            case "hang":
                time.sleep(120)
                return cut(environ, start_response)
            case "truncate":
                answer = b"".join(self.do(environ, body, lambda *_: None))
                headers = [("Content-Length", str(len(answer))), ("ETag", '"x"')]
                headers.append(("Last-Modified", "Wed, 25 Nov 2026 03:00:00 GMT"))
                start_response("200 OK", headers)
                environ["werkzeug.socket"].settimeout(1)
                return Half(answer, environ["werkzeug.socket"])
        raise ValueError(fault)

    def window(self, what, order):
        match what:
            case "arm":
                with self.lock:
                    self.orders.append(order)
            case "hide":
                self.hidden.add(order)
            case "admit":
                self.server.admit(*order)
            case "save":
                self.save(order)
            case "restore":
                self.restore(*order)
            case "reset":
                with self.lock:
                    self.orders, self.log, self.hidden = [], [], set()
            case "log":
                with self.lock:
                    return list(self.log)
            case "objects":
                return self.objects()


def ask(port, environ, body):
    """The server's answer: status, headers, body. It gets what was sent, byte for byte where it is signed."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and name != "HTTP_CONNECTION"
    }
    for name in ["CONTENT_TYPE", "CONTENT_LENGTH"]:
        if environ.get(name):
            headers[name.replace("_", "-")] = environ[name]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(environ["REQUEST_METHOD"], environ["RAW_URI"], body, headers)
        answer = connection.getresponse()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP]
        data = answer.read()
        if environ["REQUEST_METHOD"] != "HEAD":
            kept = [(name, value) for name, value in kept if name.lower() != "content-length"]
            kept.append(("Content-Length", str(len(data))))
        return f"{answer.status} {answer.reason}", kept, data
    finally:
        connection.close()


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
    behind = stores.SERVERS[args.server](os.path.dirname(os.path.abspath(args.port_file)))
    store = Store(behind, args.bucket, args.conditions)
    store.make_bucket(args.versioned, args.locked)
    server = make_server("127.0.0.1", 0, store, threaded=True, request_handler=MotoRequestHandler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    process.write(args.port_file, f"{server.server_port}\n")
    serving.join()


if __name__ == "__main__":
    sys.exit(main())
