"""Makes moto refuse what AWS refuses.

moto accepts a deactivated key, takes no notice of Resource for IAM users and of conditions, and knows a
new key at once. A tool that deactivates nothing would pass against it. Its authentication is replaced
here where it is wrong, and left alone where it is right (the signature)."""

import datetime
import uuid
from xml.sax.saxutils import escape

from moto.core.utils import utcnow
from moto.iam import access_control
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition
from werkzeug.exceptions import HTTPException

import policy

moto_access_key = access_control.create_access_key


class Refusal(HTTPException):
    """An error as AWS's query protocol writes it; moto's own have another shape, which boto3 forgives
    and other SDKs do not."""

    code = 403

    def __init__(self, code, message):
        super().__init__(
            '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error>'
            f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
            f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
        )


def unknown_key(*_):
    raise Refusal("InvalidClientTokenId", "The security token included in the request is invalid.")


def wrong_signature(*_):
    raise Refusal(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your "
        "AWS Secret Access Key and signing method. Consult the service documentation for details.",
    )


def expired_token():
    raise Refusal("ExpiredToken", "The security token included in the request is expired")


def denied(who, action, resource, explicit):
    why = (
        "with an explicit deny in an identity-based policy"
        if explicit
        else f"because no identity-based policy allows the {action} action"
    )
    # IAM writes "user NAME" for the ARN of a user.
    shown = "user " + resource.rpartition("/")[2] if ":user/" in resource else resource
    message = f"User: {who} is not authorized to perform: {action} on resource: {shown} {why}"
    raise Refusal("AccessDenied", message)


class Rules:
    """What distinguishes this server from moto; the numbers are set when it is started."""

    def __init__(self, known_after, flaps):
        # A key is unknown for so many seconds after it was made...
        self.known_after = datetime.timedelta(seconds=known_after)
        # ...and after it was accepted for the first time, it is refused so many times more.
        self.flaps = flaps
        self.exempt = set()
        self.uses = {}

    def install(self):
        access_control.create_access_key = self.access_key
        access_control.IAMRequestBase.check_action_permitted = check_action_permitted
        access_control.IAMRequest._raise_invalid_access_key = unknown_key
        access_control.IAMRequest._raise_signature_does_not_match = wrong_signature

    def access_key(self, account_id, partition, access_key_id, headers):
        """In place of moto's look-up: the same, and a key that AWS would not know is not known."""
        found = moto_access_key(account_id, partition, access_key_id, headers)
        if isinstance(found, access_control.IAMUserAccessKey):
            user = found.backend.get_user(found._owner_user_name)
            key = user.get_access_key_by_id(access_key_id)
            if key.status != "Active" or not self.is_known(key):
                raise access_control.CreateAccessKeyFailure(reason="InvalidId")
        elif session_of(account_id, partition, access_key_id).expiration < utcnow():
            expired_token()
        return found

    def is_known(self, key):
        if key.access_key_id in self.exempt:
            return True
        if utcnow() < key.create_date + self.known_after:
            return False
        uses = self.uses[key.access_key_id] = self.uses.get(key.access_key_id, 0) + 1
        return uses == 1 or uses > 1 + self.flaps


def session_of(account_id, partition, access_key_id):
    sessions = sts_backends[account_id][partition].assumed_roles
    return next(s for s in sessions if s.access_key_id == access_key_id)


def first(data, name):
    value = data.get(name)
    return value[0] if isinstance(value, list) else value


def resource_of(request, given):
    """The ARN that a call on IAM users or roles is about; moto says `*` to most."""
    account, partition = request.account_id, get_partition(request._region)
    if user := first(request._data, "UserName"):
        return f"arn:{partition}:iam::{account}:user/{user}"
    if arn := first(request._data, "RoleArn"):
        return arn
    if role := first(request._data, "RoleName"):
        return f"arn:{partition}:iam::{account}:role/{role}"
    if key := first(request._data, "AccessKeyId"):
        for user in request.backend.list_users("/", None, None):
            if user.has_access_key(key):
                return user.arn
    return given


def documents_of(access_key):
    for found in access_key.collect_policies():
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            yield found["policy_document"]
        else:
            yield next(version.document for version in found.versions if version.is_default)


def context_of(request):
    """The condition keys. Long-lived keys have no aws:TokenIssueTime, as on AWS."""
    context = {
        "aws:CurrentTime": utcnow().replace(tzinfo=datetime.timezone.utc).isoformat(),
        "aws:PrincipalArn": request._access_key.arn,
        "aws:MultiFactorAuthPresent": "false",
    }
    if isinstance(request._access_key, access_control.AssumedRoleAccessKey):
        session = session_of(
            request.account_id, get_partition(request._region), request._access_key._access_key_id
        )
        issued = getattr(session, "issued", None) or session.access_key.create_date
        context["aws:TokenIssueTime"] = issued.replace(tzinfo=datetime.timezone.utc).isoformat()
    return context


def check_action_permitted(request, resource):
    if request._action == "sts:GetCallerIdentity":
        return  # needs no permission, and no policy can deny it
    resource = resource_of(request, resource)
    decision = policy.decide(
        documents_of(request._access_key), request._action, resource, context_of(request)
    )
    permitted = decision == "Allow"
    if permitted and request._is_assuming_role_operation(resource):
        permitted = request._check_role_trust_relationship(resource)
    if not permitted:
        denied(request._access_key.arn, request._action, resource, decision == "Deny")
