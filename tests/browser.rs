//! What an approver sees and presses, in a real browser. Skipped, with a printed line, where there is no Chromium. With
//! `VYROX_SCREENSHOTS` naming a directory, pictures are left there. A new test goes here if it is about the page with
//! the whole system behind it; the page alone is tested with the stand-ins.
#![allow(clippy::unwrap_used)]

use std::time::Duration;
use vyrox_contract::AlertId;
use vyrox_domain::action::ActionState;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::tenant::ReasonRule;
use vyrox_edr_standin::HostStatus;
use vyrox_platform::table::Prefix;
use vyrox_standins::browser::Browser;
use vyrox_standins::config::screenshot_directory;
use vyrox_tests::{ADMINISTRATOR, APPROVER, ONLOOKER, Options, SECOND_APPROVER, Stage};

const SOON: Duration = Duration::from_secs(60);

async fn picture(browser: &Browser, name: &str) {
    if let Some(directory) = screenshot_directory() {
        std::fs::create_dir_all(&directory).unwrap();
        browser.screenshot(&directory.join(format!("{name}.png"))).await.unwrap();
    }
}

/// Whether the message says this in its first line.
fn says(message: &str, text: &str) -> String {
    format!("document.querySelector('[data-message-id=\"{message}\"] .content')?.textContent.includes({text:?})")
}

