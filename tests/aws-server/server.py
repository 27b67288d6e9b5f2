"""The AWS of the tests: moto's IAM and STS on loopback, made honest (honest.py), with an account that is
set up (bootstrap.py). See README.md."""

import argparse
import json
import logging
import os
import sys
import threading

from moto import settings
from moto.iam import models as iam_models
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


def secrets_ever_made():
    """Remembers the id and the secret of every access key from now on, of deleted ones too. The secrets
    look as AWS's do: moto's have neither `/` nor `+`, which need care in URLs and elsewhere."""
    made = []
    init = iam_models.AccessKey.__init__

    def remembering(key, *args, **kwargs):
        init(key, *args, **kwargs)
        plain = key.secret_access_key
        key.secret_access_key = plain[:6] + "/" + plain[7:30] + "+" + plain[31:]
        made.append({"id": key.access_key_id, "secret": key.secret_access_key})

    iam_models.AccessKey.__init__ = remembering
    return made


def with_window(app, secrets):
    """GET /_breakglass/users: the keys and policies of every user, so that a test can see the state
    without the code it tests. GET /_breakglass/secrets: what must be found nowhere else."""

    def user_state(user):
        return {
            "keys": [
                {"id": key.access_key_id, "active": key.status == "Active"}
                for key in user.access_keys
            ],
            "policies": dict(user.policies),
        }

    def windowed(environ, start_response):
        path = environ.get("PATH_INFO")
        if path == "/_breakglass/users":
            users = iam_models.iam_backends[bootstrap.ACCOUNT]["aws"].users.values()
            shown = {user.name: user_state(user) for user in users}
        elif path == "/_breakglass/secrets":
            shown = secrets
        else:
            return app(environ, start_response)
        body = json.dumps(shown).encode()
        length = ("Content-Length", str(len(body)))
        start_response("200 OK", [("Content-Type", "application/json"), length])
        return [body]

    return windowed


def main():
    args = arguments()
    process.end_when_told(args.with_parent)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    os.makedirs(args.state_dir, exist_ok=True)

    app = with_window(DomainDispatcherApplication(create_backend_app), secrets_ever_made())
    app = one_at_a_time(app)
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
