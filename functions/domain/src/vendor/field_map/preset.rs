//! The field maps that come with Vyrox, as data files.

use super::FieldMap;
use std::sync::LazyLock;

/// A field map that comes with Vyrox, also as a start for one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name, which is its file's.
    pub name: &'static str,
    /// The text, as [`FieldMap::parse`] takes it.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        &[$(Preset { name: $name, text: include_str!(concat!("../../../presets/", $name, ".toml")) }),*]
    };
}

/// All of them. The order is the order in which a body without a map of its own is tried on those for `generic`.
pub const PRESETS: &[Preset] = presets!["wazuh-4", "wazuh-5", "ocsf", "elastic", "crowdstrike-fusion"];

/// Those for the `generic` route.
const GENERIC: usize = 4;

static PARSED: LazyLock<Vec<FieldMap>> = LazyLock::new(|| {
    let parse = |preset: &Preset| FieldMap::parse(preset.text).expect("a test parses every preset");
    PRESETS.iter().map(parse).collect()
});

/// The preset of that name, which must be one of [`PRESETS`].
pub(in crate::vendor) fn preset(name: &'static str) -> &'static FieldMap {
    let at = PRESETS.iter().position(|preset| preset.name == name).expect("callers name presets of this file");
    &PARSED[at]
}

/// The presets for bodies of unknown origin, in the order in which they are tried.
pub(in crate::vendor) fn generic() -> &'static [FieldMap] {
    &PARSED[..GENERIC]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_valid_field_map_of_its_files_name() {
        for preset in PRESETS {
            let map = FieldMap::parse(preset.text).unwrap_or_else(|error| panic!("{}: {error}", preset.name));
            assert_eq!(map.name(), Some(preset.name));
            assert!(map.is_conditional(), "{} would take every body", preset.name);
        }
        assert_eq!(PRESETS[GENERIC..].iter().map(|preset| preset.name).collect::<Vec<_>>(), ["crowdstrike-fusion"]);
    }
}
