//! Discord's limits, kept whatever an alert says: every text is bounded where it is made, and here their number and sum.
//! Counted in UTF-16 units, which are never fewer than Discord's own count.

use super::field;
use super::message::{Embed, Field};
use crate::text::Shown;

/// The most that all texts of an embed may have together. Discord takes 6,000; the rest is for counting differently.
pub(super) const MOST_UNITS: usize = 5_500;
/// What the field needs that says how many were left out.
const LEFT_OUT_UNITS: usize = 20;
/// The most fields, with one to spare for saying how many were left out; Discord takes 25.
const MOST_FIELDS: usize = 24;

/// Leaves fields out until the embed fits, and says how many. The first `before` and the last `after` fields stay: what the
/// card asks or what happened; what is between them is evidence, the last of it goes first.
pub(super) fn fit(embed: &mut Embed, before: usize, after: usize) {
    let mut total = units(embed);
    let mut left_out = 0_i64;
    while (total > MOST_UNITS - LEFT_OUT_UNITS || embed.fields.len() > MOST_FIELDS)
        && embed.fields.len() > before + after
    {
        let gone = embed.fields.remove(embed.fields.len() - after - 1);
        total -= field_units(&gone);
        left_out += 1;
    }
    if left_out > 0 {
        embed.fields.push(field("Left out", Shown::join([Shown::number(left_out), Shown::literal(" more")]), false));
    }
}

fn field_units(field: &Field) -> usize {
    field.name.units() + field.value.units()
}

/// How much of the limit an embed uses.
pub(super) fn units(embed: &Embed) -> usize {
    let around = embed.title.units() + embed.description.units() + embed.footer.text.units();
    around + embed.fields.iter().map(field_units).sum::<usize>()
}
