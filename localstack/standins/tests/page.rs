//! The channel page in a real browser. Skipped, with a printed line, where there is no Chromium.
//! With `VYROX_SCREENSHOTS` naming a directory, pictures are left there.
#![allow(clippy::unwrap_used)]

mod toy;

use serde_json::{Value, json};
use std::time::Duration;
use toy::{APPROVER, APPROVER_ROLE, VIEWER, card, send};
use vyrox_standins::browser::Browser;
use vyrox_standins::config::screenshot_directory;
use vyrox_standins::discord::{DiscordStandin, Fault};

const SOON: Duration = Duration::from_secs(10);

async fn picture(browser: &Browser, name: &str) {
    if let Some(directory) = screenshot_directory() {
        browser.screenshot(&directory.join(format!("{name}.png"))).await.unwrap();
    }
}

/// A card as rich as cards get.
fn rich_card() -> Value {
    let command =
        "powershell.exe -NoProfile -WindowStyle Hidden -EncodedCommand SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQA";
    json!({
        "content": format!("🔴 **CRITICAL** on `WS-042`: isolate the host? Expires <t:4102444800:R> <@&{APPROVER_ROLE}>"),
        "embeds": [{
            "title": "Encoded PowerShell started by Word",
            "description": format!("`winword.exe` started a hidden PowerShell with an encoded command.\n```\n{command}\n```"),
            "color": 0xED_4245,
            "fields": [
                {"name": "Host", "value": "`WS-042`", "inline": true},
                {"name": "User", "value": "`ACME\\jdoe`", "inline": true},
                {"name": "Vendor", "value": "SentinelOne · HIGH", "inline": true},
                {"name": "Verdict", "value": "**CRITICAL** · 93 %", "inline": true},
                {"name": "Technique", "value": "T1059.001, T1566.001", "inline": true},
                {"name": "Seen", "value": "<t:1785578400:f>", "inline": true},
                {"name": "Why", "value": "- encoded command line (0.80)\n- Office program as parent (0.65)\n- ||hidden window (0.20)||"},
                {"name": "Plan", "value": "**HOST_ISOLATION** of `WS-042`, needs 1 approval from <@&539082325061836999>"},
            ],
            "footer": {"text": "alert 5f0c · revision 0 · ruleset 2026.11"},
            "timestamp": "2026-08-01T10:00:00Z",
        }],
        "components": [{"type": 1, "components": [
            {"type": 2, "style": 3, "label": "Approve", "custom_id": "approve"},
            {"type": 2, "style": 4, "label": "Deny", "custom_id": "deny"},
            {"type": 2, "style": 2, "label": "Investigate", "custom_id": "investigate"},
            {"type": 2, "style": 1, "label": "Broken", "custom_id": "broken"},
            {"type": 2, "style": 5, "label": "Console", "url": "https://console.example/alerts/1"},
        ]}],
        "allowed_mentions": {"parse": [], "roles": [APPROVER_ROLE]},
    })
}

