//! Which operating systems' rules apply.

use super::Observation;
use crate::alert::Platform;

/// A set of operating systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlatformSet(u8);

impl PlatformSet {
    /// Every operating system: what applies when nothing tells them apart.
    pub const ALL: Self = Self(0b111);
    /// Linux and macOS, which share most of their commands.
    pub(super) const UNIX: Self = Self(0b110);
    /// Windows alone.
    pub(super) const WINDOWS: Self = Self(0b001);

    /// The set of `platforms`.
    pub fn of<'a>(platforms: impl IntoIterator<Item = &'a Platform>) -> Self {
        Self(platforms.into_iter().fold(0, |set, platform| set | Self::bit(*platform)))
    }

    /// The set with these bits, as compiled rules have them.
    pub(super) const fn of_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The bits of the set, as compiled rules have them.
    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    /// Their names.
    pub(super) fn names(self) -> Vec<&'static str> {
        let all = [Platform::Windows, Platform::Linux, Platform::Macos];
        all.into_iter().filter(|platform| self.0 & Self::bit(*platform) != 0).map(Platform::as_str).collect()
    }

    /// Whether the two have an operating system in common.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The platform that the observation names, or else what its paths leave no doubt about, or else all.
    ///
    /// The executable's own path is asked first and the command line only if it starts with a path, because a path in the
    /// middle of a command line may belong to another machine.
    #[must_use]
    pub fn infer(observation: &Observation<'_>) -> Self {
        if let Some(platform) = observation.platform {
            return Self(Self::bit(platform));
        }
        [
            observation.process_path,
            observation.process_name,
            observation.process_cmdline,
            observation.parent_process,
            observation.parent_cmdline,
        ]
        .into_iter()
        .flatten()
        .find_map(|text| Self::shape(text.trim_start_matches(['"', '\'', ' '])))
        .unwrap_or(Self::ALL)
    }

    fn shape(text: &str) -> Option<Self> {
        const MACOS: [&str; 5] = ["/Applications/", "/System/", "/Library/", "/Users/", "/private/"];
        const LINUX: [&str; 5] = ["/home/", "/root/", "/proc/", "/snap/", "/run/"];
        let first = text.split_whitespace().next().unwrap_or_default();
        if let Some(rest) = text.strip_prefix('/') {
            // `/c` and `/v:on` are switches, not paths.
            return match () {
                () if MACOS.iter().any(|prefix| text.starts_with(prefix)) => Some(Self(Self::bit(Platform::Macos))),
                () if LINUX.iter().any(|prefix| text.starts_with(prefix)) => Some(Self(Self::bit(Platform::Linux))),
                () if rest.contains('/') && !first.contains('\\') => Some(Self::UNIX),
                () => None,
            };
        }
        let bytes = text.as_bytes();
        let drive = bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && bytes[2] == b'\\';
        let program = first.trim_end_matches(['"', '\'']);
        let suffix = program.rsplit_once('.').map(|(_, suffix)| suffix);
        let executable = suffix.is_some_and(|suffix| {
            ["exe", "bat", "cmd", "ps1", "vbs", "scr"].iter().any(|known| suffix.eq_ignore_ascii_case(known))
        });
        let device = text.starts_with("\\Device\\") || text.starts_with("\\\\");
        (drive || device || executable).then_some(Self(Self::bit(Platform::Windows)))
    }

    const fn bit(platform: Platform) -> u8 {
        match platform {
            Platform::Windows => vyrox_ruleset::WINDOWS,
            Platform::Linux => vyrox_ruleset::LINUX,
            Platform::Macos => vyrox_ruleset::MACOS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(cmdline: &str) -> PlatformSet {
        PlatformSet::infer(&Observation { process_cmdline: Some(cmdline), ..Observation::EMPTY })
    }

    #[test]
    fn paths_tell_systems_apart_and_doubt_means_all() {
        let only = |platform| PlatformSet::of(&[platform]);
        assert_eq!(inferred(r#""C:\Windows\System32\cmd.exe" /c dir"#), only(Platform::Windows));
        assert_eq!(inferred("powershell.exe -c ls"), only(Platform::Windows));
        assert_eq!(inferred("/usr/bin/curl https://example.test"), PlatformSet::UNIX);
        assert_eq!(inferred("/Applications/Safari.app/Contents/MacOS/Safari"), only(Platform::Macos));
        assert_eq!(inferred("/home/app/run"), only(Platform::Linux));
        assert_eq!(inferred("/c whoami"), PlatformSet::ALL);
        assert_eq!(inferred("whoami"), PlatformSet::ALL);
        assert_eq!(inferred(""), PlatformSet::ALL);
    }

    #[test]
    fn a_platform_that_the_alert_names_is_believed() {
        let observation = Observation {
            platform: Some(Platform::Linux),
            process_cmdline: Some("powershell.exe -c ls"),
            ..Observation::EMPTY
        };
        assert_eq!(PlatformSet::infer(&observation), PlatformSet::of(&[Platform::Linux]));
    }
}
