"""The templates of docs/deploy/iam in an AWS on loopback (tests/aws-server/second_lane.py), and what each of the
identities that they make can do there. Each verb writes one JSON document to standard output.

    account.py deploy FOLDER      FOLDER is the server's state folder; as its admin
    account.py machine            as the machine on which the rotator runs
    account.py rotator            as the rotator
    account.py break-glass        with the credential in the environment, as `unseal -- …` hands it over
    account.py alarms FOLDER      what the rules of alarm.yaml make of events
    account.py granted            the actions that the rotator and its machine are allowed, by the templates
    account.py store              the S3 actions of store.yaml, each with its resource, for the vault s3://vault/acme
    account.py guard              what guard.yaml denies to whom, by the evaluator of tests/aws-server
"""

import json
import os
import re
import sys
import time

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

here = os.path.dirname(os.path.abspath(__file__))
TEMPLATES = os.path.join(here, "../../docs/deploy/iam")
ACCOUNT, REGION = "123456789012", "us-east-1"
IAM = f"arn:aws:iam::{ACCOUNT}"
USER, STRANGER, MACHINE = "deploy", "admin", "machine"
ROTATOR = f"{IAM}:role/breakglass/breakglass-rotator"
ACCESS, WITH_MFA = f"{IAM}:role/breakglass/access/deploy", f"{IAM}:role/breakglass/access/guarded"
ELSEWHERE = f"{IAM}:role/breakglass/access/elsewhere"
EXTERNAL_ID = "northwind-f3a9c1d27be84560"
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
ANYTHING = json.dumps({"Version": "2012-10-17", "Statement": [EVERYTHING]})


def client(service, profile=None):
    session = boto3.Session(profile_name=profile, region_name=REGION)
    return session.client(service, config=Config(retries={"total_max_attempts": 1}))


def tried(call, **parameters):
    """`done`, or the code by which AWS refuses."""
    try:
        call(**parameters)
        return "done"
    except ClientError as error:
        return error.response["Error"]["Code"]


