//! What an approver sees and presses, in a real browser. Skipped, with a printed line, where there is no Chromium. With
//! `VYROX_SCREENSHOTS` naming a directory, pictures are left there. A new test goes here if it is about the page with
//! the whole system behind it; the page alone is tested with the stand-ins.
#![allow(clippy::unwrap_used)]

use std::time::Duration;
use vyrox_domain::action::ActionState;
use vyrox_edr_standin::HostStatus;
use vyrox_standins::browser::Browser;
use vyrox_standins::config::screenshot_directory;
use vyrox_tests::Stage;

const SOON: Duration = Duration::from_secs(20);

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
    let page = format!("{}?as={}", stage.system.endpoints.discord_page_url, vyrox_tests::ONLOOKER);
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
