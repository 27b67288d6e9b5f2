//! The AWS adapter behind a proxy that breaks AWS's answers: what it tries again, and what it says.

#[path = "common/aws.rs"]
mod aws;

use aws::{Lane, Proxy, ROTATOR, Server, refused, user};
use breakglass::ports::{AccessKeys, CloudError, KeyProof, ProbeAnswer};

/// The heart of the matter: whatever happens to the answer, CreateAccessKey is sent once, so that there
/// is one key more at most, and the error does not claim to know what it cannot.
#[test]
fn a_lost_answer_never_makes_a_second_key() {
    // The fault, and how many keys there are afterwards.
    let faults = [
        ("drop-before", 0),
        ("drop-after", 1),
        ("truncate", 1),
        ("hang", 1),
        ("unavailable", 0),
        ("unavailable-after", 1),
        ("html-after", 1),
        ("garble", 1),
        ("empty", 1),
        ("no-secret", 1),
        ("empty-secret", 1),
        ("short-secret", 1),
        ("bad-id", 1),
    ];
    let users = faults.map(|(fault, _)| fault).join(",");
    let server = Server::start(Lane::Moto, &users, &[]);
    let proxy = Proxy::start(&server);
    let aws = proxy.as_profile(&server, ROTATOR);
    for (fault, keys) in faults {
        proxy.reset();
        proxy.arm("CreateAccessKey", fault, 1, 1);
        let error = refused(aws.create(&user(fault)));
        assert!(
            matches!(error, CloudError::Unclear { .. }),
            "{fault}: {error:?}"
        );
        assert_eq!(proxy.count("CreateAccessKey"), 1, "{fault}");
        assert_eq!(server.keys_of(fault).len(), keys, "{fault}");
    }
}

#[test]
fn throttling_did_nothing_and_is_tried_again_a_few_times() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &[]);
    let proxy = Proxy::start(&server);
    let aws = proxy.as_profile(&server, ROTATOR);
    let deploy = user("deploy-emergency");

    proxy.arm("CreateAccessKey", "throttle", 1, 2);
    let key = aws.create(&deploy).expect("a key at the third try");
    assert_eq!(proxy.count("CreateAccessKey"), 3);
    assert_eq!(
        server.keys_of("deploy-emergency"),
        [(key.id.to_string(), true)]
    );

    proxy.reset();
    proxy.arm("CreateAccessKey", "throttle", 1, 99);
    assert_eq!(
        refused(aws.create(&deploy)),
        CloudError::Throttled {
            action: "iam:CreateAccessKey".to_owned()
        }
    );
    assert_eq!(proxy.count("CreateAccessKey"), 3);
    assert_eq!(server.keys_of("deploy-emergency").len(), 1);
}

#[test]
fn a_throttled_create_whose_next_try_is_lost_is_not_tried_a_third_time() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &[]);
    let proxy = Proxy::start(&server);
    let aws = proxy.as_profile(&server, ROTATOR);
    proxy.arm("CreateAccessKey", "throttle", 1, 1);
    proxy.arm("CreateAccessKey", "drop-after", 1, 1);
    let error = refused(aws.create(&user("deploy-emergency")));
    assert!(matches!(error, CloudError::Unclear { .. }), "{error:?}");
    assert_eq!(proxy.count("CreateAccessKey"), 2);
    assert_eq!(server.keys_of("deploy-emergency").len(), 1);
}

#[test]
fn what_can_be_done_twice_is_tried_again() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &[]);
    let proxy = Proxy::start(&server);
    let aws = proxy.as_profile(&server, ROTATOR);
    let deploy = user("deploy-emergency");
    let key = aws.create(&deploy).expect("a key");

    for fault in ["drop-before", "truncate", "unavailable", "html-after"] {
        proxy.reset();
        proxy.arm("ListAccessKeys", fault, 1, 1);
        assert_eq!(aws.list(&deploy).map(|keys| keys.len()), Ok(1), "{fault}");
        assert_eq!(proxy.count("ListAccessKeys"), 2, "{fault}");
    }
    proxy.reset();
    proxy.arm("GetCallerIdentity", "drop-after", 1, 2);
    assert_eq!(aws.probe(&key.id), Ok(ProbeAnswer::Accepted));
    proxy.arm("GetCallerIdentity", "drop-after", 1, 99);
    let error = aws.probe(&key.id).expect_err("no answer is no proof");
    assert!(matches!(error, CloudError::Unclear { .. }), "{error:?}");

    proxy.arm("UpdateAccessKey", "drop-after", 1, 1);
    assert_eq!(aws.deactivate(&deploy, &key.id), Ok(()));
    assert_eq!(
        server.keys_of("deploy-emergency"),
        [(key.id.to_string(), false)]
    );
    // The first try deleted it, and its answer was lost: the second finds nothing.
    proxy.arm("DeleteAccessKey", "drop-after", 1, 1);
    let error = aws.delete(&deploy, &key.id).expect_err("it is gone");
    assert!(matches!(error, CloudError::NotFound(_)), "{error:?}");
}

#[test]
fn what_may_have_been_done_stays_unclear_whatever_comes_after_it() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &[]);
    let proxy = Proxy::start(&server);
    let aws = proxy.as_profile(&server, ROTATOR);
    let deploy = user("deploy-emergency");
    let key = aws.create(&deploy).expect("a key");
    proxy.arm("UpdateAccessKey", "drop-after", 1, 1);
    proxy.arm("UpdateAccessKey", "throttle", 1, 99);
    let error = aws.deactivate(&deploy, &key.id).expect_err("no answer");
    assert!(matches!(error, CloudError::Unclear { .. }), "{error:?}");
    assert_eq!(
        server.keys_of("deploy-emergency"),
        [(key.id.to_string(), false)]
    );
}

#[test]
fn all_pages_of_the_list_are_read() {
    let server = Server::start(Lane::Moto, "deploy-emergency", &[]);
    let proxy = Proxy::start(&server);
    let aws = proxy.as_profile(&server, ROTATOR);
    let deploy = user("deploy-emergency");
    let (one, two) = (aws.create(&deploy), aws.create(&deploy));
    let made = [one.expect("a key").id, two.expect("a key").id];
    proxy.arm("ListAccessKeys", "first-page", 1, 1);
    proxy.arm("ListAccessKeys", "second-page", 1, 1);
    let listed = aws.list(&deploy).expect("a list");
    assert_eq!(proxy.count("ListAccessKeys"), 2);
    let ids: Vec<_> = listed.into_iter().map(|key| key.id).collect();
    assert_eq!(ids, made);

    proxy.arm("ListAccessKeys", "first-page", 1, 99);
    let error = aws.list(&deploy).expect_err("it does not end");
    assert!(matches!(error, CloudError::Unclear { .. }), "{error:?}");
}
