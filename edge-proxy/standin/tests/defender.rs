//! The Defender stand-in as a client sees it.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use support::{client, read};
use vyrox_edr_standin::{Defender, DefenderOptions, Fault, Machine, On};

const ID: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";
const SETTLE: Duration = Duration::from_millis(200);

struct Api {
    edr: Defender,
    token: String,
}

async fn api() -> Api {
    let machines = vec![Machine { id: ID.into(), name: "ws-01.corp.example".into() }];
    let edr = Defender::start(DefenderOptions { machines, settle: SETTLE, ..Default::default() }).await.unwrap();
    let mut api = Api { edr, token: String::new() };
    api.token = api.ask_token("standin-app-secret").await.1["access_token"].as_str().unwrap().to_owned();
    api
}

impl Api {
    async fn ask_token(&self, secret: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "standin-app"),
            ("client_secret", secret),
            ("scope", "https://api.securitycenter.microsoft.com/.default"),
        ];
        let url = format!("{}/standin-directory/oauth2/v2.0/token", self.edr.url());
        read(client().post(url).form(&form).send().await.unwrap()).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = client().request(method, format!("{}/api/{path}", self.edr.url())).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await.1
    }

    async fn post(&self, action: &str, body: Value) -> (u16, Value) {
        self.send(Method::POST, &format!("machines/{ID}/{action}"), Some(body)).await
    }
}

#[tokio::test]
async fn a_token_is_given_for_the_right_secret_only() {
    let api = api().await;
    let (status, body) = api.ask_token("wrong").await;
    assert_eq!((status, body["error"].as_str()), (401, Some("invalid_client")));
    api.edr.expire_tokens();
    let (status, body) = api.send(Method::GET, &format!("machines/{ID}"), None).await;
    assert_eq!((status, body["error"]["code"].as_str()), (401, Some("Unauthorized")));
}

#[tokio::test]
async fn an_action_is_created_then_seen_then_over_and_carries_what_it_was_given() {
    let api = api().await;
    let body = json!({"Comment": "c", "IsolationType": "Full", "ExternalID": "r-1"});
    let (status, action) = api.post("isolate", body.clone()).await;
    assert_eq!((status, &action["status"], &action["scope"]), (201, &json!("Pending"), &json!("Full")));
    let id = action["id"].as_str().unwrap();
    assert_eq!(api.get(&format!("machineactions/{id}")).await["error"]["code"], "ResourceNotFound", "not at once");
    let (status, refused) = api.post("isolate", body).await;
    assert_eq!((status, refused["error"]["code"].as_str()), (400, Some("ActiveRequestAlreadyExists")));
    assert!(refused["error"]["target"].is_string());
    tokio::time::sleep(SETTLE * 2).await;
    let action = api.get(&format!("machineactions/{id}")).await;
    assert_eq!((&action["status"], &action["externalID"]), (&json!("Succeeded"), &json!("r-1")));
    assert_eq!(api.edr.isolation(ID).as_deref(), Some("Full"));
    let filter = format!("machineactions?$filter=machineId eq '{ID}' and (type eq 'Isolate' or type eq 'Unisolate')");
    assert_eq!(api.get(&filter).await["value"].as_array().unwrap().len(), 1);
    assert_eq!(api.get("machineactions?$filter=type eq 'Unisolate'").await["value"], json!([]));
}

#[tokio::test]
async fn bodies_are_read_strictly_and_keys_are_case_sensitive() {
    let api = api().await;
    for (action, body, code) in [
        ("isolate", json!({"comment": "c", "IsolationType": "Full"}), "MissingRequiredParameter"),
        ("isolate", json!({"Comment": "c", "isolationType": "Full"}), "InvalidRequestBody"),
        ("isolate", json!({"Comment": "c", "IsolationType": "Half"}), "InvalidInput"),
        ("isolate", json!({"Comment": "c"}), "InvalidInput"),
        ("StopAndQuarantineFile", json!({"Comment": "c", "Sha1": "6b".repeat(32)}), "InvalidInput"),
        ("runliveresponse", json!({"Comment": "c"}), "ResourceNotFound"),
        ("unisolate", json!([]), "InvalidRequestBody"),
    ] {
        assert_eq!(api.post(action, body.clone()).await.1["error"]["code"], code, "{action} {body}");
    }
    assert!(api.edr.effects().is_empty());
    let (status, body) = api.send(Method::GET, "machines/unknown", None).await;
    assert_eq!((status, body["error"]["code"].as_str()), (404, Some("ResourceNotFound")));
}

#[tokio::test]
async fn a_search_is_by_an_exact_name_and_a_limit_says_for_how_many_seconds() {
    let api = api().await;
    let found = api.get("machines?$filter=computerDnsName eq 'WS-01.corp.example'").await;
    assert_eq!(found["value"][0]["id"], ID);
    assert_eq!(api.get("machines?$filter=startswith(computerDnsName,'ws')").await["error"]["code"], "InvalidInput");
    api.edr.inject(On::Query, Fault::RateLimited(Duration::from_secs(7)));
    let request = client().get(format!("{}/api/machines", api.edr.url())).bearer_auth(&api.token);
    let response = request.send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (429, "7"));
}
