//! The Falcon stand-in as a client sees it.

#![allow(clippy::unwrap_used, reason = "test code outside of a #[test] function")]

mod support;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use vyrox_edr_standin::{Change, Falcon, FalconOptions, Fault, Host, HostStatus, On};

const AID: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "ffffffffffffffffffffffffffffffff";
const CONTAIN: &str = "/devices/entities/devices-actions/v2?action_name=contain";
const LIFT: &str = "/devices/entities/devices-actions/v2?action_name=lift_containment";
const DETAILS: &str = "/devices/entities/devices/v2";
const SESSIONS: &str = "/real-time-response/entities/sessions/v1";
const COMMANDS: &str = "/real-time-response/entities/active-responder-command/v1";
/// Longer than any test waits for what should happen, shorter than anyone waits for a test.
const PATIENCE: Duration = Duration::from_secs(10);

struct Api {
    falcon: Falcon,
    client: Client,
    token: String,
}

async fn api_with(options: FalconOptions) -> Api {
    let hosts = vec![Host { aid: AID.into(), hostname: "workstation-01".into() }];
    let falcon = Falcon::start(FalconOptions { hosts, ..options }).await.unwrap();
    let mut api = Api { falcon, client: support::client(), token: String::new() };
    api.token =
        body(api.ask_token("standin-client", "standin-secret").await).await["access_token"].as_str().unwrap().into();
    api
}

async fn api() -> Api {
    api_with(FalconOptions { settle: Duration::from_millis(30), ..FalconOptions::default() }).await
}

async fn body(response: Response) -> Value {
    response.json().await.unwrap()
}

impl Api {
    async fn ask_token(&self, id: &str, secret: &str) -> Response {
        let form = [("client_id", id), ("client_secret", secret)];
        self.client.post(self.falcon.url() + "/oauth2/token").form(&form).send().await.unwrap()
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.falcon.url() + path).bearer_auth(&self.token)
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn post(&self, path: &str, json: Value) -> Response {
        self.request(Method::POST, path).json(&json).send().await.unwrap()
    }

    /// Polls, as a client does, until the host's state is `wanted`.
    async fn settles(&self, wanted: &str) {
        let poll = async {
            while body(self.get(&format!("{DETAILS}?ids={AID}")).await).await["resources"][0]["status"] != wanted {}
        };
        tokio::time::timeout(PATIENCE, poll).await.unwrap();
    }
}

