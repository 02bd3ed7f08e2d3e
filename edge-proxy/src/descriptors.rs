//! How many connections the limit of open files leaves room for.

/// Kept free beside the connections: for the log, the relay, the EDRs, exports.
const BESIDE: usize = 64;

/// So many of `connections` as fit, and what to say if those are fewer.
pub(crate) fn fitting(connections: usize) -> (usize, Option<String>) {
    fitting_into(connections, &std::fs::read_to_string("/proc/self/limits").unwrap_or_default())
}

fn fitting_into(connections: usize, limits: &str) -> (usize, Option<String>) {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()).and_then(|soft| soft.parse::<usize>().ok());
    let fit = soft.map_or(connections, |soft| connections.min(soft.saturating_sub(BESIDE)).max(1));
    let warning = soft.filter(|_| fit < connections).map(|soft| {
        format!(
            "limits.connections: {connections} and {BESIDE} other files are more than the {soft} open files that this \
             process may have; {fit} connections are served at once"
        )
    });
    (fit, warning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_connections_than_the_limit_of_open_files_has_room_for() {
        let limits =
            |soft: &str| format!("Limit  Soft Limit  Hard Limit  Units\nMax open files   {soft}   524288   files\n");
        assert_eq!(fitting_into(256, &limits("1024")), (256, None));
        assert_eq!(fitting_into(256, &limits("320")), (256, None));
        let (fit, warning) = fitting_into(256, &limits("100"));
        assert_eq!((fit, warning.is_some_and(|text| text.contains("100 open files"))), (36, true));
        assert_eq!(fitting_into(256, &limits("10")).0, 1);
        assert_eq!(fitting_into(256, &limits("unlimited")), (256, None));
        assert_eq!(fitting_into(256, ""), (256, None));
    }
}
