//! The field maps of `docs/adapters/field-maps.md`, as a reader copies them.

use std::path::Path;
use vyrox_domain::vendor::FieldMap;

#[test]
fn every_documented_field_map_is_one() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/adapters/field-maps.md"))
        .unwrap();
    let maps: Vec<&str> = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(maps.len() >= 2, "{} maps", maps.len());
    for map in maps {
        FieldMap::parse(map).unwrap_or_else(|error| panic!("{error}\n{map}"));
    }
}