fn button(custom_id: &str) -> String {
    format!("[data-custom-id=\"{custom_id}\"]")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_decides_on_the_page() {
    let Some(browser) = Browser::launch().await else { return };
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    let app = toy::start(&standin, false).await;
    browser.open(&standin.page_url()).await.unwrap();
    browser.wait_for("document.querySelector('#app.empty[data-state=live]')", SOON).await.unwrap();
    picture(&browser, "empty").await;

    // Live: the card appears without a reload, and pings the member who acts.
    let (status, message) = send(&standin, &rich_card()).await;
    assert_eq!(status, 200, "{message}");
    let id = message["id"].as_str().unwrap();
    browser.wait_for(&format!("document.querySelector('[data-message-id=\"{id}\"].mentioned')"), SOON).await.unwrap();
    picture(&browser, "card").await;
    let pill = browser.eval("document.querySelector('.content .mention').textContent").await.unwrap();
    assert_eq!(pill, "@edr-approvers");

    // An ephemeral answer, dismissed.
    browser.click(&button("investigate")).await.unwrap();
    browser.wait_for("document.querySelector('[data-state=ephemeral]')", SOON).await.unwrap();
    picture(&browser, "ephemeral").await;
    browser.click("[data-dismiss]").await.unwrap();
    browser.wait_for("!document.querySelector('[data-state=ephemeral]')", SOON).await.unwrap();
    assert_eq!(standin.ephemerals(APPROVER).len(), 0);

    // A failing endpoint is shown as Discord shows it, until the next try.
    browser.click(&button("broken")).await.unwrap();
    browser
        .wait_for("document.querySelector('.failed')?.textContent === 'This interaction failed'", SOON)
        .await
        .unwrap();
    picture(&browser, "failed").await;

    // A modal: filled in with the keyboard, refused, corrected, sent.
    browser.click(&button("deny")).await.unwrap();
    browser.wait_for("document.querySelector('#modal[open]')", SOON).await.unwrap();
    picture(&browser, "modal").await;
    browser.type_text("no").await.unwrap();
    browser.click("#modal-submit").await.unwrap();
    browser.wait_for("!document.querySelector('#modal-error').hidden", SOON).await.unwrap();
    browser.click("#input-reason").await.unwrap();
    browser.type_text(", maintenance window").await.unwrap();
    browser.click("#modal-submit").await.unwrap();
    let decided = format!(
        "document.querySelector('[data-message-id=\"{id}\"] .content').textContent.startsWith('DENIED by @Approver')"
    );
    browser.wait_for(&decided, SOON).await.unwrap();
    browser.wait_for("!document.querySelector('#modal[open]')", SOON).await.unwrap();
    assert_eq!(browser.eval("document.querySelectorAll('[data-custom-id=approve]').length").await.unwrap(), 0);
    picture(&browser, "decided").await;
    let values = app.seen.lock().unwrap().last().unwrap()["data"]["components"][0]["component"]["value"].clone();
    assert_eq!(values, "no, maintenance window");
    assert_eq!(browser.errors(), Vec::<String>::new());
}

/// What a picture of the page shows that is taken as soon as it has loaded.
#[tokio::test]
async fn the_page_comes_with_what_there_is_to_see() {
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    let hostile = "</script><script>window.hacked=1</script><!--<script>";
    let (status, answer) = send(&standin, &json!({"content": hostile})).await;
    assert_eq!(status, 200, "{answer}");
    let page = toy::bot().get(standin.page_url()).send().await.unwrap().text().await.unwrap();
    let (_, state) = page.split_once("id=\"state\">").unwrap();
    let (state, after) = state.split_once("</script>").unwrap();
    let state: Value = serde_json::from_str(state).unwrap();
    assert_eq!(state["messages"][0]["content"], hostile);
    assert!(!state["members"].as_array().unwrap().is_empty());
    assert!(!after.contains("hacked"), "{after}");
}

#[tokio::test]
async fn another_sites_page_is_told_nothing() {
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    let events = format!("{}events", standin.page_url());
    let own = standin.page_url().trim_end_matches('/').to_owned();
    for (origin, status) in [("https://example.com", 403), ("null", 403), (own.as_str(), 101)] {
        let request = toy::bot().get(&events).headers(
            [
                ("connection", "upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
                ("origin", origin),
            ]
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect(),
        );
        assert_eq!(request.send().await.unwrap().status(), status, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough_to_switch_member_and_approve() {
    let Some(browser) = Browser::launch().await else { return };
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    let app = toy::start(&standin, false).await;
    send(&standin, &rich_card()).await;
    browser.open(&standin.page_url()).await.unwrap();
    browser.wait_for(&format!("document.querySelector('{}')", button("approve")), SOON).await.unwrap();
    browser.eval("document.querySelector('#switcher').focus()").await.unwrap();
    browser.press_key("Enter").await.unwrap();
    browser.wait_for("document.activeElement.closest('#switcher-menu')", SOON).await.unwrap();
    picture(&browser, "switcher").await;
    browser.press_key("ArrowDown").await.unwrap();
    browser.press_key("Enter").await.unwrap();
    browser
        .wait_for(&format!("document.querySelector('#switcher').dataset.memberId === '{VIEWER}'"), SOON)
        .await
        .unwrap();
    for _ in 0..12 {
        if browser.eval("document.activeElement.dataset.customId === 'approve'").await.unwrap() == true {
            break;
        }
        browser.press_key("Tab").await.unwrap();
    }
    picture(&browser, "focus").await;
    browser.press_key("Enter").await.unwrap();
    browser
        .wait_for("document.querySelector('.content').textContent.startsWith('APPROVED by @Analyst')", SOON)
        .await
        .unwrap();
    assert_eq!(app.seen.lock().unwrap().last().unwrap()["member"]["user"]["id"], VIEWER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_shows_that_it_waits() {
    let Some(browser) = Browser::launch().await else { return };
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    toy::start(&standin, false).await;
    let mut slow = card(&[("slow", "Approve", 3), ("off", "Deny", 4)]);
    slow["components"][0]["components"][1]["disabled"] = true.into();
    send(&standin, &slow).await;
    browser.open(&standin.page_url()).await.unwrap();
    browser.wait_for(&format!("document.querySelector('{}')", button("slow")), SOON).await.unwrap();
    assert_eq!(browser.eval("document.querySelector('[data-custom-id=off]').disabled").await.unwrap(), true);
    browser.click(&button("slow")).await.unwrap();
    browser
        .wait_for("document.querySelector('[data-custom-id=slow]').dataset.state === 'loading'", SOON)
        .await
        .unwrap();
    picture(&browser, "loading").await;
    browser.wait_for("document.querySelector('.failed')", SOON).await.unwrap();
    browser.wait_for("document.querySelector('[data-custom-id=slow]').dataset.state === 'idle'", SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_stays_text() {
    let Some(browser) = Browser::launch().await else { return };
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    toy::start(&standin, false).await;
    let hostile = [
        "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>",
        "[press](javascript:window.hacked=1) [data](data:text/html,x) <javascript:alert(1)>",
        "```\n<svg onload=window.hacked=1>\n``` `</code><script>window.hacked=1</script>`",
        "||<iframe srcdoc='<script>parent.hacked=1</script>'></iframe>|| **<b onclick=x>** <t:99999999999999:f> <t:9999999999999:f>",
    ];
    let backticks = "`".repeat(1900);
    let newlines = format!("```{}", "\n".repeat(1000));
    for text in hostile.into_iter().chain([backticks.as_str(), newlines.as_str(), &"*_~|".repeat(450)]) {
        let embed = json!({"title": "t", "description": text, "fields": [{"name": "n", "value": &text[..text.len().min(1000)]}]});
        let (status, answer) = send(&standin, &json!({"content": text, "embeds": [embed]})).await;
        assert_eq!(status, 200, "{answer}");
    }
    browser.open(&standin.page_url()).await.unwrap();
    browser.wait_for("document.querySelectorAll('.message').length === 7", SOON).await.unwrap();
    let found = browser.eval(
        "document.querySelectorAll('.messages script, .messages img, .messages iframe, .messages [onclick]').length",
    );
    assert_eq!(found.await.unwrap(), 0);
    assert_eq!(browser.eval("typeof window.hacked").await.unwrap(), "undefined");
    let links = "[...document.querySelectorAll('.messages a')].every((link) => /^https?:/.test(link.href))";
    assert_eq!(browser.eval(links).await.unwrap(), true);
    assert!(
        browser
            .eval("document.querySelector('.content').textContent")
            .await
            .unwrap()
            .as_str()
            .unwrap()
            .contains("<img src=x")
    );
    assert_eq!(browser.errors(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_fits_a_phone() {
    let Some(browser) = Browser::launch().await else { return };
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    toy::start(&standin, false).await;
    browser.resize(390, 844).await.unwrap();
    browser.open(&standin.page_url()).await.unwrap();
    browser.wait_for("document.querySelector('#app.empty')", SOON).await.unwrap();
    picture(&browser, "phone-empty").await;
    send(&standin, &rich_card()).await;
    browser.wait_for(&format!("document.querySelector('{}')", button("approve")), SOON).await.unwrap();
    picture(&browser, "phone-card").await;
    assert_eq!(browser.eval("document.documentElement.scrollWidth").await.unwrap(), 390);
    browser.click("#drawer").await.unwrap();
    browser.wait_for("document.querySelector('#sidebar').getBoundingClientRect().x === 0", SOON).await.unwrap();
    picture(&browser, "phone-drawer").await;
    browser.press_key("Escape").await.unwrap();
    browser.wait_for("document.querySelector('#sidebar').getBoundingClientRect().right <= 0", SOON).await.unwrap();
    browser.click(&button("deny")).await.unwrap();
    browser.wait_for("document.querySelector('#modal[open]')", SOON).await.unwrap();
    picture(&browser, "phone-modal").await;
    browser.press_key("Escape").await.unwrap();
    browser.wait_for("!document.querySelector('#modal[open]')", SOON).await.unwrap();
    assert_eq!(standin.open_modal(APPROVER), None);
    browser.click(&button("approve")).await.unwrap();
    browser.wait_for("document.querySelector('.content').textContent.startsWith('APPROVED')", SOON).await.unwrap();
    picture(&browser, "phone-decided").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn violations_show_on_the_page() {
    let Some(browser) = Browser::launch().await else { return };
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    browser.open(&standin.page_url()).await.unwrap();
    let (status, _) = send(&standin, &json!({"content": "x", "embed": {}})).await;
    assert_eq!(status, 400);
    standin.fail_next(1, &Fault::ServerError);
    browser.wait_for("document.querySelector('#violations').textContent === '1 violation'", SOON).await.unwrap();
    browser.click("#violations").await.unwrap();
    browser
        .wait_for("document.querySelector('#report[open]').textContent.includes('UNKNOWN_FIELD')", SOON)
        .await
        .unwrap();
    picture(&browser, "violations").await;
}

/// Types a command and opens its options.
async fn begin(browser: &Browser, typed: &str, line: &str) {
    browser.eval("document.activeElement.blur()").await.unwrap();
    browser.click("#composer").await.unwrap();
    browser.type_text(typed).await.unwrap();
    browser.wait_for("!document.querySelector('#picker').hidden", SOON).await.unwrap();
    browser.press_key("Enter").await.unwrap();
    browser
        .wait_for(&format!("document.querySelector('#command-form:not([hidden])')?.dataset.command === {line:?}"), SOON)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_chosen_filled_in_and_sent_with_the_keyboard() {
    let Some(browser) = Browser::launch().await else { return };
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    let app = toy::start(&standin, false).await;
    toy::register(&standin).await;
    browser.open(&standin.page_url()).await.unwrap();
    browser.wait_for("document.querySelector('#composer').placeholder.startsWith('Type /')", SOON).await.unwrap();
    browser.click("#composer").await.unwrap();
    browser.type_text("/").await.unwrap();
    browser.wait_for("document.querySelectorAll('#picker [role=option]').length === 4", SOON).await.unwrap();
    picture(&browser, "picker").await;
    browser.press_key("ArrowDown").await.unwrap();
    browser
        .wait_for("document.querySelector('[aria-selected=true]').dataset.command === '/vyrox setup'", SOON)
        .await
        .unwrap();
    browser.press_key("Enter").await.unwrap();
    browser.wait_for("document.activeElement.dataset.option === 'source'", SOON).await.unwrap();
    picture(&browser, "options").await;
    // A required option that is missing is said, and has the focus.
    browser.eval("document.querySelector('#command-send').focus()").await.unwrap();
    browser.press_key("Enter").await.unwrap();
    browser
        .wait_for("document.querySelector('#command-error').textContent === 'Source is required'", SOON)
        .await
        .unwrap();
    picture(&browser, "option-missing").await;
    browser.eval("document.querySelector('[data-option=source]').focus()").await.unwrap();
    browser.press_key("ArrowDown").await.unwrap();
    browser.wait_for("document.querySelector('[data-option=source]').value === 'crowdstrike'", SOON).await.unwrap();
    browser.press_key("Tab").await.unwrap();
    browser.type_text("x-key").await.unwrap();
    browser.press_key("Enter").await.unwrap();
    browser.wait_for("document.querySelector('.used')?.textContent === '/vyrox setup'", SOON).await.unwrap();
    browser.wait_for("document.activeElement.id === 'composer'", SOON).await.unwrap();
    picture(&browser, "answered").await;
    let sent = app.seen.lock().unwrap().last().unwrap()["data"]["options"][0]["options"].clone();
    assert_eq!(
        sent,
        json!([{"name": "source", "type": 3, "value": "crowdstrike"}, {"name": "header", "type": 3, "value": "x-key"}])
    );
    begin(&browser, "/stats", "/vyrox stats").await;
    browser.press_key("Escape").await.unwrap();
    browser.wait_for("document.querySelector('#command-form').hidden", SOON).await.unwrap();
    assert_eq!(browser.errors(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_fit_a_phone() {
    let Some(browser) = Browser::launch().await else { return };
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    toy::start(&standin, false).await;
    toy::register(&standin).await;
    send(&standin, &rich_card()).await;
    browser.resize(390, 844).await.unwrap();
    browser.open(&standin.page_url()).await.unwrap();
    browser.wait_for("document.querySelector('#composer').placeholder.startsWith('Type /')", SOON).await.unwrap();
    browser.click("#composer").await.unwrap();
    browser.type_text("/").await.unwrap();
    browser.wait_for("document.querySelectorAll('#picker [role=option]').length === 4", SOON).await.unwrap();
    picture(&browser, "phone-picker").await;
    browser.click("[data-command=\"/vyrox role add\"]").await.unwrap();
    browser.wait_for("document.activeElement.dataset.option === 'role'", SOON).await.unwrap();
    picture(&browser, "phone-options").await;
    assert_eq!(browser.eval("document.documentElement.scrollWidth").await.unwrap(), 390);
    browser.click("#command-cancel").await.unwrap();
    browser.wait_for("!document.querySelector('#composer').hidden", SOON).await.unwrap();
}