fn button(message: &str, custom_id: &str) -> String {
    format!("[data-message-id=\"{message}\"] [data-custom-id=\"{custom_id}\"]:not([disabled])")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_contains_and_releases_a_host_in_the_browser() {
    let Some(browser) = Browser::launch().await else { return };
    let stage = Stage::live().await;
    // Tall enough for a whole card.
    browser.resize(1280, 1150).await.unwrap();
    browser.open(&stage.system.endpoints.discord_page_url).await.unwrap();
    browser.wait_for("document.querySelector('#app[data-state=live]')", SOON).await.unwrap();

    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    let message = card.id();
    browser.wait_for(&format!("document.querySelector('[data-message-id=\"{message}\"]')"), SOON).await.unwrap();
    picture(&browser, "vyrox-1-asked").await;

    browser.click(&button(message, &card.custom_id("Investigate"))).await.unwrap();
    browser.wait_for("document.querySelector('[data-state=ephemeral]')", SOON).await.unwrap();
    picture(&browser, "vyrox-2-investigated").await;
    browser.click("[data-dismiss]").await.unwrap();
    browser.wait_for("!document.querySelector('[data-state=ephemeral]')", SOON).await.unwrap();

    browser.click(&button(message, &card.custom_id("Approve"))).await.unwrap();
    browser.wait_for(&says(message, "APPROVED"), SOON).await.ok();
    picture(&browser, "vyrox-3-approved").await;
    browser.wait_for(&says(message, "CONTAINED"), SOON).await.unwrap();
    picture(&browser, "vyrox-4-contained").await;
    assert_eq!(stage.contained(alert).await.containment.unwrap().state, ActionState::Executed);
    assert_eq!(stage.host("WS-042"), HostStatus::Contained);
    let approve = button(message, &card.custom_id("Approve"));
    assert_eq!(browser.eval(&format!("document.querySelectorAll('{approve}').length")).await.unwrap(), 0);

    let contained = stage.card_saying(alert, "CONTAINED").await;
    browser.click(&button(message, &contained.custom_id("Release"))).await.unwrap();
    browser.wait_for(&says(message, "RELEASED"), SOON).await.unwrap();
    picture(&browser, "vyrox-5-released").await;
    assert_eq!(stage.host("WS-042"), HostStatus::Normal);
    assert_eq!(
        browser.eval("document.querySelectorAll('.message').length").await.unwrap(),
        1,
        "one alert, one message"
    );
    assert_eq!(browser.errors(), Vec::<String>::new());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_without_the_role_is_told_so_in_the_browser() {
    let Some(browser) = Browser::launch().await else { return };
    let stage = Stage::dry_run().await;
    let alert = stage.fire("ransomware").await;
    let card = stage.card(alert).await;
    let page = format!("{}?as={}", stage.system.endpoints.discord_page_url, ONLOOKER);
    browser.resize(1280, 1150).await.unwrap();
    browser.open(&page).await.unwrap();
    let approve = button(card.id(), &card.custom_id("Approve"));
    browser.wait_for(&format!("document.querySelector('{approve}')"), SOON).await.unwrap();
    browser.click(&approve).await.unwrap();
    browser
        .wait_for("document.querySelector('[data-state=ephemeral]')?.textContent.includes('approver role')", SOON)
        .await
        .unwrap();
    picture(&browser, "vyrox-6-not-an-approver").await;
    assert_eq!(stage.record(alert).await.decision, None);
    assert_eq!(browser.errors(), Vec::<String>::new());
    stage.end().await;
}

/// Acts as another member, chosen in the corner as a person would.
async fn act_as(browser: &Browser, member: &str) {
    browser.click("#switcher").await.unwrap();
    browser.click(&format!("#switcher-menu [data-member-id=\"{member}\"]")).await.unwrap();
    browser
        .wait_for(&format!("document.querySelector('#switcher').dataset.memberId === '{member}'"), SOON)
        .await
        .unwrap();
}

/// Enters a command with the keyboard alone: a slash, some of its words, Enter, a value in each field that is named, Enter.
/// A select's value is the text of the entry that is chosen.
async fn enter(browser: &Browser, words: &str, options: &[(&str, &str)]) {
    browser.eval("document.activeElement.blur()").await.unwrap();
    browser.click("#composer").await.unwrap();
    browser.type_text(&format!("/{words}")).await.unwrap();
    browser.wait_for("!document.querySelector('#picker').hidden", SOON).await.unwrap();
    browser.press_key("Enter").await.unwrap();
    let line = format!("/vyrox {words}");
    browser
        .wait_for(&format!("document.querySelector('#command-form:not([hidden])')?.dataset.command === {line:?}"), SOON)
        .await
        .unwrap();
    for (name, value) in options {
        let field = format!("document.querySelector('[data-option=\"{name}\"]')");
        browser.eval(&format!("{field}.focus()")).await.unwrap();
        let chosen = browser
            .eval(&format!(
                "(() => {{ const field = {field}; if (field.tagName !== 'SELECT') return false;
                    const entry = [...field.options].find((entry) => entry.text === {value:?});
                    field.value = entry.value; return true; }})()"
            ))
            .await
            .unwrap();
        if chosen == false {
            browser.type_text(value).await.unwrap();
        }
    }
}

/// Sends the command that was entered, and waits for its answer to say something.
async fn send(browser: &Browser, expected: &str) {
    browser.click("#command-send").await.unwrap();
    let answered =
        format!("[...document.querySelectorAll('.message.ephemeral')].at(-1)?.textContent.includes({expected:?})");
    browser.wait_for(&answered, 3 * SOON).await.unwrap();
    browser.eval("document.querySelector('#scroll').scrollTop = 1e9").await.unwrap();
}

