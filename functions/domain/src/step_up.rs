//! An approver's second factor: the six digits of an authenticator app (RFC 6238: SHA-1, 30 seconds).
//!
//! It defends a decision against a stolen Discord session, not against Discord, which carries the digits. A code counts once;
//! after [`MOST_FAILURES`] wrong ones in a row none counts for [`LOCK`] seconds.

use serde::{Deserialize, Serialize};
use totp_rs::Builder;

/// How many wrong codes in a row lock the factor.
pub const MOST_FAILURES: u8 = 5;
/// How long it is locked then, in seconds.
pub const LOCK: i64 = 15 * 60;
/// The length of a secret in bytes: what RFC 4226 recommends.
pub const SECRET_BYTES: usize = 20;

/// What is remembered about an approver's factor beside its secret. Times are unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// When it was enrolled.
    pub enrolled_at: i64,
    /// The last step whose code has counted: neither it nor an earlier one counts again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_step: Option<u64>,
    /// How many codes in a row were wrong.
    #[serde(default)]
    pub failures: u8,
    /// Until when no code counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<i64>,
    /// When a code last counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_at: Option<i64>,
}

/// Why a code does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeError {
    /// It is not the code of this time.
    Wrong,
    /// It has counted already.
    Reused,
    /// Too many were wrong.
    Locked,
}

impl Factor {
    /// A factor that was just enrolled.
    #[must_use]
    pub const fn enrolled(now: i64) -> Self {
        Self { enrolled_at: now, last_step: None, failures: 0, locked_until: None, passed_at: None }
    }

    /// Whether no code counts at `now`.
    #[must_use]
    pub fn is_locked(&self, now: i64) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    /// Whether a code has counted within the last `grace` seconds.
    #[must_use]
    pub fn is_fresh(&self, grace: u32, now: i64) -> bool {
        let age = self.passed_at.map(|at| now.saturating_sub(at));
        !self.is_locked(now) && age.is_some_and(|age| (0..i64::from(grace)).contains(&age))
    }

    /// Checks a code at `now`; the neighbouring steps count, too, for clocks are not exact. The factor that comes back is the
    /// one to be stored, also with an error: it has counted the failure.
    ///
    /// # Errors
    /// [`CodeError`].
    pub fn check(&self, secret: &[u8], code: &str, now: i64) -> Result<Self, (CodeError, Self)> {
        let mut after = self.clone();
        if self.is_locked(now) {
            return Err((CodeError::Locked, after));
        }
        let code: String = code.chars().filter(|character| !character.is_whitespace()).collect();
        let time = u64::try_from(now).unwrap_or(0);
        let totp = Builder::new().with_secret(secret.to_vec()).build().ok();
        let is_code = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
        let step = totp.filter(|_| is_code).and_then(|totp| totp.check(&code, time));
        let why = match step {
            Some(step) if self.last_step.is_none_or(|last| step > last) => {
                return Ok(Self {
                    last_step: Some(step),
                    failures: 0,
                    locked_until: None,
                    passed_at: Some(now),
                    ..after
                });
            }
            Some(_) => CodeError::Reused,
            None => CodeError::Wrong,
        };
        after.failures = after.failures.saturating_add(1);
        if after.failures >= MOST_FAILURES {
            (after.failures, after.locked_until) = (0, Some(now.saturating_add(LOCK)));
            return Err((CodeError::Locked, after));
        }
        Err((why, after))
    }
}

/// The code at `now` (unix seconds), for tests of what asks for one.
///
/// # Panics
/// The secret is shorter than 16 bytes.
#[must_use]
pub fn code(secret: &[u8], now: i64) -> String {
    let totp = Builder::new().with_secret(secret.to_vec()).build().expect("a secret of at least 16 bytes");
    totp.generate(u64::try_from(now).unwrap_or(0)).to_string()
}

/// What an authenticator app reads: `otpauth://totp/...`. `account` names the approver in the app.
#[must_use]
pub fn enrolment_uri(secret: &[u8], account: &str) -> String {
    let text = totp_rs::Secret::from(secret.to_vec()).to_base32();
    let account: String = account.chars().filter(|character| character.is_ascii_alphanumeric()).collect();
    format!("otpauth://totp/Vyrox:{account}?secret={text}&issuer=Vyrox&algorithm=SHA1&digits=6&period=30")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        // Appendix B gives eight digits; the last six are the code of six.
        for (time, eight) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(SECRET, time), eight[2..], "{time}");
            assert!(Factor::enrolled(0).check(SECRET, &eight[2..], time).is_ok(), "{time}");
        }
    }

    #[test]
    fn a_code_counts_once_and_no_earlier_one_after_it() {
        let now = 1_111_111_111;
        let factor = Factor::enrolled(0).check(SECRET, &code(SECRET, now), now).unwrap();
        assert_eq!(factor.check(SECRET, &code(SECRET, now), now).unwrap_err().0, CodeError::Reused);
        assert_eq!(factor.check(SECRET, &code(SECRET, now - 30), now).unwrap_err().0, CodeError::Reused);
        assert!(factor.check(SECRET, &code(SECRET, now + 30), now + 30).is_ok());
    }

    #[test]
    fn neighbouring_steps_count_and_no_others() {
        let now = 1_111_111_111;
        for (offset, counts) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
            let check = Factor::enrolled(0).check(SECRET, &code(SECRET, now + offset), now);
            assert_eq!(check.is_ok(), counts, "{offset}");
        }
        let spaced = format!(" {} {} ", &code(SECRET, now)[..3], &code(SECRET, now)[3..]);
        assert!(Factor::enrolled(0).check(SECRET, &spaced, now).is_ok(), "as an app shows it");
        for bad in ["", "12345", "1234567", "abcdef", "１２３４５６"] {
            assert_eq!(Factor::enrolled(0).check(SECRET, bad, now).unwrap_err().0, CodeError::Wrong, "{bad}");
        }
    }

    #[test]
    fn five_wrong_ones_lock_it_for_a_quarter_of_an_hour() {
        let now = 1_111_111_111;
        let mut factor = Factor::enrolled(0);
        for failure in 1..=MOST_FAILURES {
            let (why, after) = factor.check(SECRET, "000000", now).unwrap_err();
            assert_eq!(why, if failure < MOST_FAILURES { CodeError::Wrong } else { CodeError::Locked });
            factor = after;
        }
        let right = |now| code(SECRET, now);
        assert_eq!(factor.check(SECRET, &right(now), now).unwrap_err().0, CodeError::Locked, "even the right one");
        assert!(factor.check(SECRET, &right(now + LOCK), now + LOCK).is_ok());
    }

    #[test]
    fn a_grace_ends_and_a_lock_ends_it() {
        let now = 1_111_111_111;
        let factor = Factor::enrolled(0).check(SECRET, &code(SECRET, now), now).unwrap();
        assert!(factor.is_fresh(60, now) && factor.is_fresh(60, now + 59));
        assert!(!factor.is_fresh(60, now + 60) && !factor.is_fresh(0, now) && !factor.is_fresh(60, now - 1));
        let locked = Factor { locked_until: Some(now + 5), ..factor };
        assert!(!locked.is_fresh(60, now));
    }

    #[test]
    fn an_app_is_told_everything_it_needs() {
        assert_eq!(
            enrolment_uri(SECRET, "900 & co"),
            "otpauth://totp/Vyrox:900co?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Vyrox&algorithm=SHA1&digits=6&period=30"
        );
    }
}
