//! What the rules look at.

use crate::alert::{NormalizedAlert, Platform, VendorSeverity};

/// The part of an alert that rules judge, borrowed. Absent fields match nothing.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The operating system; `None` means it is inferred from paths and command shapes, see [`super::PlatformSet::infer`].
    pub platform: Option<Platform>,
    /// The process's file name.
    pub process_name: Option<&'a str>,
    /// Its full path.
    pub process_path: Option<&'a str>,
    /// Its command line.
    pub process_cmdline: Option<&'a str>,
    /// The parent's file name or path.
    pub parent_process: Option<&'a str>,
    /// The parent's command line.
    pub parent_cmdline: Option<&'a str>,
    /// The account.
    pub username: Option<&'a str>,
    /// How bad the vendor says it is.
    pub vendor_severity: VendorSeverity,
    /// The tactic as the vendor spells it.
    pub tactic: Option<&'a str>,
    /// The technique as the vendor spells it.
    pub technique: Option<&'a str>,
}

impl Observation<'static> {
    /// Nothing observed; a starting point for `Observation { process_cmdline: ..., ..Observation::EMPTY }`.
    pub const EMPTY: Self = Self {
        platform: None,
        process_name: None,
        process_path: None,
        process_cmdline: None,
        parent_process: None,
        parent_cmdline: None,
        username: None,
        vendor_severity: VendorSeverity::Unknown,
        tactic: None,
        technique: None,
    };
}

impl<'a> From<&'a NormalizedAlert> for Observation<'a> {
    fn from(alert: &'a NormalizedAlert) -> Self {
        Self {
            platform: alert.platform,
            process_name: alert.process_name.as_deref(),
            process_path: alert.process_path.as_deref(),
            process_cmdline: alert.process_cmdline.as_deref(),
            parent_process: alert.parent_process.as_deref(),
            parent_cmdline: alert.parent_cmdline.as_deref(),
            username: alert.username.as_deref(),
            vendor_severity: alert.vendor_severity,
            tactic: alert.tactic.as_deref(),
            technique: alert.technique.as_deref(),
        }
    }
}
