//! The AWS adapter against moto behind our wrapper.

#[path = "common/aws.rs"]
mod aws;

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use aws::{Lane, Proxy, ROTATOR, Server, hasty, refused, unknown_key, user};
use breakglass::aws::{Aws, AwsSettings, Patience, ProfileFiles, REVOKE_POLICY};
use breakglass::model::Timestamp;
use breakglass::ports::{AccessKeys, CloudError, KeyProof, NewAccessKey, ProbeAnswer, ProofAnswer};

fn is_user(answer: &ProofAnswer, name: &str) -> bool {
    matches!(answer, ProofAnswer::Is(who)
        if who.arn.ends_with(&format!(":user/{name}")) && who.account.as_str() == "123456789012")
}

#[test]
fn a_key_lives_and_dies() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &[]);
    let aws = server.as_profile(ROTATOR);
    let deploy = user("deploy-emergency");
    assert_eq!(aws.list(&deploy), Ok(vec![]));

    let first = aws.create(&deploy).expect("a key");
    let listed = aws.list(&deploy).expect("a list");
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].id, listed[0].active), (&first.id, true));
    assert!(
        listed[0]
            .created
            .is_some_and(|time| time.unix() > 1_700_000_000)
    );
    assert_eq!(aws.last_used(&deploy, &first.id), Ok(None));
    let answer = aws.identify(&first.id, &first.secret).expect("an answer");
    assert!(is_user(&answer, "deploy-emergency"), "{answer:?}");
    assert!(
        aws.last_used(&deploy, &first.id)
            .expect("an answer")
            .is_some()
    );
    assert_eq!(aws.probe(&first.id), Ok(ProbeAnswer::Accepted));

    let second = aws.create(&deploy).expect("a second key");
    assert_ne!(first.id, second.id);
    assert_eq!(
        refused(aws.create(&deploy)),
        CloudError::LimitExceeded("user deploy-emergency".to_owned())
    );

    for _ in 0..2 {
        assert_eq!(aws.deactivate(&deploy, &first.id), Ok(()));
        assert_eq!(
            aws.identify(&first.id, &first.secret),
            Ok(ProofAnswer::NotYet)
        );
        assert_eq!(aws.probe(&first.id), Ok(ProbeAnswer::Refused));
    }
    let state = |key: &NewAccessKey, active| (key.id.to_string(), active);
    assert_eq!(
        server.keys_of("deploy-emergency"),
        [state(&first, false), state(&second, true)]
    );

    assert_eq!(aws.delete(&deploy, &first.id), Ok(()));
    let gone = format!("access key {} of user deploy-emergency", first.id);
    assert_eq!(
        aws.delete(&deploy, &first.id),
        Err(CloudError::NotFound(gone.clone()))
    );
    assert_eq!(
        aws.deactivate(&deploy, &first.id),
        Err(CloudError::NotFound(gone))
    );
    assert_eq!(aws.probe(&first.id), Ok(ProbeAnswer::Refused));
    assert_eq!(aws.probe(&second.id), Ok(ProbeAnswer::Accepted));
}

#[test]
fn a_secret_that_is_not_the_keys_is_told_apart_from_a_key_that_is_not_known() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &[]);
    let aws = server.as_profile(ROTATOR);
    let deploy = user("deploy-emergency");
    let (one, two) = (aws.create(&deploy), aws.create(&deploy));
    let (one, two) = (one.expect("a key"), two.expect("a key"));
    let error = aws.identify(&one.id, &two.secret).expect_err("crossed");
    assert!(
        matches!(&error, CloudError::Refused { code, .. } if code == "SignatureDoesNotMatch"),
        "{error:?}"
    );
    assert_eq!(
        aws.identify(&unknown_key(), &two.secret),
        Ok(ProofAnswer::NotYet)
    );
    assert_eq!(aws.probe(&unknown_key()), Ok(ProbeAnswer::Refused));
}

#[test]
fn a_new_key_may_not_be_known_yet() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &["--known-after", "3600"]);
    let aws = server.as_profile(ROTATOR);
    let key = aws.create(&user("deploy-emergency")).expect("a key");
    assert_eq!(aws.identify(&key.id, &key.secret), Ok(ProofAnswer::NotYet));
}

#[test]
fn a_new_key_may_be_known_and_then_not() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &["--flaps", "2"]);
    let aws = server.as_profile(ROTATOR);
    let key = aws.create(&user("deploy-emergency")).expect("a key");
    let known = || aws.identify(&key.id, &key.secret).expect("an answer") != ProofAnswer::NotYet;
    let answers: Vec<bool> = (0..5).map(|_| known()).collect();
    assert_eq!(answers, [true, false, false, true, true]);
}

#[test]
fn a_missing_permission_is_told_in_words() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &[]);
    let outsider = server.as_profile("outsider");
    let error = refused(outsider.create(&user("deploy-emergency")));
    assert_eq!(
        error.to_string(),
        "arn:aws:iam::123456789012:user/outsider may not iam:CreateAccessKey on user \
         deploy-emergency"
    );
    let error = server.as_profile(ROTATOR).list(&user("admin"));
    assert!(
        matches!(&error, Err(CloudError::Denied { who, action, resource })
            if who.ends_with(":user/breakglass-rotator")
                && action == "iam:ListAccessKeys"
                && resource == "user admin"),
        "{error:?}"
    );
    let admin = server.as_profile("admin");
    assert_eq!(
        admin.list(&user("nobody")),
        Err(CloudError::NotFound("user nobody".to_owned()))
    );
}