/// The alert about this host, once there is one: setting up has sent another.
async fn alert_on(stage: &Stage, host: &str) -> AlertId {
    let found = async || {
        let alerts = stage.system.table.list::<AlertRecord>(&stage.tenant(), &Prefix::alerts(), stage.now()).await;
        let mut alerts = alerts.unwrap().into_iter().map(|found| found.value.alert);
        alerts.find(|alert| alert.hostname.as_deref() == Some(host)).map(|alert| alert.id)
    };
    stage.wait("an alert about the host", async || found().await.is_some()).await;
    found().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_set_up_and_its_first_alert_decided_by_two_people_in_the_browser() {
    let Some(browser) = Browser::launch().await else { return };
    let stage = Stage::start(Options { live: true, fresh: true, quorum: 2, ..Options::default() }).await;
    browser.resize(1280, 1150).await.unwrap();
    browser.open(&format!("{}?as={ADMINISTRATOR}", stage.system.endpoints.discord_page_url)).await.unwrap();
    browser.wait_for("document.querySelector('#app[data-state=live]')", SOON).await.unwrap();
    browser.click("#composer").await.unwrap();
    browser.type_text("/").await.unwrap();
    browser.wait_for("document.querySelectorAll('#picker .command').length > 10", SOON).await.unwrap();
    picture(&browser, "setup-1-picker").await;
    browser.press_key("Escape").await.unwrap();

    let code = stage.system.link_code.clone().unwrap();
    enter(&browser, "register", &[("code", &code), ("admin_role", "@vyrox-admin")]).await;
    picture(&browser, "setup-2-register").await;
    send(&browser, "is linked to").await;
    enter(&browser, "approvers add", &[("role", "@approver")]).await;
    send(&browser, "may decide").await;
    enter(&browser, "setup", &[("source", "CrowdStrike Falcon")]).await;
    send(&browser, "shown this once").await;
    picture(&browser, "setup-3-secret").await;
    enter(&browser, "onboard", &[]).await;
    send(&browser, "This tenant is in use").await;
    picture(&browser, "setup-4-onboarded").await;
    let mut profile = stage.profile().await;
    profile.policy.reason = ReasonRule::Always;
    stage.write_profile(&profile).await;

    let device = vyrox_local::scenario::HOSTS[0];
    enter(&browser, "test-alert", &[("host", device.0), ("device", device.1)]).await;
    send(&browser, "came back").await;
    let alert = alert_on(&stage, device.0).await;
    let card = stage.card(alert).await;
    let message = card.id();
    assert!(card.text().contains("TEST"));

    for (number, member) in [APPROVER, SECOND_APPROVER].into_iter().enumerate() {
        act_as(&browser, member).await;
        let approve = button(message, &stage.card(alert).await.custom_id("Approve"));
        browser.wait_for(&format!("document.querySelector('{approve}')"), SOON).await.unwrap();
        browser.click(&approve).await.unwrap();
        browser.wait_for("document.querySelector('#modal[open]')", SOON).await.unwrap();
        browser.type_text("The dump was seen on the host, the user confirms").await.unwrap();
        picture(&browser, &format!("setup-{}-reason", 5 + number)).await;
        browser.click("#modal-submit").await.unwrap();
        browser.wait_for("!document.querySelector('#modal[open]')", SOON).await.unwrap();
    }
    browser.wait_for(&says(message, "CONTAINED"), SOON).await.unwrap();
    assert_eq!(stage.host(device.0), HostStatus::Contained);
    let contained = stage.card_saying(alert, "CONTAINED").await;
    browser.eval(&format!("document.querySelector('[data-message-id=\"{message}\"]').scrollIntoView()")).await.unwrap();
    picture(&browser, "setup-7-contained").await;

    browser.click(&button(message, &contained.custom_id("Release"))).await.unwrap();
    browser.wait_for("document.querySelector('#modal[open]')", SOON).await.unwrap();
    browser.type_text("It was a test").await.unwrap();
    browser.click("#modal-submit").await.unwrap();
    browser.wait_for(&says(message, "RELEASED"), SOON).await.unwrap();
    picture(&browser, "setup-8-released").await;
    assert_eq!(stage.host(device.0), HostStatus::Normal);

    enter(&browser, "stats", &[]).await;
    send(&browser, "alerts in 14 days").await;
    browser.wait_for("document.querySelector('.picture img')?.complete", SOON).await.unwrap();
    picture(&browser, "setup-9-stats").await;
    assert_eq!(browser.errors(), Vec::<String>::new());
    stage.end().await;
}
