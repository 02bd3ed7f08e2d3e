//! A disk that is full, and then has room again: a small tmpfs of its own, so it needs the right to mount one.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]
#![allow(clippy::print_stdout, reason = "a test that is skipped must say so")]

mod support;

use serde_json::json;
use std::path::Path;
use std::process::Command;
use support::edr::{Edr, Mood};
use support::{Harness, entries, eventually, live};
use vyrox_audit::{Entry, Phase};
use vyrox_edge_proxy::EnrolError;

/// A mounted tmpfs of one MiB.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(path: &'a Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(path).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(path)),
            other => {
                println!("SKIPPED: the test of a full disk cannot mount a tmpfs here: {other:?}");
                None
            }
        }
    }

    /// Leaves no room at all.
    fn fill(&self) {
        let filler = std::fs::File::create(self.0.join("filler")).unwrap();
        let chunk = [b'x'; 4096];
        while std::io::Write::write(&mut &filler, &chunk).is_ok_and(|written| written > 0) {}
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[tokio::test]
async fn enrolment_on_a_full_disk_leaves_nothing_that_stands_in_the_way_of_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(dir.path()) else { return };
    // Nobody listens there: what is tried first is the key.
    let enrol = async || vyrox_edge_proxy::enrol("http://127.0.0.1:9", "token", dir.path(), 0).await.unwrap_err();
    disk.fill();
    assert!(matches!(enrol().await, EnrolError::File { doing: "write", .. }));
    disk.free();
    assert!(matches!(enrol().await, EnrolError::Relay(_)), "the key is made anew");
    drop(disk);
}

#[tokio::test]
async fn a_full_disk_refuses_everything_and_recovers_by_itself_when_there_is_room_again() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(dir.path()) else { return };
    let edr = Edr::start(Mood::Fine).await;
    let mut config = live(dir.path(), &edr.url);
    (config.policy.max_isolations_per_hour, config.policy.max_isolations_per_day) = (10_000, 10_000);
    let proxy = Harness::start(config.clone()).await;
    proxy.ready().await;
    let ask = async |id: &str| proxy.execute(|action| action["request_id"] = json!(id)).await;
    let ready = async || proxy.http.get(format!("{}/ready", proxy.url)).send().await.unwrap().status().as_u16();
    assert_eq!(ask("before").await.0, 200);
    for round in 0..3 {
        edr.with(|falcon| falcon.status = "normal".into());
        let changes = edr.changes();
        disk.fill();
        // The room that is left in the newest page is used up, then nothing is recorded and so nothing done.
        let mut refused = 0;
        for number in 0..40 {
            match ask(&format!("full-{round}-{number}")).await.0 {
                500 => refused += 1,
                200 => assert_eq!(refused, 0, "refused, and then not"),
                other => panic!("{other}"),
            }
        }
        assert!(refused > 20, "{refused}");
        assert_eq!(ready().await, 503);
        assert!(edr.changes() <= changes + 1, "nothing was done that could not be recorded");
        disk.free();
        edr.with(|falcon| falcon.status = "normal".into());
        let (status, body) = ask(&format!("after-{round}")).await;
        assert_eq!((status, &body["status"]), (200, &json!("executed")), "without a restart");
        assert_eq!(ready().await, 200);
        let (status, _) = ask(&format!("full-{round}-39")).await;
        assert_eq!(status, 200, "what was refused can be asked for again");
    }
    // And without anybody asking for anything. Nothing is at work here, whose outcome would be written again and again until
    // there is room: what the full disk refuses is an event of the proxy's own, which nobody repeats.
    let is_idle = |entries: &[Entry]| {
        let of = |phase| entries.iter().filter(|entry| entry.phase() == phase).count();
        of(Phase::Intent) == of(Phase::Outcome)
    };
    eventually("all that was begun has ended", || is_idle(&entries(dir.path()))).await;
    disk.fill();
    while proxy.running.is_ready() {
        proxy.running.reload(Ok(config.clone())).await;
    }
    assert_eq!(ready().await, 503);
    let before = entries(dir.path());
    assert!(is_idle(&before), "and nothing has been begun since");
    disk.free();
    let began = std::time::Instant::now();
    while ready().await != 200 {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "it is ready again by itself");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let since = entries(dir.path()).split_off(before.len());
    assert_eq!(since.iter().map(Entry::action_type).collect::<Vec<_>>(), ["AUDIT_RESUMED"], "that alone was written");
    edr.with(|falcon| falcon.status = "normal".into());
    let (status, body) = ask("after-all").await;
    assert_eq!((status, &body["status"]), (200, &json!("executed")));
    proxy.running.shutdown().await;
    assert!(is_idle(&entries(dir.path())));
    drop(disk);
}
