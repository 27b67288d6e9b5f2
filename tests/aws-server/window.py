"""What a test may see and do behind the back of the code it tests: look at every user's keys, keep a state
and go back to it, and make the lists of access keys lag, as IAM's do. Under /_breakglass/; see README.md."""

import datetime
import hashlib
import json

from moto.core.utils import utcnow
from moto.iam.models import AccessKey, AccessKeyLastUsed, IAMBackend, iam_backends
from moto.iam.responses import IamResponse

import bootstrap


def backend():
    return iam_backends[bootstrap.ACCOUNT]["aws"]


class Lists:
    """How far ListAccessKeys lags. Everything else knows at once: the limit of two keys, too."""

    def __init__(self):
        self.created_after = self.deleted_after = 0.0
        self.deleted = {}

    def install(self):
        lists, delete = self, IAMBackend.delete_access_key

        def delete_access_key(backend, access_key_id, user_name):
            key = backend.get_user(user_name).get_access_key_by_id(access_key_id)
            delete(backend, access_key_id, user_name)
            lists.deleted.setdefault(user_name, []).append((key, utcnow()))

        def list_access_keys(response):
            answer = moto_list(response)
            user = answer.result["UserName"]
            answer.result["AccessKeyMetadata"] = lists.seen(user, answer.result["AccessKeyMetadata"])
            return answer

        moto_list = IamResponse.list_access_keys
        IAMBackend.delete_access_key = delete_access_key
        IamResponse.list_access_keys = list_access_keys

    def seen(self, user, keys):
        now = utcnow()

        def is_younger(moment, seconds):
            return (now - moment).total_seconds() < seconds

        old = [key for key in keys if not is_younger(key.create_date, self.created_after)]
        gone = self.deleted.get(user, [])
        return old + [key for key, moment in gone if is_younger(moment, self.deleted_after)]


class States:
    """The keys and policies of all users under a name, to go back to."""

    def __init__(self, lists):
        self.lists = lists
        self.saved = {}

    def save(self, name):
        users = {
            user.name: ([(key, key.status) for key in user.access_keys], dict(user.policies))
            for user in backend().users.values()
        }
        self.saved[name] = users, dict(backend().access_keys)

    def restore(self, name):
        users, keys = self.saved[name]
        for user in backend().users.values():
            listed, policies = users[user.name]
            user.access_keys[:] = [key for key, _ in listed]
            for key, status in listed:
                key.status = status
            user.policies.clear()
            user.policies.update(policies)
        backend().access_keys.clear()
        backend().access_keys.update(keys)
        self.lists.deleted.clear()


def secrets_ever_made():
    """Remembers the id and the secret of every access key from now on, of deleted ones too. The secrets
    look as AWS's do: moto's have neither `/` nor `+`, which need care in URLs and elsewhere."""
    made = []
    init = AccessKey.__init__

    def remembering(key, *args, **kwargs):
        init(key, *args, **kwargs)
        plain = key.secret_access_key
        key.secret_access_key = plain[:6] + "/" + plain[7:30] + "+" + plain[31:]
        made.append({"id": key.access_key_id, "secret": key.secret_access_key})

    AccessKey.__init__ = remembering
    return made


def use(key, service, ahead):
    """As if the key had been used with that service, so many seconds from now."""
    when = utcnow() + datetime.timedelta(seconds=ahead)
    backend().access_keys[key].last_used = AccessKeyLastUsed(when, service, bootstrap.REGION)


def delete(name):
    """The user, as an administrator does it who takes its keys and policies first."""
    user = backend().get_user(name)
    for key in list(user.access_keys):
        backend().delete_access_key(key.access_key_id, name)
    user.policies.clear()
    backend().delete_user(name)


def forbid(action):
    """From now on the rotator may not do this, whatever its policy allows."""
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    backend().put_user_policy(bootstrap.ROTATOR, "forbidden", document)


def user_state(user):
    def digest(key):
        return hashlib.sha256(key.secret_access_key.encode()).hexdigest()

    return {
        "keys": [
            {"id": key.access_key_id, "active": key.status == "Active", "secret-sha256": digest(key)}
            for key in user.access_keys
        ],
        "policies": dict(user.policies),
    }


class Window:
    def __init__(self):
        self.lists = Lists()
        self.lists.install()
        self.states = States(self.lists)
        self.secrets = secrets_ever_made()

    def answer(self, what, body):
        match what.split("/"):
            case ["users"]:
                return {user.name: user_state(user) for user in backend().users.values()}
            case ["secrets"]:
                return self.secrets
            case ["save", name]:
                return self.states.save(name)
            case ["restore", name]:
                return self.states.restore(name)
            case ["delete", user]:
                return delete(user)
            case ["forbid", action]:
                return forbid(action)
            case ["use", key]:
                return use(key, **json.loads(body))
            case ["lag"]:
                order = json.loads(body)
                self.lists.created_after = order["created"]
                self.lists.deleted_after = order["deleted"]
                return None
        raise ValueError(f"there is no /_breakglass/{what}")

    def around(self, app):
        """The app with the window in front of it."""

        def windowed(environ, start_response):
            path = environ.get("PATH_INFO", "")
            if not path.startswith("/_breakglass/"):
                return app(environ, start_response)
            size = int(environ.get("CONTENT_LENGTH") or 0)
            answer = self.answer(path.removeprefix("/_breakglass/"), environ["wsgi.input"].read(size))
            body = json.dumps(answer).encode()
            length = ("Content-Length", str(len(body)))
            start_response("200 OK", [("Content-Type", "application/json"), length])
            return [body]

        return windowed