#[tokio::test]
async fn a_token_is_given_for_the_right_secret_only_and_hints_at_another_region() {
    let api = api().await;
    let response = api.ask_token("standin-client", "standin-secret").await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["x-cs-region"], "eu-1");
    let token = body(response).await;
    assert_eq!((&token["token_type"], &token["expires_in"]), (&json!("bearer"), &json!(1799)));
    assert_eq!(api.ask_token("standin-client", "wrong").await.status(), StatusCode::FORBIDDEN);
    let empty = api.client.post(api.falcon.url() + "/oauth2/token").form(&[("client_id", "x")]).send().await.unwrap();
    assert_eq!(empty.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn nothing_is_done_without_a_valid_token() {
    let api = api().await;
    let url = api.falcon.url() + CONTAIN;
    let bare = api.client.post(&url).json(&json!({"ids": [AID]})).send().await.unwrap();
    assert_eq!(bare.status(), StatusCode::UNAUTHORIZED);
    let wrong = api.client.post(&url).bearer_auth("nonsense").json(&json!({"ids": [AID]})).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    api.falcon.expire_tokens();
    let expired = api.post(CONTAIN, json!({"ids": [AID]})).await;
    assert_eq!(expired.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(body(expired).await["errors"][0]["code"], 401);
    assert!(api.falcon.calls().is_empty());
}

#[tokio::test]
async fn containment_is_accepted_then_pending_then_there_and_lifted_the_same_way() {
    let api = api_with(FalconOptions { settle: Duration::from_millis(300), ..FalconOptions::default() }).await;
    let response = api.post(CONTAIN, json!({"ids": [AID]})).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(response.headers()["x-ratelimit-limit"], "6000");
    let trace = response.headers()["x-cs-traceid"].to_str().unwrap().to_owned();
    let reply = body(response).await;
    assert_eq!((&reply["resources"][0]["id"], &reply["errors"]), (&json!(AID), &json!([])));
    assert_eq!(reply["meta"]["trace_id"], json!(trace));
    assert_eq!(api.falcon.host_status(AID), Some(HostStatus::ContainmentPending));
    api.settles("contained").await;

    let again = api.post(CONTAIN, json!({"ids": [AID]})).await;
    assert_eq!(again.status(), StatusCode::ACCEPTED, "the vendor answers 202 here too");
    let again = body(again).await;
    assert_eq!((&again["errors"][0]["code"], &again["resources"]), (&json!(409), &json!([])));
    assert!(again["errors"][0]["message"].as_str().unwrap().contains(AID));

    api.post(LIFT, json!({"ids": [AID]})).await;
    api.settles("normal").await;
    let calls: Vec<_> = api.falcon.calls().iter().map(|call| (call.change, call.accepted)).collect();
    assert_eq!(calls, [(Change::Contain, true), (Change::Contain, false), (Change::LiftContainment, true)]);
}

#[tokio::test]
async fn an_unknown_host_is_an_error_inside_a_202() {
    let api = api().await;
    let response = api.post(CONTAIN, json!({"ids": [OTHER]})).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let reply = body(response).await;
    assert_eq!((&reply["errors"][0]["code"], &reply["resources"]), (&json!(404), &json!([])));
}

#[tokio::test]
async fn requests_that_the_vendor_would_refuse_are_refused() {
    let api = api().await;
    for path in ["hide_host", "unhide_host", "", "contain&action_name=hide_host"]
        .map(|name| format!("/devices/entities/devices-actions/v2?action_name={name}"))
    {
        let expected = if path.contains("=contain&") { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST };
        assert_eq!(api.post(&path, json!({"ids": [OTHER]})).await.status(), expected, "{path}");
    }
    for bad in
        [json!({}), json!({"ids": []}), json!({"ids": AID}), json!({"ids": ["../x"]}), json!({"ids": [""]}), json!([])]
    {
        assert_eq!(api.post(CONTAIN, bad.clone()).await.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
    let text = api.request(Method::POST, CONTAIN).body(r#"{"ids":[]}"#).send().await.unwrap();
    assert_eq!(text.status(), StatusCode::BAD_REQUEST, "no content type");
    assert_eq!(api.get("/somewhere/else").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(api.get(CONTAIN).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(api.falcon.calls().iter().all(|call| !call.accepted));
}

#[tokio::test]
async fn hosts_are_found_by_exact_name_and_read_by_id() {
    let api = api().await;
    let search = |filter: &'static str| {
        api.request(Method::GET, "/devices/queries/devices/v1").query(&[("filter", filter), ("limit", "2")]).send()
    };
    let found = body(search("hostname:'WORKSTATION-01'").await.unwrap()).await;
    assert_eq!((&found["resources"], &found["meta"]["pagination"]["total"]), (&json!([AID]), &json!(1)));
    assert_eq!(body(search("hostname:'nobody'").await.unwrap()).await["resources"], json!([]));
    assert_eq!(search("hostname:'*'").await.unwrap().status(), StatusCode::BAD_REQUEST);

    let read = body(api.get(&format!("{DETAILS}?ids={AID}&ids={OTHER}")).await).await;
    assert_eq!(
        (&read["resources"][0]["hostname"], &read["errors"][0]["code"]),
        (&json!("workstation-01"), &json!(404))
    );
    let read = body(api.post(DETAILS, json!({"ids": [AID]})).await).await;
    assert_eq!((&read["resources"][0]["device_id"], &read["resources"][0]["status"]), (&json!(AID), &json!("normal")));
}

async fn kill(api: &Api, pid: u32) -> Value {
    let session = body(api.post(SESSIONS, json!({"device_id": AID, "queue_offline": false})).await).await;
    let session = session["resources"][0]["session_id"].clone();
    let command = json!({"base_command": "kill", "command_string": format!("kill {pid}"), "session_id": session, "device_id": AID});
    let sent = api.post(COMMANDS, command).await;
    assert_eq!(sent.status(), StatusCode::CREATED);
    let id = body(sent).await["resources"][0]["cloud_request_id"].as_str().unwrap().to_owned();
    let poll = async {
        loop {
            let result = body(api.get(&format!("{COMMANDS}?cloud_request_id={id}&sequence_id=0")).await).await;
            if result["resources"][0]["complete"] == true {
                return result["resources"][0].clone();
            }
        }
    };
    let result = tokio::time::timeout(PATIENCE, poll).await.unwrap();
    let close = format!("{SESSIONS}?session_id={}", session.as_str().unwrap());
    let closed = api.request(Method::DELETE, &close).send().await.unwrap();
    assert_eq!(closed.status(), StatusCode::NO_CONTENT);
    result
}

#[tokio::test]
async fn a_process_is_killed_through_a_session_and_an_absent_one_is_an_error_text() {
    let api = api().await;
    api.falcon.add_process(AID, 5260);
    assert_eq!(kill(&api, 5260).await["stderr"], "");
    assert!(!api.falcon.has_process(AID, 5260));
    assert_eq!(kill(&api, 5260).await["stderr"], "Cannot find a process with the process identifier 5260.");
    let changes: Vec<_> = api.falcon.calls().iter().map(|call| call.change).collect();
    let one = [Change::OpenSession, Change::Kill, Change::CloseSession];
    assert_eq!(changes, [one, one].concat());
}

#[tokio::test]
async fn commands_other_than_one_plain_kill_and_offline_hosts_are_refused() {
    let api = api().await;
    let session = body(api.post(SESSIONS, json!({"device_id": AID})).await).await["resources"][0]["session_id"].clone();
    for (base, text) in
        [("kill", "kill 1; del"), ("runscript", "kill 1"), ("kill", "kill"), ("kill", "kill  1"), ("kill", "kill +1")]
    {
        let command = json!({"base_command": base, "command_string": text, "session_id": session, "device_id": AID});
        assert_eq!(api.post(COMMANDS, command).await.status(), StatusCode::BAD_REQUEST, "{text}");
    }
    api.falcon.set_offline(AID);
    let offline = api.post(SESSIONS, json!({"device_id": AID, "queue_offline": false})).await;
    assert_eq!(offline.status(), StatusCode::NOT_FOUND);
    assert_eq!(body(offline).await["errors"][0]["code"], 40407);
}

#[tokio::test]
async fn a_rate_limit_says_until_when_as_a_unix_second() {
    let api = api().await;
    api.falcon.inject(On::Action, Fault::RateLimited(Duration::from_secs(60)));
    let limited = api.post(CONTAIN, json!({"ids": [AID]})).await;
    assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
    let until: u64 = limited.headers()["x-ratelimit-retryafter"].to_str().unwrap().parse().unwrap();
    assert!(until > 1_700_000_000, "an epoch, not a number of seconds to wait");
    assert_eq!(limited.headers()["x-ratelimit-remaining"], "0");
    assert!(!limited.headers().contains_key("retry-after"));
    assert!(api.falcon.calls().is_empty());
    assert_eq!(api.post(CONTAIN, json!({"ids": [AID]})).await.status(), StatusCode::ACCEPTED, "once");
}

#[tokio::test]
async fn faults_act_or_do_not_act_as_their_names_say() {
    for (fault, acts) in [
        (Fault::ServerError, false),
        (Fault::ServerErrorAfterActing, true),
        (Fault::Drop, false),
        (Fault::DropAfterActing, true),
        (Fault::Hang, false),
        (Fault::HangAfterActing, true),
        (Fault::Forbidden, false),
        (Fault::Redirect("http://192.0.2.1/".into()), false),
    ] {
        let api = api().await;
        api.falcon.inject(On::Action, fault.clone());
        let request = api.request(Method::POST, CONTAIN).json(&json!({"ids": [AID]}));
        let result = request.timeout(Duration::from_millis(300)).send().await;
        match fault {
            Fault::ServerError | Fault::ServerErrorAfterActing => assert_eq!(result.unwrap().status(), 500),
            Fault::Forbidden => assert_eq!(result.unwrap().status(), 403),
            Fault::Redirect(to) => {
                let response = result.unwrap();
                assert_eq!(
                    (response.status(), &response.headers()["location"]),
                    (StatusCode::PERMANENT_REDIRECT, &to.parse().unwrap())
                );
            }
            Fault::Hang | Fault::HangAfterActing => assert!(result.unwrap_err().is_timeout()),
            _ => assert!(!result.unwrap_err().is_timeout(), "cut, not silent"),
        }
        assert_eq!(api.falcon.calls().len(), usize::from(acts), "{acts}");
    }
}

#[tokio::test]
async fn people_see_the_hosts_and_their_state_on_a_page() {
    let api = api().await;
    api.post(CONTAIN, json!({"ids": [AID]})).await;
    api.settles("contained").await;
    let response = api.client.get(api.falcon.url()).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let page = response.text().await.unwrap();
    for part in
        ["workstation-01", AID, "<b class=\"contained\">contained</b>", "http-equiv=\"refresh\"", "Contain <code>"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("src=") && !page.contains("href="), "self-contained");
}

#[tokio::test]
async fn after_shutdown_nobody_answers() {
    let api = api().await;
    let url = api.falcon.url();
    api.falcon.shutdown().await;
    assert!(api.client.get(url).send().await.unwrap_err().is_connect());
}
