//! Addresses that actions and secrets may be sent to.

use http::Uri;

/// https, or http to this machine itself.
pub(crate) fn https_or_loopback(text: &str) -> Result<String, &'static str> {
    let uri: Uri = text.parse().map_err(|_| "not a URL")?;
    let authority = uri.authority().ok_or("not a URL with a host")?;
    let is_loopback = matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if is_loopback => {}
        _ => return Err("only https, or http to a loopback address"),
    }
    if authority.as_str().contains('@') || uri.query().is_some() {
        return Err("no user and no query in it");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::https_or_loopback;

    #[test]
    fn secrets_and_actions_go_over_tls_or_not_off_the_machine() {
        assert_eq!(https_or_loopback("https://proxy.example/vyrox/").unwrap(), "https://proxy.example/vyrox");
        assert!(https_or_loopback("http://127.0.0.1:8443").is_ok());
        for bad in [
            "http://proxy.example",
            "ftp://proxy.example",
            "proxy.example",
            "https://user:pass@proxy.example",
            "https://proxy.example/?a=b",
            "https://",
        ] {
            assert!(https_or_loopback(bad).is_err(), "{bad}");
        }
    }
}
