//! The Kubernetes files: by the schema of several versions, and that what shuts the pod off is there.

use std::process::Command;

use serde_json::Value;

use crate::aws::python;
use crate::checkers::content;
use crate::deploy;

fn file() -> String {
    let path = deploy("kubernetes/breakglass.yaml");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn the_schema_of_old_and_new_clusters_takes_them() {
    for version in ["1.27", "1.37"] {
        let mut validate = Command::new(python().with_file_name("kubernetes-validate"));
        validate.args(["--strict", "-k", version, &file()]);
        let said = content(&mut validate, "");
        assert_eq!(said.matches("passed for resource").count(), 5, "{said}");
    }
}

fn documents() -> Vec<Value> {
    let script =
        "import json, sys, yaml; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)";
    let text = std::fs::read_to_string(file()).expect("the file");
    let json = content(Command::new(python()).args(["-c", script]), &text);
    serde_json::from_str(&json).expect("JSON")
}

/// One that ran beside another, as root or with a token of the cluster would pass the schema, too.
#[test]
fn the_pod_is_shut_off() {
    let all = documents();
    let of_kind = |kind: &str| all.iter().find(|one| one["kind"] == kind).expect(kind);
    let job = &of_kind("CronJob")["spec"];
    let pod = &job["jobTemplate"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(pod["containers"].as_array().map(Vec::len), Some(1));
    for (what, value, wanted) in [
        (
            "concurrency",
            &job["concurrencyPolicy"],
            Value::from("Forbid"),
        ),
        (
            "tries",
            &job["jobTemplate"]["spec"]["backoffLimit"],
            0.into(),
        ),
        ("token", &pod["automountServiceAccountToken"], false.into()),
        ("root", &pod["securityContext"]["runAsNonRoot"], true.into()),
        (
            "seccomp",
            &pod["securityContext"]["seccompProfile"]["type"],
            "RuntimeDefault".into(),
        ),
        (
            "file system",
            &container["securityContext"]["readOnlyRootFilesystem"],
            true.into(),
        ),
        (
            "escalation",
            &container["securityContext"]["allowPrivilegeEscalation"],
            false.into(),
        ),
        (
            "capabilities",
            &container["securityContext"]["capabilities"]["drop"],
            vec!["ALL"].into(),
        ),
        (
            "standard",
            &of_kind("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"],
            "restricted".into(),
        ),
    ] {
        assert_eq!(*value, wanted, "{what}");
    }
    assert!(job["startingDeadlineSeconds"].as_u64() < Some(3600));
    assert!(container["resources"]["limits"]["memory"].is_string());
    // A group that may write to the vault's own folder would make the tool refuse it.
    assert_eq!(
        pod["securityContext"]["fsGroupChangePolicy"],
        "OnRootMismatch"
    );
    for variable in container["env"].as_array().expect("variables") {
        if variable["name"] == "BREAKGLASS_VAULT" {
            assert_ne!(variable["value"], container["volumeMounts"][0]["mountPath"]);
        }
    }
}