# The templates as files.


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, as far as a policy needs them."""


def short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        text = loader.construct_scalar(node)
        if suffix == "Sub":
            return re.sub(r"\$\{AWS::Partition\}", "aws", text)
        return {suffix: text}
    return {suffix: loader.construct_sequence(node, deep=True)}


Loader.add_multi_constructor("!", short_form)


def template(name):
    with open(os.path.join(TEMPLATES, f"{name}.yaml")) as file:
        return yaml.load(file, Loader)


def listed(value):
    return value if isinstance(value, list) else [value]


def store():
    policy = template("store")["Resources"]["Vault"]["Properties"]["PolicyDocument"]
    name = lambda text: text.replace("${Bucket}", "vault").replace("${Prefix}", "acme")
    allowed = [
        [action, name(statement["Resource"])]
        for statement in policy["Statement"]
        for action in listed(statement["Action"])
    ]
    return sorted(allowed)


def granted():
    role = template("account")["Resources"]["Rotator"]["Properties"]
    documents = [policy["PolicyDocument"] for policy in role["Policies"]]
    machine = template("tooling")["Resources"]["Machine"]["Properties"]
    documents.append(machine["PolicyDocument"])
    statements = [statement for document in documents for statement in document["Statement"]]
    actions = {
        action
        for statement in statements
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
    }
    return sorted(actions)


def guard():
    sys.path.insert(0, os.path.join(here, "../aws-server"))
    import policy

    whole = template("guard")
    document = whole["Resources"]["Guard"]["Properties"]["Content"]
    deployers = whole["Parameters"]["Deployers"]["Default"].split(",")
    for statement in document["Statement"]:
        for keys in statement["Condition"].values():
            if keys["aws:PrincipalArn"] == {"Ref": "Deployers"}:
                keys["aws:PrincipalArn"] = deployers
    people = {
        "rotator": ROTATOR,
        "deployer": f"{IAM}:role/stacksets-exec-0123456789abcdef",
        "administrator": f"{IAM}:role/aws-reserved/sso/AWSReservedSSO_AdministratorAccess_1",
        "break-glass": f"{IAM}:user/breakglass/{USER}",
        "root": f"{IAM}:root",
    }
    user, stranger = f"{IAM}:user/breakglass/{USER}", f"{IAM}:user/somebody"
    calls = [
        ("iam:CreateAccessKey", user),
        ("iam:PutUserPolicy", user),
        ("iam:AttachUserPolicy", user),
        ("iam:DeleteUserPermissionsBoundary", user),
        ("iam:ListAccessKeys", user),
        ("iam:UpdateAssumeRolePolicy", ACCESS),
        ("iam:CreatePolicyVersion", f"{IAM}:policy/breakglass/breakglass-boundary"),
        ("sts:AssumeRole", ACCESS),
        ("sts:AssumeRole", ROTATOR),
        ("iam:CreateAccessKey", stranger),
        ("iam:UpdateAssumeRolePolicy", f"{IAM}:role/somebody"),
        ("ec2:RunInstances", "*"),
    ]
    denied = {}
    for action, resource in calls:
        for name, arn in people.items():
            decision = policy.decide([json.dumps(document)], action, resource, {"aws:PrincipalArn": arn})
            if decision == "Deny":
                denied.setdefault(f"{action} {resource.removeprefix(IAM + ':')}", []).append(name)
    return denied


# The templates in force.


def stack(cloudformation, name, suffix="", **parameters):
    with open(os.path.join(TEMPLATES, f"{name}.yaml")) as file:
        body = file.read()
    cloudformation.create_stack(
        StackName=f"breakglass-{name}{suffix}",
        TemplateBody=body,
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    )
    while True:
        seen = cloudformation.describe_stacks(StackName=f"breakglass-{name}{suffix}")["Stacks"][0]
        if seen["StackStatus"] == "CREATE_COMPLETE":
            return {output["OutputKey"]: output["OutputValue"] for output in seen["Outputs"]}
        if not seen["StackStatus"].endswith("CREATE_IN_PROGRESS"):
            raise SystemExit(f"{name}: {seen['StackStatus']}: {seen.get('StackStatusReason')}")
        time.sleep(0.05)


def deploy(folder):
    iam, cloudformation = client("iam", "admin"), client("cloudformation", "admin")
    iam.create_user(UserName=MACHINE)
    made = stack(
        cloudformation,
        "account",
        RotatorPrincipal=f"{IAM}:user/{MACHINE}",
        ExternalId=EXTERNAL_ID,
    )
    user = stack(
        cloudformation,
        "user",
        UserName=USER,
        AccessRoles="arn:aws:iam::*:role/breakglass/access/deploy,arn:aws:iam::*:role/breakglass/access/guarded",
    )["User"]
    for suffix, role, mfa, networks in [
        ("", "deploy", "false", "127.0.0.0/8"),
        ("-mfa", "guarded", "true", "127.0.0.0/8"),
        ("-far", "elsewhere", "false", "192.0.2.0/24,2001:db8::/32"),
    ]:
        stack(
            cloudformation,
            "role",
            suffix,
            RoleName=role,
            BreakGlassUser=user,
            RequireMfa=mfa,
            Networks=networks,
        )
    machine = stack(
        cloudformation, "tooling", Accounts="arn:aws:iam::*:role/breakglass/breakglass-rotator"
    )["Policy"]
    iam.attach_user_policy(UserName=MACHINE, PolicyArn=machine)
    stack(cloudformation, "alarm", Recipient="oncall@example.com")
    write_profiles(folder, iam.create_access_key(UserName=MACHINE)["AccessKey"])
    return made


def write_profiles(folder, key):
    """The machine's own credentials, and the rotator as that machine becomes it."""
    endpoint = client("iam", "admin").meta.endpoint_url
    with open(os.path.join(folder, "credentials"), "a") as file:
        file.write(
            f"[{MACHINE}]\naws_access_key_id = {key['AccessKeyId']}\n"
            f"aws_secret_access_key = {key['SecretAccessKey']}\n\n"
        )
    where = f"region = {REGION}\nendpoint_url = {endpoint}\n"
    with open(os.path.join(folder, "config"), "a") as file:
        file.write(
            f"[profile {MACHINE}]\n{where}\n[profile rotates]\n{where}role_arn = {ROTATOR}\n"
            f"source_profile = {MACHINE}\nexternal_id = {EXTERNAL_ID}\n\n"
        )


def as_machine():
    sts, iam = client("sts", MACHINE), client("iam", MACHINE)
    rotator = {"RoleArn": ROTATOR, "RoleSessionName": "test"}
    return {
        "become the rotator": tried(sts.assume_role, **rotator, ExternalId=EXTERNAL_ID),
        "become the rotator, without the external id": tried(sts.assume_role, **rotator),
        "become the rotator, with another": tried(
            sts.assume_role, **rotator, ExternalId=EXTERNAL_ID[::-1]
        ),
        "open an access role": tried(sts.assume_role, RoleArn=ACCESS, RoleSessionName="test"),
        "list keys": tried(iam.list_access_keys, UserName=USER),
    }


