//! The handshake of Microsoft Graph: before it sends notifications to an address, it posts `?validationToken=...` there and
//! wants the decoded token back as plain text within ten seconds. Nothing is looked up and nothing is believed, so every
//! tenant, known or not, gets the same answer.

use crate::answer::Answer;
use vyrox_contract::Vendor;
use vyrox_domain::webhook::validation_answer;

/// The parameter's name.
const PARAMETER: &str = "validationToken";

/// The answer, if this is a handshake: on the `defender` route, with the parameter once.
pub(crate) fn answer(vendor: &str, query: Option<&str>) -> Option<Answer> {
    if vendor != Vendor::Defender.as_str() {
        return None;
    }
    let mut tokens = form_urlencoded::parse(query?.as_bytes()).filter(|(name, _)| name == PARAMETER);
    let (_, token) = tokens.next()?;
    let token = validation_answer(&token).filter(|_| tokens.next().is_none());
    Some(token.map_or(Answer::NotAToken, |token| Answer::Validation(token.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::answer;
    use crate::answer::Answer;

    #[test]
    fn the_token_is_decoded_once_and_only_on_the_route_of_microsoft() {
        let token = |text: &str| Some(Answer::Validation(text.to_owned()));
        let query = Some("validationToken=Validation%3a+Testing+client%20Request-Id%3A+0a1b%252F");
        assert_eq!(answer("defender", query), token("Validation: Testing client Request-Id: 0a1b%2F"));
        assert_eq!(answer("defender", Some("a=b&validationToken=x&c")), token("x"));
        for vendor in ["crowdstrike", "sentinelone", "generic", "DEFENDER", ""] {
            assert_eq!(answer(vendor, query), None, "{vendor}");
        }
        for none in [None, Some(""), Some("validationtoken=x"), Some("a=validationToken")] {
            assert_eq!(answer("defender", none), None, "{none:?}");
        }
        for bad in [
            "validationToken=",
            "validationToken",
            "validationToken=a&validationToken=b",
            "validationToken=%00",
            "validationToken=a%0d%0ab",
            "validationToken=%ff",
        ] {
            assert_eq!(answer("defender", Some(bad)), Some(Answer::NotAToken), "{bad}");
        }
    }
}
