"""The second lane: ministack on loopback with its authentication on, and the same account as server.py.
It has what moto lacks (sessions that outlive their key, usable GetSessionToken), and lacks what moto has
(the limit of two keys). See README.md."""

import argparse
import asyncio
import os
import socket
import sys
import threading
import urllib.request

import bootstrap
import process


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--port-file", help="written once everything is ready")
    parser.add_argument("--state-dir", required=True, help="where credentials, config and env go")
    parser.add_argument("--users", default="deploy-emergency,db-emergency", help="break-glass users")
    parser.add_argument("--first-keys", action="store_true", help="give each of them a key already")
    parser.add_argument("--accounts", default="", help="further accounts with the same users")
    parser.add_argument("--access-roles", action="store_true", help="roles in each account for its users")
    parser.add_argument("--services", default="iam,sts", help="what it is to have")
    parser.add_argument("--anybody", action="store_true", help="ask nobody who it is, and set nothing up")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent does")
    return parser.parse_args()


def environment(port, services, anybody):
    """ministack reads its settings when it is imported."""
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        AUTH="false" if anybody else "true",
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(port),
        SERVICES=services,
        LOG_LEVEL="ERROR",
        # The only key that is root; nobody but the bootstrap knows of it, and a test never uses it.
        AWS_ACCESS_KEY_ID="test",
        MINISTACK_ACCOUNT_ID=bootstrap.ACCOUNT,
        # It would clean up containers at the end; there are none of ours.
        DOCKER_HOST="unix:///nonexistent",
    )


def wait_until_it_answers(endpoint):
    while True:
        try:
            urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=5).read()
            return
        except OSError:
            threading.Event().wait(0.05)


def set_up(args, endpoint, port):
    try:
        wait_until_it_answers(endpoint)
        if args.anybody:
            return
        users = [user for user in args.users.split(",") if user]
        root = ("test", "test")
        bootstrap.bootstrap(bootstrap.client(endpoint, *root), endpoint, users, args.first_keys, args.state_dir)
        for account in filter(None, args.accounts.split(",")):
            # An account's number is the key id of its root.
            iam = bootstrap.client(endpoint, account, "test")
            bootstrap.other_account(endpoint, iam, users, account)
        if args.access_roles:
            for account in [bootstrap.ACCOUNT, *filter(None, args.accounts.split(","))]:
                bootstrap.access_roles(bootstrap.client(endpoint, account, "test"), users)
        if args.port_file:
            process.write(args.port_file, f"{port}\n")
        print(f"ready on {endpoint}", flush=True)
    except Exception as error:
        print(f"the account could not be set up: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def main():
    args = arguments()
    os.makedirs(args.state_dir, exist_ok=True)
    listener = socket.create_server(("127.0.0.1", args.port))
    port = listener.getsockname()[1]
    environment(port, args.services, args.anybody)

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    import second_honest
    import second_sessions

    second_honest.install()
    second_sessions.install()
    process.end_when_told(args.with_parent)
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.loglevel = "ERROR"
    endpoint = f"http://127.0.0.1:{port}"
    threading.Thread(target=set_up, args=(args, endpoint, port), daemon=True).start()

    async def forever():
        # hypercorn would answer SIGTERM with a slow farewell; process.py ends it at once.
        await serve(app, config, shutdown_trigger=asyncio.Event().wait)

    asyncio.run(forever())


if __name__ == "__main__":
    sys.exit(main())
