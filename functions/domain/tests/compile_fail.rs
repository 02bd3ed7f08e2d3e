//! What must not compile: each file skips a step on an alert's way, from raw bytes to an approved action.

#[test]
fn no_step_from_raw_bytes_to_an_approved_action_can_be_skipped() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
