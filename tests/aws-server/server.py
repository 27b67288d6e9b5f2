"""The AWS of the tests: moto's IAM and STS on loopback, made honest (honest.py), with an account that is
set up (bootstrap.py). See README.md."""

import argparse
import logging
import os
import sys
import threading

from moto import settings
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

import bootstrap
import honest
import process
import window


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


class Within:
    """moto's IAM, asked as a client of boto3 is, without the way through the network."""

    def create_user(self, UserName):
        window.backend().create_user(bootstrap.REGION, UserName)

    def put_user_policy(self, UserName, PolicyName, PolicyDocument):
        window.backend().put_user_policy(UserName, PolicyName, PolicyDocument)

    def create_access_key(self, UserName):
        key = window.backend().create_access_key(UserName)
        return {"AccessKey": {"AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret_access_key}}


def main():
    args = arguments()
    process.end_when_told(args.with_parent)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    os.makedirs(args.state_dir, exist_ok=True)

    app = one_at_a_time(window.Window().around(DomainDispatcherApplication(create_backend_app)))
    server = make_server(
        "127.0.0.1", args.port, app, threaded=True, request_handler=MotoRequestHandler
    )
    serving = threading.Thread(target=server.serve_forever)
    serving.start()

    rules = honest.Rules(args.known_after, args.flaps)
    rules.install()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    users = [user for user in args.users.split(",") if user]
    made = bootstrap.bootstrap(Within(), endpoint, users, args.first_keys, args.state_dir)
    rules.exempt.update(made)
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    if args.port_file:
        process.write(args.port_file, f"{server.server_port}\n")
    print(f"ready on {endpoint}", flush=True)
    serving.join()


if __name__ == "__main__":
    sys.exit(main())
