//! How one alert is followed through all functions: W3C trace context, with the alert's own id as the trace's.
//!
//! An alert's id is 128 bits, and so is a trace's. Taking one for the other means that nothing has to be stored or handed on
//! for two log lines to be found together: whoever knows the alert knows its trace, a message that lost its attributes or
//! came back from a dead-letter queue included. What travels is only who caused whom ([`TraceParent`]).

use crate::tenant::Snowflake;
use std::fmt;
use std::str::FromStr;
use vyrox_contract::AlertId;

/// What everything about one alert carries: 32 lower-case hex digits, the alert's id without its hyphens. Of a slash command,
/// which may be about no alert, Discord's id of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

impl From<AlertId> for TraceId {
    fn from(id: AlertId) -> Self {
        Self(*id.as_bytes())
    }
}

impl From<Snowflake> for TraceId {
    fn from(id: Snowflake) -> Self {
        Self(u128::from(id.as_u64()).to_be_bytes())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// One piece of work within a trace: 16 lower-case hex digits, not all of them zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

impl SpanId {
    /// From eight bytes that should be random.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        // All zeros is no id.
        if u64::from_be_bytes(bytes) == 0 { Self([0, 0, 0, 0, 0, 0, 0, 1]) } else { Self(bytes) }
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// The header and message attribute that carries a [`TraceParent`].
pub const TRACEPARENT: &str = "traceparent";

/// Which trace, and which piece of work in it caused this: the value of a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The piece of work.
    pub span: SpanId,
}

/// As version 00 writes it, always sampled: what is not followed cannot be found.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-01", self.trace, self.span)
    }
}

/// Not a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct BadTraceParent;

/// Version 00, or the part of a later version that is the same.
impl FromStr for TraceParent {
    type Err = BadTraceParent;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut fields = text.split('-');
        let mut field = |digits: usize| {
            let is_hex = |text: &&str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            fields.next().filter(|text| text.len() == digits).filter(is_hex).ok_or(BadTraceParent)
        };
        let (version, trace, span, _flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        if version == "ff" || (version == "00" && fields.next().is_some()) {
            return Err(BadTraceParent);
        }
        let (mut trace_bytes, mut span_bytes) = ([0; 16], [0; 8]);
        hex::decode_to_slice(trace, &mut trace_bytes).map_err(|_| BadTraceParent)?;
        hex::decode_to_slice(span, &mut span_bytes).map_err(|_| BadTraceParent)?;
        if trace_bytes == [0; 16] || span_bytes == [0; 8] {
            return Err(BadTraceParent);
        }
        Ok(Self { trace: TraceId(trace_bytes), span: SpanId(span_bytes) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn an_alert_and_its_trace_have_the_same_digits() {
        let alert: AlertId = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736".parse().unwrap();
        let parent = TraceParent {
            trace: alert.into(),
            span: SpanId::from_bytes([0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]),
        };
        assert_eq!(parent.to_string(), EXAMPLE, "the example of the specification");
        assert_eq!(EXAMPLE.parse(), Ok(parent));
        let command: Snowflake = "4660".parse().unwrap();
        assert_eq!(TraceId::from(command).to_string(), format!("{:0>32}", "1234"));
    }

    #[test]
    fn what_the_specification_calls_invalid_is_none() {
        let later = EXAMPLE.replace("00-4b", "cc-4b") + "-what-comes-later";
        assert!(later.parse::<TraceParent>().is_ok(), "a later version is read as far as it is known");
        for bad in [
            "",
            "00",
            &EXAMPLE.replace("00-4b", "ff-4b"),
            &EXAMPLE.to_uppercase(),
            &format!("{EXAMPLE}-more"),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902bé-01",
        ] {
            assert_eq!(bad.parse::<TraceParent>(), Err(BadTraceParent), "{bad}");
        }
    }

    #[test]
    fn a_span_of_zeros_is_none() {
        assert_ne!(SpanId::from_bytes([0; 8]).to_string(), "0".repeat(16));
    }
}
