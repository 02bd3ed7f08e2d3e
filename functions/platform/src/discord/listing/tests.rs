use super::*;
use serde_json::json;
use std::cell::{Cell, RefCell};

const NOW: i64 = 1_700_000_000;

/// A channel whose messages were made at times (unix seconds), each about the alert of that time, and a count of its pages.
#[derive(Default)]
struct Channel {
    messages: RefCell<Vec<(i64, u64)>>,
    pages: Cell<usize>,
    now: Cell<i64>,
    fails: RefCell<Option<fn() -> DiscordError>>,
    list: ChannelList,
}

/// The alert of this number.
fn alert(number: u64) -> AlertId {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    AlertId::from_bytes(bytes)
}

/// The id of a message made at a time.
fn id(at: i64, number: u64) -> Snowflake {
    let millis = u64::try_from(at * 1_000 - 1_420_070_400_000).unwrap();
    (millis << 22 | number & 0x3f_ffff).to_string().parse().unwrap()
}

impl Channel {
    /// With a message about each of so many alerts, one a second, the last one now.
    fn with(count: u64) -> Self {
        let channel = Self { now: Cell::new(NOW), ..Self::default() };
        for number in 0..count {
            channel.post(NOW - i64::try_from(count - 1 - number).unwrap(), number);
        }
        channel
    }

    fn post(&self, at: i64, number: u64) {
        self.messages.borrow_mut().push((at, number));
    }

    fn page(&self, before: Option<Snowflake>) -> Result<Vec<Listed>, DiscordError> {
        self.pages.set(self.pages.get() + 1);
        if let Some(error) = &*self.fails.borrow() {
            return Err(error());
        }
        let messages = self.messages.borrow();
        let earlier =
            messages.iter().rev().filter(|(at, number)| before.is_none_or(|before| id(*at, *number) < before));
        let listed = earlier.take(PAGE).map(|(at, number)| {
            let text = format!("alert {} · revision 1", alert(*number));
            let message =
                json!({"id": id(*at, *number), "author": {"bot": true}, "embeds": [{"footer": {"text": text}}]});
            serde_json::from_value(message).unwrap()
        });
        Ok(listed.collect())
    }

    async fn try_find(&self, number: u64, since: i64) -> Result<Option<Snowflake>, DiscordError> {
        self.list.find(alert(number), since, || self.now.get() * 1_000, |before| async move { self.page(before) }).await
    }

    /// What is found, and how many pages were read for it.
    async fn find(&self, number: u64, since: i64) -> (Option<Snowflake>, usize) {
        self.pages.set(0);
        (self.try_find(number, since).await.unwrap(), self.pages.get())
    }
}

#[tokio::test]
async fn one_look_serves_all_who_ask_within_half_a_minute() {
    let channel = Channel::with(240);
    assert_eq!(channel.find(0, NOW - 239).await, (Some(id(NOW - 239, 0)), 3), "it is on the third page");
    for number in 1..240 {
        assert_eq!(channel.find(number, NOW - 239).await.1, 0, "{number}");
        assert_eq!(channel.find(1_000 + number, NOW - 239).await, (None, 0), "what is not there is known not to be");
    }
    channel.now.set(NOW + 30);
    assert_eq!(channel.find(1_000, NOW).await, (None, 0));
    channel.now.set(NOW + 31);
    assert_eq!(channel.find(1_000, NOW).await, (None, 1), "an older look is none, and a new one reads what is new");
}

#[tokio::test]
async fn nothing_is_read_that_is_older_than_what_is_asked_for() {
    let channel = Channel::with(950);
    assert_eq!(channel.find(5_000, NOW - 10).await, (None, 1));
    assert_eq!(channel.find(5_000, NOW - 60).await, (None, 0));
    assert_eq!(channel.find(5_000, NOW - 150).await, (None, 1), "one page further back");
    assert_eq!(channel.find(5_000, NOW - 80).await, (None, 0));
    assert_eq!(channel.find(5_000, 0).await, (None, 8), "to the channel's first message");
    assert_eq!(channel.find(3, 0).await, (Some(id(NOW - 946, 3)), 0));
}

/// A card that another environment posted after the look began is covered by its nonce for half a minute, and has to be found
/// by then.
#[tokio::test]
async fn what_comes_between_two_looks_is_found_by_the_second_however_much_it_is() {
    let channel = Channel::with(1);
    assert_eq!(channel.find(9_000, NOW - 500).await, (None, 1));
    for number in 1..=350 {
        channel.post(NOW + 10, number);
    }
    channel.now.set(NOW + 31);
    assert_eq!(channel.find(9_000, NOW - 500).await, (None, 4), "back to what the first one has seen");
    for number in [0, 1, 175, 350] {
        assert!(channel.find(number, NOW - 500).await.0.is_some(), "{number}");
    }
}

