//! The AWS adapter against ministack: another implementation, and the one that has sessions.

#[path = "common/aws.rs"]
mod aws;

use std::time::Duration;

use aws::{EXTERNAL_ID, Lane, ROTATOR, Server, user};
use aws_credential_types::Credentials;
use aws_sdk_sts::config::{BehaviorVersion, Region};
use breakglass::aws::{Aws, AwsSettings};
use breakglass::model::AccessRole;
use breakglass::ports::{
    AccessKeys, Clock, CloudError, IamUser, KeyProof, NewAccessKey, ProbeAnswer, ProofAnswer,
    RoleSession, RoleSessions, SessionWish,
};
use breakglass::system::SystemClock;

fn deploy() -> IamUser {
    user("deploy-emergency")
}

#[test]
fn a_key_lives_and_dies_here_too() {
    let server = Server::start(Lane::Ministack, "deploy-emergency", &[]);
    let aws = server.as_profile(ROTATOR);
    let key = aws.create(&deploy()).expect("a key");
    let answer = aws.identify(&key.id, &key.secret).expect("an answer");
    assert!(
        matches!(&answer, ProofAnswer::Is(who) if who.arn.ends_with(":user/deploy-emergency")),
        "{answer:?}"
    );
    assert_eq!(aws.probe(&key.id), Ok(ProbeAnswer::Accepted));
    let listed = aws.list(&deploy()).expect("a list");
    assert_eq!((listed.len(), listed[0].active), (1, true));

    assert_eq!(aws.deactivate(&deploy(), &key.id), Ok(()));
    assert_eq!(aws.identify(&key.id, &key.secret), Ok(ProofAnswer::NotYet));
    assert_eq!(aws.probe(&key.id), Ok(ProbeAnswer::Refused));
    assert!(!aws.list(&deploy()).expect("a list")[0].active);

    assert_eq!(aws.delete(&deploy(), &key.id), Ok(()));
    assert!(matches!(
        aws.delete(&deploy(), &key.id),
        Err(CloudError::NotFound(_))
    ));
    assert_eq!(aws.probe(&key.id), Ok(ProbeAnswer::Refused));
    assert_eq!(aws.list(&deploy()), Ok(vec![]));
}

#[test]
fn another_users_keys_are_not_ours_to_see() {
    let server = Server::start(Lane::Ministack, "deploy-emergency", &[]);
    let error = server.as_profile(ROTATOR).list(&user("admin"));
    assert!(
        matches!(&error, Err(CloudError::Denied { who, action, resource })
            if who.ends_with(":user/breakglass-rotator")
                && action == "iam:ListAccessKeys"
                && resource == "user admin"),
        "{error:?}"
    );
}

/// Temporary credentials made with the key, as a thief would make them.
fn session(server: &Server, key: &NewAccessKey, profile: &str) -> Aws {
    let credentials = Credentials::new(key.id.as_str(), key.secret.expose(), None, None, "test");
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(server.endpoint())
        .credentials_provider(credentials)
        .build();
    let made = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(
            aws_sdk_sts::Client::from_conf(config)
                .get_session_token()
                .send(),
        )
        .expect("a session");
    let made = made.credentials().expect("credentials");
    let text = format!(
        "aws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}",
        made.access_key_id(),
        made.secret_access_key(),
        made.session_token()
    );
    Aws::connect(AwsSettings {
        files: Some(server.files_with(profile, &text)),
        ..server.settings(profile)
    })
    .expect("connect sends nothing")
}

#[test]
fn a_session_outlives_its_key_until_it_is_denied() {
    let server = Server::start(Lane::Ministack, "deploy-emergency", &[]);
    let rotator = server.as_profile(ROTATOR);
    let key = rotator.create(&deploy()).expect("a key");
    let session = session(&server, &key, "session");
    assert!(session.list(&deploy()).is_ok());

    assert_eq!(rotator.deactivate(&deploy(), &key.id), Ok(()));
    assert_eq!(rotator.probe(&key.id), Ok(ProbeAnswer::Refused));
    assert!(session.list(&deploy()).is_ok(), "that is why it is denied");

    // A day's margin each way: the session's time is to the second, and not what is tested.
    let day = Duration::from_secs(86_400);
    let now = SystemClock.now();
    let yesterday = breakglass::model::Timestamp::from_unix(now.unix() - 86_400);
    assert_eq!(rotator.deny_sessions(&deploy(), yesterday), Ok(()));
    assert!(session.list(&deploy()).is_ok(), "it was made after that");

    assert_eq!(rotator.deny_sessions(&deploy(), now.plus(day)), Ok(()));
    let error = session.list(&deploy()).expect_err("it is denied now");
    assert!(matches!(error, CloudError::Denied { .. }), "{error:?}");

    // The next key of the user is not concerned.
    let next = rotator.create(&deploy()).expect("another key");
    let text = format!(
        "aws_access_key_id = {}\naws_secret_access_key = {}",
        next.id,
        next.secret.expose()
    );
    server.files_with("next", &text);
    assert!(server.as_profile("next").list(&deploy()).is_ok());
}

