//! The AWS adapter against ministack: another implementation, and the one that has sessions.

#[path = "common/aws.rs"]
mod aws;

use std::time::Duration;

use aws::{Lane, ROTATOR, Server, user};
use aws_credential_types::Credentials;
use aws_sdk_sts::config::{BehaviorVersion, Region};
use breakglass::aws::{Aws, AwsSettings};
use breakglass::ports::{
    AccessKeys, Clock, CloudError, IamUser, KeyProof, NewAccessKey, ProbeAnswer, ProofAnswer,
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
