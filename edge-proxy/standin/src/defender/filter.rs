//! The filters that clients of this API send: `field eq 'text'`, joined by `and`, with one group of `or` in parentheses. A quote
//! inside a text is doubled.

/// What must hold: for each field, one of these texts.
pub(super) type Filter = Vec<(String, Vec<String>)>;

/// Reads a filter; `None` for anything else.
pub(super) fn parse(text: &str) -> Option<Filter> {
    let mut rest = text.trim();
    let mut filter = Filter::new();
    loop {
        if let Some(group) = rest.strip_prefix('(') {
            let (mut name, mut values) = (String::new(), Vec::new());
            rest = group;
            loop {
                let (field, value, after) = comparison(rest)?;
                if !name.is_empty() && name != field {
                    return None;
                }
                (name, rest) = (field, after);
                values.push(value);
                match rest.strip_prefix(" or ") {
                    Some(after) => rest = after,
                    None => break,
                }
            }
            rest = rest.strip_prefix(')')?;
            filter.push((name, values));
        } else {
            let (field, value, after) = comparison(rest)?;
            rest = after;
            filter.push((field, vec![value]));
        }
        match rest.strip_prefix(" and ") {
            Some(after) => rest = after,
            None => return rest.is_empty().then_some(filter),
        }
    }
}

fn comparison(text: &str) -> Option<(String, String, &str)> {
    let (field, rest) = text.split_once(" eq '")?;
    if field.is_empty() || !field.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let mut value = String::new();
    let mut rest = rest;
    loop {
        let at = rest.find('\'')?;
        value.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix('\'') {
            Some(after) => {
                value.push('\'');
                rest = after;
            }
            None => return Some((field.to_owned(), value, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn quotes_are_doubled_and_nothing_else_gets_through() {
        let one = |field: &str, value: &str| Some(vec![(field.to_owned(), vec![value.to_owned()])]);
        assert_eq!(parse("computerDnsName eq 'ws-01'"), one("computerDnsName", "ws-01"));
        assert_eq!(parse("computerDnsName eq 'o''brien'"), one("computerDnsName", "o'brien"));
        let both = parse("machineId eq 'm' and (type eq 'Isolate' or type eq 'Unisolate')").unwrap();
        assert_eq!(both[1], ("type".to_owned(), vec!["Isolate".to_owned(), "Unisolate".to_owned()]));
        for bad in ["", "a eq b", "a eq 'b", "a eq 'b' or a eq 'c'", "a eq 'b') and c eq 'd'", "(a eq 'b' or c eq 'd')"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
