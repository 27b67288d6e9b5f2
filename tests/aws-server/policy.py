"""IAM policy evaluation as far as the tests need it: identity policies with Action, Resource and the
conditions below. What is not known here is an error, never a shrug."""

import datetime
import fnmatch
import json


def listed(value):
    return value if isinstance(value, list) else [value]


def matches(patterns, value):
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in listed(patterns))


def matches_action(patterns, action):
    return any(fnmatch.fnmatchcase(action.lower(), p.lower()) for p in listed(patterns))


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def dated(compare):
    return lambda wanted, actual: any(compare(moment(actual), moment(w)) for w in listed(wanted))


OPERATORS = {
    "DateLessThan": dated(lambda actual, wanted: actual < wanted),
    "DateLessThanEquals": dated(lambda actual, wanted: actual <= wanted),
    "DateGreaterThan": dated(lambda actual, wanted: actual > wanted),
    "DateGreaterThanEquals": dated(lambda actual, wanted: actual >= wanted),
    "StringEquals": lambda wanted, actual: actual in listed(wanted),
    "StringNotEquals": lambda wanted, actual: actual not in listed(wanted),
    "StringLike": matches,
    "StringNotLike": lambda wanted, actual: not matches(wanted, actual),
    "ArnLike": matches,
    "ArnEquals": matches,
    "ArnNotLike": lambda wanted, actual: not matches(wanted, actual),
    "Bool": lambda wanted, actual: actual.lower() == str(wanted).lower(),
}


def condition_holds(condition, context):
    for operator, keys in condition.items():
        name, if_exists = operator.removesuffix("IfExists"), operator.endswith("IfExists")
        if name not in OPERATORS:
            raise NotImplementedError(f"the test server knows no condition {operator}")
        for key, wanted in keys.items():
            # As AWS has it: an absent key fails the condition, but for IfExists and negated operators.
            if key not in context:
                if not (if_exists or "Not" in name):
                    return False
            elif not OPERATORS[name](wanted, context[key]):
                return False
    return True


def concerns(statement, action, resource, context):
    if "NotAction" in statement:
        if matches_action(statement["NotAction"], action):
            return False
    elif not matches_action(statement["Action"], action):
        return False
    if "NotResource" in statement:
        if matches(statement["NotResource"], resource):
            return False
    elif not matches(statement.get("Resource", "*"), resource):
        return False
    return condition_holds(statement.get("Condition", {}), context)


def decide(documents, action, resource, context):
    """`Deny`, `Allow`, or `None` where no statement concerns the call."""
    decision = None
    for document in documents:
        for statement in listed(json.loads(document)["Statement"]):
            if concerns(statement, action, resource, context):
                if statement["Effect"] == "Deny":
                    return "Deny"
                decision = "Allow"
    return decision
