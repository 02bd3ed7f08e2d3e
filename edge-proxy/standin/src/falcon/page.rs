//! The page for people: which host is cut off, and what was called.

use super::Shared;
use super::estate::HostStatus;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::time::Instant;

const HEAD: &str = r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width"><title>Falcon stand-in</title><style>
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #8884}
code{font-size:.85em}b{padding:.1rem .6rem;border-radius:1rem;color:#fff;white-space:nowrap}
.normal{background:#1a7f37}.contained{background:#b3261e}.pending{background:#8a5a00}</style></head><body>
<h1>Falcon stand-in</h1><p>An EDR for tests. It has these hosts; nothing real happens here.</p>
"#;
/// Calls shown, the newest first.
const SHOWN: usize = 20;

pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(render(&shared))).into_response()
}

fn render(shared: &Shared) -> String {
    let estate = shared.estate();
    let mut out = HEAD.to_owned();
    out.push_str("<table><tr><th>Host</th><th>Agent id</th><th>State</th></tr>\n");
    for (aid, device) in estate.devices() {
        let status = estate.status(aid, Instant::now()).unwrap_or(HostStatus::Normal);
        let class = match status {
            HostStatus::Normal => "normal",
            HostStatus::Contained => "contained",
            HostStatus::ContainmentPending | HostStatus::LiftContainmentPending => "pending",
        };
        let (host, aid) = (escape(&device.hostname), escape(aid));
        let _ = writeln!(
            out,
            "<tr><td>{host}</td><td><code>{aid}</code></td><td><b class=\"{class}\">{}</b></td></tr>",
            status.as_str()
        );
    }
    out.push_str("</table><h2>Calls that change something</h2><ol reversed>\n");
    for call in estate.calls().iter().rev().take(SHOWN) {
        let answer = if call.accepted { "accepted" } else { "refused" };
        let _ = writeln!(out, "<li>{:?} <code>{}</code> {answer}</li>", call.change, escape(&call.aid));
    }
    out.push_str("</ol></body></html>\n");
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
