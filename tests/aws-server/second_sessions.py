"""What ministack lacks in AssumeRole, and AWS does: a session with a source identity takes a trust policy that allows
sts:SetSourceIdentity, too; the trust policy can ask what that identity is; and a session has a shortest and a longest
time (900 seconds, the role's MaxSessionDuration)."""

import contextvars
import dataclasses
from urllib.parse import parse_qs

from ministack.core import iam_evaluator
from ministack.services import iam, sts

LEAST = 900
ACTION, SET_SOURCE = "sts:AssumeRole", "sts:SetSourceIdentity"

trusts_as_asked = iam_evaluator.evaluate_trust_policy
handle_as_asked = sts.handle_request

asked = contextvars.ContextVar("asked", default=None)


class Asked:
    """What a request says of the session's source, and whether that is why it was denied."""

    def __init__(self, source):
        self.source, self.denied = source, False


def trusts(trust_doc, caller_arn, ctx=None):
    request = asked.get()
    if ctx is None or ctx.action != ACTION or request is None or not request.source:
        return trusts_as_asked(trust_doc, caller_arn, ctx)
    known = {**ctx.service_context, "sts:sourceidentity": request.source}
    ctx = dataclasses.replace(ctx, service_context=known)
    if not trusts_as_asked(trust_doc, caller_arn, ctx):
        return False
    ctx = dataclasses.replace(ctx, action=SET_SOURCE)
    request.denied = not trusts_as_asked(trust_doc, caller_arn, ctx)
    return not request.denied


def longest(arn):
    """The MaxSessionDuration of a role, if it is there."""
    role = iam._roles.get_scoped(arn.split(":")[4], None, arn.rpartition("/")[2])
    return int((role or {}).get("MaxSessionDuration", 3600))


def misfit(fields):
    """Why AWS would not look at the request at all."""
    seconds = int(fields.get("DurationSeconds", LEAST))
    if seconds < LEAST:
        return f"1 validation error detected: Value '{seconds}' at 'durationSeconds' is less than {LEAST}"
    if seconds > longest(fields.get("RoleArn", ":::::")):
        return "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    return None


async def handle(method, path, headers, body, query_params):
    fields = {name: values[0] for name, values in parse_qs(body.decode()).items()} if body else {}
    if fields.get("Action") != "AssumeRole":
        return await handle_as_asked(method, path, headers, body, query_params)
    if why := misfit(fields):
        return sts._error(400, "ValidationError", why, ns="sts")
    request = Asked(fields.get("SourceIdentity"))
    token = asked.set(request)
    try:
        status, said, text = await handle_as_asked(method, path, headers, body, query_params)
    finally:
        asked.reset(token)
    if request.denied:
        text = text.replace(ACTION.encode(), SET_SOURCE.encode())
    return status, said, text


def install():
    # Both are looked up by name at each request.
    iam_evaluator.evaluate_trust_policy = trusts
    sts.handle_request = handle
