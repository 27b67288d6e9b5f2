"""The AWS of the tests: moto's IAM and STS on loopback, made honest (honest.py), with an account that is
set up (bootstrap.py). See README.md."""

import argparse
import json
import logging
import os
import sys
import threading

from moto import settings
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

import bootstrap
import honest
import process


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--port-file", help="written once everything is ready")
    parser.add_argument("--state-dir", required=True, help="where credentials, config and env go")
    parser.add_argument("--users", default="deploy-emergency,db-emergency", help="break-glass users")
    parser.add_argument("--first-keys", action="store_true", help="give each of them a key already")
    parser.add_argument("--known-after", type=float, default=0, help="seconds until a new key works")
    parser.add_argument("--flaps", type=int, default=0, help="refusals after its first success")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent does")
    return parser.parse_args()


def one_at_a_time(app):
    """moto's state is not made for threads."""
    lock = threading.Lock()

    def locked(environ, start_response):
        with lock:
            return [b"".join(app(environ, start_response))]

    return locked


def with_window(app):
    """GET /_breakglass/users: the keys and policies of every user, so that a test can see the state
    without the code it tests. No secrets."""

    def user_state(user):
        return {
            "keys": [
                {"id": key.access_key_id, "active": key.status == "Active"}
                for key in user.access_keys
            ],
            "policies": dict(user.policies),
        }

    def windowed(environ, start_response):
        if environ.get("PATH_INFO") != "/_breakglass/users":
            return app(environ, start_response)
        users = iam_backends[bootstrap.ACCOUNT]["aws"].users.values()
        body = json.dumps({user.name: user_state(user) for user in users}).encode()
        length = ("Content-Length", str(len(body)))
        start_response("200 OK", [("Content-Type", "application/json"), length])
        return [body]

    return windowed


def main():
    args = arguments()
    process.end_when_told(args.with_parent)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    os.makedirs(args.state_dir, exist_ok=True)

    app = one_at_a_time(with_window(DomainDispatcherApplication(create_backend_app)))
    server = make_server(
        "127.0.0.1", args.port, app, threaded=True, request_handler=MotoRequestHandler
    )
    serving = threading.Thread(target=server.serve_forever)
    serving.start()

    rules = honest.Rules(args.known_after, args.flaps)
    rules.install()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    users = [user for user in args.users.split(",") if user]
    # moto asks for no credentials until it is told to; from then on it asks everybody.
    made = bootstrap.bootstrap(endpoint, ("root", "root"), users, args.first_keys, args.state_dir)
    rules.exempt.update(made)
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    if args.port_file:
        process.write(args.port_file, f"{server.server_port}\n")
    print(f"ready on {endpoint}", flush=True)
    serving.join()


if __name__ == "__main__":
    sys.exit(main())
