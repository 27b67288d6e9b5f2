"""What an account looks like before breakglass comes: its users, their policies, the credentials at hand.

Used for every server of the tests, through a client of boto3 or what looks like one."""

import json
import os

import process

ACCOUNT = "123456789012"
REGION = "us-east-1"
ROTATOR = "breakglass-rotator"
# The role of the same name in other accounts, and what its trust policy asks for.
EXTERNAL_ID = "northwind:breakglass"

EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def rotator_policy(users, account):
    """All that a rotator needs: these calls, on these users."""
    on_users = {
        "Effect": "Allow",
        "Action": [
            "iam:CreateAccessKey",
            "iam:DeleteAccessKey",
            "iam:GetUser",
            "iam:ListAccessKeys",
            "iam:PutUserPolicy",
            "iam:UpdateAccessKey",
        ],
        "Resource": [f"arn:aws:iam::{account}:user/{user}" for user in users],
    }
    # It names a key and no user.
    on_keys = {"Effect": "Allow", "Action": "iam:GetAccessKeyLastUsed", "Resource": "*"}
    return [on_users, on_keys]


def client(endpoint, key, secret):
    # Making one takes a quarter of a second, and hundreds of servers do without.
    import boto3
    from botocore.config import Config

    return boto3.client(
        "iam",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


def make_user(iam, name, statements):
    iam.create_user(UserName=name)
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=name, PolicyName="work", PolicyDocument=document)


def make_key(iam, name):
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def write_profiles(state_dir, endpoint, keys):
    """The files that AWS tools read: credentials, config (with the endpoint), and env to source."""
    credentials, config = os.path.join(state_dir, "credentials"), os.path.join(state_dir, "config")
    process.write(
        credentials,
        "".join(
            f"[{name}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n\n"
            for name, (key, secret) in keys.items()
        ),
    )
    process.write(
        config,
        "".join(
            f"[profile {name}]\nregion = {REGION}\nendpoint_url = {endpoint}\n\n" for name in keys
        ),
    )
    process.write(
        os.path.join(state_dir, "env"),
        f"export AWS_SHARED_CREDENTIALS_FILE='{credentials}' AWS_CONFIG_FILE='{config}'\n"
        f"export AWS_ENDPOINT_URL='{endpoint}' AWS_REGION='{REGION}' AWS_PROFILE='{ROTATOR}'\n",
    )


def bootstrap(iam, endpoint, users, first_keys, state_dir, account=ACCOUNT):
    """Makes the users and their keys by a client of the account's root; returns the ids of the keys made.

    Profiles: breakglass-rotator (its policy names the break-glass users), admin (may do everything),
    outsider (may do nothing); and, where `first_keys` asks for it, one of each break-glass user."""
    roles = f"arn:aws:iam::*:role/{ROTATOR}"
    into_others = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": roles}
    make_user(iam, ROTATOR, rotator_policy(users, account) + [into_others])
    make_user(iam, "admin", [EVERYTHING])
    make_user(iam, "outsider", [])
    for user in users:
        make_user(iam, user, [EVERYTHING])
    with_key = [ROTATOR, "admin", "outsider"] + (users if first_keys else [])
    keys = {name: make_key(iam, name) for name in with_key}
    write_profiles(state_dir, endpoint, keys)
    return [key for key, _ in keys.values()]


def other_account(endpoint, iam, users, account):
    """The same users in another account, by its root's client, and the role by which the rotator comes in."""
    for user in users:
        make_user(iam, user, [EVERYTHING])
    rotator = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{ROTATOR}"}
    trust = {
        "Effect": "Allow",
        "Principal": rotator,
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName=ROTATOR, AssumeRolePolicyDocument=document)
    work = json.dumps({"Version": "2012-10-17", "Statement": rotator_policy(users, account)})
    iam.put_role_policy(RoleName=ROTATOR, PolicyName="work", PolicyDocument=work)


def access_roles(iam, users):
    """The roles of one account, by its root's client, that the break-glass users of the first one may assume, on the
    path /breakglass/access/: `open`, if the source is an incident; `named`, with the external id; `unsourced`, which
    takes no source identity. And `strange`, which trusts nobody of them."""
    users = {"AWS": [f"arn:aws:iam::{ACCOUNT}:user/{user}" for user in users]}
    both = ["sts:AssumeRole", "sts:SetSourceIdentity"]
    trusts = {
        "open": (users, both, {"StringLike": {"sts:SourceIdentity": "breakglass-20*-*-*"}}),
        "named": (users, both, {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}),
        "unsourced": (users, "sts:AssumeRole", {}),
        "strange": ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/outsider"}, both, {}),
    }
    for name, (principal, action, condition) in trusts.items():
        trust = {"Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=name, Path="/breakglass/access/", AssumeRolePolicyDocument=document)
        work = json.dumps({"Version": "2012-10-17", "Statement": [EVERYTHING]})
        iam.put_role_policy(RoleName=name, PolicyName="work", PolicyDocument=work)
