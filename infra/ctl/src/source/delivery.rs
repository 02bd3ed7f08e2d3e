//! `vyroxctl source test --send`: a sample posted to its webhook as the source itself would post it. It asks nothing of the
//! deployment, so it also shows what a sender behind the same network sees.

use super::secret::{check_secret, from_stdin, header};
use crate::address::https_or_loopback;
use crate::error::CtlError;
use crate::report::Report;
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;
use vyrox_domain::text::visible;
use vyrox_domain::webhook::{Scheme, Sender};
use vyrox_platform::secrets::Secret;
use vyrox_platform::{http, random};

/// Longer than ingest may take, so that its own answer is seen.
const PATIENCE: Duration = Duration::from_secs(15);
/// So much of an answer that is not ours is shown.
const SHOWN: usize = 300;

/// Where and how to post the sample.
#[derive(Debug, Args)]
pub(crate) struct Delivery {
    /// Post the sample to this webhook, with the secret from standard input
    #[arg(long, value_name = "URL", value_parser = https_or_loopback, conflicts_with_all = ["map", "preset", "tenant"])]
    send: Option<String>,
    /// How the source proves itself
    #[arg(long, requires = "send", default_value = "vyrox_hmac")]
    scheme: Scheme,
    /// static_header: the header's name. crowdstrike_hmac: the signature's, if it was renamed
    #[arg(long, value_name = "NAME", requires = "send", value_parser = header)]
    header: Option<String>,
}

/// A source with its secret, ready to post.
pub(crate) struct Aimed<'a> {
    url: &'a str,
    scheme: Scheme,
    header: Option<&'a str>,
    secret: Secret,
}

impl Delivery {
    /// The sender, if the sample is to be posted: reads its secret from standard input.
    pub(crate) fn sender(&self) -> Result<Option<Aimed<'_>>, CtlError> {
        let Some(url) = &self.send else { return Ok(None) };
        let (scheme, header) = (self.scheme, self.header.as_deref());
        let secret = match scheme {
            // What proves it is in the sample.
            Scheme::GraphClientState => Secret::new(Vec::new()),
            // Signed with what its base64 stands for.
            Scheme::StandardWebhooks => check_secret(scheme, from_stdin()?.expose()).map_err(CtlError::BadSecret)?,
            _ => from_stdin()?,
        };
        if secret.as_ref().is_empty() && scheme != Scheme::GraphClientState {
            return Err(CtlError::BadSecret("is empty: give it the source's secret, as in `<secret.txt`"));
        }
        Ok(Some(Aimed { url, scheme, header, secret }))
    }
}

impl Aimed<'_> {
    /// Posts the sample once and says what came back, and what to do about it. `now` is unix seconds.
    pub(crate) async fn deliver(self, sample: Vec<u8>, now: i64) -> Result<Report, CtlError> {
        let id = format!("msg_{}", random::nonce());
        let Self { url, scheme, header, secret } = self;
        let proof = match scheme {
            Scheme::GraphClientState => Vec::new(),
            _ => Sender { scheme, header, secret: secret.as_ref() }.proof(&id, &sample, now)?,
        };
        let mut request = http::client(PATIENCE)?.post(url).header("content-type", "application/json").body(sample);
        for (name, value) in proof {
            request = request.header(name, value);
        }
        let unanswered =
            |source: reqwest::Error| CtlError::Unanswered { url: url.to_owned(), source: source.without_url() };
        let response = request.send().await.map_err(unanswered)?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(unanswered)?;
        let said =
            serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.chars().take(SHOWN).collect::<String>()));
        let taken = status == 202;
        let report = Report::new(
            json!({"url": url, "scheme": scheme, "status": status, "answer": said, "taken": taken}),
            format!("{status} {}\n{}\n", visible(&said.to_string()), advice(status, &said)),
        );
        Ok(if taken { report } else { report.ending_with(2) })
    }
}

/// What an answer of ingest means, and what to do.
fn advice(status: u16, said: &Value) -> String {
    let alert = said["alert_id"].as_str();
    match (status, said["status"].as_str()) {
        (202, Some("queued")) => format!(
            "The webhook took it: this is a real alert now. `vyroxctl trace {} --tenant TENANT` shows its way.",
            visible(alert.unwrap_or("ALERT"))
        ),
        (202, Some("duplicate")) => "The webhook took it, and knows this alert already: nothing new happens. Give the sample \
             another id to see one."
            .to_owned(),
        (202, Some("ignored")) => "The proof is right, and the body is no alert (the reason is above).".to_owned(),
        (401, _) => "The secret, the scheme, the header's name or the tenant in the URL is not the source's; the answer never \
             says which. `vyroxctl source list TENANT` shows its schemes. A time that is off by five minutes counts too."
            .to_owned(),
        (404, _) => "The URL is no webhook: it ends in /webhook/VENDOR/TENANT.".to_owned(),
        (413, _) => "Split the body: at most 256 KiB.".to_owned(),
        (415 | 422, _) => "The proof is right, and the body cannot be read: `vyroxctl source test` without --send shows, field \
             by field, why."
            .to_owned(),
        (429, _) => "The proof is right; the tenant or the source is over its rate. Try again later.".to_owned(),
        (503, _) => "Nothing was accepted, and the sender should try again: `vyroxctl doctor` looks for what is wrong.".to_owned(),
        _ => "This is no answer of Vyrox's ingest: look at what stands between, and at the URL.".to_owned(),
    }
}
