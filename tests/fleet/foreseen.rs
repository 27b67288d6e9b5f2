//! `rotate --dry-run` says what would be done and why, and does nothing.

use crate::aws::Proxy;
use crate::scene::Scene;

fn told(scene: &Scene, args: &[&str]) -> Vec<(String, String, String)> {
    let mut all = vec!["rotate", "--dry-run", "--json"];
    all.extend(args);
    let seen = scene.run(&all).ended(0);
    let document = seen.json();
    let credentials = document["credentials"].as_array().cloned();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    credentials
        .unwrap_or_else(|| panic!("{seen}"))
        .iter()
        .map(|one| {
            let why = one["why"].as_array().cloned().unwrap_or_default();
            let why: Vec<String> = why.iter().map(text).collect();
            (text(&one["name"]), text(&one["will"]), why.join("; "))
        })
        .collect()
}

#[test]
fn each_reason_is_told_and_nothing_is_asked_recorded_or_changed() {
    let mut scene = Scene::founded(&["a", "b"]);
    scene.add(&["a", "b"]);
    let proxy = Proxy::start(scene.server());
    scene.variables = vec![("AWS_ENDPOINT_URL".into(), proxy.endpoint().into())];
    let before = scene.log();
    for (name, will, why) in told(&scene, &["--due"]) {
        assert_eq!(will, "rotate", "{name}");
        assert!(why.contains("never sealed"), "{name}: {why}");
    }
    assert!(proxy.counts().is_empty(), "{:?}", proxy.counts());
    assert_eq!(scene.log(), before);

    // One of them fails.
    proxy.arm("CreateAccessKey", "throttle", 1, 1_000);
    scene.run(&["rotate"]).ended(8);
    proxy.reset();
    for (name, will, why) in told(&scene, &["--due"]) {
        assert_eq!(will, "rotate", "{name}");
        let all = [
            "it failed at",
            "aws-throttled",
            "generation 1 was begun",
            "no key to open",
        ];
        for part in all {
            assert!(why.contains(part), "{name}: {why}");
        }
    }
    scene.run(&["rotate"]).ended(0);
    for (name, will, why) in told(&scene, &["--due"]) {
        assert_eq!(will, "leave", "{name}");
        assert!(why.contains("it is due on"), "{name}: {why}");
    }
    assert!(
        told(&scene, &[])
            .iter()
            .all(|(_, will, _)| will == "rotate")
    );

    scene.unseal(&["a"], &["true"]).ended(0);
    let all = told(&scene, &[]);
    assert_eq!((all[0].1.as_str(), all[1].1.as_str()), ("leave", "rotate"));
    assert!(all[0].2.contains("breakglass close"), "{}", all[0].2);
    let seen = scene.run(&["rotate", "--dry-run"]).ended(0);
    assert!(seen.text.contains("would be rotated"), "{seen}");
}
