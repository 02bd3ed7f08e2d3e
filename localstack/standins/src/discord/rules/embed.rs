//! Embeds.

use super::{At, Form, Problems, units};
use serde_json::Value;

/// The most that all embeds of one message may hold together.
const SUM_MAX: usize = 6000;

const KNOWN: &[&str] = &[
    "title",
    "type",
    "description",
    "url",
    "timestamp",
    "color",
    "footer",
    "image",
    "thumbnail",
    "video",
    "provider",
    "author",
    "fields",
];

/// All embeds of a message: each one, and their sum.
pub(super) fn judge_embeds(embeds: &[Value], at: &At, problems: &mut Problems) {
    let mut sum = 0;
    for (index, embed) in embeds.iter().enumerate() {
        sum += judge_embed(embed, at.down(&index), problems);
    }
    if sum > SUM_MAX {
        problems.add(at, "MAX_EMBED_SIZE_EXCEEDED", format!("Embed size exceeds maximum size of {SUM_MAX}"));
    }
}

/// One embed; gives the units that count towards the sum.
fn judge_embed(embed: &Value, at: At, problems: &mut Problems) -> usize {
    let Some(form) = Form::of(embed, at, KNOWN, problems) else { return 0 };
    let mut sum = trimmed(&form, "title", 0, 256, problems) + trimmed(&form, "description", 0, 4096, problems);
    form.url("url", 2048, problems);
    form.integer("color", 0, 0xFF_FFFF, problems);
    if let Some(time) = form.text("timestamp", 1, 64, problems)
        && time::OffsetDateTime::parse(time, &time::format_description::well_known::Rfc3339).is_err()
    {
        problems.add(
            &form.at("timestamp"),
            "DATE_TIME_TYPE_PARSE",
            format!("Could not parse {time}. Should be ISO8601."),
        );
    }
    if let Some(footer) = form.value("footer")
        && let Some(footer) = Form::of(footer, form.at("footer"), &["text", "icon_url", "proxy_icon_url"], problems)
    {
        footer.required("text", problems);
        sum += trimmed(&footer, "text", 0, 2048, problems);
        footer.url("icon_url", 2048, problems);
    }
    if let Some(author) = form.value("author")
        && let Some(author) =
            Form::of(author, form.at("author"), &["name", "url", "icon_url", "proxy_icon_url"], problems)
    {
        author.required("name", problems);
        sum += trimmed(&author, "name", 0, 256, problems);
        author.url("url", 2048, problems);
        author.url("icon_url", 2048, problems);
    }
    for key in ["image", "thumbnail"] {
        if let Some(picture) = form.value(key)
            && let Some(picture) = Form::of(picture, form.at(key), &["url", "proxy_url", "height", "width"], problems)
        {
            picture.required("url", problems);
            picture.url("url", 2048, problems);
        }
    }
    let fields = form.list("fields", 0, 25, problems);
    for (index, field) in fields.iter().enumerate() {
        let at = form.at("fields").down(&index);
        if let Some(field) = Form::of(field, at, &["name", "value", "inline"], problems) {
            sum += required_trimmed(&field, "name", 256, problems) + required_trimmed(&field, "value", 1024, problems);
            field.boolean("inline", problems);
        }
    }
    if sum == 0 && form.value("image").is_none() && form.value("thumbnail").is_none() {
        problems.add(&form.at, "BASE_TYPE_REQUIRED", "This embed would be empty");
    }
    sum
}

/// Texts of embeds are trimmed before they are counted.
fn trimmed(form: &Form<'_>, key: &str, min: usize, max: usize, problems: &mut Problems) -> usize {
    let Some(text) = form.text(key, 0, usize::MAX, problems) else { return 0 };
    super::judge_length(text.trim(), min, max, &form.at(key), problems);
    units(text.trim())
}

fn required_trimmed(form: &Form<'_>, key: &str, max: usize, problems: &mut Problems) -> usize {
    if form.required(key, problems) { trimmed(form, key, 1, max, problems) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_trimmed_before_they_are_counted() {
        let codes = |embeds: Value| {
            let mut problems = Problems::default();
            judge_embeds(embeds.as_array().unwrap(), &At::default(), &mut problems);
            problems.codes()
        };
        assert_eq!(codes(json!([{"title": format!("  {}  ", "x".repeat(256))}])), Vec::<&str>::new());
        assert_eq!(codes(json!([{"title": "   "}])), ["BASE_TYPE_REQUIRED"]);
    }
}
