//! Secrets of sources: made here, or read from standard input, and never from a command line, which is kept in a shell's
//! history and shown to every user of the machine.

use crate::deployment::Deployment;
use crate::error::CtlError;
use clap::Args;
use std::io::Read as _;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::webhook::{MAX_CLIENT_STATE, Scheme, parse_standard_webhooks_key};
use vyrox_platform::made_secret::MadeSecret;
use vyrox_platform::secrets::Secret;
use vyrox_platform::source::Credential;

/// The most that is read from standard input, in bytes.
const MAX_INPUT: u64 = 4_096;

/// What a scheme needs beside its name.
#[derive(Debug, Args)]
pub(super) struct Proof {
    /// static_header: the header's name. crowdstrike_hmac: the signature's, if it was renamed
    #[arg(long, value_name = "NAME", value_parser = header)]
    pub(super) header: Option<String>,
    /// Read the secret from standard input: the vendor's console made it
    #[arg(long)]
    pub(super) secret_stdin: bool,
}

/// A header's name in lower case.
pub(super) fn header(text: &str) -> Result<String, &'static str> {
    let is_token = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    if is_token { Ok(text.to_ascii_lowercase()) } else { Err("1 to 64 letters, digits or -_.") }
}

/// A secret as it verifies, and as it is shown, if it was made here.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) secret: Secret,
    pub(super) shown: Option<Secret>,
}

impl Proof {
    /// Refuses what cannot mean anything with these schemes.
    pub(super) fn check(&self, schemes: &[Scheme]) -> Result<(), CtlError> {
        let with_header = schemes.iter().filter(|scheme| takes_header(**scheme)).count();
        let needs_header = schemes.contains(&Scheme::StaticHeader);
        match (&self.header, with_header) {
            (Some(_), 0) => return Err(CtlError::Asked("--header is for static_header and crowdstrike_hmac")),
            (Some(_), 2..) => {
                return Err(CtlError::Asked("--header could be either scheme's: add one with `source scheme add`"));
            }
            (None, _) if needs_header => return Err(CtlError::Asked("static_header needs --header, its name")),
            _ => {}
        }
        if self.secret_stdin && schemes.len() > 1 {
            return Err(CtlError::Asked("--secret-stdin is one scheme's: add the others with `source scheme add`"));
        }
        if self.secret_stdin && schemes.contains(&Scheme::Bearer) {
            return Err(CtlError::Asked(
                "a bearer token is made here, 256 random bits, because only its hash is stored; \
                 a sender with a token of its own is a static_header named authorization",
            ));
        }
        Ok(())
    }

    /// A secret for this scheme.
    pub(super) fn secret(&self, scheme: Scheme) -> Result<Given, CtlError> {
        if !self.secret_stdin {
            return Ok(generate(scheme));
        }
        Ok(Given { secret: check_secret(scheme, from_stdin()?.expose()).map_err(CtlError::BadSecret)?, shown: None })
    }
}

/// What stands on standard input, without the end of its line.
pub(super) fn from_stdin() -> Result<Secret, CtlError> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MAX_INPUT).read_to_end(&mut bytes)?;
    for end in [b'\n', b'\r'] {
        bytes.pop_if(|last| *last == end);
    }
    Ok(Secret::new(bytes))
}

const fn takes_header(scheme: Scheme) -> bool {
    matches!(scheme, Scheme::StaticHeader | Scheme::CrowdstrikeHmac)
}

fn generate(scheme: Scheme) -> Given {
    let MadeSecret { secret, shown } = MadeSecret::for_scheme(scheme);
    Given { secret, shown: Some(shown) }
}

/// A secret that somebody else made, if it is one that can be guessed by nobody and arrives as it is sent.
pub(super) fn check_secret(scheme: Scheme, text: &str) -> Result<Secret, &'static str> {
    let is = |length: std::ops::RangeInclusive<usize>, allowed: fn(u8) -> bool| {
        length.contains(&text.len()) && text.bytes().all(allowed)
    };
    let visible: fn(u8) -> bool = |byte| byte.is_ascii_graphic();
    match scheme {
        Scheme::VyroxHmac | Scheme::CrowdstrikeHmac if !is(32..=512, visible) => {
            Err("must have 32 to 512 visible ASCII characters")
        }
        Scheme::StaticHeader
            if !is(16..=1_024, |byte| byte == b' ' || byte.is_ascii_graphic()) || text.trim() != text =>
        {
            Err("must have 16 to 1024 visible ASCII characters, with spaces only between them")
        }
        Scheme::GraphClientState
            if !is(16..=MAX_CLIENT_STATE, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) =>
        {
            Err("must have 16 to 128 letters, digits or -._~, which no serialiser escapes")
        }
        Scheme::StandardWebhooks => {
            parse_standard_webhooks_key(text).map(Secret::new).ok_or("must be whsec_ and the base64 of 24 to 64 bytes")
        }
        Scheme::Bearer => Err("is for no bearer token"),
        _ => Ok(Secret::new(text.as_bytes().to_vec())),
    }
}

/// A secret as it is stored, with its header.
pub(super) async fn credential(
    deployment: &Deployment,
    tenant: &TenantId,
    vendor: Vendor,
    scheme: Scheme,
    proof: &Proof,
    given: &Given,
) -> Result<Credential, CtlError> {
    let kept = deployment.secrets.keep(tenant, vendor, scheme, &given.secret).await?;
    let header = proof.header.clone().filter(|_| takes_header(scheme));
    Ok(Credential { header, ..Credential::new(scheme, kept) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_here_would_be_taken_from_standard_input_too() {
        for scheme in Scheme::ALL {
            let (one, other) = (generate(scheme), generate(scheme));
            assert_ne!(one.secret, other.secret, "{scheme}");
            let shown = one.shown.unwrap();
            match scheme {
                Scheme::Bearer => assert_eq!(shown.expose().len(), 70),
                _ => assert_eq!(check_secret(scheme, shown.expose()).unwrap(), one.secret, "{scheme}"),
            }
        }
    }

    #[test]
    fn what_can_be_guessed_or_changed_on_the_way_is_refused() {
        let sixteen = "0123456789abcdef";
        assert!(check_secret(Scheme::VyroxHmac, sixteen).is_err());
        assert!(check_secret(Scheme::CrowdstrikeHmac, &sixteen.repeat(2)).is_ok());
        assert!(check_secret(Scheme::StaticHeader, "Bearer 0123456789abcdef").is_ok());
        assert!(check_secret(Scheme::GraphClientState, sixteen).is_ok());
        for bad in
            ["", "short", " 0123456789abcdef", "0123456789abcdef ", "0123456789abcdef\n", "0123456789abcd\u{e9}f"]
        {
            assert!(check_secret(Scheme::StaticHeader, bad).is_err(), "{bad:?}");
        }
        assert!(check_secret(Scheme::GraphClientState, "0123456789abcde+").is_err());
        assert!(check_secret(Scheme::GraphClientState, &"x".repeat(129)).is_err());
        assert!(check_secret(Scheme::StandardWebhooks, &sixteen.repeat(2)).is_err());
    }

    #[test]
    fn a_headers_name_is_a_token_in_lower_case() {
        assert_eq!(header("X-Webhook-Secret").as_deref(), Ok("x-webhook-secret"));
        for bad in ["", "a b", "a:b", "é", &"x".repeat(65)] {
            assert!(header(bad).is_err(), "{bad}");
        }
    }
}
