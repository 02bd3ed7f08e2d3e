//! The environment in which Lambda would start a function's binary: what the template gives it, with AWS elsewhere.

use std::collections::BTreeMap;
use vyrox_local_aws::{Embedded, Provisioned, Topology};

/// Of one function of the template (`IngestFunction`), with AWS at `endpoint`, and the template's `parameters`; those that are not
/// given and have no default are nobody's.
///
/// # Panics
/// The template cannot be read.
pub(crate) fn environment(
    provisioned: &Provisioned,
    function: &str,
    endpoint: &str,
    parameters: &[(&str, String)],
) -> BTreeMap<String, String> {
    let topology = Topology::for_stack("vyrox").expect("the template can be read");
    let text = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let nobody = [
        ("DiscordApplicationId", "500000000000000001"),
        ("DiscordPublicKey", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
        ("DiscordBotToken", "none"),
        ("IngestApi.ApiEndpoint", "http://127.0.0.1:9"),
        ("RelayApi.ApiEndpoint", "http://127.0.0.1:9"),
    ];
    let mut all: BTreeMap<String, String> = nobody.map(text).into();
    all.extend(parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let mut environment = topology.environment(function, provisioned, &all).expect("the template says it all");
    environment.extend(
        [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", endpoint),
        ]
        .map(text),
    );
    environment
}

/// What leads a function's binary straight to the embedded AWS, whatever else it was told.
pub(crate) fn straight(aws: &Embedded) -> BTreeMap<String, String> {
    BTreeMap::from([("AWS_ENDPOINT_URL".to_owned(), aws.endpoint_url())])
}