/// Discord numbers a message when it takes it, and lists it a little later.
#[tokio::test]
async fn a_message_that_was_listed_late_is_found_by_the_next_look() {
    let channel = Channel::with(150);
    assert_eq!(channel.find(700, NOW - 500).await, (None, 2));
    channel.messages.borrow_mut().insert(140, (NOW - 10, 700));
    channel.now.set(NOW + 31);
    assert_eq!(channel.find(700, NOW - 500).await, (Some(id(NOW - 10, 700)), 1));
}

#[tokio::test]
async fn the_newest_message_about_an_alert_is_the_one() {
    let channel = Channel::with(3);
    channel.post(NOW + 1, 1);
    assert_eq!(channel.find(1, NOW - 100).await.0, Some(id(NOW + 1, 1)));
}

#[tokio::test]
async fn a_look_whose_limit_is_used_up_is_gone_on_with_and_nobody_else_asks_meanwhile() {
    let channel = Channel::with(950);
    let left = Cell::new(4);
    let limited = |before| {
        let has_room = left.get() > 0;
        left.set(left.get().max(1) - 1);
        let page = if has_room { channel.page(before) } else { Err(DiscordError::RateLimited(5_000)) };
        std::future::ready(page)
    };
    let find = async |number| channel.list.find(alert(number), NOW - 949, || channel.now.get() * 1_000, &limited).await;
    assert!(matches!(find(0).await, Err(DiscordError::RateLimited(5_000))));
    left.set(4);
    channel.now.set(NOW + 3);
    assert!(matches!(find(1).await, Err(DiscordError::RateLimited(2_000))), "the others wait for the same");
    assert_eq!(channel.pages.get(), 4);
    channel.now.set(NOW + 5);
    assert!(find(0).await.is_err());
    left.set(4);
    channel.now.set(NOW + 10);
    assert_eq!(find(0).await.unwrap(), Some(id(NOW - 949, 0)));
    assert_eq!(channel.pages.get(), 10, "no page was read twice");
}

#[tokio::test]
async fn a_look_that_took_too_long_is_finished_and_followed_by_a_short_one() {
    let channel = Channel::with(450);
    assert_eq!(channel.find(9_000, NOW - 449).await, (None, 5));
    for number in 450..750 {
        channel.post(NOW - 449 + i64::try_from(number).unwrap(), number);
    }
    channel.now.set(NOW + 300);
    let ask = |before| {
        channel.now.set(channel.now.get() + 12);
        std::future::ready(channel.page(before))
    };
    channel.pages.set(0);
    let found = channel.list.find(alert(9_000), NOW - 449, || channel.now.get() * 1_000, ask).await;
    assert_eq!(
        (found.unwrap(), channel.pages.get()),
        (None, 5),
        "four pages in 48 s, and one more as the first is too old"
    );
}

#[tokio::test]
async fn a_channel_that_is_read_more_slowly_than_it_fills_is_put_off() {
    let channel = Channel::with(500);
    let ask = |before| {
        channel.now.set(channel.now.get() + 31);
        std::future::ready(channel.page(before))
    };
    let found = channel.list.find(alert(9_000), NOW - 499, || channel.now.get() * 1_000, ask).await;
    assert!(matches!(found, Err(DiscordError::Unavailable(_))), "{found:?}");
}

#[tokio::test]
async fn those_who_waited_for_a_look_that_failed_fail_with_it() {
    let channel = Channel::with(1);
    *channel.fails.borrow_mut() = Some(|| DiscordError::Unavailable("status 500".into()));
    let read = &channel;
    let ask = |before| async move {
        tokio::task::yield_now().await;
        read.page(before)
    };
    let find = |number| channel.list.find(alert(number), NOW - 100, || NOW * 1_000, ask);
    let (one, two, three) = tokio::join!(find(7), find(8), find(9));
    for outcome in [one, two, three] {
        assert!(matches!(outcome, Err(DiscordError::Unavailable(_))));
    }
    assert_eq!(channel.pages.get(), 1);
    *channel.fails.borrow_mut() = None;
    assert_eq!(channel.find(0, NOW - 100).await.0, Some(id(NOW, 0)), "the next one tries again");
}

#[tokio::test]
async fn what_people_write_is_about_nothing() {
    let channel = ChannelList::default();
    let page = |_before: Option<Snowflake>| {
        let text = format!("alert {}", alert(1));
        let by = |bot: bool| json!({"id": "9", "author": {"bot": bot}, "embeds": [{"footer": {"text": text}}]});
        let other = json!({"id": "8", "author": {"bot": true}, "embeds": [{"title": text}]});
        let listed: Vec<Listed> = serde_json::from_value(json!([by(false), other])).unwrap();
        std::future::ready(Ok(listed))
    };
    assert_eq!(channel.find(alert(1), 0, || NOW * 1_000, page).await.unwrap(), None);
}