#[test]
fn old_sessions_are_denied_and_the_key_itself_is_not() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &["--first-keys"]);
    let deploy = user("deploy-emergency");
    let before: Timestamp = "2036-11-24T03:00:00Z".parse().expect("a time");
    let rotator = server.as_profile(ROTATOR);
    for _ in 0..2 {
        assert_eq!(rotator.deny_sessions(&deploy, before), Ok(()));
    }
    let policy = server
        .policy_of("deploy-emergency", REVOKE_POLICY)
        .expect("the policy is there");
    assert_eq!(
        policy["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"],
        "2036-11-24T03:00:00Z"
    );
    let as_deploy = server.as_profile("deploy-emergency");
    assert_eq!(as_deploy.list(&deploy).map(|keys| keys.len()), Ok(1));
}

#[test]
fn where_nobody_answers_nothing_was_done() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &[]);
    let deploy = user("deploy-emergency");
    let at = |endpoint: String| {
        Aws::connect(AwsSettings {
            endpoint: Some(endpoint),
            patience: Patience {
                connect: Duration::from_millis(200),
                tries: 2,
                ..hasty()
            },
            ..server.settings(ROTATOR)
        })
        .expect("connect sends nothing")
    };
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = closed.local_addr().expect("an address").port();
    drop(closed);
    // It takes the connection and never says a word of TLS: no request has left then.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_port = silent.local_addr().expect("an address").port();
    for endpoint in [
        format!("http://127.0.0.1:{port}"),
        format!("https://127.0.0.1:{silent_port}"),
        "https://iam.invalid".to_owned(),
    ] {
        let aws = at(endpoint.clone());
        for error in [
            refused(aws.create(&deploy)),
            aws.list(&deploy).expect_err("nobody answers"),
            aws.probe(&unknown_key()).expect_err("nobody answers"),
        ] {
            assert!(
                matches!(error, CloudError::Unreachable { .. }),
                "{endpoint}: {error:?}"
            );
        }
    }
}

#[test]
fn a_redirected_endpoint_is_told_and_never_in_clear_text() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &[]);
    assert_eq!(
        server.as_profile(ROTATOR).endpoint_override(),
        Some(server.endpoint())
    );
    let proxy = Proxy::start(&server);
    assert_eq!(
        proxy.as_profile(&server, ROTATOR).endpoint_override(),
        Some(proxy.endpoint())
    );
    let error = Aws::connect(AwsSettings {
        endpoint: Some("http://iam.example.com".to_owned()),
        ..server.settings(ROTATOR)
    });
    assert!(matches!(error.err(), Some(CloudError::Insecure(_))));
}

#[test]
fn the_rotators_own_credentials_are_told_apart() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &[]);
    let who = server.as_profile(ROTATOR).rotator().expect("an identity");
    assert_eq!(who.account.as_str(), "123456789012");
    assert_eq!(who.arn, "arn:aws:iam::123456789012:user/breakglass-rotator");

    let unknown = "aws_access_key_id = AKIAXXXXXXXXXXXXXXXX\n\
                   aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYxx";
    server.files_with("stranger", unknown);
    for (profile, word) in [("stranger", "InvalidClientTokenId"), ("nowhere", "nowhere")] {
        let error = refused(server.as_profile(profile).create(&user("deploy-emergency")));
        assert!(
            matches!(&error, CloudError::Credentials(words) if words.contains(word)),
            "{profile}: {error:?}"
        );
    }
}

/// Runs `says_whom_it_takes_us_for` in a process with this environment alone.
fn in_environment(variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().expect("our own path"))
        .args([
            "--exact",
            "says_whom_it_takes_us_for",
            "--ignored",
            "--nocapture",
        ])
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .expect("it runs");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
#[ignore = "started by the next test, in an environment of its own"]
fn says_whom_it_takes_us_for() {
    let aws = Aws::connect(AwsSettings {
        profile: std::env::var("NAMED_PROFILE").ok(),
        patience: hasty(),
        ..AwsSettings::default()
    })
    .expect("connect sends nothing");
    println!("endpoint {:?}", aws.endpoint_override());
    println!("rotator {:?}", aws.rotator().map(|who| who.arn));
}

#[test]
fn the_standard_environment_is_honoured() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &[]);
    let ProfileFiles {
        config,
        credentials,
    } = server.files();
    let files = [
        ("AWS_CONFIG_FILE", config.to_str().expect("a path")),
        (
            "AWS_SHARED_CREDENTIALS_FILE",
            credentials.to_str().expect("a path"),
        ),
    ];
    let endpoint = server.endpoint();
    let with = |more: &[(&str, &str)]| in_environment(&[&files[..], more].concat());

    let said = with(&[("AWS_PROFILE", ROTATOR)]);
    assert!(
        said.contains(&format!("endpoint Some({endpoint:?})")),
        "{said}"
    );
    assert!(said.contains("user/breakglass-rotator"), "{said}");

    let said = with(&[
        ("AWS_PROFILE", "outsider"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ENDPOINT_URL_STS", &endpoint),
    ]);
    let both = format!("IAM at http://127.0.0.1:1, STS at {endpoint}");
    assert!(said.contains(&both), "{said}");
    assert!(said.contains("user/outsider"), "{said}");

    // A profile that is named in the settings is not overruled.
    let said = with(&[
        ("NAMED_PROFILE", ROTATOR),
        ("AWS_PROFILE", "outsider"),
        ("AWS_ACCESS_KEY_ID", "AKIAXXXXXXXXXXXXXXXX"),
        (
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYxx",
        ),
    ]);
    assert!(said.contains("user/breakglass-rotator"), "{said}");

    let said = in_environment(&[("HOME", "/nonexistent")]);
    assert!(said.contains("endpoint None"), "{said}");
    assert!(said.contains("rotator Err(Credentials("), "{said}");
}
