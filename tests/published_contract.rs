//! Senders that are not ours: the lines that users copy from the documentation, run as they stand by `sh` with the real
//! `curl` and `openssl`, and the `standardwebhooks` package of PyPI. A new test goes here if somebody out there already has
//! a script that must keep working. (`documentation` runs those of `docs/webhooks.md`.)
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stderr, reason = "a test that is skipped must say so")]

use serde_json::Value;
use std::process::Stdio;
use tokio::process::Command;
use vyrox_contract::{AlertId, Vendor};
use vyrox_domain::webhook::{Scheme, parse_standard_webhooks_key};
use vyrox_platform::source::Credential;
use vyrox_tests::Stage;

async fn has(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status().await;
    let found = found.is_ok_and(|status| status.success());
    if !found {
        eprintln!("SKIPPED: {program} is not installed, so the published command line was NOT tested");
    }
    found
}

/// Runs a script with these variables and returns what it printed, as JSON, and the status that curl appended.
async fn run(script: &str, variables: &[(&str, &str)]) -> (Value, String) {
    let mut command = Command::new("sh");
    command.args(["-eu", "-c", script]).stdin(Stdio::null()).kill_on_drop(true);
    // A proxy for the outside must not be asked for loopback.
    command.env("no_proxy", "127.0.0.1");
    command.envs(variables.iter().copied());
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
    let (body, status) = text.trim_end().rsplit_once('\n').unwrap();
    (serde_json::from_str(body).unwrap_or_else(|_| panic!("{text}")), status.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_curl_and_openssl_lines_queue_an_alert() {
    if !has("curl").await || !has("openssl").await {
        return;
    }
    let stage = Stage::dry_run().await;
    let endpoints = &stage.system.endpoints;
    let variables = [
        ("VYROX_URL", endpoints.webhook_base_url.as_str()),
        ("SECRET", endpoints.webhook_secret.as_str()),
        ("CUSTOMER_ID", endpoints.tenant_id.as_str()),
    ];
    let script = r#"
        PAYLOAD='{"detect_id":"ldt:doc:1","customer_id":"'"$CUSTOMER_ID"'","timestamp":'$(date +%s)',"severity":"critical","tactic":"Credential Access","technique":"T1003.001","sensor":{"hostname":"WS-042","agent_id":"3f1c0a5b7d9e42a68c1b0d2e4f607182"},"process":{"user_name":"svc-app","file_name":"procdump.exe","command_line":"procdump.exe -accepteula -ma lsass.exe lsass.dmp"}}'
        SIGNATURE=$(echo -n "$PAYLOAD" | openssl dgst -sha256 -hmac "$SECRET" | awk '{print $NF}')
        curl -sS -X POST "$VYROX_URL/webhook/crowdstrike" \
          -H "Content-Type: application/json" \
          -H "X-Vyrox-Signature: sha256=$SIGNATURE" \
          -d "$PAYLOAD" -w '\n%{http_code}\n'
    "#;
    let (body, status) = run(script, &variables).await;
    assert_eq!((status.as_str(), &body["status"]), ("202", &Value::from("queued")), "{body}");
    let alert: AlertId = body["alert_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(body.as_object().unwrap().len(), 2, "no more than what is published: {body}");
    stage.card(alert).await;
    assert_eq!(stage.record(alert).await.alert.raw_id, "ldt:doc:1");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_that_the_local_runner_prints_queues_an_alert_and_a_wrong_secret_does_not() {
    if !has("curl").await || !has("openssl").await {
        return;
    }
    let stage = Stage::dry_run().await;
    let endpoints = &stage.system.endpoints;
    let url = format!("{}/webhook/crowdstrike/{}", endpoints.webhook_base_url, endpoints.tenant_id);
    let script = r#"
        BODY='{"detect_id":"ldt:'$(date +%s)'","timestamp":'$(date +%s)',"severity":"critical","sensor":{"hostname":"WS-042","agent_id":"3f1c0a5b7d9e42a68c1b0d2e4f607182"},"process":{"user_name":"CORP\\svc-app","file_name":"rundll32.exe","command_line":"rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 624 C:\\Users\\Public\\out.dmp full"}}'; curl -sS "$URL" -H 'Content-Type: application/json' -H "X-Vyrox-Signature: sha256=$(printf %s "$BODY" | openssl dgst -sha256 -hmac "$SECRET" | sed 's/^.* //')" -d "$BODY" -w '\n%{http_code}\n'
    "#;
    let (body, status) = run(script, &[("URL", url.as_str()), ("SECRET", endpoints.webhook_secret.as_str())]).await;
    assert_eq!((status.as_str(), &body["status"]), ("202", &Value::from("queued")), "{body}");
    let alert: AlertId = body["alert_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        stage.record(alert).await.alert.username.as_deref(),
        Some("CORP\\svc-app"),
        "backslashes arrive as sent"
    );

    let (body, status) = run(script, &[("URL", url.as_str()), ("SECRET", "not-the-secret")]).await;
    assert_eq!((status.as_str(), body.to_string().as_str()), ("401", r#"{"detail":"invalid signature"}"#));
    stage.card(alert).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_openssl_signs_is_accepted_until_a_byte_is_changed() {
    if !has("curl").await || !has("openssl").await {
        return;
    }
    let stage = Stage::dry_run().await;
    let endpoints = &stage.system.endpoints;
    let url = format!("{}/webhook/crowdstrike", endpoints.webhook_base_url);
    for (tamper, status) in [("", "202"), (" ", "401")] {
        let script = r#"
            PAYLOAD='{"detect_id":"ldt:tamper","customer_id":"demo","timestamp":'$(date +%s)',"severity":"low","sensor":{"hostname":"WS-042"}}'
            SIGNATURE=$(echo -n "$PAYLOAD" | openssl dgst -sha256 -hmac "$SECRET" | awk '{print $NF}')
            curl -sS -X POST "$URL" -H "Content-Type: application/json" -H "X-Vyrox-Signature: sha256=$SIGNATURE" \
              -d "$PAYLOAD$TAMPER" -w '\n%{http_code}\n'
        "#;
        let variables = [("URL", url.as_str()), ("SECRET", &endpoints.webhook_secret), ("TAMPER", tamper)];
        let (body, found) = run(script, &variables).await;
        assert_eq!(found, status, "{body}");
    }
    stage.end().await;
}

/// The package, pinned, in an environment of its own that stays for the next run; `None` where it cannot be installed.
async fn standardwebhooks() -> Option<String> {
    let script = r#"
        venv=${XDG_CACHE_HOME:-$HOME/.cache}/vyrox/standardwebhooks-1.1.0
        mkdir -p "$(dirname "$venv")"
        exec 9>"$venv.lock"
        if command -v flock >/dev/null; then flock 9; fi
        if ! "$venv/bin/python" -c 'import standardwebhooks' 2>/dev/null; then
            rm -rf "$venv"
            python3 -m venv "$venv" >&2
            # The part that is used needs none of the package's dependencies.
            "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps standardwebhooks==1.1.0 >&2
        fi
        echo "$venv/bin/python"
    "#;
    let output = Command::new("sh").args(["-eu", "-c", script]).stdin(Stdio::null()).output().await.unwrap();
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        eprintln!("SKIPPED: standardwebhooks 1.1.0 cannot be installed, so it was NOT tested as a sender: {why}");
        return None;
    }
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// Signs a body with the package and posts it; prints the answer and its status.
const PYTHON_SENDER: &str = r#"
import datetime, os, sys, urllib.error, urllib.request
from standardwebhooks import Webhook

body = open(os.environ["BODY"], encoding="utf-8").read()
signed = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=int(os.environ["AGE"]))
signature = Webhook(os.environ["SECRET"]).sign("msg_1", signed, body)
headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(signed.timestamp())), "webhook-signature": signature,
           "content-type": "application/json"}
request = urllib.request.Request(os.environ["URL"], (body + os.environ["TAMPER"]).encode(), headers)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    answer = opener.open(request)
except urllib.error.HTTPError as error:
    answer = error
print(answer.read().decode())
print(answer.status)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_package_standardwebhooks_signs_is_accepted_fresh_and_whole_only() {
    let Some(python) = standardwebhooks().await else { return };
    let stage = Stage::dry_run().await;
    let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let key = parse_standard_webhooks_key(secret).unwrap();
    let kept = stage.kept(Vendor::Generic, Scheme::StandardWebhooks, &key).await;
    let credential = Credential::new(Scheme::StandardWebhooks, kept);
    stage.change_source(Vendor::Generic, |source| *source = source.clone().with(credential)).await;
    let url = format!("{}/webhook/generic/{}", stage.system.endpoints.webhook_base_url, stage.tenant());
    let body = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/generic/wazuh-4-linux.json");
    for (what, secret, age, tamper, status) in [
        ("as it is", secret, "0", "", "202"),
        ("with a byte more", secret, "0", " ", "401"),
        ("signed ten minutes ago", secret, "-600", "", "401"),
        ("signed ten minutes ahead", secret, "600", "", "401"),
        ("with another key", "whsec_AAAAsBQIhrscChlQIMV+b5sSYspob7oD", "0", "", "401"),
    ] {
        let variables = [
            ("PYTHON", python.as_str()),
            ("SENDER", PYTHON_SENDER),
            ("URL", &url),
            ("SECRET", secret),
            ("BODY", body),
            ("AGE", age),
            ("TAMPER", tamper),
        ];
        let (answer, found) = run(r#""$PYTHON" -c "$SENDER""#, &variables).await;
        assert_eq!(found, status, "{what}: {answer}");
    }
    stage.end().await;
}
