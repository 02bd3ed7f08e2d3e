//! The way of the process's own log to standard error. A thread writes, as many lines at once as have come: whoever reads them,
//! or does not, holds up no action. What does not fit is lost and counted; the audit log never takes this way.

use std::io::{self, Write};
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Lines that wait at most.
const MOST: usize = 4096;
/// Lines that come so soon after others are written with the next.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the end of the process waits for whoever reads.
const LAST: Duration = Duration::from_secs(1);

/// Takes a whole line with each write.
#[derive(Debug)]
pub struct Lines {
    waiting: SyncSender<Line>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Line {
    Text(Vec<u8>),
    /// Dropped once all before it is written.
    End(SyncSender<()>),
}

impl Lines {
    /// Lines that go to `target`.
    ///
    /// # Errors
    /// If the operating system has no thread left.
    pub fn to(target: impl Write + Send + 'static) -> io::Result<Arc<Self>> {
        let (waiting, lines) = sync_channel(MOST);
        let lost = Arc::default();
        let shared = Arc::clone(&lost);
        std::thread::Builder::new().name("log".into()).spawn(move || write(&lines, &shared, target))?;
        Ok(Arc::new(Self { waiting, lost }))
    }

    /// Returns when all lines are written, or nobody reads them.
    pub fn end(&self) {
        let (end, ended) = sync_channel(1);
        if self.waiting.try_send(Line::End(end)).is_ok() {
            let _ = ended.recv_timeout(LAST);
        }
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.waiting.try_send(Line::Text(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(lines: &Receiver<Line>, lost: &AtomicU64, mut target: impl Write) {
    while let Ok(first) = lines.recv() {
        let (mut texts, mut ends) = (Vec::new(), Vec::new());
        for line in iter::once(first).chain(lines.try_iter().take(MOST)) {
            match line {
                Line::Text(text) => texts.extend(text),
                Line::End(end) => ends.push(end),
            }
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let line =
                serde_json::json!({"level": "WARN", "fields": {"message": "log lines were lost", "lines": lost}});
            texts.extend(format!("{line}\n").bytes());
        }
        // Nothing can be done if standard error is closed.
        let _ = target.write_all(&texts);
        drop(ends);
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    /// Hands on what is written; each write waits until it is taken.
    struct Reader(SyncSender<Vec<u8>>, Sender<()>);

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.1.send(());
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_the_reader_lines_go_together_and_what_is_lost_is_counted() {
        let ((taken, writes), (begun, beginnings)) = (sync_channel(0), channel());
        let lines = Lines::to(Reader(taken, begun)).unwrap();
        (&*lines).write_all(b"first\n").unwrap();
        beginnings.recv().unwrap();
        for number in 0..MOST + 3 {
            (&*lines).write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        assert_eq!(writes.recv().unwrap(), b"first\n");
        let rest = String::from_utf8(writes.recv().unwrap()).unwrap();
        let rest: Vec<&str> = rest.lines().collect();
        assert_eq!((rest.len(), rest[MOST - 1]), (MOST + 1, "4095"), "in one write, in order");
        let last: serde_json::Value = serde_json::from_str(rest[MOST]).unwrap();
        assert_eq!(last["fields"]["lines"], 3);
    }

    #[test]
    fn the_end_waits_for_what_was_said() {
        let (taken, writes) = sync_channel(1000);
        let lines = Lines::to(Reader(taken, channel().0)).unwrap();
        for _ in 0..100 {
            (&*lines).write_all(b"line\n").unwrap();
        }
        lines.end();
        assert_eq!(writes.try_iter().map(|text| text.len()).sum::<usize>(), 500);
    }
}
