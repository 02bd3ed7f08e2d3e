//! A vendor's side: bodies, signatures, and what came back.

use crate::{OpenApi, Stage};
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::sync::atomic::Ordering;
use vyrox_contract::{AlertId, Vendor};
use vyrox_domain::webhook::{SIGNATURE_HEADER, sign};
use vyrox_local::scenario::Scenario;

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The alert's id in a 202.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn alert_id(&self) -> AlertId {
        let body = self.json();
        let id = body["alert_id"].as_str().and_then(|id| id.parse().ok());
        id.unwrap_or_else(|| panic!("{} {body}", self.status))
    }

    /// Reads an answer whole, and checks it against `docs/openapi.yaml`.
    ///
    /// # Panics
    /// It does not arrive, or is not what the document says.
    pub async fn of(method: &str, response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let path = response.url().path().to_owned();
        let body = response.bytes().await.expect("the answer's body arrives").to_vec();
        let reply = Self { status, headers, body };
        if let Err(wrong) = OpenApi::read().check(method, &path, &reply) {
            panic!("docs/openapi.yaml: {method} {path} answered {status}: {wrong}");
        }
        reply
    }
}

impl Stage {
    /// A body of this scenario with an id of its own.
    ///
    /// # Panics
    /// There is no such scenario.
    #[must_use]
    pub fn body(&self, scenario: &str) -> Vec<u8> {
        let unique = format!("test-{}", self.counter.fetch_add(1, Ordering::Relaxed));
        let scenario = Scenario::named(scenario).unwrap_or_else(|| panic!("no scenario {scenario}"));
        scenario.body(&unique, self.tenant().as_str(), self.now())
    }

    /// Posts a body as the tenant's CrowdStrike source does.
    pub async fn deliver(&self, body: &[u8]) -> Reply {
        self.deliver_as(Vendor::Crowdstrike, body).await
    }

    /// Posts a body as this vendor's source of the tenant does.
    async fn deliver_as(&self, vendor: Vendor, body: &[u8]) -> Reply {
        let secret = &self.system.endpoints.webhook_secret;
        let path = format!("/webhook/{vendor}/{}", self.tenant());
        self.post(&path, body, &[(SIGNATURE_HEADER, &sign(secret.as_bytes(), body))]).await
    }

    /// Fires one alert of this scenario and returns its id.
    ///
    /// # Panics
    /// It was not queued.
    pub async fn fire(&self, scenario: &str) -> AlertId {
        let vendor = Scenario::named(scenario).unwrap_or_else(|| panic!("no scenario {scenario}")).vendor;
        let reply = self.deliver_as(vendor, &self.body(scenario)).await;
        assert_eq!((reply.status, reply.json()["status"].as_str()), (202, Some("queued")), "{scenario}");
        reply.alert_id()
    }

    /// Posts anything to the functions' address.
    ///
    /// # Panics
    /// Nobody answers.
    pub async fn post(&self, path: &str, body: &[u8], headers: &[(&str, &str)]) -> Reply {
        let url = format!("{}{path}", self.system.endpoints.webhook_base_url);
        let mut request = self.http.post(url).header("content-type", "application/json").body(body.to_vec());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::of("POST", request.send().await.expect("the functions answer")).await
    }

    /// Posts JSON anywhere.
    ///
    /// # Panics
    /// Nobody answers.
    pub async fn post_to(&self, url: &str, body: &[u8]) -> Reply {
        let request = self.http.post(url).header("content-type", "application/json").body(body.to_vec());
        Reply::of("POST", request.send().await.expect("somebody answers there")).await
    }

    /// Gets anything from the functions' address.
    ///
    /// # Panics
    /// Nobody answers.
    pub async fn read_url(&self, path: &str) -> Reply {
        let url = format!("{}{path}", self.system.endpoints.webhook_base_url);
        Reply::of("GET", self.http.get(url).send().await.expect("the functions answer")).await
    }
}