const ELSEWHERE: &str = "210987654321";

/// A session of a role in the other account, made with the key, or AWS's words.
fn assumed(
    aws: &Aws,
    key: &NewAccessKey,
    role: &str,
    external_id: Option<&str>,
    (name, seconds): (&str, u64),
) -> Result<RoleSession, CloudError> {
    let arn = format!("arn:aws:iam::{ELSEWHERE}:role/breakglass/access/{role}");
    let role = AccessRole {
        profile: "prod".parse().expect("a name"),
        arn: arn.parse().expect("an ARN"),
        external_id: external_id.map(|id| id.parse().expect("an external id")),
    };
    aws.assume(&SessionWish {
        key: &key.id,
        secret: &key.secret,
        role: &role,
        name,
        lasts: Duration::from_secs(seconds),
    })
}

fn words(answer: Result<RoleSession, CloudError>) -> String {
    match answer {
        Ok(session) => panic!("a session was made: {}", session.key),
        Err(error @ CloudError::Role { .. }) => error.to_string(),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_key_becomes_a_session_of_a_role_in_another_account() {
    let options = ["--accounts", ELSEWHERE, "--access-roles"];
    let server = Server::start(Lane::Ministack, "deploy-emergency", &options);
    let rotator = server.as_profile(ROTATOR);
    let key = rotator.create(&deploy()).expect("a key");
    // The one that asks has no credentials of its own.
    let aws = Aws::connect(AwsSettings {
        endpoint: Some(server.endpoint()),
        ..server.settings("nobody")
    });
    let aws = aws.expect("connect sends nothing");
    let usual = ("breakglass-20261124-0300-1a2b", 3600);

    let begun = SystemClock.now();
    let session = assumed(&aws, &key, "open", None, usual)
        .unwrap_or_else(|error| panic!("no session: {error}"));
    let lasts = begun.until(session.expires).as_secs();
    assert!((3590..3700).contains(&lasts), "{lasts}");
    let text = format!(
        "aws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}",
        session.key,
        session.secret.expose(),
        session.token.expose()
    );
    server.files_with("session", &text);
    let who = server.as_profile("session").rotator().expect("an identity");
    assert_eq!(
        who.arn,
        format!("arn:aws:sts::{ELSEWHERE}:assumed-role/open/{}", usual.0)
    );

    // The trust policy sees the source identity, the external id and the time.
    assert!(assumed(&aws, &key, "named", Some(EXTERNAL_ID), usual).is_ok());
    for (role, id, usual, said) in [
        ("open", None, ("somebody", 3600), "sts:AssumeRole"),
        ("named", None, usual, "sts:AssumeRole"),
        ("named", Some("another"), usual, "sts:AssumeRole"),
        ("unsourced", None, usual, "sts:SetSourceIdentity"),
        ("strange", None, usual, "sts:AssumeRole"),
        ("nowhere", None, usual, "sts:AssumeRole"),
        ("open", None, (usual.0, 899), "ValidationError"),
        ("open", None, (usual.0, 3601), "MaxSessionDuration"),
    ] {
        let words = words(assumed(&aws, &key, role, id, usual));
        assert!(
            words.contains(said) && words.contains(&format!("/{role} cannot be assumed")),
            "{role}: {words}"
        );
    }
    assert_eq!(rotator.deactivate(&deploy(), &key.id), Ok(()));
    let words = words(assumed(&aws, &key, "open", None, usual));
    assert!(words.contains("InvalidClientTokenId"), "{words}");
}
