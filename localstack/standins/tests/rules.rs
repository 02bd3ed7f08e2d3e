//! What Discord refuses: every rule with bodies that break it and one that does not, over HTTP, so that the answer's form is
//! tested too. With `VYROX_DISCORD_OPENAPI` naming Discord's OpenAPI file, the valid bodies must pass that as well.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

mod toy;

use serde_json::{Value, json};
use toy::{APPROVER, card, send};
use vyrox_standins::config::discord_openapi;
use vyrox_standins::discord::{DiscordOptions, DiscordStandin};

fn embed(embed: Value) -> Value {
    json!({"embeds": [embed]})
}

fn row(components: Value) -> Value {
    json!({"content": "x", "components": [{"type": 1, "components": components}]})
}

fn button(id: &str) -> Value {
    json!({"type": 2, "style": 1, "label": "b", "custom_id": id})
}

fn fields(count: usize) -> Value {
    embed(json!({"fields": vec![json!({"name": "n", "value": "v"}); count]}))
}

/// (name, a body that breaks the rule, the error's path, its code, a body that does not).
fn table() -> Vec<(&'static str, Value, &'static str, &'static str, Value)> {
    let long = |length: usize| "x".repeat(length);
    vec![
        (
            "unknown field",
            json!({"content": "x", "embed": {}}),
            "/embed",
            "UNKNOWN_FIELD",
            json!({"content": "x", "embeds": []}),
        ),
        (
            "unknown field of an embed",
            embed(json!({"title": "t", "colour": 1})),
            "/embeds/0/colour",
            "UNKNOWN_FIELD",
            embed(json!({"title": "t", "color": 1})),
        ),
        (
            "content length",
            json!({"content": long(2001)}),
            "/content",
            "BASE_TYPE_MAX_LENGTH",
            json!({"content": long(2000)}),
        ),
        (
            "content in UTF-16",
            json!({"content": "🛡".repeat(1001)}),
            "/content",
            "BASE_TYPE_MAX_LENGTH",
            json!({"content": "🛡".repeat(1000)}),
        ),
        ("content type", json!({"content": 5}), "/content", "STRING_TYPE_CONVERT", json!({"content": "5"})),
        (
            "embed count",
            json!({"embeds": vec![json!({"title": "t"}); 11]}),
            "/embeds",
            "BASE_TYPE_BAD_LENGTH",
            json!({"embeds": vec![json!({"title": "t"}); 10]}),
        ),
        (
            "embed title",
            embed(json!({"title": long(257)})),
            "/embeds/0/title",
            "BASE_TYPE_MAX_LENGTH",
            embed(json!({"title": long(256)})),
        ),
        (
            "embed description",
            embed(json!({"description": long(4097)})),
            "/embeds/0/description",
            "BASE_TYPE_MAX_LENGTH",
            embed(json!({"description": long(4096)})),
        ),
        (
            "embed sum",
            json!({"embeds": [{"description": long(3001)}, {"description": long(3000)}]}),
            "/embeds",
            "MAX_EMBED_SIZE_EXCEEDED",
            json!({"embeds": [{"description": long(3000)}, {"description": long(3000)}]}),
        ),
        (
            "empty embed",
            embed(json!({"color": 1})),
            "/embeds/0",
            "BASE_TYPE_REQUIRED",
            embed(json!({"color": 1, "title": "t"})),
        ),
        ("field count", fields(26), "/embeds/0/fields", "BASE_TYPE_BAD_LENGTH", fields(25)),
        (
            "field name",
            embed(json!({"fields": [{"name": long(257), "value": "v"}]})),
            "/embeds/0/fields/0/name",
            "BASE_TYPE_BAD_LENGTH",
            embed(json!({"fields": [{"name": long(256), "value": "v"}]})),
        ),
        (
            "field value",
            embed(json!({"fields": [{"name": "n", "value": long(1025)}]})),
            "/embeds/0/fields/0/value",
            "BASE_TYPE_BAD_LENGTH",
            embed(json!({"fields": [{"name": "n", "value": long(1024)}]})),
        ),
        (
            "blank field value",
            embed(json!({"fields": [{"name": "n", "value": " "}]})),
            "/embeds/0/fields/0/value",
            "BASE_TYPE_REQUIRED",
            embed(json!({"fields": [{"name": "n", "value": "-"}]})),
        ),
        (
            "footer",
            embed(json!({"title": "t", "footer": {"text": long(2049)}})),
            "/embeds/0/footer/text",
            "BASE_TYPE_MAX_LENGTH",
            embed(json!({"title": "t", "footer": {"text": long(2048)}})),
        ),
        (
            "author",
            embed(json!({"title": "t", "author": {"name": long(257)}})),
            "/embeds/0/author/name",
            "BASE_TYPE_MAX_LENGTH",
            embed(json!({"title": "t", "author": {"name": "a"}})),
        ),
        (
            "colour range",
            embed(json!({"title": "t", "color": 0x0100_0000})),
            "/embeds/0/color",
            "NUMBER_TYPE_MAX",
            embed(json!({"title": "t", "color": 0xFF_FFFF})),
        ),
        (
            "colour sign",
            embed(json!({"title": "t", "color": -1})),
            "/embeds/0/color",
            "NUMBER_TYPE_MIN",
            embed(json!({"title": "t", "color": 0})),
        ),
        (
            "url scheme",
            embed(json!({"title": "t", "url": "javascript:alert(1)"})),
            "/embeds/0/url",
            "URL_TYPE_INVALID_SCHEME",
            embed(json!({"title": "t", "url": "https://a.example/"})),
        ),
        (
            "timestamp",
            embed(json!({"title": "t", "timestamp": "yesterday"})),
            "/embeds/0/timestamp",
            "DATE_TIME_TYPE_PARSE",
            embed(json!({"title": "t", "timestamp": "2026-08-01T10:00:00Z"})),
        ),
        (
            "rows",
            json!({"content": "x", "components": (0..6).map(|n| json!({"type": 1, "components": [button(&n.to_string())]})).collect::<Vec<_>>()}),
            "/components",
            "BASE_TYPE_BAD_LENGTH",
            json!({"content": "x", "components": (0..5).map(|n| json!({"type": 1, "components": [button(&n.to_string())]})).collect::<Vec<_>>()}),
        ),
        (
            "buttons in a row",
            row((0..6).map(|n| button(&n.to_string())).collect()),
            "/components/0/components",
            "BASE_TYPE_BAD_LENGTH",
            row((0..5).map(|n| button(&n.to_string())).collect()),
        ),
        ("empty row", row(json!([])), "/components/0/components", "BASE_TYPE_BAD_LENGTH", row(json!([button("a")]))),
        (
            "custom_id length",
            row(json!([button(&long(101))])),
            "/components/0/components/0/custom_id",
            "BASE_TYPE_BAD_LENGTH",
            row(json!([button(&long(100))])),
        ),
        (
            "custom_id empty",
            row(json!([button("")])),
            "/components/0/components/0/custom_id",
            "BASE_TYPE_REQUIRED",
            row(json!([button("a")])),
        ),
        (
            "custom_id missing",
            row(json!([{"type": 2, "style": 1, "label": "b"}])),
            "/components/0/components/0/custom_id",
            "BASE_TYPE_REQUIRED",
            row(json!([button("a")])),
        ),
        (
            "custom_id twice",
            row(json!([button("a"), button("a")])),
            "/components/0/components/1/custom_id",
            "COMPONENT_CUSTOM_ID_DUPLICATED",
            row(json!([button("a"), button("b")])),
        ),
        (
            "link with custom_id",
            row(json!([{"type": 2, "style": 5, "label": "b", "url": "https://a.example", "custom_id": "a"}])),
            "/components/0/components/0",
            "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
            row(json!([{"type": 2, "style": 5, "label": "b", "url": "https://a.example"}])),
        ),
        (
            "link without url",
            row(json!([{"type": 2, "style": 5, "label": "b"}])),
            "/components/0/components/0/url",
            "BASE_TYPE_REQUIRED",
            row(json!([{"type": 2, "style": 5, "label": "b", "url": "https://a.example"}])),
        ),
        (
            "label length",
            row(json!([{"type": 2, "style": 1, "label": long(81), "custom_id": "a"}])),
            "/components/0/components/0/label",
            "BASE_TYPE_MAX_LENGTH",
            row(json!([{"type": 2, "style": 1, "label": long(80), "custom_id": "a"}])),
        ),
        (
            "button without a face",
            row(json!([{"type": 2, "style": 1, "custom_id": "a"}])),
            "/components/0/components/0",
            "BUTTON_COMPONENT_INVALID_FORM",
            row(json!([{"type": 2, "style": 1, "custom_id": "a", "emoji": {"name": "✅"}}])),
        ),
        (
            "button style",
            row(json!([{"type": 2, "style": 7, "label": "b", "custom_id": "a"}])),
            "/components/0/components/0/style",
            "NUMBER_TYPE_MAX",
            row(json!([{"type": 2, "style": 4, "label": "b", "custom_id": "a"}])),
        ),
        (
            "component type",
            json!({"content": "x", "components": [button("a")]}),
            "/components/0/type",
            "UNION_TYPE_CHOICES",
            row(json!([button("a")])),
        ),
        (
            "text input in a message",
            row(json!([{"type": 4, "style": 1, "custom_id": "a"}])),
            "/components/0/components/0/type",
            "UNION_TYPE_CHOICES",
            row(json!([button("a")])),
        ),
        (
            "select beside a button",
            row(json!([button("a"), {"type": 5, "custom_id": "b"}])),
            "/components/0/components",
            "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
            row(json!([{"type": 5, "custom_id": "b"}])),
        ),
        (
            "container without the flag",
            json!({"content": "x", "components": [{"type": 17, "components": [{"type": 10, "content": "x"}]}]}),
            "/components/0/type",
            "UNION_TYPE_CHOICES",
            json!({"flags": 32768, "components": [{"type": 17, "components": [{"type": 10, "content": "x"}]}]}),
        ),
        (
            "embeds with the V2 flag",
            json!({"flags": 32768, "embeds": [{"title": "t"}], "components": [{"type": 10, "content": "x"}]}),
            "/embeds",
            "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
            json!({"flags": 32768, "components": [{"type": 10, "content": "x"}]}),
        ),
        (
            "parse and users",
            json!({"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}}),
            "/allowed_mentions",
            "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
            json!({"content": "x", "allowed_mentions": {"parse": ["roles"], "users": ["1"]}}),
        ),
        (
            "parse word",
            json!({"content": "x", "allowed_mentions": {"parse": ["all"]}}),
            "/allowed_mentions/parse/0",
            "BASE_TYPE_CHOICES",
            json!({"content": "x", "allowed_mentions": {"parse": ["everyone"]}}),
        ),
        (
            "mention id",
            json!({"content": "x", "allowed_mentions": {"roles": ["on-call"]}}),
            "/allowed_mentions/roles/0",
            "NUMBER_TYPE_COERCE",
            json!({"content": "x", "allowed_mentions": {"parse": [], "roles": ["1"]}}),
        ),
        (
            "flags",
            json!({"content": "x", "flags": 64}),
            "/flags",
            "MESSAGE_FLAGS_INVALID",
            json!({"content": "x", "flags": 4096}),
        ),
        (
            "nonce length",
            json!({"content": "x", "nonce": long(26)}),
            "/nonce",
            "BASE_TYPE_MAX_LENGTH",
            json!({"content": "x", "nonce": long(25), "enforce_nonce": true}),
        ),
        (
            "nothing to enforce",
            json!({"content": "x", "enforce_nonce": true}),
            "/nonce",
            "BASE_TYPE_REQUIRED",
            json!({"content": "x", "enforce_nonce": false}),
        ),
    ]
}

#[tokio::test]
async fn every_rule_refuses_what_breaks_it_and_nothing_else() {
    // The wrong bodies go to the built-in rules alone, so that none of them leans on the schema.
    let strict = DiscordStandin::start(toy::options()).await.unwrap();
    let both = DiscordStandin::start(DiscordOptions { schema: discord_openapi(), ..toy::options() }).await.unwrap();
    let table = table();
    for (name, bad, path, code, good) in &table {
        let (status, answer) = send(&strict, bad).await;
        assert_eq!((status, answer["code"].as_u64()), (400, Some(50035)), "{name}: {answer}");
        let errors = answer["errors"].pointer(&format!("{path}/_errors"));
        let codes: Vec<_> =
            errors.and_then(Value::as_array).into_iter().flatten().map(|error| &error["code"]).collect();
        assert!(codes.contains(&&json!(code)), "{name}: {answer}");
        let (status, answer) = send(&both, good).await;
        assert_eq!(status, 200, "{name}: {answer}");
    }
    assert_eq!(strict.violations().len(), table.len());
    assert_eq!(strict.messages().len(), 0);
    assert_eq!(both.violations(), []);
}

#[tokio::test]
async fn an_empty_message_and_a_body_that_is_no_json_have_codes_of_their_own() {
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    let (status, answer) = send(&standin, &json!({"content": "  "})).await;
    assert_eq!((status, answer["code"].as_u64()), (400, Some(50006)));
    let url = format!("{}/channels/{}/messages", standin.api_url(), toy::CHANNEL);
    let broken = toy::bot().post(url).header("content-type", "application/json").body("{").send().await.unwrap();
    assert_eq!(broken.json::<Value>().await.unwrap()["code"], 50109);
}

#[tokio::test]
async fn the_whole_dialogue_satisfies_discords_own_schema() {
    let Some(schema) = discord_openapi() else {
        eprintln!("skipped: started without VYROX_DISCORD_OPENAPI");
        return;
    };
    let standin = DiscordStandin::start(DiscordOptions { schema: Some(schema), ..toy::options() }).await.unwrap();
    toy::start(&standin, false).await;
    let (_, message) = send(&standin, &card(&[("deny", "Deny", 4), ("investigate", "Investigate", 2)])).await;
    let id = message["id"].as_str().unwrap();
    standin.click(APPROVER, id, "investigate").await.unwrap();
    standin.click(APPROVER, id, "deny").await.unwrap();
    standin.submit_modal(APPROVER, "deny-modal", &[("reason", "maintenance")]).await.unwrap();
    assert_eq!(standin.violations(), []);
    let (status, answer) = send(&standin, &json!({"content": ["x"]})).await;
    assert_eq!(status, 400);
    assert!(answer.to_string().contains("OPENAPI_SCHEMA"), "{answer}");
}

#[tokio::test]
async fn a_schema_that_is_not_there_is_said_at_the_start() {
    let options = DiscordOptions { schema: Some("/nonexistent/openapi.json".into()), ..toy::options() };
    assert!(DiscordStandin::start(options).await.is_err());
}
