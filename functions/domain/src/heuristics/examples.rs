//! The examples that rules carry, tried.

use super::{Observation, PlatformSet, Ruleset, text::texts};
use crate::alert::Platform;
use vyrox_ruleset::{CheckedRules, Example, Mistake};

/// Every example that its rule does not match and every counter-example that it does, on every system of the rule.
///
/// `ruleset` is what `checked` compiles to; rules that it does not have are passed over.
#[must_use]
pub fn failing_examples(ruleset: &Ruleset<'_>, checked: &CheckedRules) -> Vec<Mistake> {
    let mut failing = Vec::new();
    for rule in checked.rules().filter(|rule| ruleset.rules().iter().any(|known| known.id() == rule.id)) {
        let file = checked.file_of(&rule.id).unwrap_or_default();
        for platform in rule.platforms.iter().filter_map(|name| platform_named(name)) {
            let system = platform.as_str();
            let mut fail = |key, text: &str, example: &Example| {
                let why = format!("on {system} it {text} {example:?}");
                failing.push(Mistake::error(file, Some(&rule.id), Some(key), &why));
            };
            for example in rule.matches.iter().filter(|example| !hits(ruleset, &rule.id, platform, example)) {
                fail("match", "does not match", example);
            }
            for example in rule.differs.iter().filter(|example| hits(ruleset, &rule.id, platform, example)) {
                fail("no_match", "matches", example);
            }
        }
    }
    failing
}

fn hits(ruleset: &Ruleset<'_>, id: &str, platform: Platform, example: &Example) -> bool {
    let observation = observation(example, platform);
    let systems = PlatformSet::infer(&observation);
    let matches = ruleset.matches(&observation, systems, &texts(&observation, systems));
    matches.counted.iter().chain(&matches.staged).any(|evidence| evidence.rule_id == id)
}

fn platform_named(name: &str) -> Option<Platform> {
    [Platform::Windows, Platform::Linux, Platform::Macos].into_iter().find(|platform| platform.as_str() == name)
}

fn observation(example: &Example, platform: Platform) -> Observation<'_> {
    let platform = Some(platform);
    match example {
        Example::Cmdline(cmdline) => Observation { platform, process_cmdline: Some(cmdline), ..Observation::EMPTY },
        Example::Fields(fields) => {
            let field = |name: &str| fields.get(name).map(String::as_str);
            Observation {
                platform,
                process_name: field("process"),
                process_path: field("path"),
                process_cmdline: field("cmdline"),
                parent_process: field("parent"),
                parent_cmdline: field("parent_cmdline"),
                username: field("user"),
                ..Observation::EMPTY
            }
        }
    }
}
