"""What ministack lacks for IAM users that live on a path: AWS asks about a user by the ARN that the user has,
path and all, and knows the boundary of the user that a call is about (iam:PermissionsBoundary)."""

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam

resource_as_asked = iam_actions.extract_resource_arn
enforce = iam_evaluator.enforce


def user_of(arn):
    """The user that the ARN is about, by its name, if there is one."""
    _, _, service, _, account, resource = (arn.split(":", 5) + [""] * 6)[:6]
    if service == "iam" and resource.startswith("user/"):
        return iam._users.get_scoped(account, None, resource.rpartition("/")[2])
    return None


def resource_as_it_is(*args, **kwargs):
    arn = resource_as_asked(*args, **kwargs)
    user = user_of(arn)
    return user["Arn"] if user else arn


def enforce_with_boundary(
    access_key_id, iam_action, service, region, resource_arn="*", service_context=None
):
    user = user_of(resource_arn) or {}
    context = dict(service_context or {})
    if user.get("PermissionsBoundary"):
        context["iam:PermissionsBoundary"] = user["PermissionsBoundary"]
    return enforce(access_key_id, iam_action, service, region, resource_arn, context)


def install():
    # ministack imports both by name where it needs them, at each request.
    iam_actions.extract_resource_arn = resource_as_it_is
    iam_evaluator.enforce = enforce_with_boundary
