//! Parsing before authentication.

use vyrox_contract::Vendor;
use vyrox_domain::vendor::{NormaliseError, Normalised, Reception, normalise};
use vyrox_domain::webhook::RawDelivery;

fn skip(delivery: RawDelivery<Vec<u8>>, reception: &Reception<'_>) -> Result<Normalised, NormaliseError> {
    normalise(Vendor::Crowdstrike, &delivery, reception)
}

fn main() {}