def as_rotator():
    sts, iam = client("sts", "rotates"), client("iam", "rotates")
    policy = {"PolicyName": "more", "PolicyDocument": ANYTHING}
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    seen = {
        "list keys": tried(iam.list_access_keys, UserName=USER),
        "list a stranger's keys": tried(iam.list_access_keys, UserName=STRANGER),
        "make a stranger a key": tried(iam.create_access_key, UserName=STRANGER),
        "give a stranger a policy": tried(iam.put_user_policy, UserName=STRANGER, **policy),
        "give itself a policy": tried(
            iam.put_role_policy, RoleName="breakglass-rotator", **policy
        ),
        "attach a policy": tried(iam.attach_user_policy, UserName=USER, PolicyArn=admin),
        "take the boundary away": tried(iam.delete_user_permissions_boundary, UserName=USER),
        "set a password": tried(iam.create_login_profile, UserName=USER, Password="S3cret-S3cret"),
        "open an access role": tried(sts.assume_role, RoleArn=ACCESS, RoleSessionName="test"),
        "become itself again": tried(
            sts.assume_role, RoleArn=ROTATOR, RoleSessionName="test", ExternalId=EXTERNAL_ID
        ),
        # The worst that it can do to the user's rights: what comes of it, `break-glass` shows.
        "give the user a policy that allows all": tried(
            iam.put_user_policy, UserName=USER, **policy
        ),
    }
    return seen


def as_break_glass():
    sts, iam = client("sts"), client("iam")
    session = {"RoleSessionName": "INC-42", "SourceIdentity": "INC-42"}
    return {
        "who": sts.get_caller_identity()["Arn"],
        "open its access role": tried(sts.assume_role, RoleArn=ACCESS, **session),
        "open one that asks for MFA": tried(sts.assume_role, RoleArn=WITH_MFA, **session),
        "open one that is not its own": tried(sts.assume_role, RoleArn=ELSEWHERE, **session),
        "become the rotator": tried(
            sts.assume_role, RoleArn=ROTATOR, ExternalId=EXTERNAL_ID, **session
        ),
        "make a session that nobody can deny": tried(
            sts.get_federation_token, Name="test", Policy=ANYTHING
        ),
        "make itself a key": tried(iam.create_access_key, UserName=USER),
        "list users": tried(iam.list_users),
        "take its boundary away": tried(iam.delete_user_permissions_boundary, UserName=USER),
    }


def alarms(_folder):
    events = client("events", "admin")
    rules = {
        name: json.loads(events.describe_rule(Name=f"breakglass-{name}")["EventPattern"])
        for name in ["user-acts", "role-assumed"]
    }

    def of(user, name, source="iam.amazonaws.com", role=None):
        detail = {
            "userIdentity": {"type": "IAMUser", "arn": f"{IAM}:user/{user}"},
            "eventSource": source,
            "eventName": name,
            "requestParameters": {"roleArn": role} if role else {},
        }
        return {
            "id": "1",
            "account": ACCOUNT,
            "source": source.replace("amazonaws.com", "aws"),
            "time": "2026-11-24T03:00:00Z",
            "region": REGION,
            "resources": [],
            "detail-type": "AWS API Call via CloudTrail",
            "detail": detail,
        }

    sts, user = "sts.amazonaws.com", f"breakglass/{USER}"
    happened = {
        "a proof": of(user, "GetCallerIdentity", sts),
        "a look": of(user, "ListUsers"),
        "an opening": of(user, "AssumeRole", sts, ACCESS),
        "a stranger opens": of("somebody", "AssumeRole", sts, ACCESS),
        "a stranger assumes": of("somebody", "AssumeRole", sts, f"{IAM}:role/somebody"),
        "a stranger looks": of("somebody", "ListUsers"),
    }
    return {
        what: [
            name
            for name, pattern in rules.items()
            if events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))[
                "Result"
            ]
        ]
        for what, event in happened.items()
    }


VERBS = {
    "deploy": deploy,
    "machine": as_machine,
    "rotator": as_rotator,
    "break-glass": as_break_glass,
    "alarms": alarms,
    "granted": granted,
    "store": store,
    "guard": guard,
}

if __name__ == "__main__":
    json.dump(VERBS[sys.argv[1]](*sys.argv[2:]), sys.stdout, indent=1)
    print()
