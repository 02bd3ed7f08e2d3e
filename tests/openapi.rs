//! `docs/openapi.yaml` says what the routers do: the same routes, and for every answer that it names one that was seen. A
//! new test goes here if it is about the document; that answers fit it is checked with every answer of every test.
#![allow(clippy::unwrap_used)]

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use vyrox_tests::{OpenApi, Reply, Stage};

/// The files in which routes are registered, and the surface's name in the document.
const ROUTERS: [(&str, &str); 4] = [
    ("functions/ingest/src/lib.rs", "ingest"),
    ("functions/interactions/src/lib.rs", "interactions"),
    ("functions/relay/src/lib.rs", "relay"),
    ("functions/api/src/lib.rs", "api"),
];

/// `(surface, method, path)` of every `.route("...", post(...))` in the routers' sources, and of every arm of the proxy's.
fn registered() -> BTreeSet<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut routes = BTreeSet::new();
    for (file, surface) in ROUTERS {
        let source = std::fs::read_to_string(root.join(file)).unwrap();
        for call in source.split(".route(").skip(1) {
            let path = call.split('"').nth(1).unwrap();
            let rest = call.split_once(path).unwrap().1;
            let method = ["get", "post", "put", "delete"]
                .into_iter()
                .filter_map(|method| Some((rest.find(&format!("{method}("))?, method)))
                .min()
                .unwrap_or_else(|| panic!("{file}: {path} has no method"))
                .1;
            routes.insert((surface.to_owned(), method.to_owned(), path.to_owned()));
        }
    }
    // The proxy has no router: one `match` with an arm for each route, `"/path" if ... => ...`, whose answer to other methods
    // is an arm without a condition.
    let source = std::fs::read_to_string(root.join("edge-proxy/src/routes.rs")).unwrap();
    for arm in source.lines().map(str::trim).filter(|line| line.starts_with("\"/")) {
        let (path, condition) = arm[1..].split_once("\" if ").unwrap_or_default();
        let condition = condition.split(" => ").next().unwrap();
        let method = match condition {
            "" => continue,
            "reads" => "get",
            "head.method == Method::POST" => "post",
            other => panic!("{path}: which method is `{other}`?"),
        };
        routes.insert(("proxy".to_owned(), method.to_owned(), path.to_owned()));
    }
    routes
}

#[test]
fn the_document_has_exactly_the_routes_that_the_routers_register() {
    let mut documented = BTreeSet::new();
    for (path, method, operation) in OpenApi::read().operations() {
        for surface in operation["tags"].as_array().unwrap() {
            documented.insert((surface.as_str().unwrap().to_owned(), method.to_owned(), path.to_owned()));
        }
    }
    assert_eq!(documented, registered());
}

#[test]
fn every_operation_has_a_name_of_its_own_a_summary_and_says_who_may_call() {
    let mut names = BTreeSet::new();
    for (path, method, operation) in OpenApi::read().operations() {
        let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no operationId"));
        assert!(names.insert(name), "{name} is there twice");
        assert!(operation["summary"].is_string() && operation["security"].is_array(), "{method} {path}");
    }
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = OpenApi::read().document();
    let mut found = Vec::new();
    references(document, &mut found);
    assert!(found.len() > 50, "{}", found.len());
    for reference in found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
}

fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &Value) -> Reply {
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    Reply { status, headers, body: serde_json::to_vec(body).unwrap() }
}

#[test]
fn an_answer_that_is_not_as_documented_is_found() {
    let check = |path: &str, reply: &Reply| OpenApi::read().check("POST", path, reply).is_ok();
    let kind = ("content-type", "application/json");
    let good = reply(200, &[kind], &json!({"status": "recorded"}));
    assert!(check("/proxy/v1/receipts", &good));
    for bad in [
        reply(200, &[kind], &json!({"status": "queued"})),
        reply(200, &[kind], &json!({"status": "recorded", "more": 1})),
        reply(200, &[("content-type", "text/html")], &json!({"status": "recorded"})),
        reply(418, &[kind], &json!({"detail": "teapot"})),
        reply(401, &[kind], &json!({})),
    ] {
        assert!(!check("/proxy/v1/receipts", &bad), "{bad:?}");
    }
    assert!(
        !check("/webhook/crowdstrike/acme", &reply(401, &[kind], &json!({"detail": "invalid signature"}))),
        "headers"
    );
    assert!(!check("/no/such/path", &good));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxys_answers_are_as_documented() {
    let stage = Stage::live_push().await;
    let proxy = stage.system.endpoints.proxy_url.clone();
    let http = vyrox_platform::http::client(std::time::Duration::from_secs(5)).unwrap();
    let get = async |path: &str| Reply::of("GET", http.get(format!("{proxy}{path}")).send().await.unwrap()).await;
    for (path, status) in
        [("/health", 200), ("/ready", 200), ("/metrics", 200), ("/audit/export?tenant_id=demo", 403), ("/nothing", 404)]
    {
        assert_eq!(get(path).await.status, status, "{path}");
    }
    let forged = json!({"payloadType": "application/vnd.vyrox.action+json", "payload": "e30=",
        "signatures": [{"keyid": "0".repeat(64), "sig": "AAAA"}]});
    for (body, status) in
        [(b"{".to_vec(), 400), (serde_json::to_vec(&forged).unwrap(), 401), (vec![b' '; 70 * 1024], 413)]
    {
        for path in ["/execute", "/rollback"] {
            assert_eq!(stage.post_to(&format!("{proxy}{path}"), &body).await.status, status, "{path}");
        }
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relays_refusals_are_as_documented() {
    let stage = Stage::dry_run().await;
    let token = format!("vyxe_demo_{}_{}", "0".repeat(12), "0".repeat(64));
    let signer = vyrox_contract::Ed25519Signer::from_seed(&[7; 32]);
    let key = signer.verifying_key().to_text();
    let proof = vyrox_contract::prove_possession(&token, &signer);
    for (path, body, status) in [
        ("/proxy/v1/enrol", json!({"token": token, "public_key": key, "proof": proof}), 401),
        ("/proxy/v1/enrol", json!({"token": token, "public_key": key, "proof": ""}), 400),
        ("/proxy/v1/rotate", json!([]), 400),
        ("/proxy/v1/rotate", json!({"payloadType": "x", "payload": "e30=", "signatures": []}), 401),
        ("/proxy/v1/enrol", json!({"token": "x"}), 400),
        ("/proxy/v1/poll", json!({"a": 1}), 400),
        ("/proxy/v1/poll", json!({"payloadType": "x", "payload": "e30=", "signatures": []}), 401),
        ("/proxy/v1/receipts", json!([]), 400),
    ] {
        let reply = stage.post(path, &serde_json::to_vec(&body).unwrap(), &[]).await;
        assert_eq!(reply.status, status, "{path} {body}");
    }
    let large = vec![b' '; 65 * 1024];
    assert_eq!(stage.post("/proxy/v1/poll", &large, &[]).await.status, 413);
    stage.end().await;
}
