"""What an account looks like before breakglass comes: its users, their policies, the credentials at hand.

Used for every server of the tests, through its front door (boto3)."""

import json
import os

import boto3
from botocore.config import Config

import process

ACCOUNT = "123456789012"
REGION = "us-east-1"
ROTATOR = "breakglass-rotator"

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


def bootstrap(endpoint, root, users, first_keys, state_dir, account=ACCOUNT):
    """Makes the users and their keys with the root credentials; returns the ids of the keys made.

    Profiles: breakglass-rotator (its policy names the break-glass users), admin (may do everything),
    outsider (may do nothing); and, where `first_keys` asks for it, one of each break-glass user."""
    iam = boto3.client(
        "iam",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=root[0],
        aws_secret_access_key=root[1],
        config=Config(retries={"total_max_attempts": 1}),
    )
    make_user(iam, ROTATOR, rotator_policy(users, account))
    make_user(iam, "admin", [EVERYTHING])
    make_user(iam, "outsider", [])
    for user in users:
        make_user(iam, user, [EVERYTHING])
    with_key = [ROTATOR, "admin", "outsider"] + (users if first_keys else [])
    keys = {name: make_key(iam, name) for name in with_key}
    write_profiles(state_dir, endpoint, keys)
    return [key for key, _ in keys.values()]
