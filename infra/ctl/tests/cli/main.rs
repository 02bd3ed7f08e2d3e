//! The real binary against an embedded AWS that is provisioned from the deployment's template. One file per noun.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alerts;
mod api_keys;
mod approvers;
mod audit;
mod dead_letters;
mod discord;
mod doctor;
mod evidence;
mod moves;
mod proxies;
mod replay;
mod rules;
mod shell;
mod sources;
mod stand;
mod tenants;
mod trace;
mod usage;
