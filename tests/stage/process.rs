//! What the kernel knows of a function's process: how long it ran, and what of it is resident.

use std::ops::AddAssign;
use std::path::PathBuf;
use tokio::process::Child;

/// What a process has taken so far, as the kernel counts it.
#[derive(Debug, Clone)]
pub struct Process(PathBuf);

/// What is resident of a process, in KiB, by what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Resident {
    /// The program's and its libraries' files as they lie on the disk, which the system can drop and read again.
    pub files: f64,
    /// Pages of those files that the process has changed: relocations, variables.
    pub changed: f64,
    /// What was allocated.
    pub heap: f64,
    /// Stacks and the kernel's own pages.
    pub other: f64,
}

impl AddAssign for Resident {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.changed += other.changed;
        self.heap += other.heap;
        self.other += other.other;
    }
}

impl Process {
    /// A process that runs.
    ///
    /// # Panics
    /// It has been waited for.
    #[must_use]
    pub fn of(child: &Child) -> Self {
        Self(PathBuf::from(format!("/proc/{}", child.id().expect("nobody has waited for it"))))
    }

    /// The time that all its threads have run so far, in ms. What has ended is not in it.
    ///
    /// # Panics
    /// It does not run any more.
    #[must_use]
    pub fn processor(&self) -> f64 {
        let tasks = std::fs::read_dir(self.0.join("task")).expect("the process runs");
        let ran = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok());
        ran.filter_map(|text| text.split_whitespace().next()?.parse::<f64>().ok()).sum::<f64>() / 1_000_000.0
    }

    /// How often it touched a page that was not mapped yet, so far.
    ///
    /// # Panics
    /// It does not run any more.
    #[must_use]
    pub fn faults(&self) -> f64 {
        let stat = self.read("stat");
        // The program's name, in brackets, may hold anything.
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields.split_whitespace());
        fields.and_then(|mut fields| fields.nth(7)?.parse().ok()).expect("the tenth field counts minor faults")
    }

    /// The most that was resident, in KiB.
    ///
    /// # Panics
    /// It does not run any more.
    #[must_use]
    pub fn most_resident(&self) -> f64 {
        let status = self.read("status");
        status.lines().find_map(|line| kib(line, "VmHWM:")).expect("the kernel says so")
    }

    /// What is resident now.
    ///
    /// # Panics
    /// It does not run any more.
    #[must_use]
    pub fn resident(&self) -> Resident {
        resident(&self.read("smaps"))
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).expect("the process runs")
    }
}

/// Adds `/proc/PID/smaps` up: a line for each mapping, and under it a line for each number.
fn resident(smaps: &str) -> Resident {
    let (mut sum, mut name, mut rss) = (Resident::default(), "", 0.0);
    for line in smaps.lines() {
        if !line.split(' ').next().is_some_and(|word| word.ends_with(':')) {
            name = line.split_whitespace().nth(5).unwrap_or("");
        } else if let Some(size) = kib(line, "Rss:") {
            rss = size;
        } else if let Some(changed) = kib(line, "Anonymous:") {
            sum += match name {
                "" | "[heap]" => Resident { heap: rss, ..Resident::default() },
                file if file.starts_with('/') => Resident { files: rss - changed, changed, ..Resident::default() },
                _ => Resident { other: rss, ..Resident::default() },
            };
        }
    }
    sum
}

fn kib(line: &str, name: &str) -> Option<f64> {
    line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mapping_is_counted_once_and_for_what_it_holds() {
        let smaps = "\
55d0c8a00000-55d0c8b00000 r-xp 00000000 fe:00 42                         /opt/bootstrap
Size:               1024 kB
Rss:                 512 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
55d0c8b00000-55d0c8c00000 rw-p 00100000 fe:00 42                         /opt/bootstrap
Rss:                 300 kB
Anonymous:           200 kB
55d0c8c00000-55d0c8d00000 rw-p 00000000 00:00 0                          [heap]
Rss:                 100 kB
Anonymous:           100 kB
7f0000000000-7f0000100000 rw-p 00000000 00:00 0 
Rss:                  40 kB
Anonymous:            40 kB
7ffd00000000-7ffd00100000 rw-p 00000000 00:00 0                          [stack]
Rss:                  16 kB
Anonymous:            16 kB
";
        assert_eq!(resident(smaps), Resident { files: 612.0, changed: 200.0, heap: 140.0, other: 16.0 });
    }
}
