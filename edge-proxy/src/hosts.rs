//! Host names: the protected ones, and whether two names mean the same host.

/// Host names that are never contained.
#[derive(Debug, Clone, Default)]
pub struct ProtectedHosts(Vec<String>);

impl ProtectedHosts {
    /// Exact names, or patterns in which `*` stands for any run of characters.
    pub fn new(patterns: &[String]) -> Self {
        Self(patterns.iter().map(|pattern| plain(pattern)).collect())
    }

    /// Whether `name` may be one of them. Case does not matter. Where only one of name and pattern has a domain, first
    /// labels are compared: an EDR may know `db-01.corp.example` as `DB-01`, and to protect too much is the safer mistake.
    pub fn protects(&self, name: &str) -> bool {
        let name = plain(name);
        let short = first_label(&name);
        let matches_short = |pattern: &str| short == name && matches(first_label(pattern), short);
        self.0.iter().any(|pattern| matches(pattern, &name) || matches(pattern, short) || matches_short(pattern))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any host's name could match `pattern`; one that cannot is a mistake that would protect nothing.
    pub fn is_possible(pattern: &str) -> bool {
        let pattern = plain(pattern);
        !pattern.is_empty() && pattern.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '*'))
    }
}

/// Whether two names can mean the same host: one may have the domain that the other lacks.
pub fn is_same_host(one: &str, other: &str) -> bool {
    let (one, other) = (plain(one), plain(other));
    let qualified = one.contains('.') && other.contains('.');
    !one.is_empty() && if qualified { one == other } else { first_label(&one) == first_label(&other) }
}

/// One spelling: lower case, without the dot of the root or space around it.
fn plain(name: &str) -> String {
    name.trim().trim_matches('.').to_lowercase()
}

fn first_label(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// The part before the first `*` begins the name, the part behind the last ends it, and the others follow one another.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    match (parts.next(), parts.next_back()) {
        (Some(first), Some(last)) => {
            let between = name.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
            between.is_some_and(|mut rest| {
                parts.all(|part| {
                    rest.split_once(part).is_some_and(|(_, behind)| {
                        rest = behind;
                        true
                    })
                })
            })
        }
        _ => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::{ProtectedHosts, is_same_host, matches};

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, name, expected) in [
            ("dc-01", "dc-01", true),
            ("dc-01", "dc-011", false),
            ("dc-*", "dc-", true),
            ("*-db", "eu-db", true),
            ("*-db", "eu-db-2", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
            ("*", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_protected_name_protects_its_qualified_form_and_any_case() {
        let hosts = ProtectedHosts::new(&["DC-01".into(), "backup.corp.example".into()]);
        assert!(hosts.protects("dc-01.corp.example"));
        assert!(hosts.protects("Backup.corp.example"));
        assert!(!hosts.protects("ws-01"));
    }

    #[test]
    fn a_protected_name_with_a_domain_protects_the_short_name_that_an_edr_may_know() {
        let hosts = ProtectedHosts::new(&["backup.corp.example".into(), "db-*.corp.example ".into()]);
        for name in ["BACKUP", "db-7", "backup.corp.example.", ".backup.corp.example"] {
            assert!(hosts.protects(name), "{name}");
        }
        assert!(!hosts.protects("backup.other.example"), "another domain is another host");
        assert!(!hosts.protects("ws-01"));
    }

    #[test]
    fn a_pattern_that_no_name_can_match_is_found_out() {
        for bad in ["", " ", "dc-01,dc-02", "dc?", "^dc"] {
            assert!(!ProtectedHosts::is_possible(bad), "{bad:?}");
        }
        assert!(ProtectedHosts::is_possible("*-db.corp.example"));
    }

    #[test]
    fn nothing_is_the_same_host_as_a_name_without_letters() {
        assert!(!is_same_host("", ".ws-01"));
        assert!(!is_same_host("", ""));
        assert!(is_same_host("ws-01.", "WS-01"));
    }

    #[test]
    fn a_missing_domain_is_the_same_host_and_another_domain_is_not() {
        assert!(is_same_host("WS-01", "ws-01.corp.example"));
        assert!(!is_same_host("ws-01.a.example", "ws-01.b.example"));
        assert!(!is_same_host("ws-01", "ws-02"));
    }
}
