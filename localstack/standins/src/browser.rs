//! Drives a headless Chromium over its debugging protocol, for tests that press a page's buttons.
//!
//! ```no_run
//! # async fn example() -> Result<(), vyrox_standins::browser::BrowserError> {
//! use std::time::Duration;
//! let Some(browser) = vyrox_standins::browser::Browser::launch().await else { return Ok(()) };
//! browser.open("http://127.0.0.1:8080/").await?;
//! browser.wait_for("document.querySelector('[data-custom-id]')", Duration::from_secs(5)).await?;
//! browser.click("[data-custom-id]").await?;
//! # Ok(()) }
//! ```
//!
//! A click is a real one: the element is scrolled into view and the mouse is pressed at its centre, so an element that
//! something else covers is not clicked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{self, Message};

/// Names that a Chromium may have on PATH.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// How long a browser may take to start, and a command to be answered.
const PATIENCE: Duration = Duration::from_secs(30);

/// What went wrong with the browser or on the page.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The browser ended or does not answer.
    #[error("the browser does not answer")]
    Gone,
    /// The socket to the browser.
    #[error("the browser's debugging socket")]
    Socket(#[source] tungstenite::Error),
    /// The browser refuses a command.
    #[error("the browser refuses {method}: {reason}")]
    Refused {
        /// The command.
        method: String,
        /// The browser's words.
        reason: String,
    },
    /// A script threw.
    #[error("a script failed: {0}")]
    Script(String),
    /// A condition did not come true.
    #[error("waited {waited:?} in vain for: {condition}; errors on the page: {page_errors:?}")]
    Timeout {
        /// The expression.
        condition: String,
        /// How long.
        waited: Duration,
        /// Exceptions and console errors of the page so far.
        page_errors: Vec<String>,
    },
    /// No such element, or one that cannot be seen.
    #[error("nothing to click at {0}")]
    NoElement(String),
    /// A file cannot be written.
    #[error("cannot write a screenshot")]
    File(#[source] std::io::Error),
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;

/// One browser with one page. Ends when dropped.
pub struct Browser {
    commands: mpsc::UnboundedSender<Message>,
    waiting: Waiting,
    errors: Arc<Mutex<Vec<String>>>,
    next: AtomicU64,
    session: String,
    child: Child,
    profile: tempfile::TempDir,
}

impl Browser {
    /// Start a Chromium with an empty profile, 1280 by 900. `None`, with a printed line, if there is none or it does not start.
    #[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
    pub async fn launch() -> Option<Self> {
        let Some((child, profile, socket)) = start().await else {
            eprintln!("skipped: chromium not found");
            return None;
        };
        match Self::attach(child, profile, &socket).await {
            Ok(browser) => Some(browser),
            Err(error) => {
                eprintln!("skipped: chromium does not start: {error}");
                None
            }
        }
    }

    async fn attach(child: Child, profile: tempfile::TempDir, socket: &str) -> Result<Self, BrowserError> {
        let (stream, _) = tokio_tungstenite::connect_async(socket).await.map_err(BrowserError::Socket)?;
        let (mut sink, mut source) = stream.split();
        let (commands, mut queue) = mpsc::unbounded_channel::<Message>();
        let (waiting, errors) = (Waiting::default(), Arc::new(Mutex::new(Vec::new())));
        tokio::spawn(async move {
            while let Some(message) = queue.recv().await {
                if sink.send(message).await.is_err() {
                    break;
                }
            }
        });
        let (answers, noted) = (Arc::clone(&waiting), Arc::clone(&errors));
        tokio::spawn(async move {
            while let Some(Ok(message)) = source.next().await {
                let Ok(text) = message.into_text() else { continue };
                let Ok(value) = serde_json::from_str::<Value>(&text) else { continue };
                if let Some(id) = value["id"].as_u64() {
                    let waiter = answers.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                    if let Some(waiter) = waiter {
                        let _nobody_waits_any_more = waiter.send(value);
                    }
                } else if let Some(error) = page_error(&value) {
                    noted.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                }
            }
            answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        });
        let next = AtomicU64::new(1);
        let mut browser = Self { commands, waiting, errors, next, session: String::new(), child, profile };
        let target = browser.send("Target.createTarget", json!({"url": "about:blank"})).await?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.send("Target.attachToTarget", attach).await?;
        browser.session = session["sessionId"].as_str().unwrap_or_default().to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.send(domain, json!({})).await?;
        }
        browser.resize(1280, 900).await?;
        Ok(browser)
    }

    /// Any command of the debugging protocol.
    ///
    /// # Errors
    /// The browser is gone or refuses.
    pub async fn send(&self, method: &str, params: Value) -> Result<Value, BrowserError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut command = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            command["sessionId"] = self.session.clone().into();
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        self.commands.send(Message::text(command.to_string())).map_err(|_| BrowserError::Gone)?;
        let answer = tokio::time::timeout(PATIENCE, receiver).await;
        let mut answer = answer.map_err(|_| BrowserError::Gone)?.map_err(|_| BrowserError::Gone)?;
        if let Some(reason) = answer["error"]["message"].as_str() {
            return Err(BrowserError::Refused { method: method.into(), reason: reason.into() });
        }
        Ok(answer["result"].take())
    }

    /// The page's size in CSS pixels. Below 600 it counts as a phone.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn resize(&self, width: u32, height: u32) -> Result<(), BrowserError> {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.send("Emulation.setDeviceMetricsOverride", size).await.map(drop)
    }

    /// Go to a page and wait until it is loaded.
    ///
    /// # Errors
    /// The page cannot be reached.
    pub async fn open(&self, url: &str) -> Result<(), BrowserError> {
        let answer = self.send("Page.navigate", json!({"url": url})).await?;
        if let Some(reason) = answer["errorText"].as_str() {
            return Err(BrowserError::Refused { method: format!("to open {url}"), reason: reason.into() });
        }
        self.wait_for("location.href !== 'about:blank' && document.readyState === 'complete'", PATIENCE).await
    }

    /// The value of a JavaScript expression; a promise is awaited.
    ///
    /// # Errors
    /// The script throws.
    pub async fn eval(&self, expression: &str) -> Result<Value, BrowserError> {
        let params =
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let mut answer = self.send("Runtime.evaluate", params).await?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(BrowserError::Script(details.to_string())),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// Wait until a JavaScript expression is true.
    ///
    /// # Errors
    /// It was not within `timeout`.
    pub async fn wait_for(&self, expression: &str, timeout: Duration) -> Result<(), BrowserError> {
        let started = Instant::now();
        loop {
            // A navigation under way throws the script's world away; that is only "not yet".
            if self.eval(&format!("!!({expression})")).await.is_ok_and(|value| value == true) {
                return Ok(());
            }
            let waited = started.elapsed();
            if waited > timeout {
                return Err(BrowserError::Timeout { condition: expression.into(), waited, page_errors: self.errors() });
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Press the mouse at the centre of the first element that the selector finds.
    ///
    /// # Errors
    /// There is no such element, or something else covers it.
    pub async fn click(&self, selector: &str) -> Result<(), BrowserError> {
        let quoted = Value::from(selector).to_string();
        let script = format!(
            "(() => {{ const node = document.querySelector({quoted}); if (!node) return null;
                node.scrollIntoView({{block: 'center', behavior: 'instant'}});
                const box = node.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
                const hit = document.elementFromPoint(x, y);
                return hit && (node.contains(hit) || hit.contains(node)) ? {{x, y}} : null; }})()"
        );
        let point = self.eval(&script).await?;
        if point.is_null() {
            return Err(BrowserError::NoElement(selector.into()));
        }
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": point["x"], "y": point["y"], "button": "left", "clickCount": 1});
            self.send("Input.dispatchMouseEvent", event).await?;
        }
        Ok(())
    }

    /// Type text into the element that has the focus.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn type_text(&self, text: &str) -> Result<(), BrowserError> {
        self.send("Input.insertText", json!({"text": text})).await.map(drop)
    }

    /// Press and release one key: `Tab`, `Enter`, `Escape`, `ArrowDown`, `ArrowUp`, or a space.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn press_key(&self, key: &str) -> Result<(), BrowserError> {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            "Escape" => ("Escape", 27, ""),
            "ArrowDown" => ("ArrowDown", 40, ""),
            "ArrowUp" => ("ArrowUp", 38, ""),
            _ => ("Space", 32, " "),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.send("Input.dispatchKeyEvent", event).await?;
        }
        Ok(())
    }

    /// Save what the page shows as a PNG.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn screenshot(&self, path: &Path) -> Result<(), BrowserError> {
        let answer = self.send("Page.captureScreenshot", json!({"format": "png"})).await?;
        let png = STANDARD.decode(answer["data"].as_str().unwrap_or_default()).map_err(|_| BrowserError::Gone)?;
        tokio::fs::write(path, png).await.map_err(BrowserError::File)
    }

    /// Uncaught exceptions and console errors of the page so far, blocked resources among them.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Browser {
    /// End the process and remove its profile. Its children write there for a moment after it is gone.
    fn drop(&mut self) {
        let _already_gone = self.child.start_kill();
        for _ in 0..100 {
            let ended = matches!(self.child.try_wait(), Ok(Some(_)) | Err(_));
            if ended && (std::fs::remove_dir_all(self.profile.path()).is_ok() || !self.profile.path().exists()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn page_error(event: &Value) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
        "Log.entryAdded" if params["entry"]["level"] == "error" => Some(params["entry"].to_string()),
        "Runtime.consoleAPICalled" if params["type"] == "error" => Some(params["args"].to_string()),
        _ => None,
    }
}

/// The process, its profile and the address of its debugging socket.
async fn start() -> Option<(Child, tempfile::TempDir, String)> {
    let profile = tempfile::tempdir().ok()?;
    for program in PROGRAMS {
        let spawned = Command::new(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio"])
            .args(["--disable-dev-shm-usage", "--force-color-profile=srgb", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let Ok(mut child) = spawned else { continue };
        let mut lines = BufReader::new(child.stderr.take()?).lines();
        let announced = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(socket) = line.strip_prefix("DevTools listening on ") {
                    return Some(socket.to_owned());
                }
            }
            None
        };
        let socket = tokio::time::timeout(PATIENCE, announced).await.ok().flatten()?;
        // Keep reading, so that the browser never blocks on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        return Some((child, profile, socket));
    }
    None
}
