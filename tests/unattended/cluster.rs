//! The Kubernetes files: by the schema of several versions, and that what shuts the pod off is there.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::aws::python;
use crate::checkers::content;
use crate::deploy;

const FILE: &str = "kubernetes/breakglass.yaml";

/// By the schema of old and new clusters.
fn validated(file: &Path, resources: usize) {
    for version in ["1.27", "1.37"] {
        let mut validate = Command::new(python().with_file_name("kubernetes-validate"));
        validate.args(["--strict", "-k", version]).arg(file);
        let said = content(&mut validate, "");
        let passed = said.matches("passed for resource").count();
        assert_eq!(passed, resources, "{said}");
    }
}

#[test]
fn the_schema_of_old_and_new_clusters_takes_them() {
    validated(&deploy(FILE), 5);
}

fn documents(file: &str) -> Vec<Value> {
    let script =
        "import json, sys, yaml; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)";
    let text = fs::read_to_string(deploy(file)).expect("the file");
    let json = content(Command::new(python()).args(["-c", script]), &text);
    serde_json::from_str(&json).expect("JSON")
}

/// What a strategic merge does: the lists of a pod are joined by name, everything else key by key.
fn laid_over(base: &mut Value, patch: &Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (key, value) in patch {
                laid_over(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(base), Value::Array(patch)) => {
            for one in patch {
                match base.iter_mut().find(|old| old["name"] == one["name"]) {
                    Some(old) => laid_over(old, one),
                    None => base.push(one.clone()),
                }
            }
        }
        (base, patch) => *base = patch.clone(),
    }
}

#[test]
fn a_patch_puts_the_vault_into_a_bucket_and_changes_nothing_else() {
    let all = documents(FILE);
    let job = all.iter().find(|one| one["kind"] == "CronJob");
    let job = job.expect("a CronJob");
    let mut patched = job.clone();
    let patches = documents("kubernetes/bucket.yaml");
    assert_eq!(patches.len(), 1);
    laid_over(&mut patched, &patches[0]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("job.yaml");
    fs::write(&file, patched.to_string()).expect("the folder is ours");
    validated(&file, 1);
    let vault = "/spec/jobTemplate/spec/template/spec/containers/0/env/0";
    let place = json!({"name": "BREAKGLASS_VAULT", "value": "s3://acme-breakglass/vault"});
    assert_eq!(patched.pointer(vault), Some(&place));
    *patched.pointer_mut(vault).expect("it is there") = job.pointer(vault).expect("it").clone();
    assert_eq!(patched, *job);
}

/// One that ran beside another, as root or with a token of the cluster would pass the schema, too.
#[test]
fn the_pod_is_shut_off() {
    let all = documents(FILE);
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
